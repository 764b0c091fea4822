"""How much of one treatment's gain does another one reach? A ratio of two differences, with an interval.

Equation  share ρ = (part − none) / (whole − none), of means over the same items, and seeds.
Interval  Fieller's: all ρ for which part − [(1 − ρ) none + ρ whole] is not told from 0 by `paired` at the level asked
          for. So seeds and items count as they do in every comparison, and no draw is needed.
Source    Fieller 1954.
Limits    Where whole − none is not told from 0 there is no share to speak of: the interval is unbounded on one side or
          both, and a check says so. part = whole gives 1, part = none gives 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from numpy.typing import ArrayLike

from butfor.stats.compare import matrix, paired
from butfor.stats.effect import Check, Effect

STEPS = 20  # of a bisection
FAR = 1e6  # a share that is as good as infinite


def recovered(
    part: ArrayLike, whole: ArrayLike, none: ArrayLike, *, clusters: ArrayLike | None = None, level: float = 0.95
) -> Effect:
    """The share of (whole − none) that part reaches; arrays [seeds, items] or [items], of the same items."""
    p, w, n = matrix(part, "part"), matrix(whole, "whole"), matrix(none, "none")
    gain = float((w - n).mean())
    if gain == 0:
        raise ValueError("whole and none have the same mean: there is no gain of which a share could be recovered")
    share = float((p - n).mean()) / gain

    def told(rho: float) -> bool:
        """Whether this share can be ruled out."""
        return paired(p, (1 - rho) * n + rho * w, clusters=clusters, level=level).excludes()

    there = paired(w, n, clusters=clusters, level=level)
    low, high = (_end(told, share, side) if there.excludes() else side * math.inf for side in (-1.0, 1.0))
    check = Check("no-gain", there.excludes(), f"whole minus none is {there}: a share of it needs a gain above chance")
    return Effect(
        estimate=share,
        low=low,
        high=high,
        level=level,
        p=None,
        n=there.n,
        unit="share",
        seeds=len(p),
        method=f"Fieller on {there.method}",
        checks=(check,),
    )


def _end(told: Callable[[float], bool], share: float, side: float) -> float:
    """The end of the set of shares that cannot be ruled out, on one side of the estimate."""
    inside, far = share, 0.25
    while not told(share + side * far):
        inside, far = share + side * far, 2 * far
        if far > FAR:
            return side * math.inf
    outside = share + side * far
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if told(middle) else (middle, outside)
    return inside
