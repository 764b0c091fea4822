"""One arm's level against a null, and the difference of two means whose items do not pair.

`against`  level - null. The null is one number (chance) or one value an item (its placebo, its own chance).
           Right or wrong against a chance: Wilson's score interval, moved; p from the score test under each item's own
           chance. In clusters: the union of that and of `paired` with the null as the control arm; where all items are
           right (or wrong) the values have no spread, and Wilson's interval on the clusters says what they still allow.
           A weighted share of 0 or 1 (an F1 without a hit) has no interval: what it lacks may weigh anything.
           Everything else is `paired`.
`gap`      Σ a₁ / Σ w₁ - Σ a₂ / Σ w₂, units being clusters that may hold items of both sides: a group against the rest,
           or two models' ratios of sums (F1), whose weights differ. Jackknife pulls, Hall's skewness correction joined
           with Student's t on Welch's degrees of freedom; right or wrong: Newcombe's score interval, in clusters the
           union of both. Sides without any spread: p from the orders of their units.
Limits     A side of one unit carries no uncertainty of its own: the interval is infinite and a check says so.
Sources    Newcombe 1998 (method 10); Welch 1947; Efron 1982 (jackknife).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from butfor.stats.checks import shape_checks
from butfor.stats.compare import Kind, matrix, mean, paired
from butfor.stats.effect import Check, Effect
from butfor.stats.proportions import wilson
from butfor.stats.quantiles import Floats, z_below
from butfor.stats.reach import CorrectedReach, p_values

UNBOUNDED = "none: a weighted share of 0 or 1"


def against(
    values: ArrayLike,
    null: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Kind = "mean",
    unit: str = "",
) -> Effect:
    """How far a level lies from its null; values [items], null a number or [items]."""
    x = matrix(values, "values")
    base = np.broadcast_to(np.asarray(null, dtype=np.float64), x.shape)
    if kind == "binary" and weights is None and len(x) == 1 and not np.isin(base, (0.0, 1.0)).all():
        return _share(x[0], base[0], clusters, level, unit)
    effect = paired(x, base, clusters=clusters, weights=weights, level=level, kind=kind, unit=unit)
    if _one_sided(x, weights):
        return replace(effect, low=-math.inf, high=math.inf, p=1.0, method=UNBOUNDED)
    if kind == "binary" and weights is None and clusters is not None and (x == base).all():
        count = len(np.unique(np.asarray(clusters)))  # nothing changed in so many clusters
        bound = paired(np.zeros(count), np.zeros(count), level=level, kind="binary")
        return replace(effect, low=bound.low, high=bound.high, method=f"{bound.method}, {count} clusters")
    return effect


def _share(x: Floats, null: Floats, clusters: ArrayLike | None, level: float, unit: str) -> Effect:
    """A share against the chance of each item: the interval of the level, moved by the mean chance."""
    alone = np.ptp(x) == 0 or clusters is None
    counted = _counted(x, null, clusters if alone else None, level, unit)
    if alone:
        return counted
    own = level_of(x, clusters=clusters, level=level, kind="binary")
    moved = paired(x, np.full(len(x), null.mean()), clusters=clusters, level=level, unit=unit)
    chance, p = float(null.mean()), max(counted.p or 0.0, moved.p or 0.0)
    return replace(moved, low=own.low - chance, high=own.high - chance, p=p, method=own.method)


def _counted(x: Floats, null: Floats, clusters: ArrayLike | None, level: float, unit: str) -> Effect:
    """A share against the chance of each item; `clusters`, whose items all agree, count once each."""
    share, chance = float(x.mean()), float(null.mean())
    units = len(x) if clusters is None else len(np.unique(np.asarray(clusters)))
    low, high = (float(end) for end in wilson(round(share * units), units, level))
    spread = math.sqrt(float(np.mean(null * (1 - null))) / units)
    distance = share - chance
    p = float(2 * z_below(-abs(distance) / spread)) if spread else float(distance == 0)
    few = Check("single-unit", False, "n = 1: one unit carries no uncertainty; measure two or more")
    return Effect(
        estimate=distance, low=min(low - chance, distance), high=max(high - chance, distance), level=level,
        p=min(p, 1.0), n=len(x), unit=unit,
        method="Wilson score" + ("" if clusters is None else f", {units} clusters"),
        checks=(few,) if units < 2 else (),
    )  # fmt: skip


def contrast(
    values: ArrayLike,
    member: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Kind = "mean",
    unit: str = "",
) -> Effect:
    """The mean of a group minus the mean of all others; `member` [items] says who belongs to it."""
    x = matrix(values, "values")[0]
    w = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
    inside = np.asarray(member, dtype=bool)
    effect = gap(x * w * inside, w * inside, x * w * ~inside, w * ~inside, clusters=clusters, level=level, unit=unit)
    if kind != "binary" or weights is not None:
        return effect
    if clusters is None:
        return _newcombe(effect, x[inside], x[~inside])
    label = np.asarray(clusters)
    return _joined(effect, _counts(x[inside], label[inside]), _counts(x[~inside], label[~inside]))


def gap(
    a1: ArrayLike,
    w1: ArrayLike,
    a2: ArrayLike,
    w2: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    unit: str = "",
) -> Effect:
    """Σ a₁ / Σ w₁ - Σ a₂ / Σ w₂; arrays [items], zeros where an item is not on that side."""
    rows = np.stack([matrix(side, "a side")[0] for side in (a1, w1, a2, w2)])
    items = int((rows[1] + rows[3] > 0).sum())
    if clusters is not None:
        _, label = np.unique(np.asarray(clusters), return_inverse=True)
        rows = np.stack([np.bincount(label, weights=row) for row in rows])
    rows = rows[:, (rows[1] + rows[3]) > 0]
    if min(rows[1].sum(), rows[3].sum()) <= 0:
        raise ValueError("a difference of two means needs items on both sides")
    first, second = _side(rows[0], rows[1]), _side(rows[2], rows[3])
    estimate = first.mean - second.mean
    if min(first.units, second.units) < 2:
        alone = Check("single-unit", False, "one side has a single unit: it carries no uncertainty of its own")
        return Effect(
            estimate=estimate, low=-math.inf, high=math.inf, level=level, p=1.0, n=items, unit=unit,
            method="none: one unit", checks=(alone,),
        )  # fmt: skip
    reach = _welch(first, second)
    down, up = (float(side) for side in reach(level))
    if flat := max(down, up) == 0:  # every unit of a side is alike: their order alone bounds the difference
        p = 1.0 if estimate == 0 else min(1.0, 2 / math.comb(first.units + second.units, first.units))
        down = up = 0.0 if p <= 1 - level else math.inf
    else:
        p = float(p_values(reach, estimate))
    past = 0.0 if flat or abs(estimate) <= min(down, up) else estimate
    return Effect(
        estimate=estimate, low=estimate - down, high=estimate + up, level=level, p=p, n=items, unit=unit,
        method="skewness-corrected Welch t" + ("" if clusters is None else f", {rows.shape[1]} clusters"),
        checks=tuple(shape_checks(first.pull - second.pull, past, "unit" if clusters is None else "cluster")),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """A ratio of sums, and what each unit's absence changes."""

    mean: float
    pull: Floats  # [units of both sides], its share of the estimate's error; 0 for units that are not here
    units: int

    @property
    def variance(self) -> float:
        return float(np.sum(self.pull**2))


