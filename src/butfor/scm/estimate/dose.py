"""A number as treatment: how much the outcome moves with it, covariates held.

    regression          least squares of Y on X and the covariates; HC3 variance (MacKinnon & White 1985)
    partially linear    Y = θ X + g(Z) + ε: θ = Σ v u / Σ v², v = X - E[X | Z], u = Y - E[Y | Z], both cross-fitted
                        (Robinson 1988; Chernozhukov et al. 2018)

Limits   Where the effect differs with Z or bends with X, θ is an average weighted by the variance of X given Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Codes
from butfor.scm.estimate.basis import Basis
from butfor.scm.estimate.checks import APART, LEFT, LUCK, kish, with_squares
from butfor.scm.estimate.design import Dose, is_binary
from butfor.scm.estimate.nuisance import Learner, cross_fit
from butfor.scm.estimate.result import Floats, Pull
from butfor.stats.effect import Check

UNEXPLAINED = 0.02  # share of the treatment's variance that covariates must leave


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """The slope times the step that was asked about."""

    pull: Pull
    df: float
    checks: tuple[Check, ...]


def regression(read: Dose, learner: Learner) -> Slope:
    """Least squares."""
    if learner not in ("mean", "linear", "spline"):
        raise DataError(f"how='regression' has no interval with {learner!r} outcomes; use how='dml'")
    z = read.z[:, :0] if learner == "mean" else read.z
    basis = Basis.curved(z) if learner == "spline" and z.shape[1] else Basis.straight(z)
    terms = basis(z)
    n, p = terms.shape
    if n < p + 3:
        raise DataError(f"{n} rows for {p - 1} terms of covariates: too few for a regression; use fewer covariates")
    q, r = np.linalg.qr(terms)
    kept = np.abs(np.diag(r)) > 1e-9 * np.abs(np.diag(r)).max()
    q = np.linalg.qr(terms[:, kept])[0]
    v, u = (column - q @ (q.T @ column) for column in (read.x, read.y))
    _moves(read, v)
    slope = float(v @ u / (v @ v))
    lever = np.sum(q**2, axis=1) + v**2 / float(v @ v)
    psi = v * (u - slope * v) / np.maximum(1 - lever, 1e-6) / np.mean(v**2)
    df = float(n - q.shape[1] - 1)
    return Slope(Pull(slope, psi).times(read.step), df, _checks(read, v))


def partially_linear(read: Dose, fold: Codes, outcome: Learner, treatment: Learner) -> Slope:
    """Robinson's estimator, cross-fitted."""
    everyone = np.ones(len(read.y), dtype=np.bool_)
    u = read.y - cross_fit(outcome, read.z, read.y, everyone, fold, logit=is_binary(read.y))
    v = read.x - cross_fit(treatment, read.z, read.x, everyone, fold, logit=False)
    _moves(read, v)
    slope = float(v @ u / (v @ v))
    psi = v * (u - slope * v) / np.mean(v**2)
    return Slope(Pull(slope, psi - psi.mean()).times(read.step), float(len(u) - 1), _checks(read, v))


def _moves(read: Dose, v: Floats) -> None:
    if float(v @ v) < 1e-10 * float(np.sum((read.x - read.x.mean()) ** 2)):
        raise DataError("the covariates determine the treatment exactly: nothing of it is left to compare")


def _checks(read: Dose, v: Floats) -> tuple[Check, ...]:
    left = float(np.mean(v**2) / read.x.var())
    rows = kish(v**2)
    return (
        Check("overlap", left > UNEXPLAINED, f"covariates leave {min(left, 1):.1%} of the treatment's variance"),
        Check("effective-n", rows >= LEFT, f"the slope rests on {rows:.0f} of {len(v)} rows, in effect"),
        _balance(read, v),
    )


def _balance(read: Dose, v: Floats) -> Check:
    if not read.z.shape[1]:
        return Check("balance", True, "no covariates to balance")
    z, names = with_squares(read.z, read.names)
    unit = (z - z.mean(axis=0)) / np.maximum(z.std(axis=0), 1e-12)
    size = np.abs(unit.T @ v) / (len(v) * v.std())
    worst = int(np.argmax(size))
    limit = APART + LUCK / math.sqrt(kish(v**2))
    ok = bool(size[worst] <= limit)
    told = f"what is left of the treatment correlates most with {names[worst]}, at {size[worst]:.3f}"
    return Check("balance", ok, told if ok else f"{told} (over {limit:.2f}): use how='dml', which bends")
