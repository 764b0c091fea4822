"""Rosenbaum bounds: in matched pairs, how far from a coin toss may the treatment's assignment be?

Within a pair the odds that one unit rather than the other was treated lie between 1/Γ and Γ: Γ = 1 is a fair coin, as
in an experiment, and Γ = 2 allows an unseen variable that doubles the odds. Under the null that treatment does nothing
to anybody, a pair's difference is then positive with chance at most θ = Γ / (1 + Γ), so that the p-value is at most

    sign test       P(Binomial(n, θ) >= number of positive differences)
    signed rank     P(Σ rank_i B_i >= W⁺),  B_i independent Bernoulli(θ), ranks of |d| (ties share their mean rank)

pairs without a difference left out. `gamma` is the largest Γ at which that bound is still below the level.

Source    Rosenbaum 1987; 2002, chapter 4.
Limits    Of the null of no effect at all, by one tail (`two_sided` doubles it). The distribution of signed ranks is
          exact up to 100 pairs; beyond, a saddlepoint approximation (Lugannani & Rice 1980), whose relative error is
          below 1 % where the normal one is off by a third.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from butfor.core.errors import DataError, QueryError
from butfor.stats.quantiles import binomial_below, z_below

Floats = NDArray[np.float64]
Test = Literal["signed rank", "sign"]

EXACT = 100
LARGEST = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The differences of matched pairs [n], treated minus control, those of zero left out."""

    differences: Floats

    def p(self, gamma: float, test: Test = "signed rank", *, two_sided: bool = False) -> float:
        """The largest p-value of no effect, the treated being higher, when the odds within pairs reach Γ."""
        if not 1 <= gamma < math.inf:
            raise QueryError(f"Γ is a ratio of odds, 1 or more, not {gamma}")
        if test not in ("signed rank", "sign"):
            raise QueryError(f"test must be 'signed rank' or 'sign', not {test!r}")
        theta = gamma / (1 + gamma)
        tail = self._sign(theta) if test == "sign" else self._rank(theta)
        return min(1.0, tail * (2 if two_sided else 1))

    def gamma(self, alpha: float = 0.05, test: Test = "signed rank", *, two_sided: bool = False) -> float:
        """The largest Γ at which p is still at most alpha: 1 where even an experiment would show nothing."""
        if self.p(1.0, test, two_sided=two_sided) > alpha:
            return 1.0
        low, high = 0.0, math.log(LARGEST)
        if self.p(LARGEST, test, two_sided=two_sided) <= alpha:
            return math.inf
        for _ in range(40):
            middle = (low + high) / 2
            if self.p(math.exp(middle), test, two_sided=two_sided) <= alpha:
                low = middle
            else:
                high = middle
        return math.exp(low)

    def _sign(self, theta: float) -> float:
        n, up = len(self.differences), int(np.sum(self.differences > 0))
        return 1.0 if up == 0 else float(binomial_below(n - up, n, 1 - theta))

    def _rank(self, theta: float) -> float:
        doubled = _doubled_ranks(np.abs(self.differences))
        reached = int(doubled[self.differences > 0].sum())
        if len(doubled) > EXACT:
            return _saddlepoint(doubled.astype(np.float64), theta, reached - 1.0)
        chance = np.zeros(int(doubled.sum()) + 1)
        chance[0] = 1.0
        for rank in doubled:
            moved = theta * chance
            chance = (1 - theta) * chance
            chance[rank:] += moved[: len(chance) - rank]
        return min(1.0, float(chance[reached:].sum()))


def pairs(treated: ArrayLike, control: ArrayLike) -> Pairs:
    """Matched pairs by position."""
    t, c = (np.asarray(values, dtype=np.float64) for values in (treated, control))
    if t.ndim != 1 or t.shape != c.shape:
        raise DataError(f"pairs need two flat lists of one length, not {t.shape} and {c.shape}")
    d = t - c
    if not np.isfinite(d).all():
        raise DataError(f"{int(np.sum(~np.isfinite(d)))} pairs hold a missing or infinite value; leave those pairs out")
    d = d[d != 0]
    if not len(d):
        raise DataError("no pair differs: there is nothing to explain")
    return Pairs(d)


def _doubled_ranks(sizes: Floats) -> NDArray[np.int64]:
    """Twice the rank of each size, whole numbers since ties share their mean rank."""
    _, inverse, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (2 * last - counts + 1)[inverse].astype(np.int64)


def _saddlepoint(ranks: Floats, theta: float, at: float) -> float:
    """P(Σ rank_i B_i > at), B_i independent Bernoulli(θ)."""
    total = float(ranks.sum())
    if not 0 < at < total:
        return 1.0 if at <= 0 else 0.0
    low, high, t = -80.0, 80.0, 0.0  # in units of the largest rank
    scaled, at = ranks / ranks.max(), at / float(ranks.max())
    for _ in range(100):
        t = (low + high) / 2
        slope = float(np.sum(scaled / (1 + (1 - theta) / theta * np.exp(-t * scaled))))
        low, high = (t, high) if slope < at else (low, t)
    tilted = 1 / (1 + (1 - theta) / theta * np.exp(-t * scaled))
    curve = float(np.sum(scaled**2 * tilted * (1 - tilted)))
    deviance = 2 * (t * at - float(np.sum(np.log1p(theta * np.expm1(t * scaled)))))
    if deviance < 1e-8:
        return 0.5
    w, v = math.copysign(math.sqrt(deviance), t), t * math.sqrt(curve)
    return float(np.clip(z_below(-w) + math.exp(-w * w / 2) / math.sqrt(2 * math.pi) * (1 / v - 1 / w), 0, 1))
