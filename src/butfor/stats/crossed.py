"""Seeds × items: every seed answers the same items, so neither repeats the other.

    d[s, i] = μ + seed_s + item_i + noise_si          S seeds, n items, all random

The grand mean has variance σ²_seed / S + σ²_item / n + σ²_noise / (nS). The items' interval, made from the items' means
over seeds, already holds the last two; what the seeds add is max(0, MS_seed − MS_noise) / (nS)
on S − 1 degrees of freedom. The two independent parts are joined by the method of variance estimates recovery (MOVER; Zou and Donner 2008):

    low = μ̂ − sqrt((μ̂ − low_items)² + (t_{S−1} · se_seeds)²),    high likewise.

Limits  Identical seeds give exactly the items' interval: repeating a deterministic run proves nothing more.
        Identical items give exactly the seeds' t interval on S − 1 degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from butfor.stats.quantiles import Floats, t_quantile

ANCHOR = 10


class Reach(Protocol):
    """How far an interval at `level` reaches below and above its estimate."""

    def __call__(self, level: float, /) -> tuple[float, float]: ...


@dataclass(frozen=True, slots=True)
class StudentReach:
    """The t interval."""

    se: float
    df: float

    def __call__(self, level: float, /) -> tuple[float, float]:
        half = self.se * -float(t_quantile((1 - level) / 2, self.df)) if self.se > 0 else 0.0
        return half, half


@dataclass(frozen=True, slots=True, eq=False)
class DrawsReach:
    """The studentised bootstrap; beyond its tenth-last draw the tail goes on in proportion to Student's t."""

    se: float
    t: Floats

    def __call__(self, level: float, /) -> tuple[float, float]:
        tail = (1 - level) / 2
        size = len(self.t)
        k = max(math.floor(tail * (size + 1)), ANCHOR)
        stretch = 1.0
        if tail * (size + 1) < ANCHOR:
            stretch = float(t_quantile(tail, 30) / t_quantile(ANCHOR / (size + 1), 30))
        return self.se * stretch * float(self.t[-k]), self.se * stretch * -float(self.t[k - 1])


@dataclass(frozen=True, slots=True)
class JoinedReach:
    """Two independent sources of error, by MOVER."""

    first: Reach
    second: Reach

    def __call__(self, level: float, /) -> tuple[float, float]:
        (down, up), (down2, up2) = self.first(level), self.second(level)
        return math.hypot(down, down2), math.hypot(up, up2)


def p_value(reach: Reach, distance: float) -> float:
    """The smallest alpha at which the interval leaves out a null that lies `distance` below the estimate."""

    def excluded(alpha: float) -> bool:
        down, up = reach(1 - alpha)
        return distance > down if distance > 0 else -distance > up

    if distance == 0 or not excluded(1.0):
        return 1.0
    low, high = math.log(1e-15), 0.0
    if excluded(1e-15):
        return 1e-15
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if excluded(math.exp(middle)) else (middle, high)
    return math.exp(high)


def mean_squares(z: Floats) -> tuple[float, float, float]:
    """Mean squares of seeds, items and noise of centred values z [S, n]."""
    seeds, n = z.shape
    by_seed, by_item = z.mean(1, keepdims=True), z.mean(0, keepdims=True)
    rest = z - by_seed - by_item + z.mean()
    return (
        n * float(np.sum((by_seed - z.mean()) ** 2)) / (seeds - 1),
        seeds * float(np.sum((by_item - z.mean()) ** 2)) / (n - 1),
        float(np.sum(rest**2)) / ((seeds - 1) * (n - 1)),
    )


def seeds_reach(z: Floats) -> StudentReach:
    """What the choice of seeds adds to the error of the grand mean of z [S, n]."""
    seeds, n = z.shape
    of_seeds, _, of_noise = mean_squares(z)
    return StudentReach(math.sqrt(max(0.0, of_seeds - of_noise) / (n * seeds)), seeds - 1)
