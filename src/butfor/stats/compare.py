"""Arm against arm: the functions that the rest of the house calls.

`paired` compares two arms that answered the same items, `mean` gives one arm's level, `overhead` the ratio of two
costs. Each takes the method that held its level best in `butfor.stats.calibrate` (table in docs/stats.md) and names
it:

    a mean, a ratio, clusters      union of Student's t and Hall's skewness-corrected t (`reach`), made from the
                                   jackknife's pulls (of clusters' sums; ratios: on the scale of logarithms)
    right or wrong, one seed       Tango's score interval with McNemar's score p; `mean` takes Wilson's
    several seeds                  the above on the items' means, joined with the seeds' own t interval (`crossed`)

Every estimate is a ratio of sums, Σ a / Σ w: w = 1 for a mean, the weights, the clusters' sizes, or the control's
costs. Where the simulations fall below their level, the effect carries a check that is not ok (`checks`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from butfor.stats.checks import change_checks, shape_checks, weight_checks
from butfor.stats.crossed import by_cluster, seeds_reach
from butfor.stats.effect import Check, Effect
from butfor.stats.proportions import TangoReach, score_p, wilson
from butfor.stats.quantiles import Floats
from butfor.stats.reach import CorrectedReach, JoinedReach, Reach, p_values, skewness

Kind = Literal["mean", "binary", "ratio"]

ROUNDING = 1e-14  # a spread below this share of the values is no spread
LEAST = 1e-9  # one unit can weigh all but this share


def paired(
    treatment: ArrayLike,
    control: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Kind = "mean",
    unit: str = "",
) -> Effect:
    """Treatment minus control (`ratio`: treatment over control) on the same items; arrays [seeds, items] or [items]."""
    sample = paired_sample(treatment, control, clusters=clusters, weights=weights, kind=kind)
    return sample.effect(level, unit)


def overhead(
    treatment: ArrayLike, control: ArrayLike, *, clusters: ArrayLike | None = None, level: float = 0.95
) -> Effect:
    """mean(treatment) / mean(control) of positive costs, paired by position; steps of one run are one cluster."""
    return paired(treatment, control, clusters=clusters, level=level, kind="ratio", unit="×")


def mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    kind: Literal["mean", "binary"] = "mean",
    unit: str = "",
) -> Effect:
    """The level of a metric in one arm; values [seeds, items] or [items]. Its p-value is None: it has no null."""
    x = matrix(values, "values")
    if kind == "binary":
        _only(x, (0.0, 1.0), "values")
    sample = _sample(x, x * 0, weights, clusters, "level", kind == "binary")
    return sample.effect(level, unit)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A ratio of sums over units: numerators a [S, n], denominators w [S, n], and what they mean."""

    a: Floats
    w: Floats
    items: int
    scale: Literal["difference", "level", "ratio"]
    binary: bool
    clustered: bool  # a unit is a cluster of items

    @property
    def estimate(self) -> float:
        return float(self.a.sum() / self.w.sum())

    @property
    def pull(self) -> Floats:
        """The pull of each cell on the estimate (ratios: on its logarithm), to first order; [S, n], mean 0."""
        pull = (self.a - self.estimate * self.w) / self.w.mean()
        return pull / self.estimate if self.scale == "ratio" else pull

    @property
    def pull_of_units(self) -> Floats:
        """The jackknife's pull of each unit, (n - 1) (estimate - estimate without it), centred; a mean: x - mean."""
        a, w = self.a.mean(0), self.w.mean(0)
        rest = np.maximum(1 - w / w.sum(), LEAST)
        if self.scale == "ratio":
            pull = np.log(rest) - np.log(np.maximum(1 - a / a.sum(), LEAST))
            size = 1.0
        else:
            pull = (a - self.estimate * w) / (w.sum() * rest)
            size = float(np.abs(a).max() / w.sum())
        pull = (len(a) - 1) * (pull - pull.mean())
        return np.where(np.abs(pull).max() <= ROUNDING * len(a) * size, 0.0, pull)

    def reach(self) -> tuple[Reach, str]:
        """The calibrated interval for this shape, and its name."""
        if self._counts:
            return self._score_reach()
        reach: Reach = mean_reach(self.pull_of_units)
        name = "skewness-corrected t" + (", log ratio" if self.scale == "ratio" else "")
        name += f", {self.a.shape[1]} clusters" if self.clustered else ""
        if len(self.a) == 1:
            return reach, name
        return JoinedReach(reach, seeds_reach(self.pull)), f"{name}, seeds × items"

    @property
    def _counts(self) -> bool:
        """Right or wrong, once an item: the counts say all, and an interval has a width even where no item changed."""
        return self.binary and np.ptp(self.a, axis=0).max() == 0 and bool((self.w == 1).all())

    def _score_reach(self) -> tuple[Reach, str]:
        row, n = self.a[0], self.a.shape[1]
        if self.scale == "level":
            return _WilsonReach(float(row.sum()), n), "Wilson score"
        return TangoReach(np.array(np.sum(row > 0.0)), np.array(np.sum(row < 0.0)), n), "Tango score"

    def p(self, reach: Reach, null: float) -> float:
        """The p-value that agrees with the interval."""
        if isinstance(reach, TangoReach) and null == 0.0:
            return float(score_p(reach.b, reach.c))
        distance = math.log(self.estimate / null) if self.scale == "ratio" else self.estimate - null
        if _flat(reach):
            return 1.0 if distance == 0 else self._sign_p
        return float(p_values(reach, distance))

    @property
    def _sign_p(self) -> float:
        """Sign test of units that are all alike: n fair coins fall on one side."""
        return 2.0 ** (1 - self.a.shape[1])

    def ends(self, reach: Reach, level: float) -> tuple[float, float]:
        """Low and high; units that are all alike bound nothing until a sign test of them reaches the level."""
        down, up = (float(side) for side in reach(level))
        if _flat(reach) and self._sign_p > 1 - level:
            down = up = math.inf
        if self.scale == "ratio":
            return self.estimate * math.exp(-down), self.estimate * math.exp(up)
        bounds = (-math.inf, math.inf)
        if self.binary:
            bounds = (0.0, 1.0) if self.scale == "level" else (-1.0, 1.0)
        return max(self.estimate - down, bounds[0]), min(self.estimate + up, bounds[1])

    def effect(self, level: float, unit: str) -> Effect:
        """The estimate, its interval, the p-value of no difference, and the checks."""
        seeds, n = self.a.shape
        null = {"difference": 0.0, "level": math.nan, "ratio": 1.0}[self.scale]
        low, high, p, method = self.estimate, self.estimate, 1.0, "none: no difference on any unit"
        if n < 2:
            low, high, method = (0.0 if self.scale == "ratio" else -math.inf), math.inf, f"none: one {self._unit}"
        elif self.scale == "level" or self._counts or not self._identical():
            reach, method = self.reach()
            low, high = self.ends(reach, level)
            p = 1.0 if self.scale == "level" else self.p(reach, null)
        return Effect(
            estimate=self.estimate, low=min(low, self.estimate), high=max(high, self.estimate), level=level,
            p=None if self.scale == "level" else p, n=self.items, unit=unit, seeds=seeds, method=method,
            checks=self._checks(None if self.scale == "level" else p, 1 - level),
        )  # fmt: skip

    def _identical(self) -> bool:
        return bool((self.a == (self.w if self.scale == "ratio" else 0.0)).all())

    @property
    def _unit(self) -> str:
        return "cluster" if self.clustered else "unit"

    def _checks(self, p: float | None, alpha: float) -> tuple[Check, ...]:
        """What the reader should know; `p` is None where there is no null."""
        seeds, n = self.a.shape
        checks: list[Check] = []
        if seeds == 1:
            checks.append(Check("one-seed", True, "one seed: how much this varies with the seed is unknown"))
        if seeds == 2:
            checks.append(
                Check("two-seeds", True, "two seeds: the interval is wide where they differ; three help a lot")
            )
        if n < 2:
            told = f"n = 1: one {self._unit} carries no uncertainty; measure two or more"
            checks.append(Check("single-unit", False, told))
        elif self.scale != "level" and self._identical():
            checks.append(Check("identical", True, "both arms are identical on every unit"))
        elif self._counts:
            if self.scale == "difference":
                checks.extend(change_checks(int(np.sum(self.a[0] > 0)), int(np.sum(self.a[0] < 0)), self.items))
        else:
            past = 0.0
            if p is not None and p < alpha:
                past = math.log(self.estimate) if self.scale == "ratio" else self.estimate
            checks.extend(shape_checks(self.pull_of_units, past, self._unit))
            if self.scale != "ratio" or self.clustered:  # a ratio's own denominators are data, not weights
                checks.extend(weight_checks(self.w.mean(0), self.clustered))
        return tuple(checks)


