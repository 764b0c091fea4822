"""Decisions in steps: what was logged, what moves a state, and the policy that this comes to.

    logged = Trajectories(state, action, instrument, after, reward)      one row a step
    plan(Dynamics(W, ...), choices, horizon)(state, step) -> the number of a choice

    (x', r) = W φ(x, a) + e,   φ = 1, x, a, a², x ⊗ a              what an action does
    V_h(x) = max over choices a of E[r + V_{h+1}(x')],  V_H = 0       e as it was in the log

`regressed` fits W by least squares: right where nobody who chose an action saw more than the state.

The values are fitted at the logged states, as ridge regressions on Gaussian bumps around some of them, step by step
from the last one; the mean over e is one over the same residuals for every choice, so that choices differ by what they
do alone.

Limits   Linear in φ. Where the log's residuals hang on the action, they are no noise of W: with least squares and
         hidden confounding they are too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from butfor.core.errors import DataError
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Floats

BUMPS, DRAWS, STATES = 40, 16, 200  # of the fitted values; residuals that a mean is over; states that are looked at
RIDGE = 1e-6

Policy = Callable[[Floats, int], Codes]  # states [n, d], step -> numbers of choices [n]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Logged steps, n of them, in any order."""

    state: Floats  # [n, d]
    action: Floats  # [n, k]
    instrument: Floats  # [n, q], what moved the action and nothing else
    after: Floats  # [n, d], the next state
    reward: Floats  # [n]

    def __post_init__(self) -> None:
        rows = len(self.reward)
        for name in ("state", "action", "instrument", "after"):
            given = getattr(self, name)
            if given.ndim != 2 or len(given) != rows:
                raise DataError(f"{name} has the shape {given.shape}; it needs a row for each of {rows} rewards")
            if not np.isfinite(given).all():
                raise DataError(f"{name} holds numbers that are not finite, in row {_first(given)}")
        if self.after.shape != self.state.shape:
            raise DataError(f"states have {self.state.shape[1]} numbers and next states {self.after.shape[1]}")
        if self.reward.shape != (rows,) or not np.isfinite(self.reward).all():
            raise DataError("every step needs a reward that is a finite number")
        if rows <= (wide := features(self.state, self.action).shape[1]):
            raise DataError(f"{rows} steps are too few to learn {wide} numbers for each part of a state; log more")

    @property
    def moved(self) -> Floats:
        """What a step brings: the next state and the reward. [n, d + 1]"""
        return np.column_stack([self.after, self.reward])


@dataclass(frozen=True, slots=True, eq=False)
class Dynamics:
    """What a step brings, as it was learnt: (x', r) = W φ(x, a) + e."""

    weights: Floats  # [d + 1, f]
    residuals: Floats  # [n, d + 1]
    states: Floats  # [n, d], those that the log knows

    @classmethod
    def of(cls, logged: Trajectories, weights: Floats) -> Dynamics:
        """With these weights, the residuals of the log."""
        told = features(logged.state, logged.action) @ weights.T
        return cls(weights, logged.moved - told, logged.state)


Learn = Callable[[Trajectories], Dynamics]


def features(state: Floats, other: Floats) -> Floats:
    """φ(x, a) [n, f], or ψ(x, z) of instruments: 1, x, a, a², x ⊗ a."""
    crossed = (state[:, :, None] * other[:, None, :]).reshape(len(state), -1)
    return np.column_stack([np.ones(len(state)), state, other, other**2, crossed])


def regressed(logged: Trajectories) -> Dynamics:
    """W by least squares: what goes together."""
    told = features(logged.state, logged.action)
    found: Floats = np.asarray(np.linalg.lstsq(told, logged.moved, rcond=None)[0], dtype=np.float64)
    return Dynamics.of(logged, found.T)


def plan(found: Dynamics, choices: Floats, horizon: int, seed: int = 0) -> Policy:
    """The policy that is best if these are the dynamics; `choices` [m, k] are the actions that there are."""
    if horizon < 1:
        raise DataError(f"the horizon is {horizon}; there is one step at least")
    rng = generator(seed, "plan")
    noise = found.residuals[rng.permutation(len(found.residuals))[:DRAWS]]
    noise = noise - noise.mean(0)  # W has the constant
    states = found.states[rng.permutation(len(found.states))[:STATES]]
    scale = states.std(0) + 1e-9
    centres = states[:BUMPS]
    worths: list[Floats] = []  # weights of the bumps, the last step first

    def bumps(x: Floats) -> Floats:
        gaps = ((x[:, None] - centres[None]) / scale) ** 2
        return np.column_stack([np.ones(len(x)), x / scale, np.exp(-gaps.sum(-1) / 2)])

    def brings(x: Floats, later: Floats | None) -> Floats:
        """What each choice brings from each state on, [n, m]."""
        found_all: list[Floats] = []
        for choice in choices:
            told = features(x, np.broadcast_to(choice, (len(x), len(choice)))) @ found.weights.T
            if later is None:
                found_all.append(told[:, -1])
                continue
            then = (told[:, None, :-1] + noise[None, :, :-1]).reshape(-1, x.shape[1])
            found_all.append(told[:, -1] + (bumps(then) @ later).reshape(len(x), -1).mean(1))
        return np.column_stack(found_all)

    seen = bumps(states)
    for _ in range(horizon - 1):
        best = brings(states, worths[-1] if worths else None).max(1)
        gram = seen.T @ seen
        told: Floats = (seen.T @ best).astype(np.float64)
        worths.append(np.linalg.solve(gram + RIDGE * len(states) * np.eye(len(gram)), told).astype(np.float64))

    def choose(x: Floats, step: int) -> Codes:
        left = horizon - 1 - step  # steps that come after this one
        return np.argmax(brings(x, worths[left - 1] if left > 0 else None), axis=1)

    return choose


def _first(given: Floats) -> int:
    return int(np.argmax(~np.isfinite(given).all(1)))
