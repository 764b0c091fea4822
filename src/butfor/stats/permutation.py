"""Sign flips: if the two arms are exchangeable, each pair's difference is as likely to have either sign.

The p-value is the share of the 2^n sign patterns whose |Σ ± d| reaches the observed one. Up to 24 units all of them
are counted (as the sums of two halves); beyond, `draws` random ones and the observed one itself, so that p is never 0
and never too small (Phipson and Smyth 2010).

Limits  Exact for the null that the arms are exchangeable (d symmetric about 0), at any n, and for every A/A comparison.
        It is not a test of the mean: with skewed differences of mean 0 it rejects too often (table in
        docs/stats.md), and over many effects at once far too often, so `bands.simultaneous` is the default there.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from butfor.stats.quantiles import Floats

EXACT_UNITS = 24
DRAWS = 9_999
NEAR = 1e-10


def sign_flip(differences: ArrayLike, *, rng: Generator, draws: int = DRAWS) -> float:
    """Two-sided p-value of exchangeable arms; differences [units] (clusters: their sums)."""
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or len(d) == 0 or not np.isfinite(d).all():
        raise ValueError(f"differences must be a flat list of finite numbers, one a unit, not shape {d.shape}")
    d = d[d != 0]  # a zero has the same sum under either sign
    if len(d) == 0:
        return 1.0
    reached = abs(float(d.sum())) - NEAR * float(np.abs(d).sum())
    if len(d) <= EXACT_UNITS:
        half = len(d) // 2
        left, right = _all_sums(d[:half]), np.sort(_all_sums(d[half:]))
        above = len(right) - np.searchsorted(right, reached - left, side="left")
        below = np.searchsorted(right, -reached - left, side="right")
        count = int(above.sum() + below.sum()) if reached > 0 else len(left) * len(right)
        return min(1.0, count / (len(left) * len(right)))
    sums = signs(draws, len(d), rng) @ d
    return (1 + int(np.sum(np.abs(sums) >= reached))) / (draws + 1)


def max_t(differences: ArrayLike, *, rng: Generator, draws: int = DRAWS) -> Floats:
    """Single-step adjusted p-values of many effects on the same units (Westfall and Young 1993); differences [n, K]."""
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 2 or d.shape[0] < 2 or not np.isfinite(d).all():
        raise ValueError(f"differences must be finite and [units, effects] with two units or more, not {d.shape}")
    share = squared_share(d.sum(0), d) * (1 - NEAR)
    top = flipped_maxima(d, rng, draws)
    return np.asarray((1 + np.sum(top[:, None] >= share, axis=0)) / (draws + 1), dtype=np.float64)


def flipped_maxima(d: Floats, rng: Generator, draws: int) -> Floats:
    """Over the effects, the largest share of the sum of squares under each random sign pattern, [draws]."""
    step = max(1, (1 << 22) // d.shape[1])
    parts = [
        squared_share(signs(min(step, draws - done), len(d), rng) @ d, d).max(axis=1) for done in range(0, draws, step)
    ]
    return np.concatenate(parts)


def squared_share(sums: Floats, d: Floats) -> Floats:
    """(Σ d)² / (n Σ d²), which rises with t² and whose denominator no flip changes; 0 where every difference is 0."""
    squares = np.sum(d**2, axis=0)
    return np.asarray(sums**2 / (len(d) * np.where(squares > 0, squares, 1.0)), dtype=np.float64)


def signs(draws: int, n: int, rng: Generator) -> Floats:
    """Random signs, [draws, n]."""
    bits = np.unpackbits(rng.integers(0, 256, size=(draws, -(-n // 8)), dtype=np.uint8), axis=1)[:, :n]
    return 2.0 * bits.astype(np.float64) - 1.0


def _all_sums(d: Floats) -> Floats:
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums
