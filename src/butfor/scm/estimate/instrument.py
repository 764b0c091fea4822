"""Instruments: the effect of a treatment whose confounders are unseen, from what moves it and nothing else.

    Instrument("X", "Y", instruments=("Z",), given=("W",))(data) -> Effect;   .fit(data) -> IVFit, with all tests

With covariates and intercept partialled out of everything, P the projection on the instruments and M = I - P,

    β_k = x'(I - kM) y / x'(I - kM) x        k = 1: two-stage least squares; k = min eigenvalue of
                                             (Y'MY)⁻¹ Y'Y, Y = [y, x]: limited-information maximum likelihood

Its variance is robust to heteroskedasticity (`robust=False`: homoskedastic). Beside it:

    first-stage F         x'Px over the trace of its robust variance (Montiel Olea & Pflueger 2013), or the usual F
    Anderson–Rubin        every β with which y - xβ does not move with the instruments: right however weak they are
    Sargan, Hansen J      do several instruments agree? n R² of residuals, and its robust form by two-step GMM

Limits   A linear effect; where it differs between people, a weighted average over those whom the instruments move.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from butfor.core.errors import DataError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.estimate.design import Label, arm, covariates, distinct, is_dose, outcome
from butfor.scm.estimate.region import Region, not_above
from butfor.scm.estimate.result import Floats, check_level, effect_of, listed
from butfor.stats.effect import Check, Effect

STRONG = 10.0  # first-stage F (Staiger & Stock 1997)
DISAGREE = 0.01  # p-value of the test of overidentification


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A test statistic, its degrees of freedom and p-value; with one instrument nothing is tested, and p is 1."""

    statistic: float
    df: int
    p: float


