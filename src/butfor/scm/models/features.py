"""What a regression sees of its causes: numbers scaled, labels as indicators, and Gaussian kernels around centers.

A kernel's columns are whitened, so that a plain ridge on their coefficients is the norm of the function that they make.
The same `Design` turns the rows of the data, and later any values that an intervention sets, into columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.columns import Columns

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Values = NDArray[Any]

TINY = 1e-8  # ridge that keeps equations solvable


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


@final
@dataclass(frozen=True, slots=True)
class Coding:
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
class Block:
    """A Gaussian kernel in some of the inputs, whitened: K(z, centers) K(centers, centers)^(-1/2)."""

    columns: tuple[int, ...]
    centers: Floats  # [m, d]
    width: float
    whitening: Floats  # [m, r]

    @classmethod
    def of(cls, columns: Sequence[int], centers: Floats, scale: float) -> Block:
        """`scale` is the width in median distances between the centers."""
        apart = _squared(centers, centers)
        width = scale * math.sqrt(float(np.median(apart[~np.eye(len(apart), dtype=bool)])) or 1.0)
        values, vectors = np.linalg.eigh(np.exp(-apart / (2 * width**2)))
        kept = values > 1e-6 * values.max()
        return cls(tuple(columns), centers, width, vectors[:, kept] / np.sqrt(values[kept]))

    def kernel(self, z: Floats) -> Floats:
        """How near inputs [n, all] are to the centers [n, m]."""
        return np.exp(-_squared(z[:, self.columns], self.centers) / (2 * self.width**2))


@final
@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The columns of a regression for arrays of the causes' values: 1, the causes, and the kernels'."""

    codings: tuple[Coding, ...]
    blocks: tuple[Block, ...] = ()

    @classmethod
    def of(cls, data: Columns, parents: tuple[str, ...]) -> Design:
        codings: list[Coding] = []
        for name in parents:
            if data.is_number(name):
                codings.append(Coding(name, float(data[name].mean()), float(data[name].std())))
            else:
                codings.append(Coding(name, 0.0, 1.0, data.codes(name)[1]))
        return cls(tuple(codings))

    @property
    def straight(self) -> int:
        """How many columns are not a kernel's."""
        return 1 + sum(max(len(coding.levels) - 1, 1) for coding in self.codings)

    def inputs(self, causes: Sequence[Values], n: int) -> Floats:
        """[n, d]."""
        parts = [coding(x) for coding, x in zip(self.codings, causes, strict=True)]
        return np.concatenate([np.zeros((n, 0)), *parts], axis=1)

    def matrix(self, z: Floats) -> Floats:
        """[n, 1 + d + r] from inputs [n, d]."""
        parts = [block.kernel(z) @ block.whitening for block in self.blocks]
        return np.concatenate([np.ones((len(z), 1)), z, *parts], axis=1)

    def penalty(self, strength: float) -> Floats:
        """The ridge of each column [1 + d + r]."""
        curved = sum(block.whitening.shape[1] for block in self.blocks)
        return np.concatenate([np.full(self.straight, TINY), np.full(curved, strength)])


def _squared(a: Floats, b: Floats) -> Floats:
    if a.shape[1] == 1:
        return np.square(a - b.T)
    apart = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.maximum(apart, 0.0)
