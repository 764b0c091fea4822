"""One estimator on many changed copies of the same data.

    points(estimator, data, replaced, weights, jobs)        -> estimates [draws], and the first failure's message

In copy b the column `name` holds row b of `replaced[name]`, and row i of the data stands weights[b, i] times. The first
way that fits:

    estimator.points(data, replaced, weights)     an estimator's own, if it has one
    `fast.points`                                 `Adjust` by linear regression or weighting: products of matrices
    estimator.point(copy)                         anything else: one copy after another

The copies are made by the caller, so the numbers are the same however many processes share them (`worker`). Processes
pay when the work left after two copies is over three seconds: one takes up to half a second to start.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import UserError
from butfor.scm import worker
from butfor.scm.columns import Columns
from butfor.scm.refuters import fast

Floats = NDArray[np.float64]
Copies = Mapping[str, NDArray[Any]]

WORTH = 3.0  # seconds of work that processes are started for
TRIED = 2


def points(
    estimator: Any, data: Columns, replaced: Copies, weights: Floats | None, jobs: int | None
) -> tuple[Floats, str]:
    """Estimates [draws], nan where the estimator refuses the copy, and why the first of those was refused."""
    own = getattr(estimator, "points", None)
    if own is not None:
        return np.asarray(cast(Callable[..., Floats], own)(data, replaced, weights), dtype=np.float64), ""
    if fast.can(estimator, data, replaced, weights):
        values = fast.points(estimator, data, replaced, weights)
        return values, "" if np.isfinite(values).all() else fast.WHY
    draws = len(weights) if weights is not None else len(next(iter(replaced.values())))
    begin = time.perf_counter()
    found = some(estimator, data, replaced, weights, range(min(TRIED, draws)))
    left = (time.perf_counter() - begin) / max(len(found), 1) * (draws - len(found))
    workers = jobs if jobs is not None else (_cores() if left > WORTH else 1)
    rest = range(len(found), draws)
    if workers > 1 and len(rest) > 1 and worker.travels(estimator):
        found += _shared(estimator, data, replaced, weights, rest, workers)
    else:
        found += some(estimator, data, replaced, weights, rest)
    failure = next((told for _, told in found if told), "")
    return np.array([value for value, _ in found]), failure


def _shared(
    estimator: Any, data: Columns, replaced: Copies, weights: Floats | None, rest: range, workers: int
) -> list[tuple[float, str]]:
    parts = [range(part[0], part[-1] + 1) for part in np.array_split(np.array(rest), workers) if len(part)]
    calls = [
        (
            estimator,
            data,
            {name: rows[part.start : part.stop] for name, rows in replaced.items()},
            weights[part.start : part.stop] if weights is not None else None,
            range(len(part)),
        )
        for part in parts
    ]
    return [pair for found in worker.spread(some, calls) for pair in found]


def some(
    estimator: Any, data: Columns, replaced: Copies, weights: Floats | None, which: Sequence[int]
) -> list[tuple[float, str]]:
    """Estimates of some copies, each with its failure's message or none."""
    found: list[tuple[float, str]] = []
    for draw in which:
        copy = data
        if replaced:
            copy = copy.with_(**{name: rows[draw] for name, rows in replaced.items()})
        if weights is not None:
            copy = copy.take(np.repeat(np.arange(data.n), weights[draw].astype(np.int64)))
        try:
            found.append((float(estimator.point(copy)), ""))
        except UserError as error:
            found.append((float("nan"), str(error)))
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
