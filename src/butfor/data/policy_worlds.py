"""Logged short choices whose true value under any policy is known: one of four actions in each context.

A world is a family and a number: its constants and its finite population of contexts are drawn from these. The log
draws contexts from the population and chooses by the logging policy; the value of a policy is its mean expected
outcome over the whole population, so it is known exactly and the rows are independent.

    linear        the outcome of each action is a line of five normal features
    curved        squares, waves and products
    binary        the outcome is 0 or 1
    heavy         curved, with noise of Student's t with 3 degrees of freedom
    cells         two discrete features, twelve contexts in all
    reviews       real restaurant reviews (CEBaB); the action is one of four kinds of reply; what a reply brings hangs
                  on the labels that people gave, and the features are counts of words, which show these only in part
    misreported   linear, and the choices were sharper than the probabilities that were logged
    hidden        linear, and something unseen moves both choice and outcome; logged is the average over it
    unsupported   linear, and the logging policy never does the first action in a third of the contexts

Target    π(a|x) ∝ μ(a|x)^(1-d) g(a|x)^d with the distance d from 0 to 1 and a sharp policy g that goes for actions with
          better outcomes and for others of its own liking: d = 0 is the logging policy (`unsupported`: nearly so, the
          target does the first action everywhere with a share of d / 4).
Limits    In `hidden` the true odds of an action differ from the logged ones by a factor of at most `FACTOR`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from butfor.core.errors import DataError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Columns, Floats
from butfor.scm.policies import Log

FAMILIES = ("linear", "curved", "binary", "heavy", "cells", "reviews", "misreported", "hidden", "unsupported")
HARD = ("misreported", "hidden", "unsupported")  # where what an estimator needs does not hold
ACTIONS = 4
POPULATION = 20_000
SHARP = 4.0  # of g
LEAN = 1.2  # of the logging policy
FACTOR = 2.0  # by which unseen things change the odds of a choice, at most
UNSEEN = 0.25  # how far they move the scores, so that this holds
FEATURES = {  # counts of words in a review
    "food": r"\b(food|dish|meal|chicken|steak|pizza|fish|salad|dessert|wine|menu|taste|delicious|bland)\w*",
    "service": r"\b(service|server|waiter|waitress|staff|host|rude|friendly|attentive|slow)\w*",
    "place": r"\b(ambiance|atmosphere|decor|music|noise|noisy|loud|quiet|room|view)\w*",
    "denied": r"\b(not|no|never|n't|nothing|wasn|didn|isn)\b",
    "but": r"\b(but|however|although|though)\b",
}


class Drawn(NamedTuple):
    """A population: features, expected outcomes, and choices as they are logged and as they are made."""

    x: Floats  # [N, d]
    names: tuple[str, ...]
    outcome: Floats  # [N, K]
    logged: Floats  # [N, K]
    made: Floats  # [N, K]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A population of contexts, and the policy g that targets go towards."""

    family: str
    drawn: Drawn
    sharp: Floats  # [N, K]

    def target(self, distance: float) -> Floats:
        """The probabilities of the policy at this distance. [N, K]"""
        return self._mixed(distance, self.drawn.logged, self.sharp)

    def value(self, distance: float) -> float:
        """The mean expected outcome of that policy over the population."""
        return float((self.target(distance) * self.drawn.outcome).sum(1).mean())

    def log(self, distance: float, rows: int, rng: Generator) -> Log:
        """So many rows of the logging policy; the same generator gives the same choices at every distance."""
        where = rng.integers(len(self.drawn.x), size=rows)
        action = chosen(self.drawn.made[where], rng)
        mean = self.drawn.outcome[where, action]
        if self.family == "binary":
            y = (rng.random(rows) < mean).astype(np.float64)
        elif self.family == "heavy":
            y = mean + rng.standard_t(3, size=rows)
        else:
            y = mean + rng.normal(size=rows)
        data = Columns.read(dict(zip(self.drawn.names, self.drawn.x[where].T, strict=True)))
        logged = self.drawn.logged[where]
        return Log(data, action, y, logged, self._mixed(distance, logged, self.sharp[where]))

    def _mixed(self, distance: float, logged: Floats, sharp: Floats) -> Floats:
        if not 0 <= distance <= 1:
            raise DataError(f"distance is {distance}, and goes from 0 (the logging policy) to 1")
        rest = _softmax(_log(logged) * (1 - distance) + _log(sharp) * distance)
        if self.family != "unsupported":
            return rest
        return (1 - distance / 4) * rest + distance / 4 * np.eye(ACTIONS)[0]


@lru_cache(maxsize=4)
def world(family: str, number: int, seed: int = 0) -> World:
    """The world of this number of a family."""
    if family not in FAMILIES:
        raise UnknownName("family", family, FAMILIES)
    rng = generator(seed, "policy worlds", family, number)
    drawn = DRAWS[family](rng)
    liking = drawn.outcome
    if family == "hidden":  # no policy sees it
        liking = np.tile(liking.reshape(2, -1, ACTIONS).mean(0), (2, 1))
    liking = (liking - liking.mean()) / liking.std() + _scores(drawn.x, rng, 0.7)
    return World(family, drawn, _softmax(SHARP * liking))


