"""What a refuter gets (`Case`) and what it gives (`Refutation`), and the two tests that the refuters share.

`off_target`   The draws' mean over infinitely many draws lies within `tolerance` · scale of a target: a t test of the
               nearer end. The tolerance is a share of a standard error: a bias of 0.2 standard errors takes a 95 %
               interval to 94.5 %, which no reader would call a refutation; at 0 it is the plain t test.
`too_spread`   The draws' standard deviation is at most (1 + tolerance) times what the standard error predicts: χ² of
               their distances from the median, none counted as more than 2.5 of those standard deviations, since a few
               wild draws say that the estimator can run wild, not that this interval is too narrow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.refuters.many import points
from butfor.scm.refuters.typed import chi_square_above, t_above
from butfor.stats.effect import Effect
from butfor.stats.quantiles import z_quantile

Floats = NDArray[np.float64]

LOST = 0.1  # share of draws on which an estimator may fail
WILD = 2.5
ROUNDING = 1e-6  # two ways to the same estimate agree to this share of it


class Estimator(Protocol):
    """What is refuted: a frozen dataclass that turns data into an effect."""

    @property
    def x(self) -> str: ...
    @property
    def y(self) -> str: ...
    def __call__(self, data: Any, /) -> Effect: ...
    def point(self, data: Columns, /) -> float: ...


@dataclass(frozen=True, slots=True)
class Refutation:
    """What a refuter found: its statistic with an interval, the p-value of its null, and one sentence.

    `ok` is False where the effect should not be taken at face value; `p` is None where the refuter has no null.
    """

    name: str
    statistic: float
    low: float
    high: float
    p: float | None
    ok: bool
    draws: int
    sentence: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'WARNING'} {self.name}: {self.sentence}"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """An effect on trial: the data, the estimator, what it said, and how hard to try."""

    data: Columns
    estimator: Estimator
    effect: Effect
    draws: int
    seed: int
    jobs: int | None
    alpha: float
    tolerance: float

    @property
    def given(self) -> tuple[str, ...]:
        """The covariates that the estimator adjusts for."""
        return tuple(getattr(self.estimator, "given", ()))

    @property
    def se(self) -> float:
        """The standard error that the effect's interval implies."""
        return implied_se(self.effect)

    @property
    def claims(self) -> bool:
        """The effect says that it is not zero."""
        return self.effect.excludes(0.0)

    def rng(self, name: str) -> Generator:
        return generator(self.seed, "refute", name)

    def altered(self, **fields: object) -> Estimator:
        """The estimator with other fields."""
        for name in fields:
            if name not in getattr(self.estimator, "__dataclass_fields__", {}):
                raise QueryError(f"{type(self.estimator).__name__} has no {name!r} that could be changed")
        return cast(Estimator, dataclasses.replace(cast(Any, self.estimator), **fields))

    def points(
        self,
        *,
        estimator: Estimator | None = None,
        replaced: Mapping[str, NDArray[Any]] | None = None,
        weights: Floats | None = None,
    ) -> Floats:
        """Estimates [draws] on changed data; draws on which the estimator fails are left out, unless they are many."""
        found, failure = points(estimator or self.estimator, self.data, replaced or {}, weights, self.jobs)
        kept = found[np.isfinite(found)]
        if len(kept) < (1 - LOST) * len(found) or len(kept) < 2:
            told = f" ({failure})" if failure else ""
            raise DataError(f"the estimator fails on {len(found) - len(kept)} of {len(found)} changed data sets{told}")
        return kept

    def range_of(self, values: Floats) -> tuple[float, float]:
        """The middle of the draws."""
        low, high = np.quantile(values, [self.alpha / 2, 1 - self.alpha / 2])
        return float(low), float(high)


def implied_se(effect: Effect) -> float:
    """The standard error of a normal interval as wide as the effect's."""
    return (effect.high - effect.low) / 2 / float(z_quantile((1 + effect.level) / 2))


def off_target(values: Floats, target: float, scale: float, tolerance: float) -> float:
    """p of: the mean of all possible draws lies within tolerance · scale of the target."""
    shift, spread = abs(float(values.mean()) - target), float(values.std(ddof=1)) / math.sqrt(len(values))
    beyond = shift - tolerance * scale
    if shift <= ROUNDING * abs(target) or beyond <= 0 < tolerance:
        return 1.0
    if spread == 0:
        return 0.0
    return 2 * t_above(abs(beyond) / spread, len(values) - 1)


def too_spread(values: Floats, sd: float, tolerance: float) -> float:
    """p of: the draws' standard deviation is at most (1 + tolerance) · sd."""
    if float(values.std()) <= ROUNDING * abs(float(values.mean())):
        return 1.0
    if sd <= 0:
        return 0.0
    far = np.minimum(np.abs(values - np.median(values)) / (sd * (1 + tolerance)), WILD)
    squares = float(np.sum(far**2))
    return chi_square_above(squares, len(values) - 1)


def shown(value: float) -> str:
    """A number as a sentence tells it."""
    return f"{value:.3g}" if math.isfinite(value) else "∞"


def between(low: float, high: float) -> str:
    return f"[{shown(low)}, {shown(high)}]"
