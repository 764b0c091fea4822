"""Intervals for many effects at once: with probability `level`, every one of them holds its truth.

Units are resampled together for all effects, recentred and re-studentised, and the critical value is the quantile of

    max over effects of min(|T*|, |g(T*)|),        g: Hall's skewness correction (`reach.statistic`).

Family-wise error at n = 32 over 144 effects, where 5 % is promised (docs/stats.md has the table):

                                             normal   exponential   lognormal
    the above                                 5.8 %         2.8 %       1.0 %
    sign-flip max-|t|                         5.0 %        65.5 %      96.5 %
    Bonferroni of the skewness-corrected p    3.8 %        10.8 %      31.0 %

One spiky effect makes the bands of all of them wider: that is the price.

Differences that only take the values -v, 0, v (right or wrong) are flipped in sign instead: their null of no
difference is symmetric, so flips are exact, while resamples of so few values often have no spread at all. Effects on
which fewer than five units differ from the commonest value get no band, and a check says so.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from butfor.stats.bootstrap import sums
from butfor.stats.checks import SPARSE
from butfor.stats.effect import Check, Effect
from butfor.stats.permutation import flipped_maxima, squared_share
from butfor.stats.quantiles import Floats
from butfor.stats.reach import CorrectedReach, skewness, statistic

DRAWS = 4_999
FEW = 16


def simultaneous(
    differences: ArrayLike,
    *,
    level: float = 0.95,
    rng: Generator,
    draws: int = DRAWS,
    how: Literal["auto", "bootstrap", "sign-flip"] = "auto",
    unit: str = "",
) -> list[Effect]:
    """One effect a column of differences [units, effects]; p is adjusted over all of them."""
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 2 or len(d) < 3 or not np.isfinite(d).all():
        raise ValueError(f"differences must be finite and [units, effects] with three units or more, not {d.shape}")
    flip = how == "sign-flip" or (how == "auto" and _three_valued(d))
    usable = np.any(d != 0, axis=0) if flip else _spread_out(d)
    low, high = np.full(d.shape[1], -math.inf), np.full(d.shape[1], math.inf)
    p = np.ones(d.shape[1])
    if usable.any():
        bands = flipped_bands if flip else bootstrap_bands
        down, up, p[usable] = bands(d[:, usable], level, rng, draws)
        low[usable], high[usable] = d[:, usable].mean(0) - down, d[:, usable].mean(0) + up
    method = f"max-|t| {'sign-flip' if flip else 'skewness-corrected bootstrap'}, {draws} draws, {d.shape[1]} effects"
    return [
        Effect(
            estimate=float(d[:, j].mean()), low=float(low[j]), high=float(high[j]), level=level, p=float(p[j]),
            n=len(d), unit=unit, method=method, checks=_checks(d[:, j], bool(usable[j]), flip, float(high[j])),
        )
        for j in range(d.shape[1])
    ]  # fmt: skip


def bootstrap_bands(d: Floats, level: float, rng: Generator, draws: int) -> tuple[Floats, Floats, Floats]:
    """Reach below, reach above and adjusted p of each effect; d [n, K], no column constant."""
    n = len(d)
    z = d - d.mean(0)
    z = z / np.sqrt(np.mean(z**2, axis=0))
    tilt = skewness(z.T) / math.sqrt(n)
    se = d.std(0, ddof=1) / math.sqrt(n)
    top = np.sort(_resampled_maxima(z, rng, draws))
    critical = float(top[min(math.ceil(level * (draws + 1)), draws) - 1])
    never = np.full(d.shape[1], math.inf)
    reach = CorrectedReach(se, tilt * math.sqrt(n), n)
    down, up = reach.at(critical) if math.isfinite(critical) else (never, never)
    return down, up, _adjusted(statistic(d.mean(0) / se, tilt), top)


def flipped_bands(d: Floats, level: float, rng: Generator, draws: int) -> tuple[Floats, Floats, Floats]:
    """The same by random signs; exact where the differences are symmetric about 0 under the null."""
    n = len(d)
    se = d.std(0, ddof=1) / math.sqrt(n)
    top = np.sort(flipped_maxima(d, rng, draws))  # (Σ d)² / (n Σ d²) = t² / (n - 1 + t²)
    share = min(float(top[min(math.ceil(level * (draws + 1)), draws) - 1]), 1 - 1e-12)
    critical = math.sqrt((n - 1) * share / (1 - share))
    return critical * se, critical * se, _adjusted(squared_share(d.sum(0), d), top)


def _adjusted(sizes: Floats, top: Floats) -> Floats:
    """Share of the sorted maxima that reach each statistic, which itself counts as one of them."""
    reached = len(top) - np.searchsorted(top, sizes * (1 - 1e-10), side="left")
    return np.asarray((1 + reached) / (len(top) + 1), dtype=np.float64)


def _resampled_maxima(z: Floats, rng: Generator, draws: int) -> Floats:
    """Largest min(|T*|, |g(T*)|) over the effects in each resample of standardised z [n, K]."""
    n, k = z.shape
    step = max(1, (1 << 20) // k)
    columns = np.concatenate([np.ones((n, 1)), z, z**2, z**3], axis=1)
    top: list[Floats] = []
    for done in range(0, draws, step):
        total = sums(columns, min(step, draws - done), rng)
        s1, s2, s3 = np.split(total[:, 1:] / total[:, :1], 3, axis=1)
        flat = s2 - s1**2 < 1e-9
        variance = np.where(flat, 1.0, s2 - s1**2)
        tilt = (s3 - 3 * s1 * s2 + 2 * s1**3) / variance**1.5 * (math.sqrt(n - 1) / (n - 2))
        t = s1 / np.sqrt(variance / (n - 1))
        top.append(np.where(flat, math.inf, statistic(t, tilt)).max(axis=1))
    return np.concatenate(top)


def _three_valued(d: Floats) -> bool:
    size = np.abs(d).max()
    return bool(np.isin(d, (-size, 0.0, size)).all())


def _spread_out(d: Floats) -> NDArray[np.bool_]:
    """Effects on which enough units differ from the commonest value."""
    return np.array([len(c) - np.unique(c, return_counts=True)[1].max() >= min(SPARSE, len(c) - 1) for c in d.T])


def _checks(d: Floats, usable: bool, flip: bool, high: float) -> tuple[Check, ...]:
    n = len(d)
    if not d.any():
        return (Check("identical", True, "both arms are identical on every unit"),)
    if not usable:
        return (Check("sparse", False, f"fewer than {SPARSE} of {n} units differ from the commonest value: no band"),)
    if not math.isfinite(high):
        return (Check("ties", False, "resamples without spread are common: no finite band; measure more units"),)
    if flip and abs(float(skewness(d - d.mean()))) > 2 * math.sqrt(6 / n):
        return (Check("skewed", False, "skewed differences: sign flips hold their level for exchangeable arms alone"),)
    return (Check("small-n", False, f"n = {n}: bands were not calibrated below {FEW} units"),) if n < FEW else ()