def _side(a: Floats, w: Floats) -> _Side:
    here = w > 0
    n, level = int(here.sum()), float(a.sum() / w.sum())
    if n < 2:
        return _Side(level, np.zeros(len(w)), n)
    rest = np.where(w < w.sum(), w.sum() - w, 1.0)
    pull = np.where(here, (a - level * w) / rest, 0.0)
    pull[here] -= pull[here].mean()
    return _Side(level, pull * math.sqrt((n - 1) / n), n)


def _welch(first: _Side, second: _Side) -> CorrectedReach:
    """The reach of the difference: units that stand on both sides pull once, with what both sides feel."""
    joint = first.pull - second.pull
    variance = float(np.sum(joint**2))
    parts = [(side.variance, side.units - 1) for side in (first, second)]
    total = sum(v for v, _ in parts)
    df = total**2 / sum(v**2 / free for v, free in parts if v > 0) if total > 0 else min(free for _, free in parts)
    n = max(2, math.floor(df) + 1)
    tilt = float(np.sum(joint**3)) / variance**1.5 if variance > 0 else 0.0
    return CorrectedReach(math.sqrt(variance), tilt * math.sqrt(n), n)


@dataclass(frozen=True, slots=True, eq=False)
class _NewcombeReach:
    """Newcombe's interval of p₁ - p₂ from the two Wilson intervals, (successes, items) on each side."""

    first: tuple[int, int]
    second: tuple[int, int]

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        ends = np.vectorize(self._ends, otypes=[float, float])(np.asarray(level, dtype=np.float64))
        return np.asarray(ends[0]), np.asarray(ends[1])

    def _ends(self, level: float) -> tuple[float, float]:
        (k1, n1), (k2, n2) = self.first, self.second
        level = min(float(level), 1 - 1e-15)
        l1, u1 = (float(end) for end in wilson(k1, n1, level))
        l2, u2 = (float(end) for end in wilson(k2, n2, level))
        p1, p2 = k1 / n1, k2 / n2
        return math.hypot(p1 - l1, u2 - p2), math.hypot(u1 - p1, p2 - l2)


