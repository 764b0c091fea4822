"""The front door: a treatment and an outcome share an unseen cause, but all of the effect passes through mediators.

θ(a) = E[ Σ_m f(m | a, Z) Σ_x' P(x' | Z) μ(x', m, Z) ],  μ = E[Y | X, M, Z], and the effect is θ(treated) - θ(control).
Row by row, with η = Σ_x' P(x' | Z) μ(x', M, Z), κ_a(x', Z) = Σ_m μ(x', m, Z) f(m | a, Z) and ξ_a = Σ_x' P(x' | Z) κ_a,

    φ_a = f(M | a, Z) / f(M | X, Z) (Y - μ) + 1{X = a} / P(a | Z) (η - ξ_a) + κ_a(X, Z),        θ(a) = mean of φ_a

is the efficient score (Fulcher, Shpitser, Marealle & Tchetgen Tchetgen 2020). No density of the mediators is estimated:
f(m | a, z) / f(m | x, z) = [P(a | m, z) / P(x | m, z)] [P(x | z) / P(a | z)], and κ is a regression of μ on Z in arm a.
That holds for any number of mediators of any kind.

    plugin     discrete mediators and covariates: all of the above by counting
    onestep    cross-fitted learners
    auto       counting where there are ten rows for each cell

Limits   That the mediators carry all of the effect, and share no unseen cause with treatment or outcome, no data say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from butfor.core.errors import DataError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Columns
from butfor.scm.estimate.checks import APART, LEFT, LUCK, RARE, SHARE, kish, with_squares
from butfor.scm.estimate.design import Label, arm, cells, covariates, distinct, is_dose, outcome
from butfor.scm.estimate.nested import Nested, nested
from butfor.scm.estimate.nuisance import Learner, folds_of, least_chance
from butfor.scm.estimate.result import Floats, Mask, Pull, check_level, effect_of, listed
from butfor.stats.effect import Check, Effect

Way = Literal["auto", "plugin", "onestep"]
WAYS: tuple[Way, ...] = ("auto", "plugin", "onestep")
ROWS = 10  # for each cell, for counting


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Front-door adjustment."""

    x: str
    mediators: tuple[str, ...]
    y: str
    given: tuple[str, ...] = ()
    how: Way = "auto"
    treated: Label = 1
    control: Label = 0
    learner: Learner = "spline"
    folds: int = 5
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        listed(self, "mediators", "given")
        check_level(self.level)
        if self.how not in WAYS:
            raise UnknownName("how", self.how, WAYS)
        if not self.mediators:
            raise DataError("the front door needs one mediator or more: mediators=('M',)")

    def __call__(self, data: Any) -> Effect:
        """The effect of `treated` against `control`, its interval and checks."""
        columns, case = self._read(data)
        way, score = self._score(columns, case)
        pull = score.contrast
        return effect_of(
            pull.estimate, pull.se, columns.n, level=self.level, method=f"front door, {way}", df=columns.n - 1.0,
            checks=score.checks(case),
        )  # fmt: skip

    def point(self, data: Columns) -> float:
        """The estimate alone."""
        return self.pull(data).estimate

    def pull(self, data: Any) -> Pull:
        """The estimate and each row's influence on it."""
        return self._score(*self._read(data))[1].contrast

    def _read(self, data: Any) -> tuple[Columns, Case]:
        columns = Columns.read(data, (self.x, *self.mediators, self.y, *self.given))
        distinct(x=(self.x,), mediators=self.mediators, y=(self.y,), given=self.given)
        return columns, read_case(columns, self.x, self.mediators, self.y, self.given, self.treated, self.control)

    def _score(self, columns: Columns, case: Case) -> tuple[str, Score]:
        names = (*self.mediators, *self.given)
        if self.how == "plugin" or (self.how == "auto" and self._countable(columns, case)):
            return "plug-in", counted(case, cells(columns, self.mediators), cells(columns, self.given))
        fold = folds_of(case.x, self.folds, generator(self.seed, "estimate", "folds"))
        return f"one-step, {self.folds} folds, {self.learner} learners of {', '.join(names)}", one_step(
            case, fold, self.learner
        )

    def _countable(self, columns: Columns, case: Case) -> bool:
        if not all(columns.is_discrete(name) for name in (*self.mediators, *self.given)):
            return False
        return columns.n >= ROWS * case.levels * cells(columns, self.mediators)[1] * cells(columns, self.given)[1]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The data of a front-door or mediation estimate."""

    x: Codes  # [n]
    levels: int
    a: tuple[int, int]  # the codes of treated and control
    y: Floats  # [n]
    m: Floats  # [n, k]
    z: Floats  # [n, l]
    names: tuple[str, ...]  # of the columns of m

    def at(self, level: int) -> Mask:
        return self.x == level

    @property
    def n(self) -> int:
        return len(self.y)


def read_case(
    columns: Columns, x: str, mediators: tuple[str, ...], y: str, given: tuple[str, ...], treated: Label, control: Label
) -> Case:
    """Treatment as codes, mediators and covariates as numbers."""
    if is_dose(columns, x, treated, control):
        raise DataError(f"{x} must have {treated!r} and {control!r} among few values; cut it into bins")
    codes, levels = columns.codes(x)
    rows = [arm(columns, x, label) for label in (treated, control)]
    places = [int(codes[mask][0]) for mask in rows]
    if places[0] == places[1]:
        raise DataError(f"treated and control are the same value of {x} ({treated}); an effect compares two")
    if fewest := [levels[k] for k in range(len(levels)) if int(np.sum(codes == k)) < 5]:
        raise DataError(f"{x} = {fewest[0]} on fewer than 5 rows: too few to learn from; merge or drop them")
    m, names = covariates(columns, mediators)
    if not names:
        raise DataError("the mediators are constant: nothing passes through them")
    z, _ = covariates(columns, given)
    return Case(codes, len(levels), (places[0], places[1]), outcome(columns, y), m, z, names)


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """φ_a for both values of the treatment, with what its checks look at."""

    phi: tuple[Floats, Floats]  # [n] each
    ratio: tuple[Floats, Floats]  # f(M | a, Z) / f(M | X, Z)
    arms: tuple[Floats, Floats]  # 1{X = a} / P(a | Z)
    e: Floats  # [n, levels] P(x | Z)
    shown: Floats  # [n, levels] f(M | x, Z) / f(M | Z)
    unseen: float = 0.0  # the share of the estimate that rests on combinations that never occur

    @property
    def contrast(self) -> Pull:
        score = self.phi[0] - self.phi[1]
        estimate = float(score.mean())
        return Pull(estimate, score - estimate)

    def checks(self, case: Case) -> tuple[Check, ...]:
        """Overlap of treatment and mediators, effective n, and whether weighted mediators are those of the arms."""
        least: list[Floats] = [table.min(axis=1) for table in (self.e, self.shown)]
        rare, apart = (float(np.mean(low < RARE)) for low in least)
        ok = max(rare, apart, self.unseen) <= SHARE
        told = f"{rare:.1%} of rows have a treatment under {RARE} given the covariates; {apart:.1%} have mediators that"
        told += f" hardly occur with some treatment; {self.unseen:.1%} rests on combinations that never occur"
        left = [kish(ratio) for ratio in self.ratio]
        few = f"the weights of the mediators leave {left[0]:.0f} and {left[1]:.0f} of {case.n} rows"
        return Check("overlap", ok, told), Check("effective-n", min(left) >= LEFT, few), self._balance(case)

    def _balance(self, case: Case) -> Check:
        m, names = with_squares(case.m, case.names)
        unit = (m - m.mean(axis=0)) / np.maximum(m.std(axis=0), 1e-12)
        worst, told, ok = -1.0, "", True
        for ratio, inside in zip(self.ratio, self.arms, strict=True):
            size = np.abs(ratio @ unit / ratio.sum() - inside @ unit / inside.sum())
            limit = APART + LUCK * np.sqrt(0.5 / kish(ratio) + 0.5 / kish(inside))
            place = int(np.argmax(size))
            ok = ok and bool(size[place] <= limit)
            if size[place] > worst:
                worst = float(size[place])
                told = f"weighted rows and the arm itself differ most in {names[place]}, by {worst:.3f} deviations"
        return Check("balance", ok, told)


def score_of(
    case: Case, e: Floats, p: Floats, mu: Floats, kappa: tuple[Floats, Floats], *, unseen: float = 0.0,
    least: float = 0.0,
) -> Score:  # fmt: skip
    """φ from its parts: e, p, mu and each kappa are [n, levels]; no weight is more than 1 / least."""
    rows = np.arange(case.n)
    shown = p / e
    shown = shown / np.sum(shown * e, axis=1, keepdims=True)
    own = np.maximum(shown[rows, case.x], 1e-9)
    eta = np.sum(mu * e, axis=1)
    phi: list[Floats] = []
    ratio: list[Floats] = []
    arms: list[Floats] = []
    for a, through in zip(case.a, kappa, strict=True):
        moved, inside = shown[:, a] / np.maximum(own, least * shown[:, a]), case.at(a) / np.maximum(e[:, a], least)
        xi = np.sum(through * e, axis=1)
        phi.append(
            moved / moved.mean() * (case.y - mu[rows, case.x])
            + inside / inside.mean() * (eta - xi)
            + through[rows, case.x]
        )
        ratio.append(moved)
        arms.append(inside)
    return Score((phi[0], phi[1]), (ratio[0], ratio[1]), (arms[0], arms[1]), e, shown, unseen)


def one_step(case: Case, fold: Codes, learner: Learner) -> Score:
    """The cross-fitted score."""
    e, p, mu = (np.empty((case.n, case.levels)) for _ in range(3))
    kappa = (np.empty((case.n, case.levels)), np.empty((case.n, case.levels)))
    for k in np.unique(fold):
        here: Mask = fold == k
        fit: Nested = nested(case.x, case.levels, case.y, case.m, case.z, ~here, learner)
        e[here], p[here], mu[here] = (
            fit.e(case.z[here]),
            fit.p(case.m[here], case.z[here]),
            fit.mu(case.m[here], case.z[here]),
        )
        for through, a in zip(kappa, case.a, strict=True):
            through[here] = fit.through(a, case.z[here])
    return score_of(case, e, p, mu, kappa, least=least_chance(case.n))


def counted(case: Case, m: tuple[Codes, int], z: tuple[Codes, int]) -> Score:
    """The score by counting; μ of a combination that never occurs is that of all treatments at those mediators."""
    shape = (z[1], case.levels, m[1])
    flat = np.ravel_multi_index((z[0], case.x, m[0]), shape)
    count = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    total = np.bincount(flat, case.y, minlength=int(np.prod(shape))).reshape(shape)
    if not (count.sum(axis=2) > 0).all():
        raise DataError("a value of the covariates never occurs with some treatment; merge values, or how='onestep'")
    pooled = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    mu = np.where(count > 0, total / np.maximum(count, 1), pooled)  # [z, x, m]
    e = count.sum(axis=2) / count.sum(axis=(1, 2))[:, None]  # [z, x]
    f = count / count.sum(axis=2, keepdims=True)  # [z, x, m]
    p = count / np.maximum(count.sum(axis=1, keepdims=True), 1)
    share = count.sum(axis=(1, 2)) / case.n
    unseen = max(float(np.einsum("z,zx,zm,zxm->", share, e, f[:, a], count == 0)) for a in case.a)
    kappa = tuple(np.einsum("zxm,zm->zx", mu, f[:, a])[z[0]] for a in case.a)
    shown = np.maximum(p[z[0], :, m[0]], 1e-9)
    return score_of(case, e[z[0]], shown, mu[z[0], :, m[0]], (kappa[0], kappa[1]), unseen=unseen)
