"""Where the default interval falls short of its level, a check that is not ok says so.

    sparse        fewer than 5 units differ from the commonest value
    small-n       fewer than 16 units, or units of unequal weight that count as fewer (few-clusters: clusters do)
    skewed        |skewness| / sqrt(n) > 0.3: Hall's correction, of order skewness / sqrt(n), is no longer small
    long-tail     a claim, p below its level, with the long tail on the side of the null: -t skewness / sqrt(n) > 0.5
    few-changes   right or wrong with fewer than 6 items changed: McNemar's exact p cannot reach 5 %

A cut at some n would not do: lognormal data (sigma 2) cover 87 % at n = 64 and 92 % at n = 1000. Nor would skewness
alone: a sample whose interval misses looks less skewed than its population, so `skewed` sees 1 of 7 false claims on
lognormal data at n = 64 and none of those at 0.25 %, where Holm's correction lives. It and `long-tail` together see 8
and 9 of 10, and claims that neither warns of are false no oftener than promised, at 5 % from n = 16 on, at 0.25 % from
n = 20 on (docs/stats.md). The price: where the long tail points at the null, most true claims are warned of too
(exponential data at n = 64, t = 3: 7 of 10); where it points away, or there is none, hardly any.
"""

from __future__ import annotations

import math

import numpy as np

from butfor.stats.effect import Check
from butfor.stats.proportions import mcnemar
from butfor.stats.quantiles import Floats
from butfor.stats.reach import skewness

SMALL = 16  # with fewer units a sample cannot show how skewed its population is; effective units and clusters too
SKEWED = 0.3  # |skewness| / sqrt(n) beyond which intervals of lognormal data (sigma 1.5, 2) cover less than 95 %
LONG_TAIL = (
    0.5  # -t skewness / sqrt(n) beyond which a claim lives on the long tail; sigma 1 at n = 64: 8 of 10 false ones
)
CLEAR = 1.5  # standard errors, sqrt(6 / n), by which a skewness must differ from 0 to count there,
CLEAR_FROM = 32  # in samples of this many; fewer hide too much
SPARSE = 5  # with fewer units that differ from the commonest value, the interval may miss
FEW_CHANGES = 6  # with fewer, McNemar's exact p stays above 5 % however they fall


def shape_checks(z: Floats, past: float = 0.0, unit: str = "unit") -> list[Check]:
    """What the simulations say about the mean of values shaped like these, z centred.

    `past`: how far the mean lies beyond a null that it is claimed to differ from (0: no such claim). Where the long
    tail points at the null, such a claim says that the tail is shorter than it may be: most false claims on skewed data
    are of that kind, and their samples look less skewed than their population.
    """
    n = len(z)
    _, repeats = np.unique(np.round(z / (np.abs(z).max() or 1.0), 12), return_counts=True)
    odd = n - int(repeats.max())
    if odd == 0:
        return [Check("constant", False, f"all {n} {unit}s have one value: their spread says nothing about new ones")]
    if odd < min(SPARSE, n - 1):
        told = f"only {odd} of {n} {unit}s differ from the commonest value: the interval may miss; use more"
        return [Check("sparse", False, told)]
    if n < SMALL:
        told = (
            f"n = {n} {unit}s: so few cannot show how skewed they are, and intervals of very skewed data"
            " can cover 75 of 100 instead of 95"
        )
        return [Check("small-n", False, told)]
    skew = float(skewness(z))
    tilt = skew / math.sqrt(n)
    if abs(tilt) > SKEWED:
        told = (
            f"{n} {unit}s with skewness {skew:.1f}: intervals of such data can cover 80 of 100 instead of 95;"
            " use many more units, or a metric with bounds"
        )
        return [Check("skewed", False, told)]
    t = past / float(np.sqrt(np.sum(z**2) / (n * (n - 1))))
    if -t * tilt > LONG_TAIL and (n < CLEAR_FROM or abs(tilt) > CLEAR * math.sqrt(6) / n):
        told = (
            f"the long tail (skewness {skew:.1f}) points at no difference: p may be far too small; do not let a claim,"
            " or Holm's correction of many, rest on it alone"
        )
        return [Check("long-tail", False, told)]
    return []


def weight_checks(w: Floats, clustered: bool) -> list[Check]:
    """Units that weigh unequally count as fewer, (Σ w)² / Σ w²: the heaviest decide how far an estimate is off."""
    effective = float(w.sum() ** 2 / np.sum(w**2))
    if effective >= SMALL or len(w) < SMALL:
        return []
    told = (
        f"{len(w)} {'cluster' if clustered else 'unit'}s of unequal weight count as {effective:.1f}: with fewer than"
        f" {SMALL} such intervals can cover 85 of 100 instead of 95"
    )
    return [Check("few-clusters" if clustered else "small-n", False, told)]


def change_checks(won: int, lost: int, items: int) -> list[Check]:
    """Right or wrong: the score p of few changed items promises too much."""
    if won + lost == 0 or won + lost >= FEW_CHANGES:
        return []
    told = (
        f"only {won + lost} of {items} items changed: McNemar's exact p is {mcnemar(won, lost):.2g},"
        f" and no fewer than {FEW_CHANGES} can show anything at 5 %"
    )
    return [Check("few-changes", False, told)]
