"""How wrong may the assignment be? E-value, marginal sensitivity model and Rosenbaum bounds as refuters.

Each has its file (`sensitivity`, `marginal`, `rosenbaum`); here they meet an effect of a treatment of two values, and
get a yardstick from the covariates: what the strongest of them would do had it been left out. They have no null; `ok`
is True where the effect withstands an unseen variable like that one, or claims nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError
from butfor.scm.estimate.design import arm, covariates, is_binary, is_dose
from butfor.scm.refuters.batched import logistic, with_one
from butfor.scm.refuters.case import Case, Refutation, shown
from butfor.scm.refuters.marginal import marginal, odds_of
from butfor.scm.refuters.rosenbaum import Pairs, pairs
from butfor.scm.refuters.sensitivity import EValue, bounding_factors, e_value, e_value_of_difference
from butfor.scm.refuters.typed import closest

Floats = NDArray[np.float64]

MOST_PAIRS = 1000
CALIPER = 0.2  # standard deviations of the propensity's logit
RESAMPLES = 5  # times the draws: quantiles need more than means


def needs_two(case: Case) -> str:
    """Why an effect has no two arms, or nothing."""
    ask = case.estimator
    treated, control = getattr(ask, "treated", 1), getattr(ask, "control", 0)
    if hasattr(ask, "instruments") or hasattr(ask, "mediators"):
        return "it needs an estimator that adjusts for covariates"
    if is_dose(case.data, ask.x, treated, control):
        return f"it needs a treatment of two values, and {ask.x} is a number; cut it in two"
    return ""


@dataclass(frozen=True, slots=True)
class EValueBound:
    """The least risk ratio that an unseen variable must have with treatment and outcome to explain the effect away.

    Yardstick: each covariate, cut in two at its median, has a risk ratio with the treatment and one with the outcome;
    together they can move the effect's ratio by at most their bounding factor.
    """

    name: ClassVar[str] = "e_value"

    def unfit(self, case: Case) -> str:
        return needs_two(case)

    def __call__(self, case: Case) -> Refutation:
        ask = case.estimator
        found = self._of(case)
        moved = bounding_factors(case.data, ask.x, ask.y, case.given, treated=getattr(ask, "treated", 1))
        worst = max(moved, key=lambda name: moved[name], default="")
        near = found.bound**2 / (2 * found.bound - 1)
        ok = not case.claims or not moved or moved[worst] < near
        told = ""
        if moved:
            told = f"; the strongest covariate, {worst}, could move that ratio by {shown(moved[worst])}"
        if case.claims:
            told = f", and by {shown(found.bound)} to bring its interval there{told}"
        sentence = (
            f"To explain away a risk ratio of about {shown(found.ratio)}, an unseen variable would have to change both "
            f"the chance of {ask.x} and that of {ask.y} by a factor of {shown(found.estimate)}{told}."
        )
        return Refutation(self.name, found.estimate, found.bound, math.inf, None, ok, 0, sentence)

    def _of(self, case: Case) -> EValue:
        y, effect = case.data.number(case.estimator.y), case.effect
        if not is_binary(y):
            return e_value_of_difference(effect, float(y.std(ddof=1)))
        share = float(arm(case.data, case.estimator.x, getattr(case.estimator, "treated", 1)).mean())
        base = min(max(float(y.mean()) - effect.estimate * share, 1 / len(y)), 1.0)
        ends = [max(1 + end / base, 1e-3) for end in (effect.estimate, effect.low, effect.high)]
        return e_value(*ends)


@dataclass(frozen=True, slots=True)
class MarginalBounds:
    """The factor Λ in the odds of treatment at which weighting's effect loses its sign (see `marginal`).

    The low end is the Λ at which its interval does. Yardstick: by how much leaving out a covariate changes those odds,
    on average over the rows (geometric mean).
    """

    name: ClassVar[str] = "marginal"

    def unfit(self, case: Case) -> str:
        if getattr(case.estimator, "target", "ate") != "ate":
            return "it bounds the effect on everyone, and the estimator asks about one arm"
        return needs_two(case)

    def __call__(self, case: Case) -> Refutation:
        ask = case.estimator
        label = {"treated": getattr(ask, "treated", 1), "control": getattr(ask, "control", 0)}
        count = RESAMPLES * case.draws
        model = marginal(case.data, ask.x, ask.y, case.given, **label, draws=count, seed=case.seed)
        lost, early = model.lost(), model.lost(1 - case.alpha)
        moved = odds_of(case.data, ask.x, case.given, **label)
        worst = max(moved, key=lambda name: moved[name], default="")
        ok = not case.claims or not moved or early >= moved[worst]
        told = f"; leaving out {worst} changes them by {shown(moved[worst])}" if moved else ""
        sentence = (
            f"Unseen causes may change everyone's odds of {ask.x} by a factor of up to {shown(lost)} before the effect "
            f"by weighting, {shown(model.estimate)}, can be 0, and up to {shown(early)} before its interval does{told}."
        )
        return Refutation(self.name, lost, min(early, lost), math.inf, None, ok, count, sentence)


@dataclass(frozen=True, slots=True)
class RosenbaumBounds:
    """The odds Γ within matched pairs up to which the signed rank test still finds the effect (see `rosenbaum`).

    Pairs are matched on the propensity, closest overall, none further apart than 0.2 standard deviations of its logit;
    of more than 1,000 treated or controls, random ones are matched.
    """

    name: ClassVar[str] = "rosenbaum"

    def unfit(self, case: Case) -> str:
        return needs_two(case) or ("" if case.given else "it needs covariates to match pairs on")

    def __call__(self, case: Case) -> Refutation:
        ask = case.estimator
        label = {"treated": getattr(ask, "treated", 1), "control": getattr(ask, "control", 0)}
        matched = self._pairs(case)
        sign = 1.0 if case.effect.estimate >= 0 else -1.0
        turned = Pairs(sign * matched.differences)
        gamma, p = turned.gamma(case.alpha, two_sided=True), turned.p(1.0, two_sided=True)
        moved = odds_of(case.data, ask.x, case.given, **label)
        worst = max(moved, key=lambda name: moved[name])
        ok = not case.claims or gamma >= moved[worst]
        count = len(matched.differences)
        told = (
            f"an unseen variable may change a pair's odds of {ask.x} by up to {shown(gamma)} before the effect "
            f"is no longer significant; leaving out {worst} changes them by {shown(moved[worst])}"
            if gamma > 1
            else "which shows no effect, even if nothing is hidden"
        )
        sentence = f"In {count} matched pairs that differ, a signed rank test has p = {shown(p)}; {told}."
        return Refutation(self.name, gamma, 1.0, gamma, None, ok, count, sentence)

    def _pairs(self, case: Case) -> Pairs:
        ask, data = case.estimator, case.data
        one, two = (arm(data, ask.x, getattr(ask, key, usual)) for key, usual in (("treated", 1), ("control", 0)))
        z, _ = covariates(data, case.given)
        both = one | two
        e = np.full(data.n, 0.5)
        e[both] = np.clip(logistic(with_one(z[both]), one[both].astype(np.float64))[0], 1e-6, 1 - 1e-6)
        score, y = np.log(e / (1 - e)), data.number(ask.y)
        rng = case.rng(self.name)
        some = [rng.permutation(np.flatnonzero(rows))[:MOST_PAIRS] for rows in (one, two)]
        far = np.abs(score[some[0]][:, None] - score[some[1]][None])
        rows, columns = closest(far)
        near = far[rows, columns] <= CALIPER * float(score[both].std())
        if not near.any():
            raise DataError("no treated row has a control of like propensity: there are no pairs to compare")
        return pairs(y[some[0][rows[near]]], y[some[1][columns[near]]])
