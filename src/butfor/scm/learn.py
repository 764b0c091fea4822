"""Learning one mechanism from rows, and learning it again from weighted rows, as the bootstrap asks.

    table       P(v | row of causes) = (count + prior · P(v)) / (rows + prior): Dirichlet, shrunk to no effect
    logit       softmax of a linear score, by Newton's method with a small ridge
    linear      least squares on the causes (labels as indicators)
    nonlinear   the same plus a Gaussian kernel in all causes together, on at most `CENTERS` of the rows (Nyström):
                min Σ w (y - a - b'x - f(x))² + λ |f|²; the linear part is not penalised

Width and λ come from five folds. A line is kept unless the curve's cross-validated error is lower by more than one
standard error of the difference, row by row. The noise of both is what they leave: residuals, centred, scaled by
√(n / (n - degrees of freedom)), sorted (so that refits with the same stream of noise differ little by chance).

Source    Williams & Seeger 2001 (Nyström); Breiman et al. 1984 (the rule of one standard error).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.mechanism import Categorical, EmpiricalNoise, Function, Mechanism
from butfor.scm.table import Table

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Values = NDArray[Any]

CENTERS, FOLDS, STEPS = 100, 5, 25
WIDTHS = (0.5, 1.0, 2.0)  # of the kernel, in median distances
PENALTIES = tuple(10.0**power for power in range(-3, 4))
TINY = 1e-8  # ridge that keeps equations solvable
RIDGE = 1e-2  # of the logit


class Learner(ABC):
    """What one variable's mechanism is learnt from."""

    @abstractmethod
    def mechanism(self, weights: Floats) -> Mechanism:
        """The mechanism learnt with row i counted weights[i] times."""


# tables ---------------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, eq=False)
class TableLearner(Learner):
    """Counts of a discrete variable within each row of its discrete causes."""

    parents: tuple[str, ...]
    levels: tuple[Any, ...]
    above: tuple[tuple[Any, ...], ...]  # the causes' levels
    cell: Codes  # [n], place in the flattened table
    prior: float

    @classmethod
    def of(cls, data: Columns, name: str, parents: tuple[str, ...], prior: float) -> TableLearner:
        codes, levels = data.codes(name)
        coded = [data.codes(parent) for parent in parents]
        cell = np.zeros(data.n, dtype=np.int64)
        for code, above in coded:
            cell = cell * len(above) + code
        return cls(parents, levels, tuple(above for _, above in coded), cell * len(levels) + codes, prior)

    def counts(self, weights: Floats) -> Floats:
        """[rows of the causes, levels]."""
        k = len(self.levels)
        rows = math.prod(len(above) for above in self.above)
        return np.bincount(self.cell, weights, rows * k).astype(np.float64).reshape(rows, k)

    def table(self, weights: Floats) -> Table:
        counts = self.counts(weights)
        if self.parents:
            share = counts.sum(0) / counts.sum()
            counts = counts + self.prior * share
        p = counts / counts.sum(1, keepdims=True)
        return Table(self.parents, self.levels, p.reshape(*(len(above) for above in self.above), len(self.levels)))

    def mechanism(self, weights: Floats) -> Mechanism:
        return Categorical(self.levels, _Rows(self.table(weights), self.above), self.parents)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a table for arrays of the causes' values."""

    table: Table
    above: tuple[tuple[Any, ...], ...]

    def __call__(self, *causes: Values) -> Floats:
        codes = [coded(x, levels, name) for x, levels, name in zip(causes, self.above, self.table.parents, strict=True)]
        return self.table.p[tuple(codes)]


def coded(x: Values, levels: tuple[Any, ...], name: str) -> Codes:
    """The places of values among sorted levels; others are refused."""
    known = np.array(levels)
    place = np.searchsorted(known, x).clip(0, len(known) - 1)
    strange = known[place] != x
    if strange.any():
        raise QueryError(
            f"{name} has no level {x[strange][0]}; its levels in the data are {', '.join(map(str, levels))}"
        )
    return place.astype(np.int64)


# designs --------------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class _Coding:
    """How one cause enters a regression: a number, centred and scaled, or indicators of all levels but the first."""

    name: str
    center: float
    scale: float
    levels: tuple[Any, ...] = ()

    def __call__(self, x: Values) -> Floats:
        if self.levels:
            return (coded(x, self.levels, self.name)[:, None] == np.arange(1, len(self.levels))).astype(np.float64)
        if x.dtype.kind not in "buif":
            raise QueryError(f"{self.name} is a number, and {x[0]!r} is not")
        return (x.astype(np.float64)[:, None] - self.center) / self.scale


