"""Effects by instruments: what a feature of texts does, from what a random annotator, ranker or prompt makes of it.

Idea      Who judges, which ranker or which prompt is drawn at random moves a feature of what is shown (its length, or
          whether it is shown at all), and the outcome through that alone. So the part of the feature that this moves is
          free of whatever else feature and outcome share, though nobody logged it.
Equation  Covariates and intercept partialled out of everything, X [n, k] the feature `x` and those of `also`, P the
          projection on the instruments, M = I − P:
            β = (T'X)⁻¹ T'y,   V = (T'X)⁻¹ (Σ tᵢ tᵢ' uᵢ²) (X'T)⁻¹,   u = y − Xβ
            regression  T = X                     no instrument: what a regression says
            2sls        T = P X
            liml        T = (I − κM) X            κ the least eigenvalue of (Y'MY)⁻¹ Y'Y, Y = [y, X]
            jive        tᵢ = (P X − h X)ᵢ / (1 − hᵢ), h = diag P: no text has a part in its own first stage
          F         first-stage F of Montiel Olea & Pflueger; with `also`, of what the other features leave of `x`
          region    Anderson–Rubin: every β that the data do not reject, however weak the instruments are; with `also`,
                    the least statistic over the other features' effects (homoskedastic), on q − k + 1 degrees
          J         Hansen: do the instruments agree on one effect?
          balance   do the instruments go with what was there before them? The n − 1 fold sum of squared canonical
                    correlations with the covariates, given `drawn_by`, against χ²
Source    Staiger & Stock 1997; Sanderson & Windmeijer 2016; Guggenberger, Kleibergen, Mavroeidis & Chen 2012; Ackerberg
          & Devereux 2009 (jive). One feature: `butfor.scm.estimate.Instrument`.
Example   [treatment]
          method = "align.instrument.two_stage"
          how    = "liml"
Known     As many instruments as features: 2sls, liml and the solution of Z'(y − Xβ) = 0 are one.
Limits    Refuses (`Abstained`) where F is under `weakest`; `interval = "anderson-rubin"` answers there, too, perhaps
          with no end. `weakest = 0` never refuses. That the instrument is random, and acts through these features
          alone, is an assumption: balance and J see some breaches, none that all instruments share. A linear effect;
          where effects differ between texts, an average over those that the instruments move.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast, final

import numpy as np
from pydantic import Field
from scipy import special

from butfor.core.errors import Abstained, DataError, UnknownName
from butfor.core.keys import digest
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.scm.estimate.design import covariates, distinct, outcome
from butfor.scm.estimate.instrument import DISAGREE, STRONG, ChiSquare, Stage, anderson_rubin, first_stage, partialled
from butfor.scm.estimate.region import Region, not_above
from butfor.scm.estimate.result import effect_of
from butfor.stats.effect import Check, Effect
from butfor.train.method import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from butfor.lm import World
    from butfor.scm.columns import Columns

    Floats = NDArray[np.float64]

How = Literal["regression", "2sls", "liml", "jive"]
Interval = Literal["wald", "anderson-rubin"]
HOWS: tuple[How, ...] = ("regression", "2sls", "liml", "jive")
ALONE = 0.99  # of a first stage, that a row has in its own prediction
UNBALANCED = 0.01  # p-value of the test of balance


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The effects of all features, and what there is to believe of the first."""

    slopes: Floats  # [k]
    spread: Floats  # [k, k], their covariance
    strength: float  # first-stage F of the first feature
    agree: ChiSquare
    df: int
    features: Floats  # [n, k], covariates partialled out
    stage: Stage  # of the first feature

    def region(self, level: float = 0.95) -> Region:
        """Anderson–Rubin, of the first feature."""
        if self.features.shape[1] == 1:
            return anderson_rubin(self.stage, level, robust=True)
        return _region(self.features, self.stage, level)


def fit(x: Floats, y: Floats, z: Floats, w: Floats, how: How = "2sls") -> Fit:
    """The effects of features x [n, k] on y [n] by instruments z [n, q], covariates w [n, p] held."""
    if how not in HOWS:
        raise UnknownName("how", how, HOWS)
    stages = [partialled(column, y, z, w) for column in x.T]
    first, features = stages[0], np.stack([stage.x for stage in stages], axis=1)
    k, q = features.shape[1], first.z.shape[1]
    if q < k:
        raise DataError(f"{k} features and {q} instruments: each feature needs one of its own; give more, or leave out")
    slopes, spread = _slopes(features, first, how)
    return Fit(
        slopes,
        spread,
        first_stage(_conditional(features, first), robust=True),
        _hansen(features, first),
        len(y) - first.partialled - k,
        features,
        first,
    )


