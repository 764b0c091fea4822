"""What has to be learnt before an effect can be: outcomes from covariates, and who gets treated.

    learn("spline", z, y, logit=False)      fitted on some rows, predicts others
    cross_fit(...)                          each row predicted by a fit that has not seen it
    least_chance(n)                         how small a learnt propensity may be: 5 / (√n ln n) (Gruber et al. 2022)

The learners by name: `mean` (ignores the covariates), `linear` (least squares, or logistic regression), `spline`
(curves and products, ridge penalty chosen by leaving one out), `boosted` (small trees). A penalty λ is chosen by the
error of each row left out, which needs no refit: residual / (1 - h_i) for least squares (exact), and one Newton step
for logistic regression (Rad & Maleki 2020). Cross-fitting is that of Chernozhukov et al. 2018.

A curve is made from the rows that it is fitted on, and its predictions stay within half a range of their outcomes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.random import Generator

from butfor.core.errors import UnknownName
from butfor.scm.columns import Codes
from butfor.scm.estimate.basis import Basis
from butfor.scm.estimate.result import Floats, Mask

Learner = Literal["mean", "linear", "spline", "boosted"]
RIDGE = 1e-6  # keeps copies of one another apart in an unpenalised fit
STEPS = 60
PENALTIES = 10.0 ** np.arange(1, -7, -0.5)  # for a row, of least squares
LOGISTIC = 10.0 ** np.arange(0, -6, -1)
LEAST = (0.01, 0.1)  # between which that lies
OUTSIDE = 0.5  # ranges of the outcome by which a curve may leave it


class Model(Protocol):
    """A fitted learner."""

    def predict(self, z: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """The same for every row."""

    value: float

    def predict(self, z: Floats) -> Floats:
        return np.full(len(z), self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Least squares or logistic regression on the terms of a basis."""

    basis: Basis
    beta: Floats  # [p]
    penalty: float
    logit: bool
    low: float = -np.inf
    high: float = np.inf

    def predict(self, z: Floats) -> Floats:
        eta = self.basis(z) @ self.beta
        return expit(eta) if self.logit else np.clip(eta, self.low, self.high)


def learn(learner: Learner, z: Floats, y: Floats, *, logit: bool) -> Model:
    """Fit a learner."""
    if learner == "mean" or not z.shape[1] or np.ptp(y) == 0:
        return Constant(float(y.mean()))
    if learner == "linear":
        return fit_linear(Basis.straight(z), z, y, logit=logit)
    if learner == "spline":
        return _curve(z, y, logit, None)
    if learner == "boosted":
        from butfor.scm.estimate.boost import fit_boosted

        return fit_boosted(z, y, logit=logit)
    raise UnknownName("learner", learner, ("mean", "linear", "spline", "boosted"))


def fit_linear(basis: Basis, z: Floats, y: Floats, *, logit: bool) -> Linear:
    """The unpenalised fit; columns that are combinations of others do no harm."""
    terms = basis(z)
    ridge = np.full(len(terms.T), RIDGE)
    ridge[0] = 0.0
    if logit:
        return Linear(basis, newton(terms, y, ridge, np.zeros(len(ridge))), 0.0, True)
    return Linear(basis, solve(terms.T @ terms + np.diag(ridge), terms.T @ y), 0.0, False)


def _curve(z: Floats, y: Floats, logit: bool, penalty: float | None) -> Linear:
    """The penalised fit of curves, with a penalty of its own choosing where none is given."""
    basis = Basis.curved(z)
    more = OUTSIDE * float(np.ptp(y))
    beta, penalty = _spline(basis(z), basis.penalty, y, logit, penalty)
    return Linear(basis, beta, penalty, logit, float(y.min()) - more, float(y.max()) + more)


def solve(matrix: Floats, vector: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, vector), dtype=np.float64)


def expit(eta: Floats) -> Floats:
    """1 / (1 + exp(-eta))."""
    return 0.5 * (1 + np.tanh(0.5 * eta))


def least_chance(n: int) -> float:
    """The smallest chance by which one of n rows may be divided; 1 over it bounds a weight."""
    return min(max(5 / (math.sqrt(n) * math.log(n)), LEAST[0]), LEAST[1])


def logit_of(p: Floats) -> Floats:
    return np.log(p) - np.log1p(-p)


