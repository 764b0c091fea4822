"""How strong must an unseen common cause be? Two closed forms: the E-value and the omitted variable of a regression.

E-value   The least risk ratio that an unseen variable must have with both treatment and outcome, above the measured
          covariates, to explain a risk ratio R >= 1 away: E = R + sqrt(R (R - 1)); R < 1 is turned over first, and the
          interval's own E-value is that of its end nearer to 1. A difference d in standard deviations of the outcome
          stands for R = exp(0.91 d).
Omitted   Least squares of y on x and covariates, with a variable U left out that explains r_x of the rest of x
          (partial R² of U with x given the covariates) and r_y of the rest of y (given x and the covariates):
              |bias| = se sqrt(df) sqrt(r_y r_x / (1 - r_x)),   se' = se sqrt((1 - r_y) / (1 - r_x) · df / (df - 1)).
          The robustness value is the r = r_x = r_y that carries the estimate to zero (or its interval to touch zero).
          A benchmark says how much one observed covariate explains; `times(k)` bounds a U that is k times as strong.

Sources   VanderWeele & Ding 2017; Chinn 2000 (0.91); Cinelli & Hazlett 2020.
Limits    The E-value's conversion of differences is approximate and meant for outcomes that are roughly normal. The
          omitted-variable forms are exact in the sample for least squares, and speak of linear confounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.scm.columns import Columns
from butfor.scm.estimate.design import Label, arm
from butfor.scm.refuters.batched import basis, without
from butfor.stats.effect import Effect
from butfor.stats.quantiles import t_quantile

Floats = NDArray[np.float64]

LOG_RISK_PER_SD = 0.91
HALVINGS = 60
FULL = 1 - 1e-12  # no variable explains all


@dataclass(frozen=True, slots=True)
class EValue:
    """The E-value of an estimate, and of the end of its interval that lies nearer to no effect (1: nothing needed)."""

    ratio: float
    estimate: float
    bound: float


def e_value(ratio: float, low: float | None = None, high: float | None = None) -> EValue:
    """The E-value of a risk ratio and of its interval."""
    low, high = ratio if low is None else low, ratio if high is None else high
    if not 0 < ratio < math.inf:
        raise QueryError(f"a risk ratio is a positive number, not {ratio}; for a difference use e_value_of_difference")
    if not 0 <= low <= ratio <= high:
        raise QueryError(f"the risk ratio {ratio} lies outside its interval [{low}, {high}]")
    near = max(low, 1.0) if ratio >= 1 else min(high, 1.0)
    return EValue(ratio, _e(ratio), _e(near))


def e_value_of_difference(effect: Effect, sd: float) -> EValue:
    """The E-value of a difference of means with the outcome's standard deviation `sd`, by the usual approximation."""
    if not 0 < sd < math.inf:
        raise QueryError(f"the outcome's standard deviation must be positive, not {sd}")
    ends = (math.exp(LOG_RISK_PER_SD * value / sd) for value in (effect.estimate, effect.low, effect.high))
    return e_value(*ends)


def _e(ratio: float) -> float:
    up = max(ratio, 1 / ratio) if ratio > 0 else math.inf
    return up + math.sqrt(up * (up - 1)) if math.isfinite(up) else math.inf


@dataclass(frozen=True, slots=True)
class Omitted:
    """A least-squares coefficient and what a variable left out of the regression could do to it."""

    estimate: float
    se: float
    df: int

    @property
    def partial_r2(self) -> float:
        """The share of the rest of the outcome that the treatment explains."""
        t2 = (self.estimate / self.se) ** 2
        return t2 / (t2 + self.df)

    def bias(self, r_x: float, r_y: float) -> float:
        """The size of the bias from a variable left out with these partial R²."""
        for r in (r_x, r_y):
            if not 0 <= r <= 1:
                raise QueryError(f"a partial R² lies between 0 and 1, not {r}")
        if r_x >= 1:
            return math.inf if r_y > 0 else 0.0
        return self.se * math.sqrt(self.df * r_y * r_x / (1 - r_x))

    def adjusted(self, r_x: float, r_y: float) -> tuple[float, float]:
        """The estimate, moved towards zero and beyond, and its standard error had that variable been adjusted for."""
        moved = self.estimate - math.copysign(self.bias(r_x, r_y), self.estimate)
        return moved, self.se * math.sqrt((1 - r_y) / (1 - min(r_x, FULL)) * self.df / (self.df - 1))

    def interval(self, r_x: float, r_y: float, level: float = 0.95) -> tuple[float, float]:
        """The interval had that variable been adjusted for."""
        moved, se = self.adjusted(r_x, r_y)
        reach = float(t_quantile((1 + level) / 2, self.df - 1)) * se
        return moved - reach, moved + reach

    def robustness(self, share: float = 1.0, level: float | None = None) -> float:
        """The partial R² with both x and y that takes away `share` of the estimate (`level`: or its significance).

        With a level, the variable may also explain less of y than of x where that harms more (1 - r_y narrows the
        interval), which is why strong effects have a form of their own.
        """
        f = share * abs(self.estimate / self.se) / math.sqrt(self.df)
        critical = 0.0
        if level is not None:
            critical = float(t_quantile((1 + level) / 2, self.df - 1)) / math.sqrt(self.df - 1)
        rest = f - critical
        if rest <= 0:
            return 0.0
        if critical and f * critical > 1:
            return (f**2 - critical**2) / (1 + f**2)
        return (math.sqrt(rest**4 + 4 * rest**2) - rest**2) / 2