@dataclass(frozen=True, slots=True)
class IVFit:
    """An effect by instruments, and whether to believe it."""

    effect: Effect
    first_stage_f: float
    anderson_rubin: Region
    sargan: ChiSquare
    hansen: ChiSquare
    kappa: float


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Treatment, outcome and instruments with covariates partialled out."""

    x: Floats  # [n]
    y: Floats  # [n]
    z: Floats  # [n, q], orthonormal
    partialled: int  # columns of covariates and intercept

    @property
    def df(self) -> int:
        """Rows less the columns of the first stage."""
        return len(self.x) - self.partialled - self.z.shape[1]


@dataclass(frozen=True, slots=True)
class Instrument:
    """Two-stage least squares, or limited-information maximum likelihood."""

    x: str
    y: str
    instruments: tuple[str, ...]
    given: tuple[str, ...] = ()
    how: Literal["2sls", "liml"] = "2sls"
    robust: bool = True
    treated: Label = 1
    control: Label = 0
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        listed(self, "instruments", "given")
        check_level(self.level)
        if self.how not in ("2sls", "liml"):
            raise UnknownName("how", self.how, ("2sls", "liml"))
        if not self.instruments:
            raise DataError("an instrumental estimate needs one instrument or more: instruments=('Z',)")

    def __call__(self, data: Any) -> Effect:
        """The effect of moving the treatment from `control` to `treated`."""
        return self.fit(data).effect

    def point(self, data: Columns) -> float:
        """The estimate alone."""
        stage, step = self._stage(data)
        return _beta(stage, self._kappa(stage)) * step

    def fit(self, data: Any) -> IVFit:
        """The effect with its first stage, its Anderson–Rubin region and the tests of overidentification."""
        stage, step = self._stage(data)
        kappa = self._kappa(stage)
        beta = _beta(stage, kappa)
        strength = first_stage(stage, self.robust)
        region = anderson_rubin(stage, self.level, self.robust).times(step)
        sargan, hansen = _sargan(stage, beta), _hansen(stage)
        checks = (_weak(strength, region, self.level), *_agree(hansen if self.robust else sargan, self.robust))
        kind = "2SLS" if self.how == "2sls" else "LIML"
        effect = effect_of(
            beta * step, _se(stage, beta, kappa, self.robust) * abs(step), len(stage.x), level=self.level,
            method=f"{kind}, {stage.z.shape[1]} instrument{'s' * (stage.z.shape[1] > 1)}"
            + (", robust" if self.robust else ""),
            df=float(stage.df + stage.z.shape[1] - 1), checks=checks,
        )  # fmt: skip
        return IVFit(effect, strength, region, sargan, hansen, kappa)

    def _kappa(self, stage: Stage) -> float:
        return 1.0 if self.how == "2sls" else _liml(stage)

    def _stage(self, data: Any) -> tuple[Stage, float]:
        columns = Columns.read(data, (self.x, self.y, *self.instruments, *self.given))
        distinct(x=(self.x,), y=(self.y,), instruments=self.instruments, given=self.given)
        x, step = self._treatment(columns)
        for name in self.instruments:
            if len(columns.codes(name)[1]) == 1:
                raise DataError(f"the instrument {name} is constant: it moves nothing")
        z, _ = covariates(columns, self.instruments)
        w, _ = covariates(columns, self.given)
        return partialled(x, outcome(columns, self.y), z, w), step

    def _treatment(self, columns: Columns) -> tuple[Floats, float]:
        if columns.is_number(self.x) and not isinstance(self.treated, str) and not isinstance(self.control, str):
            return columns.varying(self.x), float(self.treated - self.control) or 1.0
        if is_dose(columns, self.x, self.treated, self.control):
            raise DataError(f"{self.x} is a number: treated and control must be numbers")
        one, zero = arm(columns, self.x, self.treated), arm(columns, self.x, self.control)
        if not bool(np.all(one ^ zero)):
            raise DataError(f"{self.x} has more than two labels; an instrument needs a number or two labels")
        return one.astype(np.float64), 1.0


def partialled(x: Floats, y: Floats, z: Floats, w: Floats) -> Stage:
    """Covariates and the intercept taken out of everything; instruments made orthonormal."""
    n = len(x)
    base = _orthonormal(np.concatenate([np.ones((n, 1)), w - w.mean(axis=0)], axis=1))
    x, y, z = (column - base @ (base.T @ column) for column in (x, y, z))
    if float(x @ x) < 1e-12 * n:
        raise DataError("the covariates determine the treatment exactly: nothing of it is left to move")
    scale = np.sqrt(np.sum(z**2, axis=0))
    z = _orthonormal(z[:, scale > 1e-8 * math.sqrt(n)])
    if not z.shape[1]:
        raise DataError("the covariates determine the instruments exactly: leave those covariates out")
    if n - base.shape[1] - z.shape[1] < 2:
        raise DataError(f"{n} rows for {base.shape[1] + z.shape[1]} instruments and covariates: too few")
    if float(np.sum((x - z @ (z.T @ x)) ** 2)) < 1e-12 * float(x @ x):
        raise DataError("the instruments determine the treatment exactly: it is not confounded; use Adjust")
    return Stage(x, y, z, base.shape[1])


def _orthonormal(columns: Floats) -> Floats:
    """An orthonormal basis of the columns' span; copies and combinations are left out."""
    unit = columns / np.maximum(np.sqrt(np.sum(columns**2, axis=0)), 1e-300)
    u, s, _ = np.linalg.svd(unit, full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * max(float(s[0]), 1e-300)], dtype=np.float64) if s.size else columns


def _beta(stage: Stage, kappa: float) -> float:
    turned = _turned(stage, kappa)
    return float(turned @ stage.y / (turned @ stage.x))


def _turned(stage: Stage, kappa: float) -> Floats:
    """(I - kM) x."""
    return (1 - kappa) * stage.x + kappa * (stage.z @ (stage.z.T @ stage.x))


def _liml(stage: Stage) -> float:
    both = np.stack([stage.y, stage.x], axis=1)
    across = stage.z.T @ both
    total = both.T @ both
    rest = total - across.T @ across
    if np.linalg.cond(rest) > 1e14:
        raise DataError("treatment and outcome determine one another exactly; there is nothing to estimate")
    return float(np.min(np.real(np.linalg.eigvals(np.linalg.solve(rest, total)))))


