"""Random confounded worlds whose average and row effects are known, to measure estimators of effects on.

A world is a family and a number: its constants are drawn from these, then its rows. X is 0 or 1, everything that
confounds it is among the covariates, and every row has a chance of either arm.

    linear          X by a probit, Y a line, one effect for all
    bent            squares, products and hinges of uniform and gamma covariates, in X and in Y
    strong          as linear, with a treatment that the confounders all but decide (deviation of the probit: 2)
    heterogeneous   the effect has steps and lines of what also decides the treatment
    heavy           covariates and noise of Student's t with 3 degrees of freedom, X by ranks
    binary          Y is 0 or 1
    many            60 covariates, each like its neighbour; 8 of them count

No world has waves, a factor model or a logistic rule of treatment: those are what `pretrain.foundation` trains on, and
lines, which stand in both.
The truth is the mean effect over the rows that were drawn, not over all that could have been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from butfor.core.errors import UnknownName
from butfor.core.seeds import generator
from butfor.data.known import Known, X, Y
from butfor.scm.columns import Columns, Floats

LEAST = 0.02  # chance of either arm
FAMILIES = ("linear", "bent", "strong", "heterogeneous", "heavy", "binary", "many")


class Drawn(NamedTuple):
    """What a family says of its rows: the probit of treatment, the outcome untreated, the effect, noise."""

    x: Floats  # [n, d]
    lean: Floats  # [n]
    base: Floats  # [n]
    effect: Floats  # [n]
    noise: Floats  # [n]


Draw = Callable[[Generator, Generator, int], Drawn]


def world(family: str, number: int, rows: int, seed: int = 0) -> Known:
    """The world of this number of a family, with so many rows; more rows are of the same world."""
    if family not in FAMILIES:
        raise UnknownName("family", family, FAMILIES)
    constants = generator(seed, "effect worlds", family, number)
    rng = generator(seed, "effect worlds", family, number, rows)
    drawn = DRAWS[family](constants, rng, rows)
    chance = np.clip(ndtr(drawn.lean), LEAST, 1 - LEAST)
    t = (rng.random(rows) < chance).astype(np.float64)
    t[:2], t[2:4] = 1.0, 0.0  # no arm is empty
    if family == "binary":
        none, one = (ndtr(level) for level in (drawn.base, drawn.base + drawn.effect))
        y, each = (rng.random(rows) < np.where(t == 1, one, none)).astype(np.float64), one - none
    else:
        y, each = drawn.base + t * drawn.effect + drawn.noise, drawn.effect
    names = tuple(f"z{i}" for i in range(1, drawn.x.shape[1] + 1))
    data = Columns.read({X: t, Y: y, **dict(zip(names, drawn.x.T, strict=True))})
    return Known(f"{family} {number}, {rows} rows", data, names, each)


def _direction(constants: Generator, d: int) -> Floats:
    found = constants.normal(size=d)
    return found / np.linalg.norm(found)


def _linear(constants: Generator, rng: Generator, n: int, *, lean: float = 0.7) -> Drawn:
    d = int(constants.integers(4, 11))
    a, b = _direction(constants, d), _direction(constants, d)
    b = a + 0.7 * b  # what decides the treatment decides the outcome
    effect = constants.uniform(-1, 1)
    x = rng.uniform(-np.sqrt(3), np.sqrt(3), size=(n, d))
    return Drawn(x, lean * (x @ a) - 0.2, x @ b, np.full(n, effect), rng.normal(size=n))


def _strong(constants: Generator, rng: Generator, n: int) -> Drawn:
    return _linear(constants, rng, n, lean=2.0)


def _bent(constants: Generator, rng: Generator, n: int) -> Drawn:
    s = constants.choice([-1.0, 1.0], size=6)
    x = np.column_stack([rng.uniform(-1, 1, size=(n, 3)), rng.gamma(2.0, 1.0, size=(n, 2)), rng.normal(size=(n, 2))])
    square, product, hinge = x[:, 0] ** 2 - 1 / 3, x[:, 1] * x[:, 5], np.maximum(x[:, 3] - 2, 0)
    lean = 1.2 * s[0] * square + 0.8 * s[1] * product + 0.4 * s[2] * hinge + 0.3 * x[:, 6] - 0.2
    base = 2 * s[3] * square + s[4] * product + 0.6 * s[5] * hinge + 0.5 * x[:, 6] + 0.3 * np.log1p(x[:, 4])
    effect = constants.uniform(-1, 1) + 0.5 * x[:, 0]
    return Drawn(x, lean, base, effect, 0.7 * rng.normal(size=n))


def _heterogeneous(constants: Generator, rng: Generator, n: int) -> Drawn:
    x = np.column_stack([rng.normal(size=(n, 5)), (rng.random((n, 2)) < 0.4).astype(np.float64)])
    s = constants.choice([-1.0, 1.0], size=3)
    lean = 0.7 * s[0] * x[:, 0] + 0.6 * (x[:, 5] - 0.4) + 0.4 * x[:, 1]
    effect = constants.uniform(-1, 1) + s[1] * x[:, 0] + s[2] * (x[:, 1] > 0.5) + 0.8 * x[:, 5]
    return Drawn(x, lean, 0.8 * x[:, 0] + 0.5 * x[:, 2] + x[:, 6], effect, rng.normal(size=n))


def _heavy(constants: Generator, rng: Generator, n: int) -> Drawn:
    d = 6
    a = _direction(constants, d)
    x = rng.standard_t(3, size=(n, d)) / np.sqrt(3)
    score = x @ a
    rank = (np.argsort(np.argsort(score)) + 0.5) / n  # a rule of ranks, so that no row is beyond all doubt
    noise = rng.standard_t(3, size=n) / np.sqrt(3)
    return Drawn(x, 2 * rank - 1, score + 0.5 * x[:, 0], np.full(n, constants.uniform(-1, 1)), noise)


def _binary(constants: Generator, rng: Generator, n: int) -> Drawn:
    d = 5
    a, b = _direction(constants, d), _direction(constants, d)
    x = np.sign(rng.normal(size=(n, d))) * rng.beta(2, 2, size=(n, d)) * 2
    base = 0.8 * (x @ (a + 0.5 * b)) - 0.3
    return Drawn(x, 0.7 * (x @ a), base, constants.uniform(-1, 1) + 0.3 * x[:, 0], np.zeros(n))


def _many(constants: Generator, rng: Generator, n: int) -> Drawn:
    d, alike = 60, 0.5
    x = rng.normal(size=(n, d))
    for j in range(1, d):
        x[:, j] = alike * x[:, j - 1] + np.sqrt(1 - alike**2) * x[:, j]
    count = constants.permutation(d)[:8]
    a, b = _direction(constants, 8), _direction(constants, 8)
    effect = constants.uniform(-1, 1) + 0.3 * x[:, count[0]]
    return Drawn(x, 0.7 * (x[:, count] @ a), x[:, count] @ (a + 0.5 * b), effect, rng.normal(size=n))


DRAWS: dict[str, Draw] = {
    "linear": _linear,
    "bent": _bent,
    "strong": _strong,
    "heterogeneous": _heterogeneous,
    "heavy": _heavy,
    "binary": _binary,
    "many": _many,
}
