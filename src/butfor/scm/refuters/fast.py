"""`Adjust` on many copies at once, where its estimate is a product of matrices (see `butfor.scm.refuters.batched`).

    a number as treatment, regression      one least-squares coefficient times the step
    two arms, regression, linear           z̄ · (b₁ - b₀) of least squares in each arm (rows weighted by arm)
    two arms, ipw, linear                  Hájek means with logistic propensities, many Newton steps at once

for the average effect over everyone. A copy that the estimator would refuse (an arm of a row, arms that covariates tell
apart) gives nan. `can` says whether a copy of the data is of such a kind; the rest goes one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.scm.columns import Columns
from butfor.scm.estimate.adjust import Adjust
from butfor.scm.estimate.design import FEWEST, arm, covariates, is_binary, is_dose
from butfor.scm.refuters.batched import linear, logistic, predicted, with_one

Floats = NDArray[np.float64]
Copies = Mapping[str, NDArray[Any]]

CHUNK = 1 << 21
WHY = "an arm is too small, or the covariates tell the arms apart"
TINY = 1e-6


def can(estimator: object, data: Columns, replaced: Copies, weights: Floats | None) -> bool:
    """Is this one of the estimates above, and does every copy keep it so?"""
    if type(estimator) is not Adjust or estimator.target != "ate" or estimator.how not in ("regression", "ipw"):
        return False
    first = data.with_(**{name: rows[0] for name, rows in replaced.items()})
    new = [name for name in estimator.given if name in replaced]
    if new and len(replaced) > 1:
        return False
    if (replaced and weights is not None) or any(rows.dtype.kind != "f" for rows in replaced.values()):
        return False
    dose = is_dose(first, estimator.x, estimator.treated, estimator.control)
    learner = estimator.propensity if estimator.how == "ipw" else estimator.outcome
    if learner not in (None, "linear"):
        return False
    if dose:
        return estimator.how == "regression"
    y = replaced.get(estimator.y, first[estimator.y])
    if estimator.how == "regression" and (y.dtype.kind != "f" or is_binary(y)):
        return False
    one, zero = (arm(first, estimator.x, label) for label in (estimator.treated, estimator.control))
    return estimator.how == "regression" or bool(np.all(one | zero))


def points(estimator: Any, data: Columns, replaced: Copies, weights: Floats | None) -> Floats:
    """Estimates [draws]."""
    draws = len(weights) if weights is not None else len(next(iter(replaced.values())))
    step = max(1, CHUNK // data.n)
    return np.concatenate(
        [
            _part(
                estimator,
                data,
                {name: rows[at : at + step] for name, rows in replaced.items()},
                weights[at : at + step] if weights is not None else None,
            )
            for at in range(0, draws, step)
        ]
    )


def _part(ask: Adjust, data: Columns, replaced: Copies, weights: Floats | None) -> Floats:
    first = data.with_(**{name: rows[0] for name, rows in replaced.items()})
    new = next((replaced[name] for name in ask.given if name in replaced), None)
    z, _ = covariates(data, [name for name in ask.given if name not in replaced])
    y = replaced[ask.y] if ask.y in replaced else data.number(ask.y)
    if is_dose(first, ask.x, ask.treated, ask.control):
        x = replaced[ask.x] if ask.x in replaced else data.number(ask.x)
        return linear(x, y, z, added=new, weights=weights) * (float(ask.treated) - float(ask.control))
    if ask.x in replaced:
        one, zero = (
            np.asarray(replaced[ask.x] == float(label), dtype=np.float64) for label in (ask.treated, ask.control)
        )
    else:
        one, zero = (arm(data, ask.x, label).astype(np.float64)[None] for label in (ask.treated, ask.control))
    rows = np.ones((1, data.n)) if weights is None else weights
    terms = z.shape[1] + (new is not None)
    fewest = max(FEWEST, terms if ask.how == "ipw" else terms + 2 if terms else 0)
    counts = np.minimum((one * rows).sum(1), (zero * rows).sum(1))
    if ask.how == "ipw":
        found = _weighted(one, y, z, new, rows)
    else:
        found = predicted(one * rows, y, z, rows, added=new) - predicted(zero * rows, y, z, rows, added=new)
    return np.where(counts >= fewest, found, np.nan)


def _weighted(one: Floats, y: Floats, z: Floats, new: Floats | None, rows: Floats) -> Floats:
    """Hájek's difference of weighted means [draws]."""
    e = logistic(with_one(z), one if len(one) > 1 else one[0], rows if len(rows) > 1 else None, added=new)
    apart = np.all(((e > 0.5) == (one > 0)) | (rows == 0), axis=1)  # perfect separation: no weights make the arms alike
    e = np.clip(e, TINY, 1 - TINY)
    up, down = rows * one / e, rows * (1 - one) / (1 - e)
    sums = [np.maximum(side.sum(1), TINY) for side in (up, down)]
    found = np.sum(up * y, axis=1) / sums[0] - np.sum(down * y, axis=1) / sums[1]
    return np.where(apart, np.nan, found)
