"""Right or wrong: one proportion, and the difference of two that were measured on the same items.

wilson            score interval of one proportion (Wilson 1927): centre (k + z²/2) / (n + z²)
clopper_pearson   exact interval of one proportion (1934): never below its level, often far above it
tango             score interval of p10 - p01 (Tango 1998): the δ at which |b - c - nδ| / sqrt(n (2q + δ(1 - δ))) = z,
                  with q the likeliest p01 given δ; b items right under treatment alone, c under control alone.
                  It leaves 0 out exactly when McNemar's (b - c)² / (b + c) exceeds z².
mcnemar           exact and mid-p tests of p10 = p01: b of b + c fair coins
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from butfor.stats.quantiles import Floats, beta_quantile, binomial_below, z_below, z_quantile


def wilson(successes: ArrayLike, n: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Score interval of a proportion."""
    k = _counts(successes, n)
    z = float(z_quantile((1 + level) / 2))
    centre = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    return np.where(k == 0, 0.0, centre - half)[()], np.where(k == n, 1.0, centre + half)[()]


def clopper_pearson(successes: ArrayLike, n: int, level: float = 0.95) -> tuple[Floats, Floats]:
    """Exact interval of a proportion."""
    k = _counts(successes, n)
    tail = (1 - level) / 2
    low = np.where(k > 0, beta_quantile(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, beta_quantile(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return low[()], high[()]


def mcnemar(b: int, c: int, how: Literal["exact", "mid-p"] = "exact") -> float:
    """P-value of equal accuracy, from the items that only one arm has right."""
    if b < 0 or c < 0:
        raise ValueError(f"counts cannot be negative: b = {b}, c = {c}")
    small, n = min(b, c), b + c
    if n == 0:
        return 1.0
    tail = float(binomial_below(small, n, 0.5))
    at = tail - (float(binomial_below(small - 1, n, 0.5)) if small > 0 else 0.0)
    return min(1.0, 2 * tail) if how == "exact" else min(1.0, 2 * tail - at)


@dataclass(frozen=True, slots=True, eq=False)
class TangoReach:
    """Tango's interval of (b - c) / n as a reach; b and c may be arrays."""

    b: Floats
    c: Floats
    n: int

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        z = z_quantile((1 + np.asarray(level)) / 2)
        centre = (self.b - self.c) / self.n
        low = self._end(centre, np.full_like(centre, -1.0), z)
        high = self._end(centre, np.full_like(centre, 1.0), z)
        return centre - low, high - centre

    def _end(self, inside: Floats, outside: Floats, z: Floats) -> Floats:
        """The δ between `inside` and `outside` where the score statistic reaches z, by bisection."""
        reaches_edge = np.abs(self._score(outside)) <= z
        for _ in range(60):
            middle = (inside + outside) / 2
            within = np.abs(self._score(middle)) <= z
            inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
        return np.where(reaches_edge, np.round(outside), (inside + outside) / 2)

    def _score(self, delta: Floats) -> Floats:
        linear = (2 * self.n - self.b + self.c) * delta - self.b - self.c
        root = np.sqrt(np.maximum(linear**2 + 8 * self.n * self.c * delta * (1 - delta), 0.0))
        q = (root - linear) / (4 * self.n)
        variance = self.n * (2 * q + delta * (1 - delta))
        gap = self.b - self.c - self.n * delta
        return np.where(gap == 0, 0.0, gap / np.sqrt(np.maximum(variance, 1e-12)))


def tango(b: int, c: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of the difference of two paired proportions."""
    if b < 0 or c < 0 or b + c > n or n < 1:
        raise ValueError(f"b = {b} and c = {c} must be counts of n = {n} items")
    down, up = TangoReach(np.array(float(b)), np.array(float(c)), n)(level)
    return (b - c) / n - float(down), (b - c) / n + float(up)


def score_p(b: ArrayLike, c: ArrayLike) -> Floats:
    """McNemar's score p-value, the dual of Tango's interval."""
    b, c = np.asarray(b, dtype=np.float64), np.asarray(c, dtype=np.float64)
    return np.minimum(1.0, 2 * z_below(-np.abs(b - c) / np.sqrt(np.maximum(b + c, 1))))


def _counts(successes: ArrayLike, n: int) -> Floats:
    k = np.asarray(successes, dtype=np.float64)
    if n < 1 or ((k < 0) | (k > n)).any():
        raise ValueError(f"successes must lie between 0 and n = {n}, and n be 1 or more")
    return k
