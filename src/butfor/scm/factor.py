"""Exact inference by variable elimination: sums of products of tables, the joint never built.

Equation  P(keep, evidence) = Σ over the rest of Π_v P(v | parents of v), the sums pushed inside one variable at a time.
          What is neither kept, given nor a cause of these sums to one and is left out; evidence is cut out of the
          tables; variables go in the greedy order of the smallest table (and of the fewest new neighbours, where that
          is not cheap already; the cheaper of the two counts). What does not depend on the evidence's values is summed
          once a pattern of query, and kept with the pattern's plan.
Draws     Eliminated variables are drawn in reverse order, each from the tables it was summed out of: exact draws given
          the evidence, all rows at once.
Source    Zhang & Poole 1996; Dechter 1999 (bucket elimination); Kjærulff 1990 (orders).
Limits    A graph of large treewidth needs large tables; past `CELLS` cells the query is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain
from math import log2, prod
from string import ascii_letters
from typing import cast, final

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
PLANS = 4096  # plans kept a network


@dataclass(frozen=True, slots=True)
class Step:
    """One product of tables, summed: `spec` in the notation of einsum, over the tables in `slots`."""

    spec: str
    slots: tuple[int, ...]

    def done(self, tables: Sequence[Floats | None]) -> Floats:
        """The product, summed."""
        return cast("Floats", np.einsum(self.spec, *cast("Sequence[Floats]", tables)))


@dataclass(frozen=True, slots=True)
class Plan:
    """How some tables become one: slots 0 … are the tables, and each step fills the next slot."""

    steps: tuple[Step, ...]
    scopes: tuple[Scope, ...]  # of every slot
    buckets: tuple[tuple[int, tuple[int, ...]], ...]  # each variable and the slots that it was summed out of

    def run(self, tables: Sequence[Floats]) -> list[Floats]:
        """All slots; the last one is the answer."""
        work = list(tables)
        for step in self.steps:
            work.append(step.done([work[slot] for slot in step.slots]))
        return work


def summed(scopes: Sequence[Scope], tables: Sequence[Floats], keep: Scope = ()) -> Floats:
    """Σ over all but `keep` of the product of the tables; one axis for each member of `keep`, in that order."""
    return make_plan(scopes, sizes_of(scopes, tables), keep).run(tables)[-1]


def drawn(scopes: Sequence[Scope], tables: Sequence[Floats], n: int, rng: Generator) -> dict[int, Codes]:
    """n draws of all variables from the distribution that is proportional to the product of the tables."""
    sizes = sizes_of(scopes, tables)
    plan = _Builder(scopes, sizes).build(make_order(scopes, sizes), (), apart=True)
    assert plan is not None
    work = plan.run(tables)
    found: dict[int, Codes] = {}
    for v, slots in reversed(plan.buckets):
        weights = np.ones((n, 1))
        for slot in slots:
            scope = plan.scopes[slot]
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


# plans --------------------------------------------------------------------------------------------------------------


def make_plan(
    scopes: Sequence[Scope], sizes: Mapping[int, int], keep: Scope, order: Iterable[int] | None = None
) -> Plan:
    """The steps that sum everything but `keep` out of tables with these scopes; `order` is tried first, if given."""
    if order is not None:
        plan = _Builder(scopes, sizes).build([v for v in order if v in sizes and v not in keep], keep, CHEAP)
        if plan is not None:
            return plan
    plan = _Builder(scopes, sizes).build(make_order(scopes, sizes, keep), keep)
    assert plan is not None
    return plan


def make_order(scopes: Sequence[Scope], sizes: Mapping[int, int], keep: Scope = ()) -> list[int]:
    """An order in which to eliminate all but `keep`."""
    near: dict[int, int] = dict.fromkeys(sizes, 0)
    for scope in scopes:
        together = sum(1 << v for v in scope)
        for v in scope:
            near[v] |= together
    gone = [v for v in near if v not in keep]
    weight = {v: log2(size) for v, size in sizes.items()}
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
        for i in bits(around):
            near[i] = (near[i] | around) & ~(1 << v)
        for i in bits(around):
            if i in scores:
                scores[i] = score(i, near, weight)
                heappush(queue, (scores[i], i))
    return order, cost


class _Builder:
    """Writes the steps of one plan."""

    def __init__(self, scopes: Sequence[Scope], sizes: Mapping[int, int]) -> None:
        self.scopes, self.sizes = list(scopes), sizes
        self.steps: list[Step] = []
        self.cost = 0
        self.letter = dict(zip(sizes, ascii_letters, strict=False)) if len(sizes) <= len(ascii_letters) else None
        self.live: dict[int, set[int]] = {v: set() for v in sizes}
        self.free: list[int] = []  # slots that hold one number
        for slot, scope in enumerate(scopes):
            self.enter(slot, scope)

    def enter(self, slot: int, scope: Scope) -> None:
        for v in scope:
            self.live[v].add(slot)
        if not scope:
            self.free.append(slot)

    def build(self, order: Iterable[int], keep: Scope, limit: int = -1, apart: bool = False) -> Plan | None:
        """The plan of an order; None where it touches more than `limit` cells.

        Variables whose tables make a small product are summed out together, except `apart`.
        """
        buckets: list[tuple[int, tuple[int, ...]]] = []
        slots, gone = set[int](), set[int]()
        for v in order:
            both = slots | self.live[v]
            if gone and (apart or not self.small(both)):
                self.sum_out(tuple(slots), gone)
                both, gone = set(self.live[v]), set[int]()
                if 0 <= limit < self.cost:
                    return None
            slots = both
            gone.add(v)
            buckets.append((v, tuple(slots)))
        rest = {*self.free, *(slot for v in keep for slot in self.live[v])}
        if gone and not self.small(rest | slots):
            self.sum_out(tuple(slots), gone)
            rest, slots = {*self.free, *(slot for v in keep for slot in self.live[v])}, set[int]()
        self.sum_out(tuple(rest | slots), gone, keep)
        return Plan(tuple(self.steps), tuple(self.scopes), tuple(buckets))

    def small(self, slots: Iterable[int]) -> bool:
        return len(found := tuple(slots)) <= OPERANDS and self.cells(self.union(found)) <= SMALL

    def cells(self, scope: Scope) -> int:
        return prod([self.sizes[v] for v in scope])

    def sum_out(self, slots: tuple[int, ...], gone: set[int], scope: Scope | None = None) -> None:
        """Join some tables without what is `gone`, or to `scope`; two at a time where they are not small."""
        together = self.union(slots)
        while len(slots) > 2 and (len(slots) > OPERANDS or self.cells(together) > SMALL):
            first, second, *rest = sorted(slots, key=lambda slot: self.cells(self.scopes[slot]))
            pair = self.union((first, second))
            self.step((first, second), pair, pair)
            slots = (*rest, len(self.scopes) - 1)
            together = self.union(slots)
        self.step(slots, together, tuple([v for v in together if v not in gone]) if scope is None else scope)

    def union(self, slots: tuple[int, ...]) -> Scope:
        scopes = self.scopes
        if len(slots) == 1:
            return scopes[slots[0]]
        return tuple(dict.fromkeys(chain.from_iterable([scopes[slot] for slot in slots])))

    def step(self, slots: tuple[int, ...], together: Scope, scope: Scope) -> None:
        """The next slot: the product of some tables, summed to `scope`."""
        cells = self.cells(together)
        if len(together) > len(ascii_letters) or cells > CELLS:
            raise QueryError(
                f"this query joins {len(together)} variables in one table, which does not fit in memory; "
                "ask about fewer variables, give more of them, or use sample() instead"
            )
        self.cost += cells
        letter = self.letter or dict(zip(together, ascii_letters, strict=False))
        ins = ",".join(["".join([letter[v] for v in self.scopes[slot]]) for slot in slots])
        for slot in slots:
            for v in self.scopes[slot]:
                self.live[v].discard(slot)
        if self.free:
            self.free = [slot for slot in self.free if slot not in slots]
        self.steps.append(Step(f"{ins}->{''.join([letter[v] for v in scope])}", slots))
        self.scopes.append(scope)
        self.enter(len(self.scopes) - 1, scope)


# networks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Query:
    """The plan of one pattern of query, and the tables that no evidence cuts, summed as far as that goes."""

    steps: tuple[tuple[int, Step], ...]  # what is left to do, and the slot that it fills
    cuts: tuple[tuple[int, int, Scope], ...]  # (slot, variable, its scope): tables that the evidence cuts
    masks: tuple[tuple[int, int], ...]  # (slot, variable): tables of what the evidence allows
    ready: tuple[Floats | None, ...]  # slots, as far as they are known beforehand


@final
class Network:
    """Tables P(v | parents) of variables 0, 1, …: axes are the parents in order, then v."""

    def __init__(self, parents: Sequence[Scope], tables: Sequence[Floats]) -> None:
        self.scopes = tuple((*before, v) for v, before in enumerate(parents))
        self.tables = tuple(tables)
        self._plans: dict[tuple[Scope, frozenset[int], frozenset[int], bool], _Query] = {}
        self._above = _closures(parents)
        self._around = [sum(1 << i for i in scope) for scope in self.scopes]
        self._zeros = {v for v, table in enumerate(self.tables) if table.min() <= 0}
        self._sizes = {v: table.shape[-1] for v, table in enumerate(self.tables)}
        self._order = make_order(self.scopes, self._sizes)

    def table(
        self,
        keep: Scope,
        evidence: Mapping[int, int] | None = None,
        masks: Mapping[int, Floats] | None = None,
        *,
        scale: bool = True,
    ) -> Floats:
        """P(keep, evidence), one axis for each member of `keep`; `masks` weighs a variable's levels (0 forbids).

        Without `scale` only up to a factor, zero where the evidence is impossible: what the evidence separates from
        `keep` is spared.
        """
        evidence, masks = evidence or {}, masks or {}
        key = (keep, frozenset(evidence), frozenset(masks), scale)
        query = self._plans.get(key)
        if query is None:
            query = self._query(*key)
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[key] = query
        work = list(query.ready)
        for slot, v, scope in query.cuts:
            work[slot] = self.tables[v][tuple([evidence.get(i, ALL) for i in scope])]
        for slot, v in query.masks:
            work[slot] = masks[v]
        for slot, step in query.steps:
            work[slot] = step.done([work[i] for i in step.slots])
        answer = work[-1]
        assert answer is not None
        return answer

    def _query(self, keep: Scope, evidence: frozenset[int], masks: frozenset[int], scale: bool) -> _Query:
        relevant = 0
        for v in (*keep, *evidence, *masks):
            relevant |= self._above[v]
        cut = sum([1 << v for v in evidence])
        chosen = list(bits(relevant))
        if not scale:
            chosen = self._joined(chosen, keep, cut, masks)
        scopes: list[Scope] = []
        ready: list[Floats | None] = []
        cuts: list[tuple[int, int, Scope]] = []
        for slot, v in enumerate(chosen):
            scope = self.scopes[v]
            if self._around[v] & cut:
                cuts.append((slot, v, scope))
                scope = tuple([i for i in scope if i not in evidence])
                ready.append(None)
            else:
                ready.append(self.tables[v])
            scopes.append(scope)
        scopes += [(v,) for v in masks]
        ready += [None] * len(masks)
        sizes = {v: self._sizes[v] for scope in scopes for v in scope}
        plan = make_plan(scopes, sizes, keep, self._order)
        steps: list[tuple[int, Step]] = []
        for slot, step in enumerate(plan.steps, len(scopes)):
            before = [ready[i] for i in step.slots]
            known = all([table is not None for table in before])
            ready.append(step.done(before) if known else None)
            if not known:
                steps.append((slot, step))
        return _Query(tuple(steps), tuple(cuts), tuple(enumerate(masks, len(chosen))), tuple(ready))

    def _joined(self, chosen: list[int], keep: Scope, cut: int, masks: frozenset[int]) -> list[int]:
        """What an open path joins to `keep`; of the rest only tables with a zero, which may forbid the evidence."""
        reached = sum([1 << v for v in keep])
        left, found = chosen, list[int]()
        while left:
            new = [v for v in left if self._around[v] & ~cut & reached]
            if not new:
                break
            found += new
            left = [v for v in left if not self._around[v] & ~cut & reached]
            for v in new:
                reached |= self._around[v] & ~cut
        return found + [v for v in left if v in self._zeros or v in masks]


ALL = slice(None)


def _closures(parents: Sequence[Scope]) -> list[int]:
    """For each variable, the set of itself and all its causes."""
    found: list[int] = [0] * len(parents)
    todo = list(range(len(parents)))
    while todo:
        v = todo[-1]
        if found[v]:
            todo.pop()
        elif missing := [i for i in parents[v] if not found[i]]:
            todo.extend(missing)
        else:
            found[v] = 1 << v
            for i in parents[v]:
                found[v] |= found[i]
            todo.pop()
    return found
