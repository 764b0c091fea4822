"""Worlds of decisions in steps whose best policy is known, and logs of people who saw more than is logged.

    (x', r) = W φ(x, a) + e,   a = k·x + π z + κ u·e / σ + ν       u·e is what they saw; z was drawn by a machine

    open      κ = 0: nobody saw more
    hidden    κ = 1
    strong    κ = 2
    weak      κ = 1, and π so small that z hardly moves the action
    dialogue  as hidden, and a state is a text: the stars and the length of a real restaurant review. What comes next is
              the review nearest to x', so that its distance is part of e. The action is how much a reply gives in; z,
              which of several prompts, drawn at random, asked for it

Constants are drawn from family and number. Rewards fall with a²; what an action does to state and reward may have
either sign. A policy chooses among nine actions, sees the state, and goes on for `HORIZON` steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from butfor.core.errors import UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Floats
from butfor.scm.decisions import Dynamics, Policy, Trajectories, features, plan

FAMILIES = ("open", "hidden", "strong", "weak", "dialogue")
HORIZON, SIGMA = 4, 0.5
CHOICES: Floats = np.linspace(-2, 2, 9)[:, None]
EPISODES = 500  # that a policy's value is the mean of
SEEN = {"open": 0.0, "strong": 2.0}
MOVES = {"weak": 0.03}


@dataclass(frozen=True, slots=True, eq=False)
class DecisionWorld:
    """One world; states have two numbers, actions one, instruments one."""

    weights: Floats  # [3, f]
    lean: Floats  # [2], k
    saw: Floats  # [3], κ u / σ
    moves: float  # π
    texts: Floats | None = None  # [t, 2], the states that there are

    def first(self, rows: int, rng: Generator) -> Floats:
        """States to begin with."""
        return (
            rng.standard_normal((rows, 2))
            if self.texts is None
            else self.texts[rng.integers(len(self.texts), size=rows)]
        )

    def brings(self, state: Floats, action: Floats, noise: Floats) -> tuple[Floats, Floats]:
        """The next state [n, 2] and the reward [n]."""
        moved = features(state, action) @ self.weights.T + noise
        after = moved[:, :2]
        if self.texts is not None:
            gaps = ((after[:, None] - self.texts[None]) ** 2).sum(-1)
            after = self.texts[gaps.argmin(1)]
        return after, moved[:, 2]

    def log(self, episodes: int, rng: Generator) -> Trajectories:
        """What those who saw more did."""
        state, told = self.first(episodes, rng), []
        for _ in range(HORIZON):
            noise = rng.standard_normal((episodes, 3)) * SIGMA
            z = rng.standard_normal(episodes)
            chosen = state @ self.lean + self.moves * z + noise @ self.saw + 0.5 * rng.standard_normal(episodes)
            after, reward = self.brings(state, chosen[:, None], noise)
            told.append((state, chosen[:, None], z[:, None], after, reward))
            state = after
        return Trajectories(*(np.concatenate(part) for part in zip(*told, strict=True)))

    def best(self) -> Policy:
        """What would be planned by one who knew W."""
        rng = generator(0, "best")
        return plan(
            Dynamics(self.weights, rng.standard_normal((500, 3)) * SIGMA, self.first(500, rng)), CHOICES, HORIZON
        )

    def value(self, policy: Policy | None) -> float:
        """The mean return of a policy, the same noise for all; None chooses at random."""
        rng, drawn = generator(0, "value"), generator(0, "at random")
        state, total = self.first(EPISODES, rng), 0.0
        for step in range(HORIZON):
            noise = rng.standard_normal((EPISODES, 3)) * SIGMA
            chosen = drawn.integers(len(CHOICES), size=EPISODES) if policy is None else policy(state, step)
            state, reward = self.brings(state, CHOICES[chosen], noise)
            total += float(reward.mean())
        return total


def world(family: str, number: int, seed: int = 0) -> DecisionWorld:
    """The world of this number of a family."""
    if family not in FAMILIES:
        raise UnknownName("family", family, FAMILIES)
    rng = generator(seed, "decision worlds", family, number)
    turn, good = rng.uniform(0, 2 * np.pi, size=2)
    ways = rng.standard_normal((3, 2)) * [[0.4], [0.4], [0.3]]  # what an action does, and its product with the state
    weights = np.zeros((3, 7))  # of 1, x₁, x₂, a, a², x₁ a, x₂ a
    weights[:2, 1:3] = 0.6 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    weights[2, 1:3] = np.cos(good), np.sin(good)
    weights[:, 3] = ways[:, 0]
    weights[:, 5:] = 0.25 * rng.standard_normal((3, 2)) * [[0.4], [0.4], [1]]
    weights[2, 4] = -0.3
    seen = np.array([np.cos(good), np.sin(good), 1.0]) / np.sqrt(2)  # they saw whether it would go well anyway
    saw = SEEN.get(family, 1.0) * seen / SIGMA
    texts = _texts() if family == "dialogue" else None
    return DecisionWorld(weights, rng.standard_normal(2) * 0.5, saw, MOVES.get(family, 1.0), texts)


def _texts() -> Floats:
    """Stars and log words of the reviews whose raters agree, in deviations."""
    from butfor.data.cebab import rated

    found = np.array([[row["label"], np.log(len(row["text"].split()))] for row in rated("train")], dtype=np.float64)
    return (found - found.mean(0)) / found.std(0)
