"""Sharp bounds of any causal or counterfactual question in a small discrete graph, by linear programming.

    low = min over q of c · q   subject to   A q = b, q >= 0        (high = max)

q are the probabilities of the response types (`types.py`) of the one district that the data leave open, A q = b says
that the types make the data, c which types make the event (`linear.py`). A condition gives a ratio (c · q) / (d · q),
which is again linear after q' = q / (d · q) (Charnes & Cooper 1962).

    balke_pearl("P(Y=1 | do(X=1))", Graph.parse("Z -> X -> Y; X <-> Y"), data)

Source   Balke & Pearl 1994, 1997.
Limits   Two districts left open make a product of unknowns: refused. The interval that goes with data,
         from the bootstrap of both ends, covers the whole set between them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from butfor.core.errors import DataError, QueryError
from butfor.core.seeds import generator
from butfor.scm.bounds.linear import Programme, Share
from butfor.scm.bounds.types import Codes, Event, Types, variables_of
from butfor.scm.bounds.value import Bounds, Floats, Joint, Source, around, check_interval
from butfor.scm.columns import Columns
from butfor.scm.graph import Graph
from butfor.scm.questions.evaluation import numbers
from butfor.scm.questions.expression import Distribution
from butfor.scm.questions.query import Query, Question, Term
from butfor.stats.effect import Check

FITS = 1e-9  # types that come so near the data make them


def balke_pearl(
    query: str | Query, graph: Graph | str, source: Source, *, level: float = 0.95, draws: int = 200, seed: int = 0
) -> Bounds:
    """Sharp bounds of a question such as "P(Y=1 | do(X=1))" or "P(Y_{X=0} = 0 | X=1, Y=1)".

    `source` is a distribution (an SCM, or anything with `labels` and `joint`), which gives exact bounds, or data, which
    give the bounds of the sample with an interval around them.
    """
    check_interval(level, draws)
    asked = Query.parse(query) if isinstance(query, str) else query
    graph = Graph.read(graph) if isinstance(graph, str) else graph
    solver, joint = _prepared(asked, _simpler(graph, asked), source)
    right = solver.right(joint)
    ends = solver.ends(right)
    checks: list[Check] = []
    if not solver.sharp(right):
        why = "the bounds hold, but narrower ones may hold too (see the limits of butfor.scm.bounds.types)"
        checks.append(Check("sharp", False, why))
    distance = 0.0
    if ends is None:
        right, distance = solver.programme(right).fit(right)
        if joint.n is None and distance > FITS:
            raise _unmade(graph, distance)
        ends = _found(solver.ends(right))
    if joint.n is None:
        return Bounds(quantity=str(asked), low=ends[0], high=ends[1], method="Balke–Pearl", checks=tuple(checks))
    reach, noise = _bootstrap(solver, joint, ends, level, draws, seed)
    if distance > FITS:
        if distance > noise:
            raise _unmade(graph, distance)
        checks.append(Check("graph-fits", True, f"the sample misses the graph by {distance:.3f}, within chance"))
    return Bounds(quantity=str(asked), low=ends[0], high=ends[1], method="Balke–Pearl", reach=reach, level=level,
                  n=joint.n, checks=tuple(checks))  # fmt: skip


def _prepared(asked: Query, graph: Graph, source: Source) -> tuple[Solver, Joint]:
    mentioned = variables_of([term for _, question in asked.parts for term in question.terms])
    causes = graph.ancestors_of(graph.set(mentioned))
    touched = graph.district_of(causes)
    names = graph.sorted(touched | graph.parents_of(touched))
    if isinstance(source, Distribution):
        labels = {name: tuple(source.labels[name]) for name in names}
    else:
        source = Columns.read(source, names)
        labels = {name: source.codes(name)[1] for name in names if source.is_discrete(name)}
    for name in names:
        if name not in labels:
            raise DataError(f"column {name!r} is not discrete, and these bounds count cells; cut it into levels")
    types = Types.of(graph, labels, mentioned)
    return Solver(types, _shares(asked, types), _limits(asked, types.labels)), Joint.read(source, types.names)


def _simpler(graph: Graph, asked: Query) -> Graph:
    """The graph with `Z <-> X` as `Z -> X` where that changes nothing, which splits districts.

    What Z and X share can be drawn anew, given Z and its causes, for X alone, if Z shares nothing else, the causes of Z
    are causes of X, and no world sets Z or a cause of it (Evans 2016, proposition 5).
    """
    todo = [term for _, question in asked.parts for term in question.terms]
    set_ = graph.set(setting.variable for _, question in asked.parts for setting in question.do)
    while todo:
        term = todo.pop()
        set_ |= graph.set(setting.variable for setting in term.do)
        todo += term.do
    for z, near in enumerate(graph.bi):
        x = near.bit_length() - 1
        if near.bit_count() != 1 or graph.pa[z] & ~graph.pa[x] or graph.ancestors_of(1 << z) & (set_ | near):
            continue
        one, two = graph.names[z], graph.names[x]
        kept = [pair for pair in graph.confounded if set(pair) != {one, two}]
        edges = [*graph.edges, (one, two)] if (one, two) not in graph.edges else graph.edges
        return _simpler(Graph(graph.names, edges, kept), asked)
    return graph


@dataclass(frozen=True, slots=True, eq=False)
class Solver:
    """The question over the types, and a programme for each pattern of cells that the data never fill."""

    types: Types
    shares: list[Share]
    limits: tuple[float, float]  # of the question, whatever the data
    rows: list[Codes] = field(init=False)
    _programmes: dict[bytes, Programme] = field(default_factory=dict[bytes, Programme], init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", [self.types.rows(axis) for axis in range(len(self.types.districts))])

    def right(self, joint: Joint) -> list[Floats]:
        return [self.types.right(axis, joint) for axis in range(len(self.types.districts))]

    def programme(self, right: list[Floats]) -> Programme:
        known = [np.flatnonzero(~np.isnan(values)) for values in right]
        key = b"".join(np.isnan(values).tobytes() for values in right)
        if key not in self._programmes:
            self._programmes[key] = Programme(self.types, self.shares, self.rows, known)
        return self._programmes[key]

    def ends(self, right: list[Floats]) -> tuple[float, float] | None:
        return self.programme(right).ends(right)

    def sharp(self, right: list[Floats]) -> bool:
        """One unseen cause a district, and no outer value whose answers are seen only in part."""
        programme = self.programme(right)
        if programme.open is None:
            return True
        lost = np.isnan(right[programme.open])
        width = self.types.width(programme.open)
        return self.types.exact and all(part.all() or not part.any() for part in lost.reshape(-1, width))


def _shares(asked: Query, types: Types) -> list[Share]:
    """The question as tables over types, one for each condition."""
    tops: dict[frozenset[Term], Floats] = {}
    for weight, question in asked.parts:
        outcomes, given = _events(question, types.labels)
        key = frozenset(given)
        for size, event in outcomes:
            table = weight * size * types.indicator((*event, *given))
            tops[key] = tops[key] + table if key in tops else table
    return [Share(top, types.indicator(tuple(given)) if given else None) for given, top in tops.items()]


def _limits(asked: Query, labels: Mapping[str, tuple[Any, ...]]) -> tuple[float, float]:
    """The smallest and the largest value that a question could have."""
    low = high = 0.0
    for weight, question in asked.parts:
        ends = np.array([0.0, 1.0])
        if question.kind == "E":
            name = question.outcome[0].variable
            ends = numbers(name, labels[name])
        low, high = low + float((weight * ends).min()), high + float((weight * ends).max())
    return low, high


def _events(question: Question, labels: Mapping[str, tuple[Any, ...]]) -> tuple[list[tuple[float, Event]], Event]:
    """The events asked about, with weights (their values, for a mean), and the event given."""
    free = [term for term in (*question.given, *question.do) if term.value is None]
    if question.kind == "P":
        free += [term for term in question.outcome if term.value is None]
    if free:
        raise QueryError(f"bounds are of a number: give {free[0]} a value, as in P(Y=1 | do(X=1))")
    world = question.do

    def placed(term: Term, value: Any) -> Term:
        return Term(term.variable, value, term.do or world)

    given = tuple(placed(term, term.value) for term in question.given)
    if question.kind == "P":
        return [(1.0, tuple(placed(term, term.value) for term in question.outcome))], given
    (term,) = question.outcome
    levels = labels[term.variable]
    sizes = numbers(term.variable, levels)
    return [(float(size), (placed(term, label),)) for size, label in zip(sizes, levels, strict=True)], given


def _bootstrap(
    solver: Solver, joint: Joint, ends: tuple[float, float], level: float, draws: int, seed: int
) -> tuple[tuple[float, float], float]:
    """The interval around both ends, and how far chance moves the data from what types can make."""
    rng = generator(seed, "bounds", "bootstrap")
    base = solver.right(joint)
    found, moved = list[tuple[float, float]](), list[float]()
    for _ in range(draws):
        right = solver.right(joint.resampled(rng))
        result = solver.ends(right)
        if result is None:
            result = solver.ends(solver.programme(right).fit(right)[0])
        found.append(_found(result))
        axis = solver.programme(base).open
        if axis is not None:
            moved.append(float(np.nansum(np.abs(right[axis] - base[axis]))))
    low, high = np.array(found).T
    reach = around(ends, low, high, level, solver.limits)
    return reach, float(np.quantile(moved, 0.99)) if moved else math.inf


def _found(ends: tuple[float, float] | None) -> tuple[float, float]:
    assert ends is not None
    return ends


def _unmade(graph: Graph, distance: float) -> DataError:
    return DataError(
        f"no model with this graph makes such data (it misses them by {distance:.3g}): {graph}\n"
        "an edge is missing; for an instrument, perhaps it moves the outcome directly, or shares a cause with it"
    )