def chosen(chances: Floats, rng: Generator) -> Codes:
    """An action for each row of probabilities. [n] <- [n, K]"""
    edges = chances.cumsum(1)
    return (edges < rng.random((len(chances), 1)) * edges[:, -1:]).sum(1).astype(np.int64)


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _log(chances: Floats) -> Floats:
    """Logarithms, with one for zero from which no power of it comes back."""
    return np.log(np.maximum(chances, 1e-300))


def _scores(x: Floats, rng: Generator, size: float) -> Floats:
    """A line of the standardised features for each action, of this deviation. [N, K]"""
    z = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1.0)
    slopes = rng.normal(size=(x.shape[1], ACTIONS))
    return size * z @ (slopes / np.linalg.norm(slopes, axis=0)) + 0.3 * size * rng.normal(size=ACTIONS)


def _normal(rng: Generator) -> tuple[Floats, tuple[str, ...]]:
    return rng.normal(size=(POPULATION, 5)), tuple(f"x{i}" for i in range(1, 6))


def _linear(rng: Generator) -> Drawn:
    x, names = _normal(rng)
    logged = _softmax(_scores(x, rng, LEAN))
    return Drawn(x, names, _scores(x, rng, 1.0), logged, logged)


def _curved(rng: Generator) -> Drawn:
    x, names = _normal(rng)
    logged = _softmax(_scores(x, rng, LEAN))
    bent = np.column_stack([x[:, 0] ** 2, np.sin(2 * x[:, 1]), x[:, 2] * x[:, 3], np.abs(x[:, 4])])
    return Drawn(x, names, _scores(bent, rng, 1.0) + _scores(x, rng, 0.4), logged, logged)


def _binary(rng: Generator) -> Drawn:
    drawn = _linear(rng)
    return drawn._replace(outcome=1 / (1 + np.exp(-1.5 * drawn.outcome)))


def _cells(rng: Generator) -> Drawn:
    x = np.column_stack([rng.integers(4, size=POPULATION), rng.integers(3, size=POPULATION)]).astype(np.float64)
    code = (3 * x[:, 0] + x[:, 1]).astype(np.int64)
    logged = _softmax(LEAN * rng.normal(size=(12, ACTIONS)))[code]
    return Drawn(x, ("kind", "level"), rng.normal(size=(12, ACTIONS))[code], logged, logged)


def _reviews(rng: Generator) -> Drawn:
    from butfor.data.cebab import CONCEPTS, VALUES, cebab

    reviews = [review for review in cebab("dev") if review.stars]
    labels = [[float(review.stars), *(VALUES.index(review.values[name]) for name in CONCEPTS)] for review in reviews]
    told = np.array(labels, dtype=np.float64)
    x = counted(tuple(review.text for review in reviews))
    logged = _softmax(_scores(x, rng, LEAN))
    outcome = _scores(told, rng, 1.0) + _scores(x, rng, 0.4)
    return Drawn(x, ("words", "exclaimed", *FEATURES), outcome, logged, logged)


@lru_cache(maxsize=1)
def counted(texts: tuple[str, ...]) -> Floats:
    """Tens of words, exclamation marks, and how often each feature is spoken of. [n, 7]"""
    forms = [re.compile(form) for form in FEATURES.values()]
    rows = [
        [len(text.split()) / 10, text.count("!"), *(len(form.findall(text.lower())) for form in forms)]
        for text in texts
    ]
    return np.array(rows, dtype=np.float64)


def _misreported(rng: Generator) -> Drawn:
    drawn = _linear(rng)
    return drawn._replace(made=_softmax(1.6 * np.log(drawn.logged)))


def _hidden(rng: Generator) -> Drawn:
    x, names = _normal(rng)
    x = np.concatenate([x[: POPULATION // 2]] * 2)
    sign = np.repeat([1.0, -1.0], POPULATION // 2)[:, None]
    scores, taste = _scores(x, rng, LEAN), np.array([1.0, 1.0, -1.0, -1.0])
    made = _softmax(scores + UNSEEN * sign * taste)
    half = POPULATION // 2
    logged = np.concatenate([(made[:half] + made[half:]) / 2] * 2)
    return Drawn(x, names, _scores(x, rng, 1.0) + 0.8 * sign * (1 + 0.5 * taste), logged, made)


def _unsupported(rng: Generator) -> Drawn:
    drawn = _linear(rng)
    never = drawn.x[:, 0] > 0.43
    logged = np.where(never[:, None] & (np.arange(ACTIONS) == 0), 0.0, drawn.logged)
    logged = logged / logged.sum(1, keepdims=True)
    return drawn._replace(logged=logged, made=logged)


DRAWS: dict[str, Callable[[Generator], Drawn]] = {
    "linear": _linear,
    "curved": _curved,
    "binary": _binary,
    "heavy": _curved,
    "cells": _cells,
    "reviews": _reviews,
    "misreported": _misreported,
    "hidden": _hidden,
    "unsupported": _unsupported,
}