def _flat(reach: Reach) -> bool:
    return max(float(side) for side in reach(0.5)) == 0.0


def mean_reach(z: Floats) -> CorrectedReach:
    """The default interval of a mean, from its centred values z [..., n]."""
    n = z.shape[-1]
    return CorrectedReach(np.sqrt(np.sum(z**2, axis=-1) / (n * (n - 1))), skewness(z), n)


def paired_sample(
    treatment: ArrayLike, control: ArrayLike, *, clusters: ArrayLike | None, weights: ArrayLike | None, kind: Kind
) -> Sample:
    """Two arms, checked and paired."""
    t, c = matrix(treatment, "treatment"), matrix(control, "control")
    if t.shape != c.shape:
        raise ValueError(f"the arms do not pair: treatment is {t.shape}, control {c.shape} (seeds, items)")
    for values, name in ((t, "treatment"), (c, "control")):
        if kind == "binary":
            _only(values, (0.0, 1.0), name)
        if kind == "ratio" and (values <= 0).any():
            raise ValueError(f"{name} has {values.min()}, and a ratio needs positive values; use kind='mean'")
    if kind not in ("mean", "binary", "ratio"):
        raise ValueError(f"kind must be 'mean', 'binary' or 'ratio', not {kind!r}")
    return _sample(t, c, weights, clusters, "ratio" if kind == "ratio" else "difference", kind == "binary")