def newton(terms: Floats, y: Floats, ridge: Floats, start: Floats) -> Floats:
    """The maximum of Σ log-likelihood - ½ Σ ridge β² of a logistic regression."""
    beta, eta = start, terms @ start
    value = _objective(eta, y, beta, ridge)
    for _ in range(STEPS):
        p = expit(eta)
        w = np.maximum(p * (1 - p), 1e-12)
        slope = terms.T @ (y - p) - ridge * beta
        step = np.linalg.solve((terms * w[:, None]).T @ terms + np.diag(ridge + 1e-10), slope)
        if float(slope @ step) < 1e-10:
            return beta
        size = 1.0
        while True:
            trial = beta + size * step
            eta = terms @ trial
            new = _objective(eta, y, trial, ridge)
            if new >= value - 1e-12 * abs(value) or size < 1e-6:
                break
            size /= 2
        beta, value = trial, new
    return beta


def _objective(eta: Floats, y: Floats, beta: Floats, ridge: Floats) -> float:
    return float(np.sum(y * eta - np.logaddexp(0.0, eta)) - 0.5 * np.sum(ridge * beta**2))


def _spline(terms: Floats, weights: Floats, y: Floats, logit: bool, penalty: float | None) -> tuple[Floats, float]:
    """Coefficients of the terms of a curved basis, and the penalty."""
    if not logit:
        return _ridge(terms, weights, y)
    beta = np.zeros(len(weights))
    if penalty is not None:
        return newton(terms, y, penalty * len(y) * weights, beta), penalty
    best: tuple[float, float, Floats] = (np.inf, 0.0, beta)
    for share in LOGISTIC:
        ridge = share * len(y) * weights
        beta = newton(terms, y, ridge, beta)
        error = left_out(terms, y, ridge, beta)
        if error < best[0]:
            best = (error, float(share), beta)
        elif error > 1.005 * best[0]:
            break
    return best[2], best[1]


def left_out(terms: Floats, y: Floats, ridge: Floats, beta: Floats) -> float:
    """Mean deviance of each row predicted without it, to one Newton step."""
    eta = terms @ beta
    p = expit(eta)
    w = np.maximum(p * (1 - p), 1e-12)
    inverse = np.linalg.inv((terms * w[:, None]).T @ terms + np.diag(ridge + 1e-10))
    lever = np.sum((terms @ inverse) * terms, axis=1)
    without = eta - lever * (y - p) / np.maximum(1 - lever * w, 1e-3)
    loss: Floats = np.logaddexp(0.0, without) - y * without
    return float(loss.mean())


def _ridge(terms: Floats, weights: Floats, y: Floats) -> tuple[Floats, float]:
    """Least squares with the ridge penalty whose left-out errors are least; one eigendecomposition for all of them."""
    n = len(y)
    root = np.sqrt(weights[1:])
    x = terms[:, 1:] / root
    centre: Floats = x.mean(axis=0)
    x = x - centre
    values, vectors = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0.0)
    u = x @ vectors  # [n, p]
    mean = float(y.mean())
    pull = u.T @ (y - mean)
    shrink = 1 / (values[:, None] + n * PENALTIES)  # [p, penalties]
    fitted = u @ (pull[:, None] * shrink)
    lever = 1 / n + (u**2) @ shrink
    errors = np.mean(((y - mean)[:, None] - fitted) ** 2 / np.maximum(1 - lever, 1e-3) ** 2, axis=0)
    best = int(np.argmin(errors))
    beta = vectors @ (pull * shrink[:, best])
    return np.concatenate([np.array([mean - float(centre @ beta)]), beta / root]), float(PENALTIES[best])


def folds_of(groups: Codes, folds: int, rng: Generator) -> Codes:
    """A fold for each row, each group spread evenly over them."""
    fold = np.empty(len(groups), dtype=np.int64)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        start = int(rng.integers(folds))
        fold[rng.permutation(rows)] = (start + np.arange(len(rows))) % folds
    return fold


def cross_fit(learner: Learner, z: Floats, y: Floats, rows: Mask, fold: Codes, *, logit: bool) -> Floats:
    """Every row's prediction [n] by a fit on those of `rows` that lie in other folds.

    The penalty of a logistic curve is chosen once for all folds: it costs six fits, and one number hides no row.
    """
    found = np.empty(len(y))
    shared = learner == "spline" and logit and z.shape[1] > 0 and np.ptp(y[rows]) > 0
    penalty = _curve(z[rows], y[rows], True, None).penalty if shared else None
    for k in np.unique(fold):
        here = fold == k
        train = rows & ~here if np.any(rows & ~here) else rows
        if penalty is not None and np.ptp(y[train]) > 0:
            model: Model = _curve(z[train], y[train], True, penalty)
        else:
            model = learn(learner, z[train], y[train], logit=logit)
        found[here] = model.predict(z[here])
    return found
