"""The marginal sensitivity model: what if the propensities are wrong by a factor Λ in the odds?

Everybody's true odds of treatment, knowing the unseen too, lie within a factor Λ of the odds e(z) / (1 - e(z)) that the
covariates give. The weight of a treated unit is then 1 + l (1 - e) / e with any l in [1/Λ, Λ] (a control's is
1 + l e / (1 - e)), and each arm's mean, normalised by its weights, is largest where

    max over l of  Σ w_i(l_i) y_i / Σ w_i(l_i)

which a fractional linear programme solves by sorting: the largest outcomes take Λ, all below some cut take 1/Λ, and the
best cut is found by cumulated sums. The difference lies between low₁ - high₀ and high₁ - low₀. Λ = 1 is inverse
probability weighting itself. Intervals resample the rows, refit the propensity, and take the lower quantile of the
lower ends and the upper quantile of the upper ones. `lost` is the Λ at which an end reaches zero.

Sources   Tan 2006; Zhao, Small & Bhattacharya 2019 (the programme and the percentile bootstrap).
Limits    Treatment of two values, with overlap; logistic propensity. The bounds are valid but not the sharpest (they
          do not use that the weights must balance the covariates; Dorn & Guo 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.estimate.design import Label, arm
from butfor.scm.refuters.batched import logistic, with_one

Floats = NDArray[np.float64]

LARGEST = 1e4
STEPS = 30
CLOSE = 1e-7
CHUNK = 1 << 21
LEAST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One arm, outcomes in falling order: y [n], weights of resamples [draws, n], odds of the other arm [draws, n]."""

    y: Floats
    rows: Floats
    odds: Floats

    def highest(self, factor: Floats) -> Floats:
        """The largest weighted mean of each draw [draws] under factors Λ [draws]."""
        return _best(self.y, self.rows, self.odds, factor)

    def lowest(self, factor: Floats) -> Floats:
        """The smallest."""
        return -_best(-self.y[::-1], self.rows[:, ::-1], self.odds[:, ::-1], factor)


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """Both arms on the data themselves (draw 0) and on resamples (the further draws)."""

    treated: Arm
    control: Arm

    @property
    def draws(self) -> int:
        """How many resamples there are."""
        return len(self.treated.rows) - 1

    @property
    def estimate(self) -> float:
        """Inverse probability weighting with normalised weights, Λ = 1."""
        return self.bounds(1.0)[0]

    def bounds(self, factor: float) -> tuple[float, float]:
        """The smallest and the largest difference that a factor Λ allows."""
        low, high = self._ends(_checked(factor), slice(0, 1))
        return float(low[0]), float(high[0])

    def interval(self, factor: float, level: float = 0.95) -> tuple[float, float]:
        """The percentile-bootstrap interval of those bounds."""
        if not self.draws:
            raise QueryError("an interval needs resamples; give draws=1000")
        low, high = self._ends(_checked(factor), slice(1, None))
        return float(np.quantile(low, (1 - level) / 2)), float(np.quantile(high, (1 + level) / 2))

    def lost(self, level: float | None = None) -> float:
        """The Λ at which the bounds (`level`: the interval) reach zero: 1 where they hold it already, inf for never."""
        sign = 1.0 if self.estimate >= 0 else -1.0
        if level is None:
            return float(self._crossings(sign, slice(0, 1))[0])
        if not self.draws:
            raise QueryError("an interval needs resamples; give draws=1000")
        return float(np.quantile(self._crossings(sign, slice(1, None)), (1 - level) / 2, method="lower"))

    def _ends(self, factor: float | Floats, part: slice) -> tuple[Floats, Floats]:
        one, two = (Arm(arm.y, arm.rows[part], arm.odds[part]) for arm in (self.treated, self.control))
        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), (len(one.rows),))
        return one.lowest(factors) - two.highest(factors), one.highest(factors) - two.lowest(factors)

    def _crossings(self, sign: float, part: slice) -> Floats:
        """The Λ of each draw at which its end on the far side of the estimate reaches zero."""
        one, two = (Arm(arm.y, arm.rows[part], arm.odds[part]) for arm in (self.treated, self.control))
        upper, lower = (one, two) if sign > 0 else (two, one)

        def gap(log: Floats) -> Floats:
            factor = np.exp(log)
            return upper.lowest(factor) - lower.highest(factor)

        return np.exp(_roots(gap, len(one.rows), math.log(LARGEST)))


