"""Small planted logs for the tests of off-policy estimators."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from butfor.data.policy_worlds import chosen
from butfor.scm.columns import Columns
from butfor.scm.policies import Log

Floats = NDArray[np.float64]


def softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


LOGGED = np.array([[1.0, 0.0, -0.7], [0.0, 1.0, -0.7]])  # how features move choices,
BRINGS = np.array([[1.5, 0.0, -1.0], [0.0, 1.5, -1.0]])  # and outcomes


def parts(x: Floats, lean: float, toward: float) -> tuple[Floats, Floats, Floats]:
    """Expected outcomes, logged probabilities and those of the target. [n, 3] each"""
    return x @ BRINGS + np.arange(3) / 2, softmax(lean * x @ LOGGED), softmax(lean * x @ LOGGED + toward * x @ BRINGS)


@cache
def value(lean: float, toward: float) -> float:
    """The value of the target over all contexts, to 0.005."""
    outcome, _, target = parts(np.random.default_rng(1).normal(size=(200_000, 2)), lean, toward)
    return float((target * outcome).sum(1).mean())


def lines(n: int, seed: int = 0, *, lean: float = 0.5, toward: float = 0.4) -> tuple[Log, float]:
    """Outcomes that are lines of two normal features, and the true value of the target."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    mean, logged, wanted = parts(x, lean, toward)
    action = chosen(logged, rng)
    y = mean[np.arange(n), action] + rng.normal(size=n)
    return Log(Columns.read({"x1": x[:, 0], "x2": x[:, 1]}), action, y, logged, wanted), value(lean, toward)


def cells(n: int = 400, seed: int = 0) -> Log:
    """Four kinds of contexts, three actions; logged probabilities are how often each was done in each."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(4, size=n)
    made = softmax(rng.normal(size=(4, 3)))[kind]
    action = chosen(made, rng)
    y = rng.normal(size=(4, 3))[kind, action] + rng.normal(size=n)
    counts = np.zeros((4, 3))
    np.add.at(counts, (kind, action), 1)
    counted = counts / counts.sum(1, keepdims=True)
    data = Columns.read({"left": (kind // 2).astype(float), "right": (kind % 2).astype(float)})
    return Log(data, action, y, counted[kind], softmax(rng.normal(size=(4, 3)))[kind])


def same(log: Log) -> Log:
    """The same log, with the logging policy as the target."""
    return replace(log, target=log.logging)
