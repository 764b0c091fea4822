"""Doubly robust: one number with the others where it must be, unbiased if either part is right, mrdr's own step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from butfor.align.ope import direct, weighting
from butfor.align.ope.doubly_robust import DoublyRobust, How, estimate, learnt, robust, scores, step, targeted
from butfor.core.errors import Abstained, DataError
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns
from butfor.scm.policies import Log

from .logs import Floats, cells, lines, softmax


def test_saturated_and_counted_all_estimators_are_one_number() -> None:
    log = cells()
    one = direct.estimate(log, "cells").estimate
    for how in ("ips", "snips"):
        assert weighting.estimate(log, how).estimate == pytest.approx(one, abs=1e-12)
    for how in ("dr", "tmle"):
        assert estimate(log, how, learner="cells", folds=1).estimate == pytest.approx(one, abs=1e-10)


def test_without_a_model_it_is_ips() -> None:
    log = lines(200)[0]
    assert scores(log, np.zeros((200, 3))).mean() == pytest.approx(weighting.estimate(log, "ips").estimate)


@pytest.mark.parametrize("how", ["dr", "mrdr", "tmle"])
def test_it_is_narrower_than_weights_and_holds_the_truth(how: How) -> None:
    log, truth = lines(600)
    found, weighed = estimate(log, how), weighting.estimate(log, "snips")
    assert not found.excludes(truth)
    assert found.high - found.low < 0.9 * (weighed.high - weighed.low)


Cell = tuple[bool, bool]


def two_by_two(logs: int, rows: int) -> dict[Cell, tuple[float, float, float]]:
    """By whether probabilities and model are right: the mean error, its standard error, how many intervals hold."""
    found: dict[Cell, list[tuple[float, bool]]] = {}
    for seed in range(logs):
        log, truth = lines(rows, seed, lean=0.8, toward=0.4)
        for right in (True, False):
            predicted = learnt(log, "dr", "linear" if right else "mean", 2, seed)
            for logged in (log.logging, np.full_like(log.logging, 1 / 3)):
                values = scores(replace(log, logging=logged), predicted)
                off, error = values.mean() - truth, values.std() / np.sqrt(rows)
                found.setdefault((logged is log.logging, right), []).append((off, abs(off) < 1.96 * error))
    table: dict[Cell, tuple[float, float, float]] = {}
    for key, each in found.items():
        off = np.array([one for one, _ in each])
        table[key] = float(off.mean()), float(off.std() / np.sqrt(logs)), float(np.mean([held for _, held in each]))
    return table


@pytest.mark.parametrize("logs", [50, pytest.param(300, marks=pytest.mark.slow)])
def test_it_is_unbiased_if_probabilities_or_model_are_right(logs: int) -> None:
    table = two_by_two(logs, 400)
    for right in ((True, True), (True, False), (False, True)):
        off, error, covered = table[right]
        assert abs(off) < 3 * error + 0.005, right
        assert covered >= 0.94 - 3 * np.sqrt(0.05 * 0.95 / logs), right
    off, error, covered = table[False, False]
    assert abs(off) > 5 * error and covered < 0.8


def enumerated() -> Log:
    """Every context and action as often as it is chosen: means over rows are expectations."""
    rng = np.random.default_rng(3)
    x = np.repeat(np.array([-1.5, -0.5, 0.4, 1.6]), 20)
    times = np.array([[12, 6, 2], [4, 10, 6], [2, 8, 10], [8, 2, 10]])
    action = np.concatenate([np.repeat(np.arange(3), row) for row in times])
    y = np.sin(3 * x) + action * x**2.0
    target = np.repeat(softmax(rng.normal(size=(4, 3))), 20, axis=0)
    return Log(Columns.read({"x": x}), action, y, np.repeat(times / 20, 20, axis=0), target)


def spread_within(log: Log, predicted: Floats) -> float:
    """The mean variance of the score given the context."""
    x = log.data["x"]
    found = scores(log, predicted)
    return float(np.mean([found[x == value].var() for value in np.unique(x)]))


def test_the_step_of_mrdr_goes_to_the_least_spread() -> None:
    log = enumerated()
    rows = np.ones(80, bool)
    start = direct.fit(log, "linear").predicted
    move = step(log, start, rows)
    least = spread_within(log, start + move)
    assert least < spread_within(log, start)
    x = log.data["x"]
    terms = np.column_stack([np.ones(80), x])
    for action in range(3):  # nothing nearby is better: a Newton step on a quadratic is there at once
        for term in terms.T:
            for size in (-0.05, 0.05):
                nearby = start + move + size * np.outer(term, np.eye(3)[action])
                assert spread_within(log, nearby) > least - 1e-4
    halfway = [spread_within(log, start + share * move) for share in (0.0, 0.5, 1.0)]
    assert halfway[0] - halfway[1] == pytest.approx(3 * (halfway[1] - halfway[2]), rel=0.05)


def test_mrdr_spreads_less_where_straight_lines_are_wrong() -> None:
    gains = []
    for seed in range(5):
        log, _ = lines(800, seed, lean=1.0, toward=0.5)
        log = replace(log, outcome=log.outcome + 3 * log.data["x1"] ** 2 * (log.action == 0))
        rows = np.arange(800) % 2 == 0
        plain, chosen = direct.fit(log, "linear", rows).predicted, robust(log, rows)
        gains.append(scores(log, chosen)[~rows].std() / scores(log, plain)[~rows].std())
    assert np.mean(gains) < 0.995 and max(gains) < 1.02


def test_targeting_leaves_no_weighted_residual_and_stays_inside() -> None:
    log = lines(150)[0]
    log = replace(log, outcome=np.clip(log.outcome, 0, 1))
    moved = targeted(log, direct.fit(log, "mean").predicted)
    own = moved[np.arange(150), log.action]
    assert log.weights @ (log.outcome - own) == pytest.approx(0, abs=1e-9)
    assert 0 <= moved.min() <= moved.max() <= 1
    flat = replace(log, outcome=np.ones(150))
    assert estimate(flat, "tmle").estimate == 1.0


def test_what_it_cannot_take() -> None:
    log = lines(50)[0]
    for folds in (0, 51):
        with pytest.raises(DataError, match="folds"):
            estimate(log, folds=folds)
    with pytest.raises(Abstained):
        estimate(lines(150, lean=2.0, toward=-3.0)[0])
    with pytest.raises(ValueError, match="mrdr fits straight lines"):
        DoublyRobust(how="mrdr", learner="spline")


def test_mrdr_has_its_size() -> None:
    log = lines(20)[0]
    wide = {f"x{i}": column for i, column in enumerate(np.random.default_rng(0).normal(size=(400, 20)))}
    with pytest.raises(DataError, match="1203 coefficients"):
        estimate(replace(log, data=Columns.read(wide)), "mrdr", abstain=False)


def test_what_hangs_together_is_learnt_together() -> None:
    log = lines(80)[0]
    doubled = {name: np.repeat(getattr(log, name), 2, axis=0) for name in ("action", "outcome", "logging", "target")}
    twice = replace(
        log, data=log.data.take(np.repeat(np.arange(80), 2)), cluster=np.repeat(np.arange(80), 2), **doubled
    )
    assert estimate(twice, abstain=False).estimate == pytest.approx(estimate(log, abstain=False).estimate, abs=1e-4)


def test_the_seed_of_an_arm_draws_its_folds() -> None:
    log = lines(100)[0]
    arms = [DoublyRobust().model(Analyst(), np.random.default_rng(seed)) for seed in (0, 0, 1)]  # type: ignore[arg-type]
    values = [arm.value(log).estimate for arm in arms]  # type: ignore[union-attr]
    assert values[0] == values[1] != values[2]
    assert arms[0].fingerprint() == arms[1].fingerprint() != arms[2].fingerprint()
