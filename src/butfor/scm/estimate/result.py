"""From influence values to an effect: an estimate, how each row pulls on it, and the interval that follows.

An asymptotically linear estimator is the truth plus a mean of independent influence values ψ_i, so that its variance is
Σ ψ_i² / n² (van der Vaart 1998, ch. 25). Every estimator of this package but matching and the bootstraps ends here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError
from butfor.stats.effect import Check, Effect
from butfor.stats.reach import StudentReach, p_values

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """An estimate and the influence value of each row [n]; the mean of the influence values is 0."""

    estimate: float
    psi: Floats

    @property
    def se(self) -> float:
        n = len(self.psi)
        return math.sqrt(float(np.sum(self.psi**2)) / (n * max(n - 1, 1)))

    def minus(self, other: Pull) -> Pull:
        return Pull(self.estimate - other.estimate, self.psi - other.psi)

    def times(self, factor: float) -> Pull:
        return Pull(self.estimate * factor, self.psi * factor)


def effect_of(
    estimate: float, se: float, n: int, *, level: float, method: str, df: float, checks: tuple[Check, ...] = ()
) -> Effect:
    """The t interval around an estimate."""
    if not (math.isfinite(estimate) and math.isfinite(se)):
        raise DataError(
            f"{method} has no finite answer on these data; look for columns of huge numbers or copies of one another"
        )
    reach = StudentReach(se, max(df, 1.0))
    half = float(reach(level)[0])
    p = float(p_values(reach, estimate)) if se > 0 else float(estimate == 0)
    return Effect(
        estimate=estimate, low=estimate - half, high=estimate + half, level=level, p=p, n=n, method=method,
        checks=checks,
    )  # fmt: skip


def listed(estimator: object, *fields: str) -> None:
    """Let a frozen estimator's fields of names be said as one name or any sequence of them."""
    for field in fields:
        names = getattr(estimator, field)
        object.__setattr__(estimator, field, (names,) if isinstance(names, str) else tuple(names))


def check_level(level: float) -> None:
    """A level that an interval can have."""
    if not 0 < level < 1:
        raise DataError(f"level must lie between 0 and 1, not {level}; 0.95 is usual")
