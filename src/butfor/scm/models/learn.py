"""Learning one mechanism from rows, and learning it again from weighted rows, as the bootstrap asks.

    table       P(v | row of causes) = (count + prior · P(v)) / (rows + prior): Dirichlet, shrunk to no effect
    logit       softmax of a linear score, by Newton's method with a small ridge
    linear      least squares on the causes (labels as indicators)
    curves      the same plus f = Σ f_j(x_j), each in a Gaussian kernel around quantiles of its cause
    surface     or plus f(x), in one kernel of all causes together, around some of the rows (Nyström):
                min Σ w (y - a - b'x - f(x))² + λ |f|²; the linear part is not penalised

Width and λ come from five folds; a tenth of that λ is used, because what predicts best is too smooth for intervals to
hold their level. The simpler form is kept unless the cross-validated error of the other is lower by
more than two standard errors of the difference, row by row (one took every tenth line for a curve): where causes go
together, a surface has seen little of what an intervention asks for. The noise is what is left: residuals, centred,
scaled by √(n / (n - degrees of freedom)), and sorted, so that refits with the same stream of noise differ little.

Source    Williams & Seeger 2001 (Nyström); after Breiman et al. 1984 (the rule of standard errors).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.models.features import TINY, Block, Codes, Design, Floats, Values, coded
from butfor.scm.models.mechanism import Categorical, EmpiricalNoise, Function, Mechanism
from butfor.scm.models.table import Table

CENTERS, SPOTS, FOLDS, STEPS = 100, 16, 5, 25
WIDTHS = (0.5, 1.0, 2.0)  # of the kernel, in median distances
PENALTIES = tuple(10.0**power for power in range(-3, 4))
ROUGHER = 0.1  # of the penalty with the least error
RIDGE = 1e-2  # of the logit
SURE = 2.0  # standard errors by which a form must beat a simpler one


class Learner(ABC):
    """What one variable's mechanism is learnt from."""

    @abstractmethod
    def mechanism(self, weights: Floats) -> Mechanism:
        """The mechanism learnt with row i counted weights[i] times."""

    @abstractmethod
    def residuals(self, weights: Floats) -> Floats:
        """The variable less its mean given its causes, row by row [n]; levels count as 0, 1, 2, …"""

    @abstractmethod
    def without(self, others: Floats) -> Floats:
        """Other columns [n, k] less what the causes explain of them."""


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
        share = counts.sum(0) / counts.sum()
        rows: Floats = counts.sum(1)[:, None]
        mixed = (counts + self.prior * share) / np.maximum(rows + self.prior, TINY)
        p = np.asarray(np.where(rows + self.prior > 0, mixed, share), dtype=np.float64)
        return Table(self.parents, self.levels, p.reshape(*(len(above) for above in self.above), len(self.levels)))

    def mechanism(self, weights: Floats) -> Mechanism:
        return Categorical(self.levels, _Rows(self.table(weights), self.above), self.parents)

    def residuals(self, weights: Floats) -> Floats:
        row, code = np.divmod(self.cell, len(self.levels))
        means = self.table(weights).p.reshape(-1, len(self.levels)) @ np.arange(len(self.levels))
        return code - means[row]

    def without(self, others: Floats) -> Floats:
        row = self.cell // len(self.levels)
        counts = np.maximum(np.bincount(row), 1)
        means = np.stack([np.bincount(row, column) / counts for column in others.T], axis=1)
        return others - means[row]


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of a table for arrays of the causes' values."""

    table: Table
    above: tuple[tuple[Any, ...], ...]

    def __call__(self, *causes: Values) -> Floats:
        codes = [coded(x, levels, name) for x, levels, name in zip(causes, self.above, self.table.parents, strict=True)]
        return self.table.p[tuple(codes)]


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

    def solved(self, weights: Floats) -> tuple[Floats, float]:
        """Coefficients [p] and degrees of freedom."""
        heavy = self.x * weights[:, None]
        gram = heavy.T @ self.x
        root = _solved(gram + np.diag(self.penalty), np.column_stack([heavy.T @ self.y, gram]))
        return root[:, 0], float(np.trace(root[:, 1:]))

    def residuals(self, weights: Floats) -> Floats:
        """What the regression leaves, row by row [n], centred and scaled for the degrees of freedom."""
        return self._left(weights, *self.solved(weights))

    def without(self, others: Floats) -> Floats:
        gram = self.x.T @ self.x + np.diag(self.penalty)
        return others - self.x @ _solved(gram, self.x.T @ others)

    def _left(self, weights: Floats, weight: Floats, freedom: float) -> Floats:
        left = self.y - self.x @ weight
        left = left - weights @ left / weights.sum()
        return left * math.sqrt(len(left) / max(len(left) - freedom, 1.0))

    def mechanism(self, weights: Floats) -> Mechanism:
        weight, freedom = self.solved(weights)
        left = np.repeat(self._left(weights, weight, freedom), weights.astype(np.int64))
        return Function(_Fit.of(self.design, weight), self.parents, EmpiricalNoise(np.sort(left)), additive=True)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A fitted regression as a function of causes and noise."""

    design: Design
    line: Floats  # [1 + d]
    curves: tuple[Floats, ...]  # for each block, one weight for each of its centers

    @classmethod
    def of(cls, design: Design, weight: Floats) -> _Fit:
        ends = np.cumsum([design.straight, *(block.whitening.shape[1] for block in design.blocks)])
        parts = np.split(weight, ends[:-1])
        curves = [block.whitening @ part for block, part in zip(design.blocks, parts[1:], strict=True)]
        return cls(design, parts[0], tuple(curves))

    def __call__(self, *values: Values) -> Floats:
        *causes, noise = values
        z = self.design.inputs(causes, len(noise))
        found = self.line[0] + z @ self.line[1:] + noise
        for block, curve in zip(self.design.blocks, self.curves, strict=True):
            found = found + block.kernel(z) @ curve
        return found


@final
@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A regression and its squared errors on rows that were left out [n]."""

    name: str  # linear, curves, surface
    learner: Regression
    errors: Floats

    @property
    def error(self) -> float:
        return float(self.errors.mean())

    def beats(self, other: Form) -> bool:
        """Its error is lower by more than `SURE` standard errors of the difference."""
        gap = other.errors - self.errors
        return float(gap.mean()) > SURE * float(gap.std(ddof=1)) / math.sqrt(len(gap))


