"""Natural direct and indirect effects: how much of an effect passes through mediators.

With θ(t, c) = E[Y(t, M(c))]: total = θ(t, t) - θ(c, c), direct = θ(t, c) - θ(c, c), indirect = θ(t, t) - θ(t, c):
direct + indirect = total. θ(t, c) is the mean of the multiply robust score (Tchetgen Tchetgen & Shpitser 2012)

    1{X = t} f(M | c, Z) / (e_t f(M | t, Z)) (Y - μ_t(M, Z)) + 1{X = c} / e_c (μ_t(M, Z) - ω(Z)) + ω(Z),

ω(Z) = E[μ_t(M, Z) | X = c, Z], cross-fitted; the ratio is P(c | M, Z) / (P(t | M, Z) e_c), so no density is estimated.

Limits   Needs covariates that block confounding of treatment, mediators and outcome; the treatment must move none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from butfor.core.errors import DataError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Columns
from butfor.scm.estimate.checks import LEFT, RARE, SHARE, kish
from butfor.scm.estimate.design import Label, distinct, is_binary
from butfor.scm.estimate.frontdoor import Case, read_case
from butfor.scm.estimate.nested import nested
from butfor.scm.estimate.nuisance import Learner, folds_of, learn, least_chance
from butfor.scm.estimate.result import Floats, Pull, check_level, effect_of, listed
from butfor.stats.effect import Check, Effect

What = Literal["indirect", "direct", "total"]
WHATS: tuple[What, ...] = ("indirect", "direct", "total")


@dataclass(frozen=True, slots=True)
class Mediation:
    """The three effects."""

    total: Effect
    direct: Effect
    indirect: Effect


@dataclass(frozen=True, slots=True)
class Mediate:
    """Natural effects; as an estimator it gives the one that `what` names."""

    x: str
    mediators: tuple[str, ...]
    y: str
    given: tuple[str, ...] = ()
    what: What = "indirect"
    treated: Label = 1
    control: Label = 0
    learner: Learner = "spline"
    folds: int = 5
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        listed(self, "mediators", "given")
        check_level(self.level)
        if self.what not in WHATS:
            raise UnknownName("what", self.what, WHATS)
        if not self.mediators:
            raise DataError("mediation needs one mediator or more: mediators=('M',)")

    def __call__(self, data: Any) -> Effect:
        """The effect that `what` names."""
        case = self._read(data)
        return self._effect(self.what, case, self._scores(case))

    def fit(self, data: Any) -> Mediation:
        """All three effects, from the same fits."""
        case = self._read(data)
        scores = self._scores(case)
        return Mediation(
            self._effect("total", case, scores),
            self._effect("direct", case, scores),
            self._effect("indirect", case, scores),
        )

    def point(self, data: Columns) -> float:
        """The estimate alone."""
        return self.pull(data).estimate

    def pull(self, data: Any) -> Pull:
        """The estimate that `what` names and each row's influence on it."""
        return self._scores(self._read(data)).pull(self.what)

    def _read(self, data: Any) -> Case:
        columns = Columns.read(data, (self.x, *self.mediators, self.y, *self.given))
        distinct(x=(self.x,), mediators=self.mediators, y=(self.y,), given=self.given)
        return read_case(columns, self.x, self.mediators, self.y, self.given, self.treated, self.control)

    def _scores(self, case: Case) -> Scores:
        return scores_of(case, folds_of(case.x, self.folds, generator(self.seed, "estimate", "folds")), self.learner)

    def _effect(self, what: What, case: Case, scores: Scores) -> Effect:
        pull = scores.pull(what)
        name = "total effect" if what == "total" else f"natural {what} effect"
        return effect_of(
            pull.estimate, pull.se, case.n, level=self.level, df=case.n - 1.0, checks=scores.checks,
            method=f"{name}, multiply robust, {self.folds} folds, {self.learner} learners",
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The score of every row for E[Y(t, M(t))], E[Y(t, M(c))] and E[Y(c, M(c))]."""

    both: Floats
    mixed: Floats
    neither: Floats
    checks: tuple[Check, ...]

    def pull(self, what: What) -> Pull:
        first, second = {
            "total": (self.both, self.neither),
            "direct": (self.mixed, self.neither),
            "indirect": (self.both, self.mixed),
        }[what]
        score = first - second
        return Pull(float(score.mean()), score - score.mean())


def scores_of(case: Case, fold: Codes, learner: Learner) -> Scores:
    """Cross-fitted scores."""
    t, c = case.a
    e, p, mu = (np.empty((case.n, case.levels)) for _ in range(3))
    omega, own = np.empty(case.n), np.empty((case.n, 2))
    binary = is_binary(case.y)
    for k in np.unique(fold):
        here = fold == k
        fit = nested(case.x, case.levels, case.y, case.m, case.z, ~here, learner)
        e[here], p[here] = fit.e(case.z[here]), fit.p(case.m[here], case.z[here])
        mu[here] = fit.mu(case.m[here], case.z[here])
        omega[here] = fit.through(c, case.z[here], (t,))[:, 0]
        for place, a in enumerate(case.a):
            rows = ~here & case.at(a)
            own[here, place] = learn(learner, case.z[rows], case.y[rows], logit=binary).predict(case.z[here])
    least = least_chance(case.n)
    inside = [case.at(a) / np.maximum(e[:, a], least) for a in case.a]
    ratio: Floats = np.minimum(p[:, c] / (p[:, t] * e[:, c]), 1 / least)
    moved = case.at(t) * ratio
    unit_t, unit_c, unit_m = (w / w.mean() for w in (inside[0], inside[1], moved))
    checks = _checks(case, e, p, (inside[0], inside[1], moved))
    return Scores(
        unit_t * (case.y - own[:, 0]) + own[:, 0],
        unit_m * (case.y - mu[:, t]) + unit_c * (mu[:, t] - omega) + omega,
        unit_c * (case.y - own[:, 1]) + own[:, 1],
        checks,
    )


def _checks(case: Case, e: Floats, p: Floats, weights: tuple[Floats, ...]) -> tuple[Check, ...]:
    rare = float(np.mean(np.minimum(e[:, case.a[0]], e[:, case.a[1]]) < RARE))
    apart = float(np.mean(p[case.at(case.a[1]), case.a[0]] < RARE)) if case.at(case.a[1]).any() else 0.0
    told = f"{rare:.1%} of rows have a treatment under {RARE} given the covariates; {apart:.1%} of control rows have"
    told += " mediators that hardly occur under treatment"
    left = min(kish(w) for w in weights)
    return (
        Check("overlap", max(rare, apart) <= SHARE, told),
        Check("effective-n", left >= LEFT, f"the weights leave {left:.0f} rows of the arm that has fewest"),
    )
