"""What actions do, by an instrument: the closed form, the solver that agrees with it, and weak instruments."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.align.instrument.value_iteration import ValueIteration, closed_form, learnt, primal_dual, strength
from butfor.core.errors import Abstained, DataError
from butfor.core.seeds import generator
from butfor.data.decision_worlds import CHOICES, HORIZON, world
from butfor.scm.analyst import Analyst
from butfor.scm.decisions import Trajectories, features, plan, regressed


def logged(family="hidden", number=0, episodes=500):
    known = world(family, number)
    return known, known.log(episodes, generator(7, family, number))


def test_the_closed_form_is_the_equation():
    _, log = logged()
    phi, psi, y = features(log.state, log.action), features(log.state, log.instrument), log.moved
    a, b, c = psi.T @ phi, psi.T @ psi, y.T @ psi
    told = a.T @ np.linalg.inv(b)
    assert np.allclose(closed_form(phi, psi, y), c @ np.linalg.inv(b) @ a @ np.linalg.inv(told @ a), atol=1e-8)


def test_the_action_as_its_own_instrument_is_least_squares():
    _, log = logged()
    own = Trajectories(log.state, log.action, log.action, log.after, log.reward)
    assert np.allclose(learnt(own).weights, regressed(own).weights, atol=1e-8)
    assert strength(own) == float("inf")


def test_the_solver_comes_to_the_closed_form():
    _, log = logged()
    phi, psi = features(log.state, log.action), features(log.state, log.instrument)
    assert np.allclose(primal_dual(phi, psi, log.moved, 20_000), closed_form(phi, psi, log.moved), atol=0.02)


def test_it_finds_what_actions_do_where_least_squares_does_not():
    for number in range(4):
        known, log = logged(number=number, episodes=2000)
        off, naive = (np.abs((found.weights - known.weights)[:, 3]).max() for found in (learnt(log), regressed(log)))
        assert off < 0.05 < 0.1 < naive


def test_errors_shrink_with_the_square_root_of_the_log():
    errors = []
    for episodes in (250, 4000):
        found = [logged("hidden", number, episodes) for number in range(6)]
        off = [np.abs((learnt(log, least=0.0).weights - known.weights)[2]).mean() for known, log in found]
        errors.append(np.mean(off))
    assert errors[1] < errors[0] / 2.5  # 4 is expected


def test_its_plan_is_better_than_that_of_least_squares():
    known, log = logged()
    values = [known.value(plan(found, CHOICES, HORIZON)) for found in (learnt(log), regressed(log))]
    random, best = known.value(None), known.value(known.best())
    assert values[0] > best - 0.03 * (best - random) > values[1]


def test_a_weak_instrument_is_refused_by_name_of_the_fix():
    _, log = logged("weak")
    assert strength(log) < 10 < strength(logged()[1])
    with pytest.raises(Abstained, match="the instrument hardly moves the action: its first-stage strength is"):
        learnt(log)
    assert learnt(log, least=0.0).weights.shape == (3, 7)


def test_states_that_repeat_each_other_are_refused_by_the_solver():
    _, log = logged()
    twice = np.column_stack([log.state[:, 0], log.state[:, 0]])
    with pytest.raises(DataError, match="repeat each other"):
        primal_dual(features(twice, log.action), features(twice, log.instrument), log.moved, 100)


def test_the_method_puts_it_into_the_analyst():
    analyst, _ = Analyst(), None
    for method in (ValueIteration(), ValueIteration(solver="primal_dual", steps=500)):
        found = method.model(Analyst(), generator(0, "made"))
        assert found.identity and not found.hooked and found.identity != analyst.identity
        assert found.learn(logged()[1]).weights.shape == (3, 7)