def _se(stage: Stage, beta: float, kappa: float, robust: bool) -> float:
    turned = _turned(stage, kappa)
    slope = float(turned @ stage.x)
    u = stage.y - beta * stage.x
    rows = len(u)
    small = rows / (rows - stage.partialled - 1)
    if not robust:
        return math.sqrt(small * float(u @ u) / rows / abs(slope))
    return math.sqrt(small * float(np.sum((turned * u) ** 2))) / abs(slope)


def first_stage(stage: Stage, robust: bool) -> float:
    """F: how strongly the instruments move the treatment."""
    pi = stage.z.T @ stage.x
    v = stage.x - stage.z @ pi
    if not robust:
        return float(pi @ pi) / stage.z.shape[1] / (float(v @ v) / stage.df)
    small = len(v) / stage.df
    return float(pi @ pi) / (small * float(np.sum((stage.z * v[:, None]) ** 2)))


def anderson_rubin(stage: Stage, level: float, robust: bool) -> Region:
    """The values of β that an F test of the instruments on y - xβ does not reject.

    Homoskedastic: u'Pu / q <= c u'Mu / df is a quadratic in β. Robust: g(β)' Ω(β)⁻¹ g(β) <= q c, g = z'u and
    Ω = Σ z z' u² a quadratic in β, which is a quadratic eigenvalue problem; both are solved, not searched.
    """
    q = stage.z.shape[1]
    bound = float(special.fdtri(q, stage.df, level))
    zy, zx = stage.z.T @ stage.y, stage.z.T @ stage.x
    if not robust:
        both = np.stack([stage.y, stage.x], axis=1)
        inside = np.stack([zy, zx], axis=1)
        moved = inside.T @ inside
        gap = moved - bound * q / stage.df * (both.T @ both - moved)
        return not_above(np.array([gap[0, 0], -2 * gap[0, 1], gap[1, 1]]))
    small = len(stage.x) / stage.df
    y = stage.y - stage.z @ zy
    x = stage.x - stage.z @ zx
    parts = [small * (stage.z * (a * b)[:, None]).T @ stage.z for a, b in ((y, y), (x, y), (x, x))]
    return Region.of_pencil(zy, zx, parts[0], parts[1], parts[2], q * bound)


def _sargan(stage: Stage, beta: float) -> ChiSquare:
    u = stage.y - beta * stage.x
    moved = stage.z.T @ u
    return _chi2(len(u) * float(moved @ moved) / float(u @ u), stage.z.shape[1] - 1)


def _hansen(stage: Stage) -> ChiSquare:
    """Hansen's J at the two-step GMM estimate."""
    q = stage.z.shape[1]
    if q == 1:
        return ChiSquare(0.0, 0, 1.0)
    u = stage.y - _beta(stage, 1.0) * stage.x
    spread = (stage.z * (u**2)[:, None]).T @ stage.z
    zx, zy = stage.z.T @ stage.x, stage.z.T @ stage.y
    weight = np.linalg.pinv(spread)
    beta = float(zx @ weight @ zy / (zx @ weight @ zx))
    moment = zy - beta * zx
    return _chi2(float(moment @ weight @ moment), q - 1)


def _chi2(statistic: float, df: int) -> ChiSquare:
    return ChiSquare(statistic if df else 0.0, df, float(special.chdtrc(df, statistic)) if df else 1.0)


def _weak(strength: float, region: Region, level: float) -> Check:
    ok = strength >= STRONG
    told = f"first-stage F = {strength:.3g}"
    if not ok:
        told += f", under {STRONG:g}: do not trust the interval, but that of Anderson–Rubin: {region} ({level:.0%})"
    return Check("weak-instrument", ok, told)


def _agree(test: ChiSquare, robust: bool) -> tuple[Check, ...]:
    if not test.df:
        return ()
    name = "Hansen's J" if robust else "Sargan's test"
    told = f"{name} of {test.df + 1} instruments: {test.statistic:.3g}, p = {test.p:.3g}"
    ok = test.p >= DISAGREE
    if not ok:
        told += "; they do not agree on one effect: one of them acts on the outcome by another way, or effects differ"
    return (Check("overidentified", ok, told),)