@final
@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The columns of a regression for arrays of the causes' values: 1, the causes, and the kernel's."""

    codings: tuple[_Coding, ...]
    centers: Floats  # [m, d]
    whitening: Floats  # [m, m]
    width: float = 1.0

    @classmethod
    def of(cls, data: Columns, parents: tuple[str, ...]) -> Design:
        codings: list[_Coding] = []
        for name in parents:
            if data.is_number(name):
                codings.append(_Coding(name, float(data[name].mean()), float(data[name].std())))
            else:
                codings.append(_Coding(name, 0.0, 1.0, data.codes(name)[1]))
        return cls(tuple(codings), np.zeros((0, 0)), np.zeros((0, 0)))

    def curved(self, centers: Floats, scale: float) -> Design:
        """The same with a kernel of `scale` median distances around `centers` [m, d]."""
        apart = _squared(centers, centers)
        width = scale * math.sqrt(float(np.median(apart[~np.eye(len(apart), dtype=bool)])) or 1.0)
        values, vectors = np.linalg.eigh(np.exp(-apart / (2 * width**2)))
        kept = values > 1e-6 * values.max()
        return replace(self, centers=centers, whitening=vectors[:, kept] / np.sqrt(values[kept]), width=width)

    def inputs(self, causes: Sequence[Values], n: int) -> Floats:
        """[n, d]."""
        parts = [coding(x) for coding, x in zip(self.codings, causes, strict=True)]
        return np.concatenate([np.zeros((n, 0)), *parts], axis=1)

    def matrix(self, z: Floats) -> Floats:
        """[n, 1 + d + m] from inputs [n, d]."""
        parts = [np.ones((len(z), 1)), z]
        if len(self.centers):
            parts.append(np.exp(-_squared(z, self.centers) / (2 * self.width**2)) @ self.whitening)
        return np.concatenate(parts, axis=1)

    def penalty(self, strength: float) -> Floats:
        """The ridge of each column [1 + d + m]."""
        d = 1 + sum(max(len(coding.levels) - 1, 1) for coding in self.codings)
        return np.concatenate([np.full(d, TINY), np.full(self.whitening.shape[1], strength)])


def _solved(matrix: Floats, side: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, side), dtype=np.float64)


def _squared(a: Floats, b: Floats) -> Floats:
    apart = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.maximum(apart, 0.0)


# regressions ----------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, eq=False)
class Regression(Learner):
    """Ridge regression of a number on a design; additive noise from the residuals."""

    parents: tuple[str, ...]
    design: Design
    x: Floats  # [n, p]
    y: Floats  # [n]
    penalty: Floats  # [p]

    @property
    def inputs(self) -> int:
        """How many columns the causes fill, after the first."""
        return self.x.shape[1] - 1 - self.design.whitening.shape[1]

    def solved(self, weights: Floats) -> tuple[Floats, float]:
        """Coefficients [p] and degrees of freedom."""
        heavy = self.x * weights[:, None]
        gram = heavy.T @ self.x
        root = _solved(gram + np.diag(self.penalty), np.column_stack([heavy.T @ self.y, gram]))
        return root[:, 0], float(np.trace(root[:, 1:]))

    def residuals(self, weights: Floats) -> Floats:
        """What the regression leaves, row by row [n], centred and scaled for the degrees of freedom."""
        weight, freedom = self.solved(weights)
        left = self.y - self.x @ weight
        left = left - weights @ left / weights.sum()
        return left * math.sqrt(len(left) / max(len(left) - freedom, 1.0))

    def mechanism(self, weights: Floats) -> Mechanism:
        weight, _ = self.solved(weights)
        left = np.repeat(self.residuals(weights), weights.astype(np.int64))
        return Function(_Fit(self.design, weight), self.parents, EmpiricalNoise(np.sort(left)), additive=True)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A fitted regression as a function of causes and noise."""

    design: Design
    weight: Floats  # [p]

    def __call__(self, *values: Values) -> Floats:
        *causes, noise = values
        return self.design.matrix(self.design.inputs(causes, len(noise))) @ self.weight + noise


@final
@dataclass(frozen=True, slots=True)
class Compared:
    """Line against curve: cross-validated mean squared errors, and the standard error of their difference."""

    line: float
    curve: float
    se: float

    @property
    def bends(self) -> bool:
        """The curve is better by more than one standard error."""
        return self.line - self.curve > self.se


