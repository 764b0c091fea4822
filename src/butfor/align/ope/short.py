"""What the estimators for logs of short actions share: whom they answer, and how values of rows become an effect.

An estimator here is a mean of one value a row (or a ratio of two such means) up to terms that vanish faster, so its
interval is that of a mean: skewness-corrected t, over clusters where the log names them (`butfor.stats.mean`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Codes, Floats
from butfor.scm.policies import Answers, Log
from butfor.stats import mean
from butfor.stats.effect import Check, Effect


def short(log: Log | Answers) -> Log:
    """The log of short actions; one of texts is refused."""
    if isinstance(log, Answers):
        raise DataError(
            "this estimator weighs short actions, and the log holds whole texts; "
            'value those with method = "align.ope.calibrated"'
        )
    return log


def contexts(log: Log) -> Floats:
    """The features of the contexts as columns of a regression. [n, k]"""
    return log.data.matrix(log.data.names) if log.data.names else np.zeros((len(log.action), 0))


def clusters(log: Log) -> Codes:
    """What hangs together, from 0 on: each row by itself where nothing is named. [n]"""
    if log.cluster is None:
        return np.arange(len(log.action))
    return np.unique(log.cluster, return_inverse=True)[1].astype(np.int64)


def effect(
    values: Floats,
    log: Log,
    method: str,
    *,
    level: float,
    checks: tuple[Check, ...] = (),
    weights: Floats | None = None,
) -> Effect:
    """The (weighted) mean of a value a row, with its interval and what should be known of it."""
    found = mean(values, clusters=log.cluster, weights=weights, level=level, unit="a choice")
    kept = tuple(check for check in found.checks if check.code != "one-seed")
    return replace(found, method=f"{method}; {found.method}", unit="", n=len(log.action), checks=(*checks, *kept))