def _turned(x: Floats, stage: Stage, how: How) -> Floats:
    """T [n, k]."""
    if how == "regression":
        return x
    predicted = stage.z @ (stage.z.T @ x)
    if how == "2sls":
        return predicted
    if how == "liml":
        kappa = _kappa(np.column_stack([stage.y, x]), stage.z)
        return (1 - kappa) * x + kappa * predicted
    own = np.sum(stage.z**2, axis=1, keepdims=True)
    if float(own.max()) > ALONE:
        raise DataError("a value of the instruments stands on one row alone: leave it out, or merge it with another")
    return (predicted - own * x) / (1 - own)


def _kappa(both: Floats, z: Floats) -> float:
    total = both.T @ both
    rest = total - (z.T @ both).T @ (z.T @ both)
    if np.linalg.cond(rest) > 1e14:
        raise DataError("features and outcome determine one another exactly; there is nothing to estimate")
    return float(np.min(np.real(np.linalg.eigvals(np.linalg.solve(rest, total)))))


def _slopes(x: Floats, stage: Stage, how: How) -> tuple[Floats, Floats]:
    """β [k] and its covariance [k, k]."""
    turned = _turned(x, stage, how)
    across = turned.T @ x
    if np.linalg.cond(across) > 1e12:
        raise DataError("the instruments do not tell the features apart: leave one of them out, or add instruments")
    slopes = np.asarray(np.linalg.solve(across, turned.T @ stage.y), dtype=np.float64)
    pulled = turned * (stage.y - x @ slopes)[:, None]
    back = np.linalg.inv(across)
    rows = len(x)
    small = rows / (rows - stage.partialled - x.shape[1])
    return slopes, np.asarray(small * back @ (pulled.T @ pulled) @ back.T, dtype=np.float64)


def _conditional(x: Floats, stage: Stage) -> Stage:
    """The first feature less what the others predict of it, and the instruments orthogonal to that prediction."""
    if x.shape[1] == 1:
        return stage
    inside = stage.z.T @ x[:, 1:]  # [q, k - 1]
    alike = np.linalg.lstsq(inside, stage.z.T @ x[:, 0], rcond=None)[0]
    basis = np.linalg.qr(inside, mode="complete")[0][:, inside.shape[1] :]
    return Stage(x[:, 0] - x[:, 1:] @ alike, stage.y, stage.z @ basis, stage.partialled + inside.shape[1])


def _region(x: Floats, stage: Stage, level: float) -> Region:
    """The values of the first effect that no effects of the others save from rejection.

    With G = Ȳ'PȲ − c/df Ȳ'MȲ, Ȳ = [y, x, others], they are those where (1, −β) S (1, −β)' ≤ 0, S the Schur complement
    of the others in G; where G of the others is not positive, nothing is rejected.
    """
    q, k = stage.z.shape[1], x.shape[1]
    bound = float(special.chdtri(q - k + 1, 1 - level)) / stage.df
    both = np.column_stack([stage.y, x])
    inside = stage.z.T @ both
    moved = inside.T @ inside
    gap = moved - bound * (both.T @ both - moved)
    others = gap[2:, 2:]
    if float(np.linalg.eigvalsh(others).min()) <= 0:
        return Region(((-math.inf, math.inf),))
    left = gap[:2, :2] - gap[:2, 2:] @ np.linalg.solve(others, gap[2:, :2])
    return not_above(np.array([left[0, 0], -2 * left[0, 1], left[1, 1]]))


def _hansen(x: Floats, stage: Stage) -> ChiSquare:
    """Hansen's J at the two-step GMM estimate; with as many features as instruments nothing is tested."""
    df = stage.z.shape[1] - x.shape[1]
    if not df:
        return ChiSquare(0.0, 0, 1.0)
    u = stage.y - x @ _slopes(x, stage, "2sls")[0]
    weight = np.linalg.pinv((stage.z * (u**2)[:, None]).T @ stage.z)
    zx, zy = stage.z.T @ x, stage.z.T @ stage.y
    moment = zy - zx @ np.linalg.solve(zx.T @ weight @ zx, zx.T @ weight @ zy)
    statistic = float(moment @ weight @ moment)
    return ChiSquare(statistic, df, float(special.chdtrc(df, statistic)))


