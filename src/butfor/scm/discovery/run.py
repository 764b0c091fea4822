"""Which causal graph do these columns come from?

    found = discover("data.csv", prior="prior.toml")
    found.pattern, found.edges, found.why, found.checks, found.conflicts

The method is chosen from the data's kind and the reason is given; the search itself is andrey-core's (`search.py`).
Every edge carries how often it is found on bootstrap resamples of the rows, and up to 8 variables its exact posterior
probability. Rules of the prior are never broken; beliefs are weighed; what is at odds is reported (`conflicts.py`).

Limits    Rows must be independent draws of one population. No data alone can tell the graphs of one class apart, nor
          prove that nothing unseen causes two columns: say latent=True where something may.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.core.seeds import derive, generator
from butfor.scm.columns import Columns, Floats
from butfor.scm.discovery import conflicts, posterior
from butfor.scm.discovery.climb import climb, matrix_of
from butfor.scm.discovery.found import Discovery, FoundEdge
from butfor.scm.discovery.kinds import Kind, checked, discrete_of, kind_of, refuse_collinear
from butfor.scm.discovery.noise import jarque_bera, noise_checks, noise_of
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.search import METHODS, Search, member_of, method_of
from butfor.scm.graphs.equivalence import ARROWS, EDGE, Marks, Pattern
from butfor.scm.worker import spread
from butfor.stats.effect import Check

FEW = 8  # variables: the exact posterior stands beside the resamples
LINGAM_MOST = 30  # variables: its cost grows with their cube
BACKWARD = {EDGE["<-"], EDGE["<-o"]}
WORTH_PROCESSES = 5.0  # seconds of work: starting them takes one or two


def discover(
    data: Any,
    method: str = "auto",
    prior: Any = None,
    bootstraps: int = 100,
    seed: int = 0,
    *,
    discrete: Iterable[str] | None = None,
    latent: bool = False,
    alpha: float = 0.01,
    level: float = 0.95,
    jobs: int = 1,
    missing: Literal["refuse", "drop"] = "refuse",
) -> Discovery:
    """Search for the causal graph of columns.

    `prior`: a TOML file, a mapping of the same keys, or a `Prior`. `discrete` names the columns to read as categories:
    by default labels and columns of few whole numbers. `latent`: unseen variables may cause several columns. `alpha`:
    the level of independence tests. `level`: of the intervals of frequencies. `jobs`: processes for the resamples, 0
    for as many as pay; the result is the same however many they are.
    """
    _check_numbers(bootstraps, alpha, level, jobs)
    columns = Columns.read(data, missing=missing)
    names = columns.names
    categories = discrete_of(columns, discrete)
    checked(columns, categories)
    known = Prior.read(prior)
    rules = known.rules(names)
    kind = kind_of(columns, categories)
    matrix = np.array([_numbers(columns, name, name in categories) for name in names]).T
    coded = np.array([name in categories for name in names])
    refuse_collinear(matrix[:, ~coded] if categories else matrix, [name for name in names if name not in categories])
    ready = Search("boss", matrix, coded, rules, alpha, derive(seed, "discover", "ties"))
    if method == "auto":
        search, why, pattern = _chosen(ready, kind, latent)
    else:
        method_of(method)
        search, why = replace(ready, method=method), f"{method} was asked for"
        pattern = search.run()
    marks = _resampled(search, bootstraps, seed, jobs)
    return Discovery(
        pattern=pattern,
        edges=_edges(pattern, marks, level, _probabilities(search)),
        method=search.method,
        why=why,
        kind=kind,
        n=columns.n,
        resamples=len(marks),
        seed=seed,
        checks=tuple(_checks(search, latent, pattern, bootstraps, len(marks))),
        conflicts=tuple(_conflicts(known, search, pattern)),
    )


def _chosen(ready: Search, kind: Kind, latent: bool) -> tuple[Search, str, Pattern]:
    """The search that suits the data, why, and what it finds; LiNGAM stays only where its checks pass."""
    method, why = choose(ready, kind, latent)
    search = replace(ready, method=method)
    pattern = search.run()
    bad = [check for check in noise_checks(search.matrix, pattern) if not check.ok] if method == "lingam" else []
    if bad:
        method, said = _by_score(ready, kind)
        search, why = replace(ready, method=method), f"{said}; lingam was tried first, but {bad[0].message}"
        pattern = search.run()
    return search, why, pattern


def choose(ready: Search, kind: Kind, latent: bool) -> tuple[str, str]:
    """The method for such data, and why, in a sentence."""
    rows, count = ready.matrix.shape
    if latent and ready.rules.soft:
        raise QueryError(
            "no method weighs beliefs where unseen common causes are allowed; make them rules, or drop one"
        )
    if latent:
        return (
            "gfci",
            f"gfci: {_size(ready)}; unseen common causes are allowed, so <-> is sought, too",
        )
    method, why = _by_score(ready, kind)
    if ready.rules.soft or kind != "numbers" or count > LINGAM_MOST or rows < 10 * count:
        return method, why
    parents, _ = climb(ready.score(), ready.rules, ready.rules.bare)
    gaussian = int((jarque_bera(noise_of(ready.matrix, matrix_of(parents))) > 0.001 / count).sum())
    if gaussian > 1:
        return method, f"{why}; the noise of {gaussian} looks Gaussian, so independences alone tell directions"
    about = "their noise is not Gaussian, so its shape can tell directions; effects are taken to be linear"
    return "lingam", f"lingam: {_size(ready)} of numbers; {about}, without unseen common causes"


def _by_score(ready: Search, kind: Kind) -> tuple[str, str]:
    """Exactly where the variables are few, else by the best order; beliefs are worth more of the exact search."""
    few = ready.matrix.shape[1] <= (posterior.MOST if ready.rules.soft and kind == "numbers" else FEW)
    name = {"discrete": "BDeu", "mixed": "the degenerate Gaussian BIC", "numbers": "BGe" if few else "the Gaussian BIC"}
    of = {"discrete": "all categories", "mixed": "categories and numbers", "numbers": "all numbers"}[kind]
    how = "so few that every graph is weighed" if few else "families are scored"
    with_beliefs = ", with the beliefs" if ready.rules.soft else ""
    why = f"{_size(ready)}, {of}; {how}, by {name[kind]}{with_beliefs}; no unseen common cause is taken to exist"
    return ("exact", f"exact: {why}") if few else ("boss", f"boss: {why}")


def _size(search: Search) -> str:
    return f"{search.matrix.shape[1]} columns, {search.matrix.shape[0]:,} rows"


def _check_numbers(bootstraps: int, alpha: float, level: float, jobs: int) -> None:
    if bootstraps < 0 or jobs < 0:
        raise QueryError(f"bootstraps = {bootstraps} and jobs = {jobs}: both are 0 or more")
    for name, value in (("alpha", alpha), ("level", level)):
        if not 0 < value < 1:
            raise QueryError(f"{name} must lie between 0 and 1, not {value}")


def _numbers(columns: Columns, name: str, category: bool) -> Floats:
    return columns.codes(name)[0].astype(np.float64) if category else columns.number(name)


# resamples ----------------------------------------------------------------------------------------------------------


def _resampled(search: Search, bootstraps: int, seed: int, jobs: int) -> list[Marks]:
    """The marks of every resample on which the method could work."""
    run = partial(_chunk, search, seed)
    begin = time.perf_counter()
    first = run(range(min(2, bootstraps)))
    seconds = (time.perf_counter() - begin) / 2 * bootstraps
    jobs = jobs or (os.cpu_count() or 1 if seconds > WORTH_PROCESSES else 1)
    left = range(len(first), bootstraps)
    if jobs == 1 or len(left) < jobs:
        found = run(left)
    else:
        parts = spread(_chunk, [(search, seed, left[k::jobs]) for k in range(jobs)])
        found = [parts[k % jobs][k // jobs] for k in range(len(left))]
    return [marks for marks in (*first, *found) if marks is not None]


def _chunk(search: Search, seed: int, numbers: Sequence[int]) -> list[Marks | None]:
    return [_one(search, seed, number) for number in numbers]


def _one(search: Search, seed: int, number: int) -> Marks | None:
    rows = len(search.matrix)
    drawn = generator(seed, "discover", number).integers(0, rows, size=rows)
    try:
        return search.run(drawn).marks
    except DataError:  # a rare level or value was not drawn, or the rules cannot be kept here: counted in the checks
        return None


def _edges(
    pattern: Pattern, marks: Sequence[Marks], level: float, probabilities: Floats | None
) -> tuple[FoundEdge, ...]:
    """Every pair that is joined anywhere, firmest first."""
    names, total = pattern.names, len(marks)
    stack = np.array(marks, dtype=np.int8).reshape(total, len(names), len(names))
    joined = pattern.skeleton | (stack != 0).any(axis=0)
    ends: list[list[int]] = pattern.marks.tolist()
    found: list[FoundEdge] = []
    for i, j in np.argwhere(np.triu(joined)).tolist():
        near, far = ends[j][i], ends[i][j]
        if (near, far) in BACKWARD:
            i, j, near, far = j, i, far, near
        seen = _seen(stack[:, j, i], stack[:, i, j]) if total else {}
        exact = (float(probabilities[i, j]), float(probabilities[j, i])) if probabilities is not None else None
        found.append(FoundEdge(names[i], names[j], ARROWS.get((near, far), ""), seen, total, level, exact))
    return tuple(sorted(found, key=lambda edge: (not edge.arrow, -sum(edge.seen.values()))))


def _seen(near: NDArray[np.int8], far: NDArray[np.int8]) -> dict[str, int]:
    """How often each kind of edge is among the resamples, from its marks at either end."""
    counts = Counter(zip(near.tolist(), far.tolist(), strict=True))
    return {ARROWS[pair]: count for pair, count in sorted(counts.items()) if pair != (0, 0)}


def _probabilities(search: Search) -> Floats | None:
    """The exact posterior of every edge, where the variables are few."""
    if len(search.rules.names) > FEW or METHODS[search.method].latent:
        return None
    return posterior.exact(search.score(), search.rules).edges


# checks -------------------------------------------------------------------------------------------------------------


def _checks(search: Search, latent: bool, pattern: Pattern, asked: int, done: int) -> Iterable[Check]:
    rows, count = search.matrix.shape
    yield Check("rows", rows >= 10 * count, f"{rows} rows for {count} columns" + _where(rows < 10 * count, "few"))
    if asked:
        lost = asked - done
        said = f"{done} of {asked} resamples could be searched"
        yield Check("resamples", lost <= asked / 20, said + _where(lost > 0, "a level or a value is rare"))
    if latent and not METHODS[search.method].latent:
        yield Check("latent", False, f"{search.method} takes it that no latent variable causes two columns: try gfci")
    if search.method == "lingam":
        yield from noise_checks(search.matrix, pattern)


def _where(bad: bool, why: str) -> str:
    return f": {why}" if bad else ""


def _conflicts(prior: Prior, search: Search, pattern: Pattern) -> list[conflicts.Conflict]:
    """Knowledge at odds with knowledge, and with the data."""
    if prior.empty:
        return []
    start = member_of(pattern, search.rules)
    found = conflicts.among(prior, search.rules)
    return found + conflicts.with_data(prior, search.rules, search.score(), start)
