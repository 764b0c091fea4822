"""The effect of each row: how the effect differs with the covariates.

    cate(data, "X", "Y", given) -> [n]

`dr` regresses the doubly robust score of each row (cross-fitted) on its covariates (Kennedy 2023); `t` takes the
difference of an outcome regression in each arm (cross-fitted when the row is one of those learnt from).
Limits   Effects of single rows come without intervals; `Adjust` gives the mean's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from butfor.core.errors import UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.estimate.design import Label, read_arms
from butfor.scm.estimate.nuisance import Learner, cross_fit, folds_of, learn
from butfor.scm.estimate.result import Floats
from butfor.scm.estimate.scores import clipped, held_out, weights_of


def cate(
    data: Any,
    x: str,
    y: str,
    given: Sequence[str],
    *,
    how: Literal["dr", "t"] = "dr",
    learner: Learner = "spline",
    treated: Label = 1,
    control: Label = 0,
    folds: int = 5,
    seed: int = 0,
) -> Floats:
    """E[Y(treated) - Y(control) | covariates] of every row [n]."""
    if how not in ("dr", "t"):
        raise UnknownName("how", how, ("dr", "t"))
    arms = read_arms(Columns.read(data, (x, y, *given)), x, y, given, treated, control)
    fold = folds_of(arms.treated + 2 * arms.control, folds, generator(seed, "estimate", "folds"))
    if how == "t":
        fits = [learn(learner, arms.z[mask], arms.y[mask], logit=arms.binary) for mask, _ in arms.arms]
        return fits[0].predict(arms.z) - fits[1].predict(arms.z)
    own = held_out(arms, learner, fold)
    weights = weights_of(arms, clipped(own))
    score = np.zeros(arms.n)
    for (mask, sign), w in zip(arms.arms, weights, strict=True):
        mean = cross_fit(learner, arms.z, arms.y, mask, fold, logit=arms.binary)
        score += sign * (mean + w / w.mean() * (arms.y - mean))
    return learn(learner, arms.z, score, logit=False).predict(arms.z)
