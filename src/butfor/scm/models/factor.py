"""Sums of products of tables by variable elimination: their joint table is never built.

Equation  Σ_rest Π_i table_i, the sums pushed inside one variable at a time. Variables go in the greedy order of the
          smallest table (and of the fewest new neighbours, where that is not cheap already; the cheaper of the two
          counts). A plan says which tables einsum joins in which order; small products are joined at once.
Draws     Eliminated variables are drawn in reverse order, each from the tables it was summed out of: exact draws given
          the evidence, all rows at once.
Source    Zhang & Poole 1996; Dechter 1999 (bucket elimination); Kjærulff 1990 (orders).
Limits    A graph of large treewidth needs large tables; past `CELLS` cells the query is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import log2, prod
from string import ascii_letters
from typing import cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.graph import bits

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Scope = tuple[int, ...]

CELLS = 2**28  # the largest table, 2 GiB
CHEAP = 2**16  # the cost of an order, in cells, below which a second one is not worth the search
SMALL = 256  # cells of a product that is cheaper to build at once than two tables at a time
OPERANDS = 16  # tables that einsum takes in one go


Step = tuple[str, tuple[int, ...]]  # a product of the tables in some slots, summed, in the notation of einsum


@dataclass(frozen=True, slots=True)
class Plan:
    """How some tables become one: slots 0 … are the tables, their axes in rising order; each step fills the next."""

    steps: list[Step]
    nodes: list[int]  # of every slot, the set of variables that it is over
    buckets: list[tuple[int, tuple[int, ...]]]  # each variable and the slots that it was summed out of

    def run(self, tables: Sequence[Floats]) -> list[Floats]:
        """All slots; the last one is the answer."""
        work = list(tables)
        for step in self.steps:
            work.append(done(step, work))
        return work


def done(step: Step, work: Sequence[Floats | None]) -> Floats:
    """One step."""
    spec, slots = step
    return cast("Floats", np.einsum(spec, *cast("list[Floats]", [work[slot] for slot in slots])))


def summed(scopes: Sequence[Scope], tables: Sequence[Floats], keep: Scope = ()) -> Floats:
    """Σ over all but `keep` of the product of the tables; one axis for each member of `keep`, in that order."""
    if not scopes:
        return np.ones(())
    plan = make_plan([set_of(scope) for scope in scopes], Layout(sizes_of(scopes, tables)), keep)
    return plan.run([rising(scope, table) for scope, table in zip(scopes, tables, strict=True)])[-1]


def drawn(scopes: Sequence[Scope], tables: Sequence[Floats], n: int, rng: Generator) -> dict[int, Codes]:
    """n draws of all variables from the distribution that is proportional to the product of the tables."""
    sizes, nodes = sizes_of(scopes, tables), [set_of(scope) for scope in scopes]
    plan = _Builder(nodes, Layout(sizes)).build(make_order(nodes, sizes), (), apart=True)
    work = plan.run([rising(scope, table) for scope, table in zip(scopes, tables, strict=True)])
    found: dict[int, Codes] = {}
    for v, slots in reversed(plan.buckets):
        weights = np.ones((n, 1))
        for slot in slots:
            scope = tuple(bits(plan.nodes[slot]))
            table = np.moveaxis(work[slot], scope.index(v), -1)
            weights = weights * table[tuple(found[i] for i in scope if i != v)]  # [n, levels]
        ends = np.cumsum(weights, axis=1)
        place = rng.random(n) * ends[:, -1]
        found[v] = np.minimum((place[:, None] >= ends).sum(axis=1), ends.shape[1] - 1).astype(np.int64)
    return found


def sizes_of(scopes: Sequence[Scope], tables: Sequence[Floats]) -> dict[int, int]:
    """The number of levels of each variable."""
    return {
        v: size for scope, table in zip(scopes, tables, strict=True) for v, size in zip(scope, table.shape, strict=True)
    }


def set_of(scope: Iterable[int]) -> int:
    """Variables as a set."""
    return sum([1 << v for v in scope])


def rising(scope: Scope, table: Floats) -> Floats:
    """A table with its axes in the order of its variables."""
    return np.transpose(table, sorted(range(len(scope)), key=scope.__getitem__))


# plans --------------------------------------------------------------------------------------------------------------


class _Costly(Exception):
    """An order touches more cells than it may."""


def make_plan(nodes: Sequence[int], layout: Layout, keep: Scope, order: Iterable[int] | None = None) -> Plan:
    """The steps that sum all but `keep` out of tables over these sets; `order`, if given, is tried first."""
    if order is not None:
        try:
            return _Builder(nodes, layout, CHEAP).build(order, keep)
        except _Costly:
            pass
    return _Builder(nodes, layout).build(make_order(nodes, layout.sizes, keep), keep)


def make_order(nodes: Sequence[int], sizes: Mapping[int, int], keep: Scope = ()) -> list[int]:
    """An order in which to eliminate all but `keep`."""
    near: dict[int, int] = {}
    for together in nodes:
        for v in bits(together):
            near[v] = near.get(v, 0) | together
    gone = [v for v in near if v not in keep]
    weight = {v: log2(sizes[v]) for v in near}
    order, cost = _greedy(near, gone, weight, _table_size)
    if cost > CHEAP:
        other, less = _greedy(near, gone, weight, _new_edges)
        order = other if less < cost else order
    return order


Score = Callable[[int, dict[int, int], Mapping[int, float]], float]


def _table_size(v: int, near: dict[int, int], weight: Mapping[int, float]) -> float:
    return sum(weight[i] for i in bits(near[v]))


def _new_edges(v: int, near: dict[int, int], weight: Mapping[int, float]) -> float:
    around = near[v]
    return sum(weight[i] * sum(weight[j] for j in bits(around & ~near[i])) for i in bits(around & ~(1 << v)))


def _greedy(
    near: Mapping[int, int], gone: Sequence[int], weight: Mapping[int, float], score: Score
) -> tuple[list[int], float]:
    """An order of elimination, and the cells that it touches."""
    near = dict(near)
    scores = {v: score(v, near, weight) for v in gone}
    queue = [(value, v) for v, value in scores.items()]
    heapify(queue)
    order: list[int] = []
    cost = 0.0
    while queue:
        value, v = heappop(queue)
        if scores.get(v) != value:
            continue
        del scores[v]
        order.append(v)
        around = near.pop(v)
        cost += 2.0 ** sum(weight[i] for i in bits(around))
        around &= ~(1 << v)
        touched = around
        for i in bits(around):
            if score is _new_edges and around & ~near[i]:
                touched |= near[i]  # an edge that is new to i is one that its other neighbours no longer lack
            near[i] = (near[i] | around) & ~(1 << v)
        for i in bits(touched):
            if i in scores and (value := score(i, near, weight)) != scores[i]:
                scores[i] = value
                heappush(queue, (value, i))
    return order, cost


class Layout:
    """The sizes of some variables, and of sets of them; their letters in the notation of einsum."""

    def __init__(self, sizes: Mapping[int, int]) -> None:
        self.sizes = sizes
        self.letter = dict(zip(sizes, ascii_letters, strict=False)) if len(sizes) <= len(ascii_letters) else None
        self._cells: dict[int, int] = {}
        self._text: dict[int, str] = {}

    def cells(self, nodes: int) -> int:
        """The cells of a table over a set of variables."""
        found = self._cells.get(nodes)
        if found is None:
            found = self._cells[nodes] = prod([self.sizes[v] for v in bits(nodes)])
        return found

    def spec(self, ins: Sequence[int], out: int, keep: Scope) -> str:
        """What einsum is told to do: each set in, `out` (or `keep`, in its order) out."""
        letter = self.letter
        if letter is None:  # too many variables for the alphabet: each step has letters of its own
            together = 0
            for nodes in ins:
                together |= nodes
            layout = Layout(dict.fromkeys(bits(together), 0))
            return layout.spec(ins, out, keep)
        kept = "".join([letter[v] for v in keep]) if keep else self.text(out)
        return f"{','.join([self.text(nodes) for nodes in ins])}->{kept}"

    def text(self, nodes: int) -> str:
        """The letters of a set."""
        found = self._text.get(nodes)
        if found is None:
            assert self.letter is not None
            found = self._text[nodes] = "".join([self.letter[v] for v in bits(nodes)])
        return found


class _Builder:
    """Writes the steps of one plan."""

    def __init__(self, nodes: Sequence[int], layout: Layout, limit: int = -1) -> None:
        self.nodes, self.layout, self.limit = list(nodes), layout, limit
        self.live = dict(enumerate(nodes))
        self.steps: list[Step] = []
        self.cost = 0

    def build(self, order: Iterable[int], keep: Scope, apart: bool = False) -> Plan:
        """The plan of an order; `_Costly` where it touches more cells than the limit.

        A variable follows the one before it in the same step where they share a table and the product is small;
        not if they are wanted `apart`.
        """
        buckets: list[tuple[int, tuple[int, ...]]] = []
        group: dict[int, int] = {}
        together = gone = 0
        for v in order:
            bit = 1 << v
            if gone and (apart or not together & bit):
                self.live |= self.sum_out(group, together, gone)
                group, together, gone = {}, 0, 0
            bucket, both = self.take(bit)
            if gone and not self.small(len(group) + len(bucket), together | both):
                bucket |= self.sum_out(group, together, gone)
                both |= together & ~gone
                group, together, gone = {}, 0, 0
            group |= bucket
            together |= both
            gone |= bit
            if apart:
                buckets.append((v, tuple(group)))
        rest = set_of(keep)
        if gone and not self.small(len(group) + len(self.live), together | rest):
            self.live |= self.sum_out(group, together, gone)
            group, together, gone = {}, 0, 0
        self.sum_out(group | self.live, together | rest, gone, keep)
        return Plan(self.steps, self.nodes, buckets)

    def take(self, node: int) -> tuple[dict[int, int], int]:
        """The tables over a variable, and all that they are over."""
        bucket = {slot: nodes for slot, nodes in self.live.items() if nodes & node}
        together = 0
        for slot, nodes in bucket.items():
            del self.live[slot]
            together |= nodes
        return bucket, together

    def small(self, count: int, together: int) -> bool:
        return count <= OPERANDS and self.layout.cells(together) <= SMALL

    def sum_out(self, slots: dict[int, int], together: int, gone: int, keep: Scope = ()) -> dict[int, int]:
        """Join some tables without what is `gone`, two at a time where they are not small: the slot and its set."""
        cells = self.layout.cells
        if 0 <= self.limit < self.cost + cells(together):
            raise _Costly
        while len(slots) > 2 and not self.small(len(slots), together):
            first, second, *rest = sorted(slots, key=lambda slot: cells(slots[slot]))
            pair = slots[first] | slots[second]
            slots = {slot: slots[slot] for slot in rest} | self.step((first, second), pair, pair)
        return self.step(tuple(slots), together, together & ~gone, keep)

    def step(self, slots: tuple[int, ...], together: int, left: int, keep: Scope = ()) -> dict[int, int]:
        """The next slot: the product of some tables, summed to what is left."""
        cells = self.layout.cells(together)
        if cells > CELLS or together.bit_count() > len(ascii_letters):
            raise QueryError(
                f"this query joins {together.bit_count()} variables in one table, which does not fit in memory; "
                "ask about fewer variables, give more of them, or use sample() instead"
            )
        self.cost += cells
        nodes = self.nodes
        self.steps.append((self.layout.spec([nodes[slot] for slot in slots], left, keep), slots))
        nodes.append(left)
        return {len(nodes) - 1: left}
