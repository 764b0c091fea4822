"""Look while it runs: an interval after every pair, all of which hold the truth at once with probability `level`.

An ordinary 95 % interval that is looked at after every item leaves the truth out sooner or later. Here a bettor
stakes against each candidate mean m, in both directions, on values x in [0, 1] (differences are rescaled by their
bounds):

    K±_t(m) = prod over i <= t of (1 ± λ±_i(m) (x_i - m)),     m is out once (K+_t(m) + K-_t(m)) / 2 >= 1 / alpha

Under the true mean K± are nonnegative martingales, so by Ville's inequality it is ever thrown out with chance alpha
or less, whatever the distribution, and whenever one stops. The stakes λ are predictable: sqrt(2 log(2/alpha) / (t
log(t + 1) v)), with v the running variance, cut at 3/4 of what could bankrupt the bettor.

Source  Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting".
Limits  Needs bounds that are certain (accuracy: -1 and 1). Items must come in random order, one value a cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from butfor.stats.quantiles import Floats

GRID = 1000
CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """An interval after each of n values; each holds together with all before it."""

    estimate: Floats
    low: Floats
    high: Floats
    level: float

    def excludes(self, value: float = 0.0) -> int | None:
        """After how many values `value` was first left out (None: never); stopping there is allowed."""
        out = np.flatnonzero((self.low > value) | (self.high < value))
        return int(out[0]) + 1 if len(out) else None

    def __str__(self) -> str:
        return f"{self.estimate[-1]:.3f} [{self.low[-1]:.3f}, {self.high[-1]:.3f}] (n={len(self.low)}, anytime)"


def anytime(values: ArrayLike, *, bounds: tuple[float, float], level: float = 0.95) -> Sequence:
    """Confidence sequence of a mean of values within `bounds`, in the order in which they came."""
    x = np.asarray(values, dtype=np.float64)
    lowest, highest = bounds
    if x.ndim != 1 or len(x) == 0:
        raise ValueError(f"values must be a flat list with one value or more, not shape {x.shape}")
    if not lowest < highest or not (np.isfinite(x) & (x >= lowest) & (x <= highest)).all():
        at = int(np.argmin(np.isfinite(x) & (x >= lowest) & (x <= highest)))
        raise ValueError(f"value {x[at]} at position {at} lies outside the bounds ({lowest}, {highest})")
    unit = (x - lowest) / (highest - lowest)
    low, high = _betting(unit, 1 - level)
    count = np.arange(1, len(x) + 1)
    width = highest - lowest
    estimate = np.cumsum(x) / count
    low, high = lowest + width * low, lowest + width * high
    return Sequence(np.clip(estimate, low, high), low, high, level)


def _betting(x: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Ends of the candidates not yet thrown out, after each value of x in [0, 1]."""
    grid = np.linspace(0, 1, GRID + 1)
    stakes = _stakes(x, alpha)
    wealth = np.zeros((2, 1, len(grid)))  # log K+ and log K-
    alive = np.ones(len(grid), dtype=bool)
    lows: list[Floats] = []
    highs: list[Floats] = []
    with np.errstate(divide="ignore"):
        cap = np.stack([0.75 / grid, 0.75 / (1 - grid)])  # beyond 1/m (or 1/(1-m)) a loss could take it all
    for start in range(0, len(x), CHUNK):
        part, stake = x[start : start + CHUNK, None], stakes[start : start + CHUNK, None]
        gain = part - grid
        log = np.stack([np.log1p(np.minimum(stake, cap[0]) * gain), np.log1p(-np.minimum(stake, cap[1]) * gain)])
        wealth = wealth[:, -1:] + np.cumsum(log, axis=1)
        inside = np.logaddexp(wealth[0], wealth[1]) - math.log(2) < math.log(1 / alpha)
        inside = np.logical_and.accumulate(np.concatenate([alive[None], inside]), axis=0)[1:]
        alive = inside[-1]
        left = inside[inside.any(axis=1)]
        lows.append(np.argmax(left, axis=1) - 1.0)  # one step outwards: the grid may hide the edge
        highs.append(len(grid) - np.argmax(left[:, ::-1], axis=1) + 0.0)
        if not alive.any():
            break  # what is left lies between two candidates: the last bounds stand
    low, high = np.concatenate(lows), np.concatenate(highs)
    rest = (0, len(x) - len(low))
    low, high = np.pad(low, rest, mode="edge"), np.pad(high, rest, mode="edge")
    return np.maximum(low, 0.0) / GRID, np.minimum(high, GRID) / GRID


def _stakes(x: Floats, alpha: float) -> Floats:
    """The stake on each value, from the values before it."""
    t = np.arange(1, len(x) + 1)
    means = (0.5 + np.cumsum(x)) / (t + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log(t + 1)))