def _counts(x: Floats, label: NDArray[Any]) -> tuple[int, int]:
    """Right ones and all of a side; where all its items agree, its clusters count once each."""
    n = len(np.unique(label)) if np.ptp(x) == 0 else len(x)
    return round(float(x.mean()) * n), n


def _joined(effect: Effect, first: tuple[int, int], second: tuple[int, int]) -> Effect:
    """Right or wrong in clusters: the union with Newcombe's interval, so that a side without spread is no certainty."""
    if effect.checks and effect.checks[0].code == "single-unit":
        return effect
    alone = _newcombe_of(effect, first, second)
    if not math.isfinite(effect.low):
        return replace(alone, method=effect.method)
    low, high, p = min(effect.low, alone.low), max(effect.high, alone.high), max(effect.p or 0.0, alone.p or 0.0)
    return replace(effect, low=max(-1.0, low), high=min(1.0, high), p=p)


def _newcombe(effect: Effect, first: Floats, second: Floats) -> Effect:
    """Right or wrong, every item alone: counts say all, and a share of 0 or 1 still has an interval."""
    return _newcombe_of(effect, (int(first.sum()), len(first)), (int(second.sum()), len(second)))


def _newcombe_of(effect: Effect, first: tuple[int, int], second: tuple[int, int]) -> Effect:
    reach = _NewcombeReach(first, second)
    down, up = (float(side) for side in reach(effect.level))
    return replace(
        effect, low=max(-1.0, effect.estimate - down), high=min(1.0, effect.estimate + up),
        p=float(p_values(reach, effect.estimate)), method="Newcombe score",
    )  # fmt: skip


def level_of(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Kind = "mean",
    unit: str = "",
) -> Effect:
    """`mean`; a share in clusters gets the union with what its items alone would allow, or, all alike, its clusters."""
    x = matrix(values, "values")
    shape: Literal["mean", "binary"] = "binary" if kind == "binary" else "mean"
    if kind == "binary" and clusters is not None and weights is None and len(x) == 1:
        none = np.zeros(x.shape[1], dtype=np.float64)
        if np.ptp(x) == 0:
            return _counted(x[0], none, clusters, level, unit)
        effect, alone = (
            mean(x, clusters=clusters, level=level, kind=shape, unit=unit),
            _counted(x[0], none, None, level, unit),
        )
        return replace(effect, low=min(effect.low, alone.low), high=max(effect.high, alone.high))
    effect = mean(x, clusters=clusters, weights=weights, level=level, kind=shape, unit=unit)
    return replace(effect, low=-math.inf, high=math.inf, method=UNBOUNDED) if _one_sided(x, weights) else effect


def _one_sided(x: Floats, weights: ArrayLike | None) -> bool:
    """All 0 or all 1 under weights, as an F1 without a hit: what an item of the other kind would weigh is not known."""
    return weights is not None and np.ptp(x) == 0 and bool(np.isin(x.flat[0], (0.0, 1.0)))