def balanced(z: Floats, before: Floats, drawn_by: Floats) -> ChiSquare:
    """Do instruments z [n, q] go with what was there before them [n, p], given what they were drawn by [n, d]?"""
    if not before.shape[1]:
        return ChiSquare(0.0, 0, 1.0)
    base = np.linalg.qr(np.column_stack([np.ones(len(z)), drawn_by]))[0]
    sides: list[Floats] = []
    for part in (z, before):
        left = part - base @ (base.T @ part)
        u, s, _ = np.linalg.svd(left / np.maximum(part.std(axis=0), 1e-300), full_matrices=False)
        sides.append(u[:, s > 1e-7 * math.sqrt(len(z))])
    df = sides[0].shape[1] * sides[1].shape[1]
    statistic = (len(z) - base.shape[1]) * float(np.sum((sides[0].T @ sides[1]) ** 2))
    return ChiSquare(statistic, df, float(special.chdtrc(df, statistic)) if df else 1.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStage(Method):
    """Estimate effects by instruments; refuse where these are weak."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    how: How = "2sls"
    interval: Interval = "wald"
    weakest: Annotated[float, Field(ge=0, allow_inf_nan=False)] = STRONG  # first-stage F
    also: tuple[str, ...] = ()  # other features that the instruments move, where a table has them
    drawn_by: tuple[str, ...] = ()  # covariates that the draw of the instruments hangs on, where a table has them

    def __post_init__(self) -> None:
        if self.how == "regression" and self.interval == "anderson-rubin":
            raise ValueError('regression has no instruments to make a region from; use interval = "wald"')

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        analyst = cast("Analyst", world)
        analyst.estimate = self.answer
        knobs = (self.how, self.interval, self.weakest, self.also, self.drawn_by)
        analyst.identity = digest("instrument.two_stage", *knobs, analyst.identity)
        analyst.notes.append(f"effects are estimated by {self.how}, {self.interval} intervals")
        return world

    def answer(self, table: Table) -> Answer:
        """The effect of one table; `Abstained` where its instruments are weak."""
        if not table.instruments:
            raise DataError("no column is named as an instrument: Table(…, instruments=('annotator',))")
        data = table.data
        also = tuple(name for name in self.also if name in data)
        distinct(x=(table.x,), also=also, y=(table.y,), instruments=table.instruments, given=table.given)
        for name in table.instruments:
            if len(np.unique(data[name])) == 1:
                raise DataError(f"the instrument {name} is {data[name][0]} on every row: it moves nothing")
        names = (table.x, *also)
        x = np.stack([data.varying(name) for name in names], axis=1)
        z, w = covariates(data, table.instruments)[0], covariates(data, table.given)[0]
        found = fit(x, outcome(data, table.y), z, w, self.how)
        checks = (*self._checks(found), *self._balance(data, z, table.given))
        effect = effect_of(
            float(found.slopes[0]), math.sqrt(float(found.spread[0, 0])), data.n, level=0.95, df=found.df,
            method=_named(self.how, names, z.shape[1]), checks=checks,
        )  # fmt: skip
        return Answer(self._with_region(effect, found) if self.interval == "anderson-rubin" else effect)

    def _checks(self, found: Fit) -> tuple[Check, ...]:
        """What the instruments are worth; a regression asks nothing of them."""
        if self.how == "regression":
            return ()
        told = f"first-stage F = {found.strength:.3g}"
        if self.interval == "wald" and found.strength < self.weakest:
            raise Abstained(
                f"no answer: the instrument is weak, {told}, under {self.weakest:g}; all that these data allow is "
                f"{found.region()} (Anderson–Rubin)\ngive more rows or a stronger instrument, or ask for that region: "
                'interval = "anderson-rubin"'
            )
        strong = self.interval == "anderson-rubin" or found.strength >= STRONG
        checks = [Check("weak-instrument", strong, told + ("" if strong else f", under {STRONG:g}"))]
        if found.agree.df:
            ok = found.agree.p >= DISAGREE
            told = f"Hansen's J = {found.agree.statistic:.3g} on {found.agree.df}, p = {found.agree.p:.3g}"
            told += "" if ok else "; one of the instruments acts by another way, or effects differ"
            checks.append(Check("overidentified", ok, told))
        return tuple(checks)

    def _balance(self, data: Columns, z: Floats, given: Sequence[str]) -> tuple[Check, ...]:
        if self.how == "regression":
            return ()
        by = [name for name in given if name in self.drawn_by]
        before = covariates(data, [name for name in given if name not in by])[0]
        test = balanced(z, before, covariates(data, by)[0])
        if not test.df:
            return ()
        ok = test.p >= UNBALANCED
        told = f"instruments against covariates: {test.statistic:.4g} on {test.df}, p = {test.p:.3g}"
        if not ok:
            told += "; the instruments were not drawn at random: name what they were drawn by, as drawn_by"
        return (Check("balance", ok, told),)

    def _with_region(self, effect: Effect, found: Fit) -> Effect:
        """The hull of the Anderson–Rubin region and the estimate."""
        region = found.region()
        if region.empty:
            raise Abstained("no answer: no effect at all fits (Anderson–Rubin); the instruments act by other ways, too")
        low = min(region.pieces[0][0], effect.estimate)
        high = max(region.pieces[-1][1], effect.estimate)
        told = f"Anderson–Rubin: {region}"
        checks = (*effect.checks, Check("bounded", region.bounded and not region.disjoint, told))
        return replace(effect, low=low, high=high, p=None, method=f"{effect.method}, Anderson–Rubin", checks=checks)


def _named(how: How, names: Sequence[str], q: int) -> str:
    told = "regression" if how == "regression" else f"{how.upper()}, {q} instrument{'s' * (q > 1)}"
    return told + (f", {len(names)} features" if len(names) > 1 else "") + ", robust"
