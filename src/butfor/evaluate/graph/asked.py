"""Ask an analyst for a graph, and score its answer: what the graph suites share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from butfor.evaluate.graph.scores import scored
from butfor.evaluate.suite import Item, Record
from butfor.scm.columns import Columns

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst
    from butfor.scm.columns import Floats


def recorded(
    world: Analyst, item: Item, data: Columns, truth: Floats, group: dict[str, str], about: str = ""
) -> Record:
    """One record; a method that fails on these data leaves `answered` = 0 and the reason."""
    show = {"data": f"{data.n} rows of {len(data.names)} variables", "true edges": str(int(truth.sum()))}
    show |= {"world": about} if about else {}
    try:
        p = _probabilities(world.discover(data), len(truth))
    except Exception as error:  # whatever a method stumbles over is its answer to these data
        show["failed"] = f"{type(error).__name__}: {error}".splitlines()[0]
        return Record(item.id, item.cluster, {"answered": 0.0}, show, group, "no answer")
    metrics = scored(p, truth)
    error = "" if metrics["shd"] == 0 else "cycle" if metrics["cyclic"] else "wrong graph"
    return Record(item.id, item.cluster, {"answered": 1.0, **metrics}, show, group, error)


def _probabilities(answer: Any, d: int) -> Floats:
    p = np.asarray(answer, dtype=float)
    if p.shape != (d, d) or not np.isfinite(p).all() or p.min() < 0 or p.max() > 1:
        raise ValueError(f"an answer is {d} x {d} probabilities, not {p.shape}")
    return p * (1 - np.eye(d))


def named(x: Floats) -> Columns:
    """Columns X1, X2, … of a matrix [n, d]."""
    return Columns({f"X{j + 1}": x[:, j] for j in range(x.shape[1])})