def line(data: Columns, name: str, parents: tuple[str, ...]) -> Regression:
    """Least squares."""
    design = Design.of(data, parents)
    x = design.matrix(design.inputs([data[parent] for parent in parents], data.n))
    return Regression(parents, design, x, data.number(name), design.penalty(0.0))


def forms(data: Columns, name: str, parents: tuple[str, ...], seed: int) -> list[Form]:
    """The line, the curves and (with two causes or more) the surface, each at its best width and penalty."""
    straight = line(data, name, parents)
    z, rng = straight.x[:, 1:], generator(seed, "folds", name)
    folds = rng.permutation(data.n) % FOLDS
    found = [Form("linear", straight, _errors(straight.x, straight.y, [straight.penalty], folds)[:, 0])]
    columns = range(z.shape[1])
    spots = {j: np.unique(np.quantile(z[:, j], np.linspace(0, 1, SPOTS)))[:, None] for j in columns}
    bending = [j for j in columns if len(spots[j]) > 2]
    if bending:
        found.append(_best("curves", straight, lambda w: [Block.of((j,), spots[j], w) for j in bending], folds))
    if len(columns) > 1:
        rows = np.unique(z, axis=0)
        count = min(CENTERS, max(data.n // 4, 2), len(rows))
        centers = rows[np.sort(rng.choice(len(rows), size=count, replace=False))]
        found.append(_best("surface", straight, lambda w: [Block.of(columns, centers, w)], folds))
    return found


def _best(name: str, straight: Regression, blocks: Callable[[float], list[Block]], folds: Codes) -> Form:
    """The width and penalty with the smallest error on rows left out."""
    scale = max(float(straight.y.std()), 1e-300)
    found: list[Form] = []
    for width in WIDTHS:
        design = replace(straight.design, blocks=tuple(blocks(width)))
        x = design.matrix(straight.x[:, 1:])
        penalties = [design.penalty(strength) for strength in PENALTIES]
        errors = _errors(x, straight.y / scale, penalties, folds) * scale**2
        place = int(np.argmin(errors.mean(0)))
        found.append(
            Form(
                name,
                replace(straight, design=design, x=x, penalty=design.penalty(PENALTIES[place] * ROUGHER)),
                errors[:, place],
            )
        )
    return min(found, key=lambda form: form.error)


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
        return Categorical(self.levels, _Chances(self.design, self.solved(weights)), self.parents)

    def residuals(self, weights: Floats) -> Floats:
        return self.codes - _softmax(self.x @ self.solved(weights)) @ np.arange(len(self.levels))

    def without(self, others: Floats) -> Floats:
        gram = self.x.T @ self.x + TINY * np.eye(self.x.shape[1])
        return others - self.x @ _solved(gram, self.x.T @ others)

    def solved(self, weights: Floats) -> Floats:
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
        return score


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


def _solved(matrix: Floats, side: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, side), dtype=np.float64)
