"""Probabilities of causation: would Y not have happened but for X (PN), would it have happened with X (PS), both (PNS)?

With x, x' the two values of X and y, y' the outcome and its absence:

    PN  = P(y'_x' | x, y)        PS = P(y_x | x', y')        PNS = P(y_x, y'_x')

    max{0, y_x - y_x', P(y) - y_x', y_x - P(y)}  <=  PNS  <=  min{y_x, 1 - y_x', P(x,y) + P(x',y'),
                                                                  y_x - y_x' + P(x,y') + P(x',y)}
    max{0, (P(y) - y_x') / P(x,y)}    <=  PN   <=  min{1, (1 - y_x' - P(x',y')) / P(x,y)}
    max{0, (y_x - P(y)) / P(x',y')}   <=  PS   <=  min{1, (y_x - P(x,y)) / P(x',y')}

where y_x, y_x' are P(y | do(x)), P(y | do(x')) of an experiment. Without one, 0 <= PNS <= P(x,y) + P(x',y') and nothing
is known of PN and PS; with an experiment alone, max{0, y_x - y_x'} <= PNS <= min{y_x, 1 - y_x'}. Where X is as good as
randomised (exogenous), y_x = P(y | x). Where X never prevents Y (monotone), the lower ends given y_x, y_x' are exact.

Source   Pearl 1999; Tian & Pearl 2000. All these bounds are sharp.
Limits   X has two values. The interval, from the bootstrap of both ends, covers the set between them.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, Impossible, QueryError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.bounds.value import Bounds, Floats, Joint, Source, around, check_interval, check_pair
from butfor.scm.questions.evaluation import place

Counts = NDArray[np.int64]
Quantity = Literal["PN", "PS", "PNS"]


def tian_pearl(
    source: Source | None,
    x: str,
    y: str,
    *,
    quantity: Quantity = "PNS",
    treated: Any = 1,
    control: Any = 0,
    outcome: Any = 1,
    experiment: tuple[float, float] | Source | None = None,
    exogenous: bool = False,
    monotone: bool = False,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Bounds:
    """Bounds of PN, PS or PNS of X=treated (rather than control) for Y=outcome.

    `source` is what was observed, or None; `experiment` is P(y | do(treated)) and P(y | do(control)), or data in which
    X was randomised.
    """
    if quantity not in get_args(Quantity):
        raise UnknownName("probability of causation", str(quantity), get_args(Quantity))
    check_pair(x, y, treated, control)
    check_interval(level, draws)
    if source is None and (experiment is None or exogenous or quantity != "PNS"):
        raise QueryError(f"{quantity} needs observations; only bounds of PNS follow from an experiment alone")
    if experiment is not None and exogenous:
        raise QueryError("exogenous says that the observations are the experiment; give one or the other")
    rng = generator(seed, "bounds", "necessity", quantity)
    levels = treated, control, outcome
    seen, n = (None, None) if source is None else _cells(source, x, y, levels)
    done, m = _arms(experiment, x, y, levels) if experiment is not None else (None, None)
    if exogenous:
        assert seen is not None
        done = _shares(seen)
    sizes = [int(size) for size in (*(() if n is None else (n,)), *(() if m is None else m))]
    noise = sum(1.5 / math.sqrt(size) for size in sizes)  # 3 standard errors of a share at most
    done = _fitting(seen, done, monotone, noise)
    low, high = (end.item() for end in _ends(quantity, seen, done, monotone))
    if math.isnan(low):
        raise Impossible(f"{quantity} is conditional on what never happens in these data")
    reach = None
    if n is not None or m is not None:
        again = _resampled(seen, done, n, m, exogenous, draws, rng)
        ends = _ends(quantity, again[0], _fitting(again[0], again[1], monotone, math.inf), monotone)
        reach = around((low, high), *ends, level, (0.0, 1.0))
    known = (
        "experiment" if source is None else "observations and experiment" if experiment is not None else "observations"
    )
    told = ", ".join([known, *(["exogenous"] if exogenous else []), *(["monotone"] if monotone else [])])
    return Bounds(quantity=f"{quantity} of {x}={treated} for {y}={outcome}", low=low, high=high,
                  method=f"Tian–Pearl, {told}", reach=reach, level=level, n=sum(sizes) or None)  # fmt: skip


def _ends(quantity: Quantity, seen: Floats | None, done: Floats | None, monotone: bool) -> tuple[Floats, Floats]:
    """The two ends from cells [.., 2, 2] (treated first, outcome first) and arms [.., 2]; NaN where undefined."""
    zero = np.zeros(1)
    if done is None:
        assert seen is not None
        most = seen[..., 0, 0] + seen[..., 1, 1] if quantity == "PNS" else np.ones(seen.shape[:-2])
        base = {"PN": seen[..., 0, 0], "PS": seen[..., 1, 1], "PNS": np.ones(1)}[quantity]
        return np.where(base > 0, zero, np.nan), np.where(base > 0, most, np.nan)
    treated, control = done[..., 0], done[..., 1]
    if seen is None:
        low = np.maximum(0, treated - control)
        return low, low if monotone else np.minimum(treated, 1 - control)
    both, neither = seen[..., 0, 0], seen[..., 1, 1]
    rate = both + seen[..., 1, 0]
    if quantity == "PNS":
        lows = np.broadcast_arrays(treated * 0, treated - control, rate - control, treated - rate)
        crossed = treated - control + seen[..., 0, 1] + seen[..., 1, 0]
        low, high = np.max(lows, 0), np.min(np.broadcast_arrays(treated, 1 - control, both + neither, crossed), 0)
    else:
        base = both if quantity == "PN" else neither
        with np.errstate(divide="ignore", invalid="ignore"):
            low = ((rate - control) if quantity == "PN" else (treated - rate)) / base
            high = ((1 - control - neither) if quantity == "PN" else (treated - both)) / base
        low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        low, high = (np.where(base > 0, end, np.nan) for end in (low, high))
    return low, low if monotone else np.maximum(low, high)


def _fitting(seen: Floats | None, done: Floats | None, monotone: bool, noise: float) -> Floats | None:
    """The arms moved to where the observations (and monotone response) allow them; too far is a contradiction."""
    if done is None:
        return None
    if seen is None:
        least, most = np.zeros(2), np.ones(2)
    else:
        least, most = seen[..., :, 0], 1 - seen[..., :, 1]
        if monotone:
            rate = seen[..., :, 0].sum(axis=-1)
            least = np.stack([rate, least[..., 1]], axis=-1)
            most = np.stack([most[..., 0], rate], axis=-1)
    moved = np.clip(done, least, most)
    if seen is None and monotone:
        moved = np.where((moved[..., :1] < moved[..., 1:]), moved.mean(axis=-1, keepdims=True), moved)
    worst = float(np.abs(moved - done).max())
    if worst > noise + 1e-9:
        what = "a monotone response" if monotone else "the observations"
        raise DataError(
            f"the experiment contradicts {what} by {worst:.3g}: no model makes both; are they of one population?"
        )
    return moved


def _cells(source: Source, x: str, y: str, levels: tuple[Any, Any, Any]) -> tuple[Floats, int | None]:
    """P(x, y), P(x, y'); P(x', y), P(x', y')."""
    joint = Joint.read(source, (x, y))
    kinds = joint.labels[x]
    rows = [place(x, value, kinds) for value in levels[:2]]
    if rows[0] == rows[1] or joint.values.sum(axis=1)[rows].sum() < 1 - 1e-9:
        raise QueryError(f"{x} must have two values, treated and control; it has {', '.join(map(str, kinds[:5]))}")
    hit = joint.values[rows, place(y, levels[2], joint.labels[y])]
    return np.stack([hit, joint.values[rows].sum(axis=1) - hit], axis=1), joint.n


def _shares(cells: Floats) -> Floats:
    """P(y | x), P(y | x')."""
    totals = cells.sum(axis=-1)
    if (totals <= 0).any() and cells.ndim == 2:
        raise Impossible("treated and control must both happen in the data")
    with np.errstate(invalid="ignore"):
        return cells[..., 0] / totals


def _arms(experiment: Any, x: str, y: str, levels: tuple[Any, Any, Any]) -> tuple[Floats, Counts | None]:
    """P(y | do(x)), P(y | do(x')), and from how many rows each."""
    if isinstance(experiment, tuple | list):
        try:
            arms = np.array(experiment, dtype=np.float64)
        except (TypeError, ValueError):
            arms = np.zeros(0)
        if arms.shape != (2,) or not ((arms >= 0) & (arms <= 1)).all():
            raise QueryError("an experiment is two probabilities: P(y | do(treated)), P(y | do(control))")
        return arms, None
    cells, n = _cells(experiment, x, y, levels)
    shares = _shares(cells)
    return shares, None if n is None else np.rint(cells.sum(axis=1) * n).astype(np.int64)


def _resampled(
    seen: Floats | None,
    done: Floats | None,
    n: int | None,
    m: Counts | None,
    exogenous: bool,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Floats | None, Floats | None]:
    if seen is not None and n is not None:
        seen = rng.multinomial(n, seen.ravel() / seen.sum(), size=draws).reshape(draws, 2, 2) / n
    if exogenous:
        assert seen is not None
        return seen, _shares(seen)
    if done is not None and m is not None:
        done = rng.binomial(m, done, size=(draws, 2)) / m
    return seen, done
