"""A set of numbers made of intervals: what inverting a test gives. It can be empty, unbounded, or in pieces.

A polynomial's or a rational function's sign changes only at its roots, so that the set where it is not above 0 follows
from the roots and one look inside each gap.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import linalg

from butfor.scm.estimate.result import Floats


@dataclass(frozen=True, slots=True)
class Region:
    """Disjoint closed intervals, in order; ends may be infinite."""

    pieces: tuple[tuple[float, float], ...]

    @property
    def empty(self) -> bool:
        """No value is left: the model behind the test does not fit."""
        return not self.pieces

    @property
    def bounded(self) -> bool:
        """Both ends are finite."""
        return self.empty or (math.isfinite(self.pieces[0][0]) and math.isfinite(self.pieces[-1][1]))

    @property
    def disjoint(self) -> bool:
        """It has a hole."""
        return len(self.pieces) > 1

    def __contains__(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.pieces)

    def times(self, factor: float) -> Region:
        """The region of `factor` times the number; factor is not 0."""
        if factor < 0:
            return Region(tuple((high * factor, low * factor) for low, high in reversed(self.pieces)))
        return Region(tuple((low * factor, high * factor) for low, high in self.pieces))

    def __str__(self) -> str:
        if self.empty:
            return "no value at all (the instruments disagree)"
        if self.pieces == ((-math.inf, math.inf),):
            return "any value (unbounded)"
        told = " or ".join(f"[{low:.3g}, {high:.3g}]" for low, high in self.pieces)
        return told + ("" if self.bounded else " (unbounded)")

    @classmethod
    def where(cls, roots: Iterable[float], inside: Callable[[float], bool]) -> Region:
        """The set where `inside` holds, which changes only at `roots`."""
        ends = [-math.inf, *sorted(set(roots)), math.inf]
        pieces: list[tuple[float, float]] = []
        for low, high in pairwise(ends):
            if not inside(_between(low, high)):
                continue
            if pieces and pieces[-1][1] == low:
                pieces[-1] = (pieces[-1][0], high)
            else:
                pieces.append((low, high))
        return cls(tuple(pieces))

    @classmethod
    def of_pencil(cls, zy: Floats, zx: Floats, yy: Floats, xy: Floats, xx: Floats, bound: float) -> Region:
        """Where g' Ω⁻¹ g <= bound, g = zy - β zx [q], Ω = yy - β (xy + xy') + β² xx [q, q].

        The roots are those of det [[Ω, g], [g', bound]], the eigenvalues of a linear pencil twice that size.
        """
        q = len(zy)

        def bordered(matrix: Floats, edge: Floats, corner: float) -> Floats:
            found = np.zeros((q + 1, q + 1))
            found[:q, :q], found[:q, q], found[q, :q], found[q, q] = matrix, edge, edge, corner
            return found

        size = math.sqrt(float(zy @ zy) / max(float(zx @ zx), 1e-300)) or 1.0  # keeps β near 1 in the pencil
        zx, xy, xx = zx * size, xy * size, xx * size**2
        a0, a1, a2 = bordered(yy, zy, bound), bordered(-xy - xy.T, -zx, 0.0), bordered(xx, 0 * zx, 0.0)
        eye, nil = np.eye(q + 1), np.zeros((q + 1, q + 1))
        left = np.block([[nil, eye], [-a0, -a1]])
        right = np.block([[eye, nil], [nil, a2]])
        pair: Any = linalg.eig(left, right, right=False, homogeneous_eigvals=True)
        top, bottom = pair
        finite = np.abs(bottom) > 1e-12 * np.abs(top)
        values = top[finite] / bottom[finite]
        roots = [float(v.real) for v in values if abs(v.imag) <= 1e-7 * max(1.0, abs(v))]

        def inside(beta: float) -> bool:
            g = zy - beta * zx
            spread = yy - beta * (xy + xy.T) + beta**2 * xx
            return float(g @ np.linalg.solve(spread, g)) <= bound

        return cls.where(roots, inside).times(size)


def not_above(coefficients: Floats) -> Region:
    """Where a quadratic c0 + c1 β + c2 β² is 0 or less."""
    c0, c1, c2 = (float(c) for c in coefficients)
    roots: list[float] = []
    inner = c1 * c1 - 4 * c0 * c2
    if c2 == 0:
        roots = [-c0 / c1] if c1 else []
    elif inner >= 0:
        far = -0.5 * (c1 + math.copysign(math.sqrt(inner), c1))
        roots = [far / c2, *([c0 / far] if far else [])]
    return Region.where(roots, lambda beta: c0 + beta * (c1 + beta * c2) <= 0)


def _between(low: float, high: float) -> float:
    if math.isinf(low) and math.isinf(high):
        return 0.0
    if math.isinf(low):
        return high - max(1.0, abs(high))
    if math.isinf(high):
        return low + max(1.0, abs(low))
    return 0.5 * (low + high)
