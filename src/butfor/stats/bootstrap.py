"""Bootstrap of a ratio of sums, R = Σ a / Σ w, which covers every mean in the house.

A plain mean has w = 1, a weighted mean w = the weights, a mean over clusters w = the clusters' sizes and a = their
sums, and the ratio of two arms' costs has a = treatment, w = control. One resample is a vector of counts c, so that

    R* = Σ c a / Σ c w,    se*² = n/(n-1) · Σ c (a - R* w)² / (Σ c w)²,    t* = (R* - R) / se*,

and all draws together are one product of matrices, counts [draws, n] @ columns [n, 5]. Counts are multinomial up to
n = 256; beyond, they are independent Poisson(1) (Chamandy et al. 2012), read from a table of 65,536 entries:
10,000 draws of 10,000 pairs take well under a second, and the counts' first three moments are the multinomial's.

Sources  Efron 1987 (BCa); Hall 1988 (studentised bootstrap: both ends have an error of order 1/n).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.stats.quantiles import Floats, z_below, z_quantile

DRAWS = 9_999
EXACT_COUNTS = 256
CHUNK = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class Ratio:
    """Units of a ratio of sums: numerators a [n] and denominators w [n]."""

    a: Floats
    w: Floats

    @property
    def n(self) -> int:
        return len(self.a)

    @property
    def value(self) -> float:
        return float(self.a.sum() / self.w.sum())

    @property
    def influence(self) -> Floats:
        """How far each unit pulls the ratio; mean 0 by construction."""
        return (self.a - self.value * self.w) / self.w.mean()

    @property
    def se(self) -> float:
        return math.sqrt(float(np.sum(self.influence**2)) / (self.n * (self.n - 1)))


def counts(n: int, draws: int, rng: Generator) -> NDArray[np.float32]:
    """How often each of n units is drawn, [draws, n]."""
    if n <= EXACT_COUNTS:
        return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float32)
    raw = rng.integers(0, 1 << 64, size=(draws, -(-n // 4)), dtype=np.uint64).view(np.uint16)[:, :n]
    return _poisson_table().take(raw, mode="wrap")


def sums(columns: Floats, draws: int, rng: Generator) -> Floats:
    """Sums of each column over each resample, [draws, k] <- [n, k]."""
    n = len(columns)
    step = max(1, CHUNK // n)
    narrow = columns.astype(np.float32) if n > EXACT_COUNTS else columns
    parts = [counts(n, min(step, draws - done), rng) @ narrow for done in range(0, draws, step)]
    return np.concatenate(parts).astype(np.float64)


def studentised_draws(ratio: Ratio, rng: Generator, draws: int = DRAWS) -> Floats:
    """t* of each resample, sorted; infinite where a resample has no spread."""
    z = ratio.influence  # R = 0 in this frame: R* = Σ c z / Σ c v
    v = ratio.w / ratio.w.mean()
    scale = math.sqrt(float(np.mean(z**2))) or 1.0
    z = z / scale
    columns = np.stack([z, v, z * z, z * v, v * v], axis=1)
    z1, v1, zz, zv, vv = sums(columns, draws, rng).T
    shift = z1 / v1
    spread = np.maximum(zz - 2 * shift * zv + shift**2 * vv, 0.0)
    spread[spread < 1e-9 * ratio.n] = 0.0
    n = ratio.n
    with np.errstate(divide="ignore", invalid="ignore"):
        t = shift * v1 / np.sqrt(spread * n / (n - 1))
    return np.sort(np.nan_to_num(t, nan=0.0, posinf=np.inf, neginf=-np.inf))


def _quantiles(values: Floats, level: float) -> tuple[float, float]:
    """The two ends of the middle `level` of sorted values, by the (draws + 1) rule."""
    alpha = (1 - level) / 2
    k = min(max(math.floor(alpha * (len(values) + 1)), 1), len(values) // 2)
    return float(values[k - 1]), float(values[-k])


def studentised(values: Floats, *, level: float = 0.95, rng: Generator, draws: int = DRAWS) -> tuple[float, float]:
    """Studentised bootstrap interval of a mean."""
    ratio = Ratio(values, np.ones(len(values)))
    low, high = _quantiles(studentised_draws(ratio, rng, draws), level)
    return ratio.value - high * ratio.se, ratio.value - low * ratio.se


def bca(values: Floats, *, level: float = 0.95, rng: Generator, draws: int = DRAWS) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of a mean."""
    centre = float(values.mean())
    z = values - centre
    means = np.sort(sums(np.stack([z, np.ones(len(z))], axis=1), draws, rng) @ np.array([1.0, 0.0])) / len(z)
    below = (np.sum(means < 0) + 0.5 * np.sum(means == 0)) / draws
    bias = float(z_quantile(np.clip(below, 1 / draws, 1 - 1 / draws)))
    spread = float(np.sum(z**2))
    acceleration = float(np.sum(z**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = bias + z_quantile(np.array([(1 - level) / 2, (1 + level) / 2]))
    at = z_below(bias + ends / (1 - acceleration * ends))
    low, high = np.quantile(means, at)
    return centre + float(low), centre + float(high)


@cache
def _poisson_table() -> NDArray[np.float32]:
    """65,536 equally likely entries distributed as Poisson(1)."""
    k = np.arange(16)
    mass = np.exp(-1.0) / np.array([math.factorial(int(i)) for i in k])
    edges = np.round(np.cumsum(mass) * (1 << 16)).astype(np.int64)
    edges[-1] = 1 << 16
    return np.searchsorted(edges, np.arange(1 << 16), side="right").astype(np.float32)
