"""Bounds under hidden confounding: no factor is snips, ends are those of brute force, a planted confounder is held."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from butfor.align.ope.sensitivity import Sensitivity, bounded, estimate
from butfor.align.ope.weighting import estimate as weigh
from butfor.core.errors import Abstained, DataError
from butfor.core.seeds import generator
from butfor.data.policy_worlds import FACTOR, world
from butfor.scm.analyst import Analyst

from .logs import lines, same


def test_without_a_factor_it_is_snips_within_actions() -> None:
    log = lines(120)[0]
    value = 0.0
    for action in range(3):
        mine = log.action == action
        value += log.target[:, action].mean() * np.average(log.outcome[mine], weights=log.weights[mine])
    low, high = bounded(log, 1).ends(1.0)
    assert low[0] == pytest.approx(value) and high[0] == pytest.approx(value)


def test_the_ends_are_those_of_all_corners() -> None:
    log = lines(14)[0]
    found, factor = bounded(log, 1).ends(1.7), 1.7
    low = high = 0.0
    for action in range(3):
        mine = log.action == action
        y, mu, pi = log.outcome[mine], log.chosen[mine], log.target[mine, action]
        means = []
        for corner in product((1 / factor, factor), repeat=len(y)):
            means.append(np.average(y, weights=pi * (1 + np.array(corner) * (1 - mu) / mu)))
        share = log.target[:, action].mean()
        low, high = low + share * min(means), high + share * max(means)
    assert found[0][0] == pytest.approx(low) and found[1][0] == pytest.approx(high)


def test_more_that_is_unseen_is_a_wider_interval() -> None:
    found = bounded(lines(200)[0], 50)
    ends = [found.interval(factor) for factor in (1.0, 1.5, 3.0)]
    assert ends[0][0] > ends[1][0] > ends[2][0] and ends[0][1] < ends[1][1] < ends[2][1]


def test_an_action_that_resamples_lose_is_taken_from_the_data() -> None:
    log = lines(60)[0]
    rare = replace(log, action=np.where(np.arange(60) == 0, 2, log.action % 2))
    low, high = bounded(rare, 40).interval(1.5)
    assert np.isfinite([low, high]).all() and low < high


def test_at_the_tipping_point_the_difference_is_just_lost() -> None:
    found = bounded(lines(300)[0], 80)
    tip = found.tipping()
    assert 1.05 < tip < 10
    assert found.interval(tip * 0.99, less=True)[0] > 0 > found.interval(tip * 1.01, less=True)[0]
    alike = bounded(same(lines(300)[0]), 80)
    assert alike.tipping() == 1.0


def test_it_holds_what_a_hidden_cause_takes_from_the_others() -> None:
    held = {"snips": 0, "bounds": 0}
    for number in range(4):
        known = world("hidden", number, 3)
        log, truth = known.log(0.25, 2000, generator(3, "sensitivity", number)), known.value(0.25)
        held["snips"] += not weigh(log, abstain=False).excludes(truth)
        held["bounds"] += not estimate(log, FACTOR, draws=60, abstain=False).excludes(truth)
    assert held["bounds"] == 4 > held["snips"]


def test_what_it_cannot_take() -> None:
    log = lines(100)[0]
    with pytest.raises(DataError, match="ratio of odds"):
        estimate(log, 0.5)
    with pytest.raises(DataError, match="resamples"):
        estimate(log, draws=0)
    with pytest.raises(Abstained):
        estimate(lines(150, lean=2.0, toward=-3.0)[0])
    with pytest.raises(DataError, match="nothing of what was logged"):
        bounded(replace(log, target=np.eye(3)[(log.action + 1) % 3] * 1.0, action=log.action), 5)


def test_an_arm_bounds_policies() -> None:
    log = lines(100)[0]
    analyst = Sensitivity(factor=1.5, draws=50).model(Analyst(), np.random.default_rng(0))  # type: ignore[arg-type]
    effect = analyst.value(log)  # type: ignore[union-attr]
    assert effect.low < effect.estimate < effect.high and effect.checks[-1].code == "tipping-point"
    assert analyst.fingerprint() != Sensitivity(draws=50).model(Analyst(), np.random.default_rng(0)).fingerprint()  # type: ignore[arg-type]