def _roots(value: Callable[[Floats], Floats], count: int, most: float) -> Floats:
    """Where each of `count` falling functions reaches zero in [0, most]: 0 where it starts below, inf for never.

    Brackets double until they hold the root; then regula falsi (Illinois), all functions at once.
    """
    low, high = np.zeros(count), np.full(count, 0.5)
    f_low = value(low)
    below = f_low <= 0
    f_high = value(high)
    while np.any(short := (f_high > 0) & (high < most)):
        low, f_low = np.where(short, high, low), np.where(short, f_high, f_low)
        high = np.where(short, np.minimum(2 * high, most), high)
        f_high = value(high)
    never = f_high > 0
    settled = below | never
    scale = np.maximum(np.abs(f_low), np.abs(f_high))
    side, middle = np.zeros(count), high
    for _ in range(STEPS):
        middle = np.where(settled, high, (low * f_high - high * f_low) / np.where(settled, 1.0, f_high - f_low))
        found = value(middle)
        if np.all(settled | (np.abs(found) < CLOSE * scale)):
            break
        up = found > 0
        f_high = np.where(up, np.where(side > 0, f_high / 2, f_high), found)
        f_low = np.where(up, found, np.where(side < 0, f_low / 2, f_low))
        low, high = np.where(up, middle, low), np.where(up, high, middle)
        side = np.where(up, 1.0, -1.0)
    return np.where(below, 0.0, np.where(never, np.inf, middle))


def marginal(
    data: Any,
    x: str,
    y: str,
    given: Sequence[str] = (),
    *,
    treated: Label = 1,
    control: Label = 0,
    draws: int = 0,
    seed: int = 0,
) -> Marginal:
    """The model of these columns, with `draws` resamples for intervals."""
    columns = Columns.read(data, [x, y, *given])
    one, two = arm(columns, x, treated), arm(columns, x, control)
    columns, label = columns.take(one | two), one[one | two].astype(np.float64)
    design, outcome = with_one(columns.matrix(given)), columns.number(y)
    order = np.argsort(-outcome, kind="stable")
    design, outcome, label = design[order], outcome[order], label[order]
    n = columns.n
    rng = generator(seed, "marginal")
    counts = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    counts = np.concatenate([np.ones((1, n)), counts])
    if np.any(counts[:, label == 1].sum(1) == 0) or np.any(counts[:, label == 0].sum(1) == 0):
        raise DataError("an arm is so small that a resample lost it; gather more rows, or give draws=0")
    step = max(1, CHUNK // n)
    chance = np.concatenate([logistic(design, label, counts[at : at + step]) for at in range(0, len(counts), step)])
    chance = np.clip(chance, LEAST, 1 - LEAST)
    one, two = label == 1, label == 0
    return Marginal(
        Arm(outcome[one], counts[:, one], ((1 - chance) / chance)[:, one]),
        Arm(outcome[two], counts[:, two], (chance / (1 - chance))[:, two]),
    )


def odds_of(data: Any, x: str, given: Sequence[str], *, treated: Label = 1, control: Label = 0) -> dict[str, float]:
    """By what factor leaving out each covariate changes the odds of treatment: the geometric mean over the rows."""
    columns = Columns.read(data, [x, *given])
    one, two = arm(columns, x, treated), arm(columns, x, control)
    columns, label = columns.take(one | two), one[one | two].astype(np.float64)
    logits = {name: _logit(columns, label, [other for other in given if other != name]) for name in given}
    whole = _logit(columns, label, given)
    return {name: float(np.exp(np.mean(np.abs(whole - logit)))) for name, logit in logits.items()}


def _logit(columns: Columns, label: Floats, given: Sequence[str]) -> Floats:
    chance = np.clip(logistic(with_one(columns.matrix(given)), label)[0], LEAST, 1 - LEAST)
    return np.asarray(np.log(chance / (1 - chance)), dtype=np.float64)


def _checked(factor: float) -> float:
    if not 1 <= factor < math.inf:
        raise QueryError(f"Λ is a ratio of odds, 1 or more, not {factor}")
    return factor


def _best(y: Floats, rows: Floats, odds: Floats, factor: Floats) -> Floats:
    """max over cuts of (Σ_{i <= cut} (1 + Λ o) y + Σ_{i > cut} (1 + o / Λ) y) / Σ of the weights; y falls; [draws]."""
    f = factor[:, None]
    high, low = rows * (1 + f * odds), rows * (1 + odds / f)
    more = np.cumsum(high - low, axis=1)
    more_y = np.cumsum((high - low) * y, axis=1)
    base, base_y = low.sum(1, keepdims=True), (low * y).sum(1, keepdims=True)
    best = np.max((base_y + more_y) / (base + more), axis=1)
    return np.maximum(best, (base_y / base)[:, 0])