def _sample(
    t: Floats,
    c: Floats,
    weights: ArrayLike | None,
    clusters: ArrayLike | None,
    scale: Literal["difference", "level", "ratio"],
    binary: bool,
) -> Sample:
    items, clustered = t.shape[1], False
    weight = np.ones(items) if weights is None else _weights(weights, items)
    a, w = (t * weight, c * weight) if scale == "ratio" else ((t - c) * weight, np.ones_like(t) * weight)
    if clusters is not None:
        label = np.asarray(clusters)
        if label.shape != (items,):
            raise ValueError(f"clusters must name one cluster for each of the {items} items, not {label.shape}")
        a, w = by_cluster(a, label), by_cluster(w, label)
        clustered = a.shape[1] < items
    return Sample(a[:, w.any(0)], w[:, w.any(0)], items, scale, binary, clustered)


@dataclass(frozen=True, slots=True)
class _WilsonReach:
    successes: float
    n: int

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        low, high = wilson(self.successes, self.n, float(level))
        return self.successes / self.n - low, high - self.successes / self.n


def matrix(values: ArrayLike, name: str) -> Floats:
    """Values as [seeds, items], every one finite."""
    x = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"{name} must be [items] or [seeds, items] with one item or more, not {np.shape(values)}")
    if wrong := np.argwhere(~np.isfinite(x)).tolist():
        seed, item = wrong[0]
        where = f"item {item}" if len(x) == 1 else f"seed {seed}, item {item}"
        raise ValueError(
            f"{name} is {x[seed, item]} at {where} ({len(wrong)} such values); drop that pair in both arms"
        )
    return x


def _weights(values: ArrayLike, n: int) -> Floats:
    x = np.asarray(values, dtype=np.float64)
    if x.shape != (n,) or not np.isfinite(x).all() or (x < 0).any() or not x.any():
        raise ValueError(f"weights must be {n} finite numbers, one an item, none negative and not all 0")
    return x


def _only(x: Floats, allowed: tuple[float, float], name: str) -> None:
    if wrong := np.argwhere(~np.isin(x, allowed)).tolist():
        seed, item = wrong[0]
        raise ValueError(f"{name} is {x[seed, item]} at item {item}, and binary values are 0 or 1; use kind='mean'")
