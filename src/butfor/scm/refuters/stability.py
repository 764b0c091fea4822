"""Changes that should not move an estimate by more than chance: a useless covariate, part of the rows, resampled rows.

Both kinds of resampling have a known yardstick. Given the data, the estimate on a random subset of a share f of the
rows differs from the full one with variance s² (1 - f) / f, and the estimate on a bootstrap resample with variance s²,
where s is the standard error that the effect's interval implies. So two nulls are tested, each at half the level:

    no drift     the mean of the draws lies within tolerance · s of the estimate
    no excess    their standard deviation is at most (1 + tolerance) times the one predicted: no interval too narrow

Sources   Politis, Romano & Wolf 1999 (subsampling); Efron 1979.
Limits    Matching and cross-fitted estimators are not made for resampled rows (copies of a row stand in two folds, or
          match one another: Abadie & Imbens 2008): for those believe the subset. Rows that depend on one another
          (clusters, time) deceive both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.refuters.case import Case, Refutation, between, off_target, shown, too_spread

Floats = NDArray[np.float64]

ADDED = "added at random"
MOVES = 5.0


@dataclass(frozen=True, slots=True)
class RandomCause:
    """A covariate of pure noise added to those adjusted for: normal, or a fair coin where they are all discrete.

    Null: the estimate moves by at most 5 · tolerance (one, as it stands) of its standard errors on average. Least
    squares hardly moves at all, but what chooses neighbours or penalties anew moves by a good part of one.
    """

    name: ClassVar[str] = "random_cause"

    def unfit(self, case: Case) -> str:
        return "" if hasattr(case.estimator, "given") else "it needs an estimator that adjusts for covariates"

    def __call__(self, case: Case) -> Refutation:
        shape, rng = (case.draws, case.data.n), case.rng(self.name)
        counted = bool(case.given) and all(case.data.is_discrete(name) for name in case.given)
        noise = rng.integers(0, 2, size=shape).astype(np.float64) if counted else rng.standard_normal(shape)
        values = case.points(estimator=case.altered(given=(*case.given, ADDED)), replaced={ADDED: noise})
        estimate = case.effect.estimate
        p = off_target(values, estimate, case.se, MOVES * case.tolerance)
        low, high = case.range_of(values)
        ok = p >= case.alpha
        shift = abs(float(values.mean()) - estimate) / case.se if case.se > 0 else 0.0
        verdict = "as little as it should" if ok else "more than it should: the estimator is unstable"
        sentence = (
            f"With a column of noise adjusted for as well, the estimate goes from {shown(estimate)} to "
            f"{shown(float(values.mean()))} {between(low, high)}: {shown(shift)} standard errors on average, {verdict}."
        )
        return Refutation(self.name, float(values.mean()), low, high, p, ok, len(values), sentence)


@dataclass(frozen=True, slots=True)
class Subset:
    """Random subsets of the rows, without replacement. Nulls: no drift, no excess."""

    share: float = 0.8
    name: ClassVar[str] = "subset"

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise QueryError(f"share is a share of the rows, between 0 and 1, not {self.share}")

    def unfit(self, _case: Case) -> str:
        return ""

    def __call__(self, case: Case) -> Refutation:
        n = case.data.n
        size = min(max(round(self.share * n), 1), n - 1)
        first = (np.arange(n) < size).astype(np.float64)
        weights = case.rng(self.name).permuted(np.tile(first, (case.draws, 1)), axis=1)
        sd = case.se * math.sqrt((n - size) / size)
        return _steady(self.name, case, weights, sd, f"On random {size / n:.0%} of the rows")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """As many rows, drawn with replacement. Nulls: no drift, no excess."""

    name: ClassVar[str] = "bootstrap"

    def unfit(self, _case: Case) -> str:
        return ""

    def __call__(self, case: Case) -> Refutation:
        n = case.data.n
        weights = case.rng(self.name).multinomial(n, np.full(n, 1 / n), size=case.draws).astype(np.float64)
        return _steady(self.name, case, weights, case.se, "On resampled rows")


def _steady(name: str, case: Case, weights: Floats, sd: float, opening: str) -> Refutation:
    values = case.points(weights=weights)
    estimate, found = case.effect.estimate, float(values.std(ddof=1))
    drift = min(1.0, 2 * off_target(values, estimate, case.se, case.tolerance))
    excess = min(1.0, 2 * too_spread(values, sd, case.tolerance))
    p = min(drift, excess)
    low, high = case.range_of(values)
    verdict = "no more than its interval allows"
    if p < case.alpha:
        verdict = (
            "which is more than its interval allows: the interval is too narrow"
            if excess <= drift
            else f"but their mean is {shown(float(values.mean()))}: the estimate drifts with the number of rows"
        )
    sentence = (
        f"{opening}, {len(values)} estimates lie in {between(low, high)} around {shown(estimate)} with a standard "
        f"deviation of {shown(found)} ({shown(sd)} expected), {verdict}."
    )
    return Refutation(name, float(values.mean()), low, high, p, p >= case.alpha, len(values), sentence)
