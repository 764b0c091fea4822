"""Plans: the exact best action in worlds that a table solves, and logs that cannot be learnt from."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from butfor.core.errors import DataError
from butfor.core.seeds import generator
from butfor.scm.decisions import Dynamics, Trajectories, features, plan, regressed

CHOICES = np.array([[-1.0], [0.0], [1.0]])


def made(rng, rows=60, **changed):
    parts = {name: rng.standard_normal((rows, wide)) for name, wide in
             (("state", 2), ("action", 1), ("instrument", 1), ("after", 2))}  # fmt: skip
    return Trajectories(**{**parts, "reward": rng.standard_normal(rows), **changed})


def dynamics(rng, noise=0.0):
    weights = rng.standard_normal((3, 7)) * 0.3
    weights[:2, 4:], weights[2, 4] = 0.0, -0.4  # states move in a line, rewards fall with the square of the action
    return Dynamics(weights, rng.standard_normal((50, 3)) * noise, rng.standard_normal((300, 2)))


def test_features_are_those_of_the_equation():
    state, action = np.array([[2.0, 3.0]]), np.array([[5.0]])
    assert features(state, action).tolist() == [[1, 2, 3, 5, 25, 10, 15]]


def test_the_last_step_takes_the_best_reward_there_is():
    rng = generator(0, "last")
    found = dynamics(rng)
    states = rng.standard_normal((20, 2))
    rewards = np.column_stack([features(states, np.repeat([c], 20, 0)) @ found.weights[2] for c in CHOICES])
    assert (plan(found, CHOICES, 1)(states, 0) == rewards.argmax(1)).all()
    assert (plan(found, CHOICES, 3)(states, 2) == rewards.argmax(1)).all()


def test_without_noise_it_is_as_good_as_trying_every_sequence():
    rng = generator(1, "all")
    found, horizon = dynamics(rng), 3
    start = rng.standard_normal((15, 2)) * 0.7

    def returns(chosen):
        state, total = start, np.zeros(len(start))
        for step in range(horizon):
            moved = features(state, CHOICES[chosen(state, step)]) @ found.weights.T
            state, total = moved[:, :2], total + moved[:, 2]
        return total

    every = [
        returns(lambda state, step, line=line: np.full(len(state), line[step])) for line in product(range(3), repeat=3)
    ]
    best, worst = np.max(every, axis=0).mean(), np.min(every, axis=0).mean()
    assert returns(plan(found, CHOICES, horizon)).mean() > best - 0.02 * (best - worst)


def test_least_squares_is_right_where_nobody_saw_more():
    rng = generator(2, "open")
    found = dynamics(rng)
    state, action = rng.standard_normal((4000, 2)), rng.standard_normal((4000, 1))
    moved = features(state, action) @ found.weights.T + rng.standard_normal((4000, 3)) * 0.3
    learnt = regressed(Trajectories(state, action, action, moved[:, :2], moved[:, 2]))
    assert np.allclose(learnt.weights, found.weights, atol=0.03)
    assert learnt.residuals.std(0) == pytest.approx(np.full(3, 0.3), rel=0.05)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"state": np.full((60, 2), np.nan)}, "not finite, in row 0"),
        ({"after": np.zeros((60, 3))}, "states have 2 numbers and next states 3"),
        ({"reward": np.full(60, np.inf)}, "a reward that is a finite number"),
        ({"action": np.zeros((59, 1))}, "needs a row for each of 60 rewards"),
    ],
)
def test_logs_that_are_none_are_refused(changed, problem):
    with pytest.raises(DataError, match=problem):
        made(generator(3, "bad"), **changed)


def test_too_few_steps_and_no_horizon_are_refused():
    with pytest.raises(DataError, match="7 steps are too few to learn 7 numbers"):
        made(generator(4, "few"), rows=7)
    with pytest.raises(DataError, match="one step at least"):
        plan(dynamics(generator(5, "none")), CHOICES, 0)
