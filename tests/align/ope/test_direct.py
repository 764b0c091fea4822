"""The direct method: an independent fit agrees, its interval knows that it was fitted, and it says where it errs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from butfor.align.ope.direct import Direct, estimate, fit, residuals
from butfor.core.errors import Abstained, DataError, UnknownName
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns
from butfor.scm.policies import Log

from .logs import cells, lines


def by_hand(log: Log, rows: np.ndarray) -> float:
    """Least squares in each action, averaged over the target."""
    z = np.column_stack([np.ones(len(log.action)), log.data["x1"], log.data["x2"]])
    value = np.zeros(len(z))
    for action in range(3):
        mine = rows & (log.action == action)
        beta = np.linalg.lstsq(z[mine], log.outcome[mine], rcond=None)[0]
        value += log.target[:, action] * (z @ beta)
    return float(value[rows].mean())


def test_it_is_least_squares_averaged_over_the_target() -> None:
    log = lines(90)[0]
    assert estimate(log).estimate == pytest.approx(by_hand(log, np.ones(90, bool)), abs=1e-5)


def test_its_spread_is_that_of_leaving_out_each_row() -> None:
    log = lines(90)[0]
    left = np.array([by_hand(log, np.arange(90) != i) for i in range(90)])
    jackknife = np.sqrt(89 / 90 * np.sum((left - left.mean()) ** 2))
    values = fit(log, "linear").pulls(log.target)
    assert values.std() / np.sqrt(90) == pytest.approx(jackknife, rel=0.03)
    assert values.mean() == pytest.approx(estimate(log).estimate)


def test_outcomes_of_zero_and_one_are_logistic() -> None:
    log = lines(300)[0]
    log = replace(log, outcome=(log.outcome > 1).astype(float))
    predicted = fit(log, "linear").predicted
    assert 0 < predicted.min() < predicted.max() < 1
    own = predicted[np.arange(300), log.action]
    for action in range(3):  # the score equations of logistic regression
        mine = log.action == action
        assert np.sum((log.outcome - own)[mine] * log.data["x1"][mine]) == pytest.approx(0, abs=1e-3)
    found = estimate(log)
    assert 0 < found.low < found.high < 1


def test_a_wrong_model_is_found_out_by_the_weights() -> None:
    log, truth = lines(500, lean=1.0, toward=1.0)
    wrong, right = estimate(log, "mean"), estimate(log, "linear")
    assert not wrong.ok and "doubly_robust" in next(check.message for check in wrong.checks if not check.ok)
    assert right.ok and not right.excludes(truth)


def test_residuals_that_hang_together_are_no_error_of_the_model() -> None:
    told = {"alone": 0, "together": 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        code = np.repeat(np.arange(40), 25)
        first = rng.uniform(0.1, 0.9, size=40)
        log = replace(
            lines(1000, seed)[0], action=(rng.random(40) > first)[code].astype(np.int64),
            outcome=rng.normal(size=40)[code] + 0.3 * rng.normal(size=1000),
            logging=np.column_stack([first, 1 - first, np.zeros(40)])[code],
            target=np.tile([0.8, 0.2, 0.0], (1000, 1)),
        )  # fmt: skip
        for name, given in (("alone", log), ("together", replace(log, cluster=code))):
            told[name] += not residuals(given, fit(given, "linear")).ok
    assert told["together"] <= 1 < 3 < told["alone"]


def test_cells_are_means() -> None:
    log = cells()
    predicted = fit(log, "cells").predicted
    kind = 2 * log.data["left"] + log.data["right"]
    mine = (kind == kind[0]) & (log.action == 1)
    assert predicted[0, 1] == pytest.approx(log.outcome[mine].mean())
    with pytest.raises(DataError, match="600 distinct contexts"):
        estimate(lines(600)[0], "cells")
    with pytest.raises(UnknownName):
        estimate(log, "splin")  # type: ignore[arg-type]


def test_what_was_never_done_is_not_guessed() -> None:
    log = lines(200)[0]
    logging = np.delete(log.logging, 0, axis=1)
    logging = np.column_stack([np.zeros(200), logging / logging.sum(1, keepdims=True)])
    log = replace(log, logging=logging, action=np.maximum(log.action, 1))
    with pytest.raises(Abstained, match="never made"):
        estimate(log)
    assert estimate(log, abstain=False).n == 200


def test_no_features_and_few_rows_leave_means() -> None:
    log = replace(lines(12)[0], data=Columns({}))
    assert estimate(log, abstain=False).estimate == pytest.approx(estimate(log, "mean").estimate)


def test_an_arm_values_policies() -> None:
    log = lines(60)[0]
    analyst = Direct(learner="mean").model(Analyst(), np.random.default_rng(0))  # type: ignore[arg-type]
    assert analyst.value(log) == estimate(log, "mean") and not analyst.hooked  # type: ignore[union-attr]
