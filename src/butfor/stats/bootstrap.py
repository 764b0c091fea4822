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
from numpy.typing import ArrayLike, NDArray

from butfor.stats.crossed import by_cluster
from butfor.stats.quantiles import Floats, z_below, z_quantile

DRAWS = 9_999
EXACT_COUNTS = 256
CHUNK = 1 << 16


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


def studentised(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    rng: Generator,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Studentised bootstrap interval of a mean; infinite where resamples without spread are common."""
    ratio = _units(values, clusters)
    low, high = _quantiles(studentised_draws(ratio, rng, draws), level)
    if ratio.se == 0:
        return ratio.value, ratio.value
    return ratio.value - high * ratio.se, ratio.value - low * ratio.se


def bca(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    rng: Generator,
    draws: int = DRAWS,
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of a mean."""
    ratio = _units(values, clusters)
    z = ratio.influence
    of_z, of_w = sums(np.stack([z, ratio.w / ratio.w.mean()], axis=1), draws, rng).T
    means = np.sort(of_z / of_w)
    near = 1e-6 * ratio.se
    below = (np.sum(means < -near) + 0.5 * np.sum(np.abs(means) <= near)) / draws
    bias = float(z_quantile(np.clip(below, 1 / draws, 1 - 1 / draws)))
    spread = float(np.sum(z**2))
    acceleration = float(np.sum(z**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    ends = bias + z_quantile(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(means, z_below(bias + ends / (1 - acceleration * ends)))
    return ratio.value + float(low), ratio.value + float(high)


def crossed_bootstrap(
    values: ArrayLike, *, level: float = 0.95, rng: Generator, draws: int = DRAWS
) -> tuple[float, float]:
    """Percentile interval of the mean of values [seeds, items], seeds and items resampled apart (Owen 2007).

    It counts the noise of cells three times over, so it is too wide where cells are noisy, and it is blind to how few
    seeds there are: with three, resampled seeds cover far less than they promise. `paired` does neither.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(f"values must be finite and [seeds, items], not {x.shape}")
    seeds, n = x.shape
    of_items = sums(np.concatenate([x, np.ones((1, n))]).T, draws, rng)
    of_seeds = counts(seeds, draws, rng).astype(np.float64) / seeds
    means = np.sum(of_seeds * of_items[:, :seeds], axis=1) / of_items[:, seeds]
    low, high = _quantiles(np.sort(means), level)
    return low, high


def _units(values: ArrayLike, clusters: ArrayLike | None) -> Ratio:
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise ValueError(f"values must be a flat list of two finite numbers or more, not shape {x.shape}")
    if clusters is None:
        return Ratio(x, np.ones(len(x)))
    a, w = by_cluster(np.stack([x, np.ones(len(x))]), np.asarray(clusters))
    return Ratio(a, w)


@cache
def _poisson_table() -> NDArray[np.float32]:
    """65,536 equally likely entries distributed as Poisson(1)."""
    k = np.arange(16)
    mass = np.exp(-1.0) / np.array([math.factorial(int(i)) for i in k])
    edges = np.round(np.cumsum(mass) * (1 << 16)).astype(np.int64)
    edges[-1] = 1 << 16
    return np.searchsorted(edges, np.arange(1 << 16), side="right").astype(np.float32)
