"""Can the two arms be compared at all? What an estimate of adjustment should be read beside.

    overlap        everyone could have been in either arm: propensities away from 0, and inside the other arm's range
    effective-n    weights leave enough rows: (Σ w)² / Σ w² (Kish 1965)
    balance        weights make the arms' covariates alike: standardised differences of means, and of squares

The thresholds are those that the calibration (docs/estimate.md) shows to separate worlds where intervals hold from
worlds where they do not: a propensity under 0.025 for more than 5 % of rows, more than 5 % (25 / n in an arm of n under
500) outside the other arm's range, fewer than 30 rows left, 0.1 standard deviations beyond two and a half errors.
"""

from __future__ import annotations

import math

import numpy as np

from butfor.scm.estimate.design import Arms
from butfor.scm.estimate.result import Floats, Mask
from butfor.stats.effect import Check

RARE = 0.025  # a propensity below this is rare
SHARE = 0.05  # of rows that may be rare, or outside the other arm's range
EDGE = 25.0  # the range of n rows ends short of the truth: this over the smaller arm may lie outside as well
LEFT = 30.0  # effective rows of an arm
APART = 0.1  # standard deviations
LUCK = 2.5  # standard errors


def arm_checks(arms: Arms, e: tuple[Floats, Floats], weights: tuple[Floats, Floats]) -> tuple[Check, ...]:
    """Overlap, effective n and balance from each arm's propensities [n] and weights [n]."""
    return overlap(arms, e), effective(arms, weights), balance(arms, weights)


def overlap(arms: Arms, e: tuple[Floats, Floats]) -> Check:
    """How many of those the effect is about are hardly ever in one of the arms."""
    about = arms.about / arms.about.sum()
    needed = _needed(arms)
    rare, outside = np.zeros(arms.n, dtype=np.bool_), np.zeros(arms.n, dtype=np.bool_)
    for place in needed:
        mask = (arms.treated, arms.control)[place]
        rare |= e[place] < RARE
        outside |= (e[place] < e[place][mask].min() - 1e-9) | (e[place] > e[place][mask].max() + 1e-9)
    rarely, beyond = float(np.sum(about[rare])), float(np.sum(about[outside]))
    least = min(float(e[place][arms.about > 0].min()) for place in needed)
    smaller = min(float(arms.treated.sum()), float(arms.control.sum()))
    ok = rarely <= SHARE and beyond <= max(SHARE, EDGE / smaller)
    told = f"{rarely:.1%} of rows have a propensity under {RARE} in an arm (the least: {least:.3g}), {beyond:.1%} lie"
    told += " outside the other arm's range"
    if not ok:
        told += "; the effect on them is extrapolated: ask about fewer (target='att'), or narrow the data"
    return Check("overlap", ok, told)


def effective(arms: Arms, weights: tuple[Floats, Floats]) -> Check:
    """How many rows each arm's weights leave."""
    left = [kish(w[mask]) for (mask, _), w in zip(arms.arms, weights, strict=True)]
    sizes = [int(mask.sum()) for mask, _ in arms.arms]
    ok = min(left) >= LEFT
    told = f"the weights leave {left[0]:.0f} of {sizes[0]} treated rows and {left[1]:.0f} of {sizes[1]} control rows"
    return Check("effective-n", ok, told if ok else f"{told}; under {LEFT:.0f} an interval is not to be trusted")


def balance(arms: Arms, weights: tuple[Floats, Floats]) -> Check:
    """The largest standardised difference between the weighted arms, of covariates and their squares."""
    if not arms.z.shape[1]:
        return Check("balance", True, "no covariates to balance")
    z, names = with_squares(arms.z, arms.names)
    one, zero = (w * mask for w, (mask, _) in zip(weights, arms.arms, strict=True))
    spread = np.sqrt((z[arms.treated].var(axis=0) + z[arms.control].var(axis=0)) / 2)
    gap = one @ z / one.sum() - zero @ z / zero.sum()
    size = np.abs(gap) / np.where(spread > 0, spread, 1.0)
    worst = int(np.argmax(size))
    limit = APART + LUCK * math.sqrt(1 / kish(one) + 1 / kish(zero))
    ok = bool(size[worst] <= limit)
    told = f"after weighting the arms differ most in {names[worst]}, by {size[worst]:.3f} standard deviations"
    return Check("balance", ok, told if ok else f"{told} (over {limit:.2f}): the propensities are not right")


def with_squares(z: Floats, names: tuple[str, ...]) -> tuple[Floats, tuple[str, ...]]:
    """Covariates and the squares of those with more than two values."""
    curved = [i for i in range(z.shape[1]) if len(np.unique(z[:, i])) > 2]
    centred = z - z.mean(axis=0)
    squares = centred[:, curved] ** 2
    return np.concatenate([z, squares], axis=1), names + tuple(f"{names[i]}²" for i in curved)


def kish(weights: Floats) -> float:
    """(Σ w)² / Σ w²."""
    total = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / total if total > 0 else 0.0


def _needed(arms: Arms) -> list[int]:
    """The arms whose propensities must not be small: for an effect on the treated, only that of control."""
    inside: list[Mask] = [arms.treated, arms.control]
    return [place for place in (0, 1) if not bool(np.all(inside[place] == (arms.about > 0)))]
