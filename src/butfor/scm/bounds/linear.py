"""The linear programme over response types: what is summed out, what is left open, and the two ends.

A question is a few numbers c(q) = Σ C[t1, t2, …] q1[t1] q2[t2] …, one axis a district. Where every row of C along a
district lies in the row space of that district's A (C = L A), A q = b gives C q = L b: the data settle that district
and it is summed out. One district may be left; the ends over it are two linear programmes, whose columns are merged
where types answer alike (only the best and the worst of such types can matter).
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from butfor.core.errors import Impossible, QueryError, RunError
from butfor.scm.bounds.types import Codes, Types
from butfor.scm.bounds.value import Floats, ordered

TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
EXACT = 1e-8  # what is left of a row that lies in the row space
NONE = 1e-11  # a negative probability or price so small is rounding
BASES = 50  # remembered at most
SMALL = 1 << 20  # cells of a programme whose bases are remembered


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """Part of a question: top / bottom, each a table over the types; no bottom is 1."""

    top: Floats
    bottom: Floats | None


class Programme:
    """The programme of one question; it is solved for any data that leave the same cells empty."""

    def __init__(self, types: Types, shares: list[Share], rows: list[Codes], known: list[Codes]) -> None:
        self.known = known
        self.rows: list[Any] = [_matrix(part)[kept] for part, kept in zip(rows, known, strict=True)]
        self.inverses = [np.linalg.pinv((a @ a.T).toarray(), rcond=1e-10, hermitian=True) for a in self.rows]
        parts = [part for share in shares for part in (share.top, share.bottom) if part is not None]
        reduced = [self._reduced(part) for part in parts]
        left = sorted({axis for _, axes in reduced for axis in axes})
        if len(left) > 1:
            told = " and ".join("{" + ", ".join(types.graph.named(types.districts[axis])) + "}" for axis in left)
            raise QueryError(
                f"the data leave more than one district open ({told}): their product is not linear, and no linear\n"
                "programme bounds it; ask about one variable at a time, or use manski()"
            )
        self.open = left[0] if left else None
        found = iter(reduced)
        self.shares = [(next(found), None if share.bottom is None else next(found)) for share in shares]
        self.bases: list[tuple[Codes, Floats]] = []  # types, and the inverse of their columns
        if self.open is not None:
            self.groups = _alike(rows[self.open])
            self.columns: Any = self.rows[self.open][:, self.groups[0][self.groups[1]]]
            self.dense: Floats = self.columns.toarray() if np.prod(self.columns.shape) < SMALL else np.zeros((0, 0))

    def _reduced(self, table: Floats) -> tuple[Floats, tuple[int, ...]]:
        """The table with settled axes over rows of A in place of types, and the axes that stay open."""
        left: list[int] = []
        for axis, (a, inverse) in enumerate(zip(self.rows, self.inverses, strict=True)):
            flat = np.moveaxis(table, axis, -1)
            shape, flat = flat.shape[:-1], flat.reshape(-1, flat.shape[-1])
            factor = (a @ flat.T).T @ inverse  # L [m, rows]
            if np.abs(flat - (a.T @ factor.T).T).max() > EXACT:
                left.append(axis)
            else:
                table = np.moveaxis(factor.reshape(*shape, a.shape[0]), -1, axis)
        return table, tuple(left)

    def _settled(self, part: tuple[Floats, tuple[int, ...]], right: list[Floats]) -> Floats:
        """The table after all settled districts are summed out: [types of the open one], or [] where none is."""
        table, left = part
        for axis in reversed(range(len(self.rows))):
            if axis not in left:
                table = np.tensordot(table, right[axis][self.known[axis]], axes=(axis, 0))
        return table

    def fit(self, right: list[Floats]) -> tuple[list[Floats], float]:
        """The nearest values that types can make, for the open district, and how far they are (sum of changes)."""
        if self.open is None:
            return right, 0.0
        a, kept = self.rows[self.open], self.known[self.open]
        m, count = a.shape
        slack = eye_array(m, format="csr")
        cost = np.concatenate([np.zeros(count), np.ones(2 * m)])
        wide = hstack([a, slack, -slack], format="csc")
        found = _solve(cost, wide, right[self.open][kept])
        moved = [values.copy() for values in right]
        moved[self.open][kept] = a @ found.x[:count]
        return moved, float(found.fun)

    def ends(self, right: list[Floats]) -> tuple[float, float] | None:
        """The smallest and the largest value of the question; None where no types make the data."""
        tops = [self._settled(top, right) for top, _ in self.shares]
        bottoms = [np.ones(()) if bottom is None else self._settled(bottom, right) for _, bottom in self.shares]
        if any(bottom.max() <= 0 for bottom in bottoms):
            raise Impossible("what is given has probability zero in every model that makes these data")
        if all(bottom.ndim == 0 for bottom in bottoms):
            cost = sum((top / bottom for top, bottom in zip(tops, bottoms, strict=True)), np.zeros(()))
            return self._line(np.asarray(cost), right)
        if len(tops) > 1:
            raise QueryError(
                "a sum of questions whose conditions the data do not settle has no linear bounds; ask each"
            )
        return self._ratio(tops[0], bottoms[0], right)

    def _line(self, cost: Floats, right: list[Floats]) -> tuple[float, float] | None:
        if self.open is None:
            return float(cost), float(cost)
        order, starts = self.groups
        b = right[self.open][self.known[self.open]]
        cost = np.broadcast_to(cost, order.shape)[order]
        best, worst = np.maximum.reduceat(cost, starts), np.minimum.reduceat(cost, starts)
        low = self._least(worst, b)
        high = None if low is None else self._least(-best, b)
        if low is None or high is None:
            return None
        return ordered(max(low, worst.min()), min(-high, best.max()))

    def _least(self, cost: Floats, b: Floats) -> float | None:
        """min cost · q over A q = b, q >= 0: by a basis that was the best before, if it still is, else anew.

        A basis is the best where its q are not negative (it makes b) and no other type has a negative reduced cost.
        """
        for basis, inverse in self.bases:
            q, prices = inverse @ b, inverse.T @ cost[basis]
            made = q.min() > -NONE and np.abs(self.dense[:, basis] @ q - b).max() < NONE
            if made and (cost - self.dense.T @ prices).min() > -NONE:
                return float(cost[basis] @ q)
        found = _solve(cost, self.columns, b)
        if found.status == 2:
            return None
        if len(self.bases) < BASES and self.dense.size:
            spare = np.abs(cost - self.dense.T @ found.eqlin.marginals) < 1e-9
            basis = _independent(self.dense, np.lexsort((-found.x, ~spare)), int(spare.sum()))
            self.bases.append((basis, np.asarray(np.linalg.pinv(self.dense[:, basis]), dtype=np.float64)))
        return float(found.fun)

    def _ratio(self, top: Floats, bottom: Floats, right: list[Floats]) -> tuple[float, float] | None:
        """Charnes & Cooper: q' = q t with bottom · q' = 1, so A q' = b t and the ratio is top · q'."""
        assert self.open is not None
        a, b = self.rows[self.open], right[self.open][self.known[self.open]]
        top, bottom = (np.broadcast_to(part, (a.shape[1],)) for part in (top, bottom))
        if _solve(np.zeros(a.shape[1]), a, b).status == 2:
            return None
        scaled = hstack([a, csr_array(-b[:, None])], format="csr")
        norm = csr_array(np.append(bottom, 0.0)[None, :])
        wide = vstack([scaled, norm], format="csc")
        goal, cost = np.append(np.zeros(len(b)), 1.0), np.append(top, 0.0)
        low, high = _solve(cost, wide, goal), _solve(-cost, wide, goal)
        if low.status == 2:
            raise Impossible("what is given has probability zero in every model that makes these data")
        return ordered(low.fun, -high.fun)


def _solve(cost: Floats, a: Any, b: Floats) -> Any:
    found = linprog(cost, A_eq=a, b_eq=b, bounds=(0, None), method="highs", options=TIGHT)
    if found.status not in (0, 2):
        raise RunError(f"the linear programme of the bounds was not solved: {found.message}")
    return found


def _independent(a: Floats, order: Codes, count: int) -> Codes:
    """The first of `count` columns, taken in an order, that are independent of those before them."""
    kept: list[int] = []
    span = np.zeros((a.shape[0], 0))
    for column in order[:count]:
        rest = a[:, column] - span @ (span.T @ a[:, column])
        if (size := float(np.linalg.norm(rest))) > 1e-9:
            kept.append(int(column))
            span = np.column_stack([span, rest / size])
    return np.array(kept, dtype=np.int64)


def _matrix(rows: Codes) -> Any:
    """A [rows, types] of zeros and ones."""
    per, count = rows.shape
    where = rows.ravel(), np.tile(np.arange(count), per)
    return csr_array((np.ones(rows.size), where), shape=(int(rows.max()) + 1, count))


def _alike(rows: Codes) -> tuple[Codes, Codes]:
    """Types in an order in which those that answer alike stand together, and where each group starts."""
    _, inverse = np.unique(rows, axis=1, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return order, np.flatnonzero(np.diff(inverse[order], prepend=-1))
