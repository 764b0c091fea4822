"""The effect of a treatment when the covariates that confound it are seen.

    Adjust("X", "Y", given=("age", "sex"), how="aipw")(data) -> Effect

E[Y(treated)] - E[Y(control)] over everyone (`ate`), the treated (`att`) or the control arm (`atc`). `how`:

    aipw          augmented inverse propensity weights, cross-fitted: right if outcomes or propensities are
    dml           the same score, median over three cross-fittings; a number as treatment: partially linear
    regression    the g-formula: an outcome regression in each arm; a number as treatment: its slope
    ipw           weighted means, with a variance that knows the propensities were estimated
    matching      nearest neighbours, bias corrected (Abadie & Imbens 2006, 2011)
    plugin        counting within cells of discrete covariates

`outcome` and `propensity` name learners (`nuisance.py`): by default `linear` for regression and ipw, whose formulae are
then exact, and `spline` elsewhere. A number as treatment is a treatment without both values among few.
Limits        `given` must block every back-door path: no data say so, a graph does (`identify`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from butfor.core.errors import DataError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Columns
from butfor.scm.estimate import dose, scores
from butfor.scm.estimate.checks import arm_checks
from butfor.scm.estimate.design import Arms, Label, Target, cells, is_dose, read_arms, read_dose
from butfor.scm.estimate.matching import match
from butfor.scm.estimate.nuisance import Learner, folds_of
from butfor.scm.estimate.result import Pull, check_level, effect_of, listed
from butfor.stats.effect import Check, Effect

How = Literal["aipw", "dml", "regression", "ipw", "matching", "plugin"]
HOWS: tuple[How, ...] = ("aipw", "dml", "regression", "ipw", "matching", "plugin")
REPEATS = 3
SINGLE = 0.1  # share of rows that may be alone in their arm and cell


@dataclass(frozen=True, slots=True)
class Adjust:
    """Back-door adjustment."""

    x: str
    y: str
    given: tuple[str, ...] = ()
    how: How = "aipw"
    target: Target = "ate"
    treated: Label = 1
    control: Label = 0
    outcome: Learner | None = None
    propensity: Learner | None = None
    folds: int = 5
    matches: int = 4
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        listed(self, "given")
        check_level(self.level)
        if self.how not in HOWS:
            raise UnknownName("how", self.how, HOWS)
        if self.folds < 2:
            raise DataError(f"folds must be 2 or more, not {self.folds}; 5 is usual")

    def __call__(self, data: Any) -> Effect:
        """The effect, its interval and checks."""
        columns = self._read(data)
        if is_dose(columns, self.x, self.treated, self.control):
            return self._dose(columns)
        return self._arms(self._compare(columns))

    def point(self, data: Columns) -> float:
        """The estimate alone."""
        columns = self._read(data)
        if is_dose(columns, self.x, self.treated, self.control):
            return self._slope(columns).pull.estimate
        return self._compare(columns).estimate

    def pull(self, data: Any) -> Pull:
        """The estimate and each row's influence on it; matching has none."""
        columns = self._read(data)
        if is_dose(columns, self.x, self.treated, self.control):
            return self._slope(columns).pull
        if self.how == "matching":
            raise DataError("matching has no influence values; use how='aipw'")
        found = self._compare(columns)
        assert found.pull is not None
        return found.pull

    def _read(self, data: Any) -> Columns:
        return Columns.read(data, (self.x, self.y, *self.given))

    def _learners(self) -> tuple[Learner, Learner]:
        usual: Learner = "linear" if self.how in ("regression", "ipw") else "spline"
        return self.outcome or usual, self.propensity or usual

    def _fold(self, groups: Codes, repeat: int = 0) -> Codes:
        rng = generator(self.seed, "estimate", "folds", repeat)
        return folds_of(groups, self.folds, rng)

    # two arms -------------------------------------------------------------------------------------------------------

    def _compare(self, columns: Columns) -> _Found:
        arms = read_arms(columns, self.x, self.y, self.given, self.treated, self.control, self.target)
        outcome, propensity = self._learners()
        match self.how:
            case "regression":
                pull = scores.regression(arms, outcome)
                return _Found(pull.estimate, pull.se, pull, arms)
            case "ipw":
                compared = scores.ipw(arms, propensity)
                return _Found(compared.pull.estimate, compared.pull.se, compared.pull, arms, compared)
            case "aipw":
                compared = scores.aipw(arms, self._fold(arms.treated + 2 * arms.control), outcome, propensity)
                return _Found(compared.pull.estimate, compared.pull.se, compared.pull, arms, compared)
            case "dml":
                return self._repeated(arms, outcome, propensity)
            case "plugin":
                counted = scores.plugin(arms, *cells(columns, self.given))
                pull = counted.compared.pull
                return _Found(pull.estimate, pull.se, pull, counted.arms, counted.compared, _sparse(counted))
            case "matching":
                matched = match(arms, self.matches, outcome, generator(self.seed, "estimate", "ties"))
                e = scores.in_sample(arms, propensity)
                compared = scores.Compared(Pull(matched.estimate, np.zeros(0)), e, matched.weights)
                return _Found(matched.estimate, matched.se, None, arms, compared)

    def _repeated(self, arms: Arms, outcome: Learner, propensity: Learner) -> _Found:
        """The median over cross-fittings; the variance counts how far they lie apart (Chernozhukov 2018, 3.4)."""
        groups = arms.treated + 2 * arms.control
        found = [scores.aipw(arms, self._fold(groups, i), outcome, propensity) for i in range(REPEATS)]
        estimate = float(np.median([one.pull.estimate for one in found]))
        variance = float(np.median([one.pull.se**2 + (one.pull.estimate - estimate) ** 2 for one in found]))
        middle = next(one for one in found if one.pull.estimate == estimate)
        return _Found(estimate, variance**0.5, middle.pull, arms, middle)

    def _arms(self, found: _Found) -> Effect:
        compared, arms = found.compared, found.arms
        if compared is None:
            e = scores.in_sample(arms, self.propensity or "linear")
            compared = scores.Compared(Pull(0.0, np.zeros(0)), e, scores.weights_of(arms, scores.clipped(e)))
        checks = (*arm_checks(arms, compared.e, compared.weights), *found.checks)
        df = arms.n - 1.0 if self.how != "regression" else max(arms.n - 2.0 * (arms.z.shape[1] + 1), 1.0)
        outcome, propensity = self._learners()
        told = {
            "regression": f"g-formula, {outcome} outcomes",
            "ipw": f"Hájek IPW, {propensity} propensities",
            "aipw": f"AIPW, {self.folds} folds, {outcome} outcomes, {propensity} propensities",
            "dml": f"interactive DML, {REPEATS} × {self.folds} folds, {outcome} outcomes, {propensity} propensities",
            "matching": f"{self.matches} nearest neighbours, bias corrected",
            "plugin": "plug-in over cells",
        }[self.how]
        told += f", {self.target}"
        return effect_of(found.estimate, found.se, arms.n, level=self.level, method=told, df=df, checks=checks)

    # a number as treatment ------------------------------------------------------------------------------------------

    def _slope(self, columns: Columns) -> dose.Slope:
        if self.how not in ("dml", "regression"):
            some = ", ".join(f"{value:g}" for value in np.unique(columns[self.x])[:4])
            raise DataError(
                f"{self.x} is a number ({some}, …) without {self.treated!r} and {self.control!r} among few values:\n"
                "use how='dml' or how='regression' for its slope, or name two of its values as treated= and control="
            )
        if self.target != "ate":
            raise DataError(f"{self.x} is a number, and the slope is everyone's: target must be 'ate'")
        read = read_dose(columns, self.x, self.y, self.given, self.treated, self.control)
        outcome, propensity = self._learners()
        if self.how == "regression":
            return dose.regression(read, outcome)
        fold = self._fold(np.zeros(columns.n, dtype=np.int64))
        return dose.partially_linear(read, fold, outcome, propensity)

    def _dose(self, columns: Columns) -> Effect:
        slope = self._slope(columns)
        kind = "partially linear DML" if self.how == "dml" else "linear regression, HC3"
        told = f"{kind}, {self.x} from {self.control:g} to {self.treated:g}"
        return effect_of(
            slope.pull.estimate, slope.pull.se, columns.n, level=self.level, method=told, df=slope.df,
            checks=slope.checks,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a way of adjusting came to."""

    estimate: float
    se: float
    pull: Pull | None
    arms: Arms
    compared: scores.Compared | None = None
    checks: tuple[Check, ...] = ()


def _sparse(counted: scores.Counted) -> tuple[Check, ...]:
    told = (
        f"{counted.missing:.1%} of rows are in cells where an arm is missing (left out), {counted.single:.1%} are alone"
    )
    told += " in their arm and cell"
    return (Check("cells", counted.missing == 0 and counted.single <= SINGLE, told),)