@dataclass(frozen=True, slots=True)
class Benchmark:
    """How much one observed covariate explains of x (given the others) and of y (given x and the others)."""

    name: str
    r_x: float
    r_y: float

    @property
    def most(self) -> float:
        """The largest k for which a variable k times as strong can exist."""
        return math.inf if self.r_x <= 0 else (1 - self.r_x) / self.r_x

    def times(self, k: float) -> tuple[float, float]:
        """Bounds on the partial R² of a variable k times as strong as this covariate, and unrelated to it."""
        odds_x, odds_y = _odds(self.r_x), _odds(self.r_y)
        r_x = min(k * odds_x, FULL)
        shared = min(k * self.r_x**2 / max((1 - k * self.r_x) * (1 - self.r_x), 1e-300), FULL)
        if k * self.r_x >= 1:
            shared = FULL
        reach = (math.sqrt(k) + math.sqrt(shared)) / math.sqrt(1 - shared)
        return r_x, min(reach**2 * odds_y, 1.0)


def omitted(data: Any, x: str, y: str, given: Sequence[str] = ()) -> Omitted:
    """The least squares of y on x and `given`, ready to be asked about a variable left out."""
    columns = Columns.read(data, [x, y, *given])
    q = basis(columns.matrix(given))
    rest_x, rest_y = without(columns.varying(x), q), without(columns.number(y), q)
    df = columns.n - q.shape[1] - 1
    if df < 2:
        raise DataError(f"{columns.n} rows are too few for a regression with {q.shape[1] + 1} coefficients")
    xx = float(rest_x @ rest_x)
    if xx <= 1e-10 * columns.n * float(columns[x].astype(np.float64).var() if columns.is_number(x) else 0.25):
        raise DataError(f"{', '.join(given)} determine {x!r}: nothing of it is left to have an effect")
    b = float(rest_x @ rest_y) / xx
    rest = rest_y - b * rest_x
    return Omitted(b, math.sqrt(float(rest @ rest) / df / xx), df)


def benchmarks(data: Any, x: str, y: str, given: Sequence[str]) -> tuple[Benchmark, ...]:
    """What each observed covariate explains, all indicators of a label column together."""
    columns = Columns.read(data, [x, y, *given])
    found: list[Benchmark] = []
    for name in given:
        rest = columns.matrix([other for other in given if other != name])
        both = columns.matrix(given)
        t, o = columns.varying(x), columns.number(y)
        r_x = _explained(t, rest, both)
        r_y = _explained(o, np.column_stack([rest, t]), np.column_stack([both, t]))
        found.append(Benchmark(name, r_x, r_y))
    return tuple(found)


def tipping(left: Omitted, mark: Benchmark) -> float:
    """How many times as strong as the covariate a variable must be to carry the estimate to zero (inf: never)."""

    def gone(k: float) -> bool:
        return left.bias(*mark.times(k)) >= abs(left.estimate)

    high = 1.0
    while not gone(high):
        high *= 2
        if high > 1e9:
            return math.inf
    low = 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if gone(middle) else (middle, high)
    return high


def bounding_factors(data: Any, x: str, y: str, given: Sequence[str], *, treated: Label = 1) -> dict[str, float]:
    """By what factor a variable like each covariate could move a risk ratio: a b / (a + b - 1) (Ding 2016).

    The covariate is cut in two at its median (labels: the commonest against the rest); a is its risk ratio with the
    treatment, and b that with the outcome within the arm where it is larger (of a number: exp(0.91 d)).
    """
    columns = Columns.read(data, [x, y, *given])
    one, outcome = arm(columns, x, treated), columns.number(y)
    found: dict[str, float] = {}
    for name in given:
        if columns.is_number(name):
            middle = np.median(columns[name])
            up = columns[name] > middle if middle < columns[name].max() else columns[name] >= middle
        else:
            codes, _ = columns.codes(name)
            up = codes == np.bincount(codes).argmax()
        a = _ratio(up[one].mean(), up[~one].mean(), columns.n)
        parts = [_moved(outcome[rows & up], outcome[rows & ~up], float(outcome.std())) for rows in (one, ~one)]
        b = max(parts)
        found[name] = a * b / (a + b - 1)
    return found


def _moved(high: Floats, low: Floats, sd: float) -> float:
    if not len(high) or not len(low):
        return 1.0
    if np.all((high == 0) | (high == 1)) and np.all((low == 0) | (low == 1)):
        return _ratio(high.mean(), low.mean(), len(high) + len(low))
    return math.exp(LOG_RISK_PER_SD * abs(float(high.mean() - low.mean())) / sd)


def _ratio(a: float, b: float, n: int) -> float:
    """A ratio of shares, 1 or more; a share of none counts as half a row."""
    high, low = max(a, b, 0.5 / n), max(min(a, b), 0.5 / n)
    return float(high / low)


def _explained(target: Floats, fewer: Floats, more: Floats) -> float:
    """The share of what `fewer` leave of the target that the further columns in `more` explain."""
    left, right = (without(target, basis(part)) for part in (fewer, more))
    before, after = float(left @ left), float(right @ right)
    return min(max(1 - after / before, 0.0), FULL) if before > 0 else 0.0


def _odds(r: float) -> float:
    return r / (1 - r)
