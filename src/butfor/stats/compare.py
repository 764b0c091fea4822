"""Arm against arm: the functions that the rest of the house calls.

`paired` compares two arms that answered the same items, `mean` gives one arm's level, `overhead` the ratio of two
costs. Each chooses the method that held its level in `butfor.stats.calibrate` for the shape at hand, and names it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from butfor.stats.bootstrap import Ratio, studentised_draws
from butfor.stats.crossed import DrawsReach, JoinedReach, Reach, StudentReach, p_value, seeds_reach
from butfor.stats.effect import Check, Effect
from butfor.stats.quantiles import Floats

SMALL = 8


def paired(
    treatment: ArrayLike,
    control: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = 0.95,
    rng: Generator,
    kind: Literal["mean", "binary", "ratio"] = "mean",
    unit: str = "",
) -> Effect:
    """Treatment minus control (`ratio`: treatment over control) on the same items; arrays [seeds, items] or [items]."""
    t, c = matrix(treatment, "treatment"), matrix(control, "control")
    if t.shape != c.shape:
        raise ValueError(f"the arms do not pair: treatment is {t.shape}, control {c.shape} (seeds, items)")
    if kind == "ratio":
        return _ratio(t, c, clusters, level, rng, unit)
    w = np.ones(t.shape[1]) if weights is None else vector(weights, "weights", t.shape[1])
    return _effect((t - c) * w, np.broadcast_to(w, t.shape), clusters, level, rng, unit, null=0.0)


def mean(
    values: ArrayLike, *, clusters: ArrayLike | None = None, level: float = 0.95, rng: Generator, unit: str = ""
) -> Effect:
    """The level of a metric in one arm; values [seeds, items] or [items]."""
    x = matrix(values, "values")
    return _effect(x, np.ones_like(x), clusters, level, rng, unit, null=None)


def overhead(treatment: ArrayLike, control: ArrayLike, *, level: float = 0.95, rng: Generator) -> Effect:
    """mean(treatment) / mean(control) of positive costs, paired by position."""
    t, c = matrix(treatment, "treatment"), matrix(control, "control")
    if t.shape != c.shape:
        raise ValueError(f"the costs do not pair: treatment has {t.size}, control {c.size}")
    return _ratio(t, c, None, level, rng, "×")


def _ratio(t: Floats, c: Floats, clusters: ArrayLike | None, level: float, rng: Generator, unit: str) -> Effect:
    for values, name in ((t, "treatment"), (c, "control")):
        if (values <= 0).any():
            raise ValueError(f"a ratio needs positive costs, and {name} has {values.min()}")
    return _effect(t, c, clusters, level, rng, unit, null=1.0)


def _effect(
    a: Floats, w: Floats, clusters: ArrayLike | None, level: float, rng: Generator, unit: str, null: float | None
) -> Effect:
    """The effect whose estimate is Σ a / Σ w over seeds and items, [S, n] both."""
    seeds, items = a.shape
    if clusters is not None:
        label = vector(clusters, "clusters", items, finite=False)
        a, w = by_cluster(a, label), by_cluster(w, label)
    ratio = Ratio(a.mean(0), w.mean(0))
    estimate = ratio.value
    n = ratio.n
    checks: list[Check] = []
    if n < 2:
        checks.append(Check("single-unit", False, "n = 1: one unit carries no uncertainty; measure two or more"))
        low, high = -math.inf if null != 1.0 else 0.0, math.inf
        return Effect(
            estimate=estimate,
            low=low,
            high=high,
            level=level,
            p=1.0,
            n=items,
            unit=unit,
            seeds=seeds,
            method="none",
            checks=tuple(checks),
        )
    if seeds == 1:
        checks.append(Check("one-seed", True, "one seed: how much the effect varies with the seed is unknown"))
    if n <= SMALL:
        checks.append(Check("small-n", False, f"n = {n}: too few units for an interval that holds its level"))
    z = (a - estimate * w) / w.mean()
    reach, method = _reach(ratio, z, rng)
    distance = estimate - (null or 0.0)
    if not np.any(z) and distance == 0:
        checks.append(Check("identical", True, "both arms are identical on every unit"))
    down, up = reach(level)
    p = None if null is None else p_value(reach, distance)
    return Effect(
        estimate=estimate,
        low=estimate - down,
        high=estimate + up,
        level=level,
        p=p,
        n=items,
        unit=unit,
        seeds=seeds,
        method=method,
        checks=tuple(checks),
    )


def _reach(ratio: Ratio, z: Floats, rng: Generator) -> tuple[Reach, str]:
    if not np.any(z):
        return StudentReach(0.0, 1), "constant"
    reach: Reach = StudentReach(ratio.se, ratio.n - 1)
    method = "t"
    if ratio.n > SMALL and ratio.se > 0:
        reach, method = DrawsReach(ratio.se, studentised_draws(ratio, rng)), "studentised bootstrap"
    if len(z) > 1:
        reach, method = JoinedReach(reach, seeds_reach(z)), f"{method}, seeds × items"
    return reach, method


def by_cluster(values: Floats, clusters: NDArray[np.float64]) -> Floats:
    """Sums over the items of each cluster, [S, clusters] <- [S, n]."""
    _, label = np.unique(clusters, return_inverse=True)
    return np.stack([np.bincount(label, weights=row) for row in values])


def matrix(values: ArrayLike, name: str) -> Floats:
    """Values as [seeds, items], every one finite."""
    x = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"{name} must be [items] or [seeds, items] with at least one item, not {np.shape(values)}")
    if wrong := np.argwhere(~np.isfinite(x)).tolist():
        seed, item = wrong[0]
        where = f"item {item}" if len(x) == 1 else f"seed {seed}, item {item}"
        raise ValueError(
            f"{name} is {x[seed, item]} at {where} ({len(wrong)} such values); drop that pair in both arms"
        )
    return x


def vector(values: ArrayLike, name: str, n: int, finite: bool = True) -> NDArray[np.float64]:
    """One value an item."""
    x = np.asarray(values)
    if x.shape != (n,):
        raise ValueError(f"{name} must hold one value for each of the {n} items, not {x.shape}")
    if not finite:
        return x
    x = x.astype(np.float64)
    if not np.isfinite(x).all() or (x < 0).any() or not x.any():
        raise ValueError(f"{name} must be finite, none negative and not all zero")
    return x
