"""How far an interval reaches below and above its estimate, and the p-value that agrees with it.

Student's t undercovers means of skewed data (lognormal, n = 16: 86 % where it promises 95 %). Hall's transformation

    g(T) = T + A T²/3 + A² T³/27 + A/6,   A = skewness / sqrt(n),   T = (mean - μ) / se,

is close to Student's t whatever the skewness, but undercovers heavy tails (t3, n = 16: 91 %). The default of the
house is their union: it holds for both (93 % and 96 %), is never infinite, needs no draws and has p-values down to
1e-15. It matches the studentised bootstrap joined with t, and beats BCa (86 % and 88 %); docs/stats.md has the
figures. Beyond the turning point of g, T = -3/A, the correction is no longer believed: that costs no coverage and
halves the longest intervals.

Sources  Hall 1992, "On the removal of skewness by transformation"; Johnson 1978.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from butfor.stats.quantiles import Floats, t_quantile

SMALLEST_P = 1e-15


class Reach(Protocol):
    """`reach(level)` is (estimate - low, high - estimate); each is an array where many intervals are made at once."""

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True, slots=True, eq=False)
class StudentReach:
    """The t interval."""

    se: float | Floats
    df: float | Floats

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        half = np.asarray(self.se * t_quantile((1 + np.asarray(level)) / 2, self.df))
        return half, half


@dataclass(frozen=True, slots=True, eq=False)
class CorrectedReach:
    """The union of the t interval and Hall's skewness-corrected one."""

    se: float | Floats
    skewness: float | Floats
    n: int

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        return self.at(t_quantile((1 + np.asarray(level)) / 2, self.n - 1))

    def at(self, critical: float | Floats) -> tuple[Floats, Floats]:
        """The reach that goes with a critical value of `statistic`."""
        tilt = np.asarray(self.skewness) / math.sqrt(self.n)
        down = self.se * np.maximum(critical, unbend(np.asarray(critical), tilt))
        up = self.se * np.maximum(critical, -unbend(-np.asarray(critical), tilt))
        return down, up


@dataclass(frozen=True, slots=True, eq=False)
class JoinedReach:
    """Two independent sources of error, by the method of variance estimates recovery (Zou and Donner 2008)."""

    first: Reach
    second: Reach

    def __call__(self, level: float | Floats, /) -> tuple[Floats, Floats]:
        (down, up), (down2, up2) = self.first(level), self.second(level)
        return np.hypot(down, down2), np.hypot(up, up2)


def bend(t: Floats, tilt: Floats) -> Floats:
    """Hall's transformation g(T), with tilt = skewness / sqrt(n)."""
    return t + tilt * t**2 / 3 + tilt**2 * t**3 / 27 + tilt / 6


def unbend(x: Floats, tilt: Floats) -> Floats:
    """The T at which g(T) = x, or g's turning point where that comes first."""
    flat = np.abs(tilt) < 1e-6
    safe = np.where(flat, 1.0, tilt)
    straight = x - tilt * x**2 / 3 - tilt / 6
    return np.where(flat, straight, 3 / safe * (np.cbrt(np.maximum(1 + safe * (x - safe / 6), 0.0)) - 1))


def statistic(t: Floats, tilt: Floats) -> Floats:
    """The smallest critical value whose reach holds T: min(|T|, |g(T)|), and |T| beyond the turning point."""
    return np.where(t * tilt < -3, np.abs(t), np.minimum(np.abs(t), np.abs(bend(t, tilt))))


def skewness(z: Floats) -> Floats:
    """Skewness of centred values along the last axis, adjusted for its small-sample bias; 0 where it has no meaning."""
    n = z.shape[-1]
    if n < 3:
        return np.zeros(z.shape[:-1])
    spread = np.sqrt(np.sum(z**2, axis=-1, keepdims=True) / (n - 1))
    cubes = np.sum((z / np.where(spread > 0, spread, 1.0)) ** 3, axis=-1)
    return cubes * n / ((n - 1) * (n - 2))


def p_values(reach: Reach, distance: float | Floats) -> Floats:
    """The smallest alpha at which the interval leaves out a null that lies `distance` below its estimate."""
    distance = np.asarray(distance, dtype=np.float64)

    def outside(log_alpha: Floats) -> Floats:
        down, up = reach(-np.expm1(log_alpha))
        return np.where(distance > 0, distance > down, -distance > up)

    high = np.zeros(distance.shape)
    low = np.full(distance.shape, math.log(SMALLEST_P))
    never = ~outside(high).astype(bool) | (distance == 0)
    for _ in range(50):
        middle = (low + high) / 2
        out = outside(middle).astype(bool)
        low, high = np.where(out, low, middle), np.where(out, middle, high)
    return np.where(never, 1.0, np.exp(high))
