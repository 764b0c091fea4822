"""Counting: any identified estimand on discrete data, as it stands on the frequencies of the rows.

    Empirical.of(data, ("X", "Z", "Y"))                        a distribution: labels, joint(names)
    Plugin(("X", "Z", "Y"), functional)(data) -> Effect        functional(distribution) -> float

The interval is the Bayesian bootstrap's (Rubin 1981): each row gets an exponential weight, so that each distinct row
that occurs in k rows gets a Gamma(k) one. No combination that was seen is ever lost, as the multinomial bootstrap loses
some, and conditional probabilities stay defined.
Limits   Percentile ends; Combinations that never occur have probability 0 (`smoothing` adds that many rows to each).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from butfor.core.errors import DataError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Columns
from butfor.scm.estimate.result import Floats, check_level
from butfor.stats.effect import Check, Effect

LARGEST = 1 << 22  # cells that smoothing may fill
PER_CELL = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Empirical:
    """The frequencies of the rows of discrete data."""

    labels: Mapping[str, tuple[Any, ...]]
    cells: Codes  # [cells, names]: the distinct rows
    weights: Floats  # [cells], of sum 1
    n: int

    @classmethod
    def of(cls, data: Any, names: Sequence[str] | None = None, *, smoothing: float = 0.0) -> Empirical:
        """The frequencies of some columns; `smoothing` rows are added to every combination, seen or not."""
        columns = Columns.read(data, names)
        coded: list[Codes] = []
        labels: dict[str, tuple[Any, ...]] = {}
        for name in columns.names:
            if not columns.is_discrete(name):
                raise DataError(f"{name} is not discrete, and counting needs columns that are; cut it into bins")
            codes, labels[name] = columns.codes(name)
            coded.append(codes)
        cells, counts = np.unique(np.stack(coded, axis=1), axis=0, return_counts=True)
        weights = counts.astype(np.float64)
        if smoothing:
            cells, weights = _smoothed(cells, weights, [len(levels) for levels in labels.values()], smoothing)
        return cls(labels, cells, weights / weights.sum(), columns.n)

    def joint(self, names: Sequence[str]) -> Floats:
        """The joint distribution of some variables, an axis each, in this order."""
        known = list(self.labels)
        for name in names:
            if name not in known:
                raise UnknownName("variable", name, known)
        shape = tuple(len(self.labels[name]) for name in names)
        if not names:
            return np.array(1.0)
        flat = np.ravel_multi_index(tuple(self.cells[:, known.index(name)] for name in names), shape)
        sums: Floats = np.bincount(flat, self.weights, minlength=int(np.prod(shape))).astype(np.float64)
        return sums.reshape(shape)

    def reweighted(self, weights: Floats) -> Empirical:
        """The same cells with other weights."""
        return Empirical(self.labels, self.cells, weights / weights.sum(), self.n)

    def draw(self, rng: np.random.Generator) -> Empirical:
        """One draw of the Bayesian bootstrap."""
        return self.reweighted(np.maximum(rng.gamma(self.weights * self.n), 1e-12))


@dataclass(frozen=True, slots=True)
class Plugin:
    """A functional of the distribution of some discrete variables, evaluated on its frequencies."""

    names: tuple[str, ...]
    functional: Callable[[Empirical], float]
    x: str = ""
    y: str = ""
    given: tuple[str, ...] = ()
    method: str = "plug-in"
    smoothing: float = 0.0
    null: float | None = 0.0  # what p compares with; None: nothing
    draws: int = 999
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.draws < 99:
            raise DataError(f"draws must be 99 or more, not {self.draws}; 999 is usual")

    def point(self, data: Columns) -> float:
        """The estimate alone."""
        return float(self.functional(Empirical.of(data, self.names, smoothing=self.smoothing)))

    def __call__(self, data: Any) -> Effect:
        """The estimate with the percentile interval of the Bayesian bootstrap."""
        seen = Empirical.of(data, self.names, smoothing=self.smoothing)
        estimate = float(self.functional(seen))
        rng = generator(self.seed, "estimate", "plugin")
        draws = np.array([self.functional(seen.draw(rng)) for _ in range(self.draws)])
        if not np.isfinite([estimate, *draws]).all():
            raise DataError(f"{self.method} has no finite answer on these frequencies; smoothing=0.5 fills empty cells")
        low, high = (float(end) for end in np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2]))
        checks = [_rows_per_cell(seen)]
        if np.ptp(draws) <= 1e-12 * max(1.0, abs(estimate)):
            low, high = -math.inf, math.inf
            told = f"every resample says {estimate:.6g}: these rows do not vary here, so they say nothing of new ones"
            checks.append(Check("constant", False, told))
        p = None
        if self.null is not None:
            tails = np.sum(draws <= self.null), np.sum(draws >= self.null)
            p = min(1.0, 2 * (int(min(tails)) + 1) / (self.draws + 1))
        return Effect(
            estimate=estimate, low=min(low, estimate), high=max(high, estimate), level=self.level,
            p=p, n=seen.n, method=f"{self.method}, Bayesian bootstrap", checks=tuple(checks),
        )  # fmt: skip


def _rows_per_cell(seen: Empirical) -> Check:
    rare = float(np.sum(seen.weights[seen.weights * seen.n < PER_CELL]))
    told = f"{len(seen.cells)} distinct rows among {seen.n}; {rare:.1%} of rows are of a kind seen under 5 times"
    return Check("cells", rare <= 0.25, told)


def _smoothed(cells: Codes, counts: Floats, shape: list[int], smoothing: float) -> tuple[Codes, Floats]:
    size = int(np.prod(shape, dtype=np.float64))
    if smoothing < 0 or size > LARGEST:
        raise DataError(f"smoothing adds rows to all {size:,} combinations; it must not be negative, nor they so many")
    weights = np.full(size, smoothing)
    weights[np.ravel_multi_index(tuple(cells.T), tuple(shape))] += counts
    return np.stack(np.unravel_index(np.arange(size), tuple(shape)), axis=1).astype(np.int64), weights
