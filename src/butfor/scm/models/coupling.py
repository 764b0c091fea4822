"""How the noise of one variable ties its copies in parallel worlds together.

A table P(V | parents) says how V falls under each row alone. A counterfactual asks for two rows at once: had the
parents been otherwise, with the same noise, where would V have fallen? A coupling is an answer. For rows p and q:

    comonotone     one uniform U, V = F⁻¹(U | parents). The ends of all rows' steps cut [0, 1] into finitely many
                   intervals, on each of which V is a function of its parents: exact for any number of copies.
    independent    each row has noise of its own: P(i, j) = p_i q_j for different rows, p_i [i = j] for the same row.
    gumbel         V = argmax_i log p_i + G_i with standard Gumbel noise. For i ≠ j
                   P(i, j) = p_i q_j ∫ dθ / D(θ)², from θ_j to θ_i, where θ_k = p_k / (p_k + q_k) and
                   D(θ) = Σ_k max((1 - θ) p_k, θ q_k), which is linear between the θ_k; and
                   P(i, i) = 1 / Σ_k max(p_k / p_i, q_k / q_i).

Source    comonotone: the quantile coupling (Fréchet 1951); gumbel: Oberst & Sontag 2019, in closed form by the
          competing exponentials E_k = exp(-G_k).
Limits    gumbel: two copies of a variable; more are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.models.factor import CELLS, Floats, Scope

Part = tuple[Scope, Floats]  # one factor: its nodes and its table
SAME = 4e-15  # ends of steps that are closer than this differ by rounding alone
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class Copy:
    """A variable in one world: its node, and the nodes that its mechanism reads."""

    node: int
    reads: tuple[int, ...]


def cut(table: Floats, copy: Copy, fixed: Mapping[int, int]) -> Part:
    """The table of one copy, what is fixed cut out of it."""
    nodes = (*copy.reads, copy.node)
    return tuple(i for i in nodes if i not in fixed), table[tuple(fixed.get(i, ALL) for i in nodes)]


def comonotone(table: Floats, copies: Sequence[Copy], fixed: Mapping[int, int], noise: int) -> list[Part]:
    """Factors P(interval of the noise) and [V is what this interval makes of its parents], a copy each."""
    ends = np.cumsum(table, axis=-1)[..., :-1]
    cells = [ends[tuple(fixed.get(i, ALL) for i in copy.reads)] for copy in copies]
    low, high = 0.0, 1.0
    for copy, cell in zip(copies, cells, strict=True):
        if copy.node in fixed and cell.ndim == 1:  # seen, and all its parents known: the noise lies on one step
            row = np.concatenate([[0.0], cell, [1.0]])
            low, high = max(low, row[fixed[copy.node]]), min(high, row[fixed[copy.node] + 1])
    points = np.unique(np.concatenate([[low, high], *(cell.ravel() for cell in cells)]))
    points = points[(points >= low) & (points <= high)]
    keep = np.diff(points) > SAME
    if not keep.any():
        return [((), np.array(0.0))]
    points = np.concatenate([points[:-1][keep], points[-1:]])
    middle, width = (points[1:] + points[:-1]) / 2, np.diff(points)
    parts: list[Part] = [((noise,), width)]
    for copy, cell in zip(copies, cells, strict=True):
        level = (middle[:, None] >= cell[..., None, :]).sum(axis=-1)  # [free parents, intervals]
        scope = tuple(i for i in copy.reads if i not in fixed)
        if copy.node in fixed:
            parts.append(((*scope, noise), (level == fixed[copy.node]).astype(np.float64)))
        else:
            _fits(level.size * table.shape[-1])
            parts.append(((*scope, noise, copy.node), np.eye(table.shape[-1])[level]))
    return parts


def independent(table: Floats, copies: Sequence[Copy], fixed: Mapping[int, int], _noise: int) -> list[Part]:
    """A factor a copy: what an earlier copy with the same row had, else a draw of its own."""
    parts: list[Part] = []
    for at, copy in enumerate(copies):
        before = copies[:at]
        scope = _scope([*before, copy], fixed)
        grid = _grid(scope, [*before, copy], table.shape, fixed)
        factor = np.broadcast_to(
            table[(*(grid[i] for i in copy.reads), grid[copy.node])], [_size(i, copies, table.shape) for i in scope]
        )
        for other in reversed(before):
            same = np.array(True)
            for mine, theirs in zip(copy.reads, other.reads, strict=True):
                same = same & (grid[mine] == grid[theirs])
            factor = np.where(same, grid[copy.node] == grid[other.node], factor)
        parts.append((scope, np.asarray(factor, dtype=np.float64)))
    return parts


def gumbel(table: Floats, copies: Sequence[Copy], fixed: Mapping[int, int], _noise: int) -> list[Part]:
    """One factor of two copies."""
    if len(copies) > 2:
        raise QueryError(
            f"this query needs {len(copies)} copies of a variable at once, and the Gumbel coupling is exact for two; "
            'use coupling="comonotone", or write the noise as latent variables'
        )
    one, two = copies
    above = _scope([Copy(-1, one.reads), Copy(-1, two.reads)], {**fixed, -1: 0})
    grid = _grid(above, [Copy(-1, one.reads), Copy(-1, two.reads)], table.shape, {**fixed, -1: 0})
    p, q = (table[tuple(grid[i] for i in copy.reads)] for copy in copies)
    sizes = [_size(i, copies, table.shape) for i in above]
    _fits(int(np.prod(sizes, dtype=np.int64)) * table.shape[-1] ** 2)
    both = argmax_pairs(*(np.broadcast_to(row, [*sizes, table.shape[-1]]) for row in (p, q)))
    both = both[(..., fixed.get(one.node, ALL), fixed.get(two.node, ALL))]
    return [((*above, *(copy.node for copy in copies if copy.node not in fixed)), both)]


COUPLINGS = {"comonotone": comonotone, "independent": independent, "gumbel": gumbel}


def argmax_pairs(p: Floats, q: Floats) -> Floats:
    """P(i under p, j under q) with shared Gumbel noise, [..., i, j] from rows [..., k]."""
    total = p + q
    theta = np.divide(p, total, out=np.zeros_like(total), where=total > 0)
    place = np.argsort(theta, axis=-1)
    point = np.take_along_axis(theta, place, axis=-1)  # [..., k], rising
    height = np.maximum((1 - point)[..., None] * p[..., None, :], point[..., None] * q[..., None, :]).sum(axis=-1)
    area = np.cumsum(np.diff(point, axis=-1) / (height[..., 1:] * height[..., :-1]), axis=-1)
    area = np.concatenate([np.zeros_like(area[..., :1]), area], axis=-1)
    integral = np.take_along_axis(area, np.argsort(place, axis=-1), axis=-1)  # from the least θ to θ_k
    both = np.maximum(integral[..., :, None] - integral[..., None, :], 0.0) * p[..., :, None] * q[..., None, :]
    mine = np.maximum(p[..., None, :] * q[..., :, None], q[..., None, :] * p[..., :, None]).sum(axis=-1)
    same = np.divide(p * q, mine, out=np.zeros_like(mine), where=mine > 0)
    return both + np.eye(p.shape[-1]) * same[..., None, :]


def _scope(copies: Sequence[Copy], fixed: Mapping[int, int]) -> Scope:
    return tuple(dict.fromkeys(i for copy in copies for i in (*copy.reads, copy.node) if i not in fixed))


def _size(node: int, copies: Sequence[Copy], shape: tuple[int, ...]) -> int:
    return next(shape[(*copy.reads, copy.node).index(node)] for copy in copies if node in (*copy.reads, copy.node))


def _grid(
    scope: Scope, copies: Sequence[Copy], shape: tuple[int, ...], fixed: Mapping[int, int]
) -> dict[int, NDArray[np.int64]]:
    """For each node its levels along its own axis of `scope`, or the one that is fixed."""
    found = {i: np.array(level, dtype=np.int64) for i, level in fixed.items()}
    sizes = [_size(i, copies, shape) for i in scope]
    _fits(int(np.prod(sizes, dtype=np.int64)))
    for axis, (node, size) in enumerate(zip(scope, sizes, strict=True)):
        found[node] = np.arange(size).reshape([-1 if a == axis else 1 for a in range(len(scope))])
    return found


def _fits(cells: int) -> None:
    if cells > CELLS:
        raise QueryError(
            "a variable with so many rows cannot be coupled across worlds in memory; "
            "give its parents as evidence, or write its noise as a latent variable"
        )
