"""What has to be learnt of the texts before a reward can be: linear fits on what the model makes of them, by folds.

    ridge(x, y)                 least squares of many outcomes at once, rows weighted; the penalty of each is the one
                                whose left-out errors are least (one outcome, curves: `scm.estimate.nuisance.learn`)
    penalty_of(z, x, y)         the penalty on x of a logistic regression on z (not penalised) and x, chosen likewise
    logistic(z, x, y, penalty)  its coefficients
    spread, levels              columns as terms: the powers of a number, one for each value of what is a name

None has an intercept: differences of two texts need none, and everything else is centred first. A row is judged by a
fit on the rows of other folds (`scm.estimate.nuisance.folds_of`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from butfor.core.errors import UserError
from butfor.scm.estimate.nuisance import LOGISTIC, PENALTIES, left_out, newton

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOOSE = 1e-8  # on what is not penalised, for a row
WORSE = 1.005  # times the least error so far: smaller penalties are not tried any more


def ridge(x: Floats, y: Floats, weight: Floats | None = None) -> Floats:
    """Coefficients [d, q] of y [n, q] on x [n, d], rows counting by their weight [n]."""
    root = np.ones(len(x)) if weight is None else np.sqrt(weight)
    x, y = x * root[:, None], y * root[:, None]
    values, vectors = np.linalg.eigh(x.T @ x)
    values = np.maximum(values, 0.0)
    turned = x @ vectors  # [n, d]
    pull = turned.T @ y  # [d, q]
    best, least = np.zeros_like(pull), np.full(y.shape[1], np.inf)
    for share in PENALTIES:
        shrink = 1 / (values + share * len(x))
        lever = np.minimum((turned**2) @ shrink, 1 - 1e-3)
        found = pull * shrink[:, None]
        error = np.mean(((y - turned @ found) / (1 - lever)[:, None]) ** 2, axis=0)  # [q]
        best = np.where(error < least, found, best)
        least = np.minimum(least, error)
    return vectors @ best


def penalty_of(z: Floats, x: Floats, y: Floats) -> float:
    """The penalty for a row, on the coefficients of x alone."""
    terms = np.concatenate([z, x], axis=1)
    best, least, beta = float(LOGISTIC[0]), np.inf, np.zeros(terms.shape[1])
    for share in LOGISTIC:
        ridges = _ridges(z, x, float(share))
        beta = newton(terms, y, ridges, beta)
        error = left_out(terms, y, ridges, beta)
        if error < least:
            best, least = float(share), error
        elif error > WORSE * least:
            break
    return best


def logistic(z: Floats, x: Floats, y: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Coefficients on z [p] and on x [d]."""
    terms = np.concatenate([z, x], axis=1)
    found = newton(terms, y, _ridges(z, x, penalty), np.zeros(terms.shape[1]))
    return found[: z.shape[1]], found[z.shape[1] :]


def _ridges(z: Floats, x: Floats, penalty: float) -> Floats:
    return len(x) * np.concatenate([np.full(z.shape[1], LOOSE), np.full(x.shape[1], penalty)])


def spread(name: str, values: Sequence[Sequence[Hashable]], degree: int = 1) -> tuple[list[str], list[Floats]]:
    """Names and values [n, p], of each side, of the powers of a column of numbers, in standard deviations."""
    pooled = np.array([value for side in values for value in side], dtype=np.float64)
    if not np.isfinite(pooled).all():
        raise UserError(f"the column {name!r} is {pooled[~np.isfinite(pooled)][0]:g} on a row; give a number on all")
    if np.ptp(pooled) == 0:
        raise UserError(f"the column {name!r} is {pooled[0]:g} on every row: nothing can be told of it; leave it out")
    one = (pooled - pooled.mean()) / pooled.std()
    degree = min(degree, len(np.unique(pooled)) - 1)
    names = [name, *(f"{name}^{power}" for power in range(2, degree + 1))]
    return names, _split(np.stack([one**power for power in range(1, degree + 1)], axis=1), values)


def levels(name: str, values: Sequence[Sequence[Hashable]]) -> tuple[list[str], list[Floats]]:
    """Names and values [n, p], of each side, of a term for each value of a column but the first."""
    pooled = [str(value) for side in values for value in side]
    known = sorted(set(pooled))[1:]
    terms = np.array([[value == one for one in known] for value in pooled], dtype=np.float64)
    return [f"{name} {one}" for one in known], _split(terms, values)


def _split(terms: Floats, values: Sequence[Sequence[Hashable]]) -> list[Floats]:
    return np.split(terms - terms.mean(axis=0), np.cumsum([len(side) for side in values])[:-1])