def regressions(
    data: Columns, name: str, parents: tuple[str, ...], seed: int
) -> tuple[Regression, Regression, Compared]:
    """The line, the best curve, and how they compare."""
    y, design = data.number(name), Design.of(data, parents)
    z = design.inputs([data[parent] for parent in parents], data.n)
    line = Regression(parents, design, design.matrix(z), y, design.penalty(0.0))
    if not parents:
        return line, line, Compared(float(y.var()), float(y.var()), 0.0)
    rng = generator(seed, "folds", name)
    folds = rng.permutation(data.n) % FOLDS
    straight = _errors(line.x, y, [line.penalty], folds)[:, 0]
    count = min(CENTERS, max(data.n // 4, 2))
    distinct = np.unique(z, axis=0)
    chosen = distinct[np.sort(rng.choice(len(distinct), size=min(count, len(distinct)), replace=False))]
    best, curve, bent = math.inf, line, straight
    scale = max(float(y.std()), 1e-300)
    for width in WIDTHS:
        kernel = design.curved(chosen, width)
        x = kernel.matrix(z)
        penalties = [kernel.penalty(strength) for strength in PENALTIES]
        errors = _errors(x, y / scale, penalties, folds) * scale**2
        place = int(np.argmin(errors.mean(0)))
        if errors[:, place].mean() < best:
            best, bent = float(errors[:, place].mean()), errors[:, place]
            curve = Regression(parents, kernel, x, y, penalties[place])
    se = float(np.std(straight - bent, ddof=1)) / math.sqrt(data.n)
    return line, curve, Compared(float(straight.mean()), float(bent.mean()), se)


def _errors(x: Floats, y: Floats, penalties: list[Floats], folds: Codes) -> Floats:
    """Squared errors of rows that were left out [n, penalties]; each fold's equations are the sum less the fold's."""
    errors = np.zeros((len(y), len(penalties)))
    gram, moment = x.T @ x, x.T @ y
    for fold in range(FOLDS):
        out = folds == fold
        part, side = gram - x[out].T @ x[out], moment - x[out].T @ y[out]
        for j, penalty in enumerate(penalties):
            errors[out, j] = (y[out] - x[out] @ _solved(part + np.diag(penalty), side)) ** 2
    return errors


# logits ---------------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, eq=False)
class Logit(Learner):
    """A discrete variable with causes that are numbers."""

    parents: tuple[str, ...]
    levels: tuple[Any, ...]
    design: Design
    x: Floats  # [n, p]
    codes: Codes  # [n]

    @classmethod
    def of(cls, data: Columns, name: str, parents: tuple[str, ...]) -> Logit:
        design = Design.of(data, parents)
        codes, levels = data.codes(name)
        z = design.inputs([data[parent] for parent in parents], data.n)
        return cls(parents, levels, design, design.matrix(z), codes)

    def mechanism(self, weights: Floats) -> Mechanism:
        """Newton's method on Σ w log P(level | x) - ridge |scores|² / 2, the first level's score 0."""
        p, k = self.x.shape[1], len(self.levels) - 1
        score: Floats = np.zeros((p, k))
        hot = (self.codes[:, None] == np.arange(1, k + 1)).astype(np.float64)
        ridge = np.full(p, RIDGE)
        ridge[0] = TINY
        for _ in range(STEPS):
            chance = _softmax(self.x @ score)[:, 1:]
            slope = self.x.T @ (weights[:, None] * (hot - chance)) - ridge[:, None] * score
            curve = np.zeros((k, p, k, p))
            for a in range(k):
                for b in range(a + 1):
                    share = weights * chance[:, a] * ((a == b) - chance[:, b])
                    curve[a, :, b] = curve[b, :, a] = (self.x * share[:, None]).T @ self.x
                curve[a, :, a] += np.diag(ridge)
            step = _solved(curve.reshape(k * p, k * p), slope.T.reshape(-1)).reshape(k, p).T
            score = score + step / max(1.0, float(np.abs(step).max()) / 4)
            if np.abs(step).max() < 1e-8:
                break
        return Categorical(self.levels, _Chances(self.design, score), self.parents)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Chances:
    """A fitted logit as a function of causes."""

    design: Design
    score: Floats  # [p, k - 1]

    def __call__(self, *causes: Values) -> Floats:
        return _softmax(self.design.matrix(self.design.inputs(causes, len(causes[0]))) @ self.score)


def _softmax(score: Floats) -> Floats:
    """[n, k] from the scores of all levels but the first [n, k - 1]."""
    whole = np.concatenate([np.zeros((len(score), 1)), score], axis=1)
    whole = np.exp(whole - whole.max(1, keepdims=True))
    return whole / whole.sum(1, keepdims=True)
