"""Exact inference by variable elimination: sums of products of tables, the joint never built.

Equation  P(keep, evidence) = Σ over the rest of Π_v P(v | parents of v), the sums pushed inside one variable at a time.
          What is neither kept, given nor a cause of these sums to one and is left out; evidence is cut out of the
          tables; variables go in the greedy order of the smallest table (and of the fewest new neighbours, where that
          is not cheap already; the cheaper of the two counts). What does not depend on the evidence's values is summed
          once a pattern of query, and kept with the pattern's plan.
Draws     Eliminated variables are drawn in reverse order, each from the tables it was summed out of: exact draws given
          the evidence, all rows at once.
Source    Zhang & Poole 1996; Dechter 1999 (bucket elimination); Kjærulff 1990 (orders).
Limits    A graph of large treewidth needs large tables; past `CELLS` cells the query is refused. Evidence on so many
          variables that its probability is below 1e-300 is taken for impossible.
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
    return make_plan(scopes, Layout(sizes_of(scopes, tables)), keep).run(tables)[-1] if scopes else np.ones(())


def drawn(scopes: Sequence[Scope], tables: Sequence[Floats], n: int, rng: Generator) -> dict[int, Codes]:
    """n draws of all variables from the distribution that is proportional to the product of the tables."""
    sizes = sizes_of(scopes, tables)
    plan = _Builder(scopes, Layout(sizes)).build(make_order(scopes, sizes), (), apart=True)
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


def make_plan(scopes: Sequence[Scope], layout: Layout, keep: Scope, order: Iterable[int] | None = None) -> Plan:
    """The steps that sum everything but `keep` out of tables with these scopes; `order` is tried first, if given."""
    if order is not None and (plan := _Builder(scopes, layout).build(order, keep, CHEAP)) is not None:
        return plan
    plan = _Builder(scopes, layout).build(make_order(scopes, layout.sizes, keep), keep)
    assert plan is not None
    return plan


def make_order(scopes: Sequence[Scope], sizes: Mapping[int, int], keep: Scope = ()) -> list[int]:
    """An order in which to eliminate all but `keep`."""
    near: dict[int, int] = {}
    for scope in scopes:
        together = sum(1 << v for v in scope)
        for v in scope:
            near[v] = near.get(v, 0) | together
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
        if nodes not in self._cells:
            self._cells[nodes] = prod([self.sizes[v] for v in bits(nodes)])
        return self._cells[nodes]

    def spec(self, scopes: Sequence[Scope], out: Scope) -> str:
        """What einsum is told to do: each scope in, `out` out."""
        letter = self.letter
        if letter is None:  # too many variables for the alphabet: each step has letters of its own
            letter = dict(zip(dict.fromkeys(chain.from_iterable(scopes)), ascii_letters, strict=False))
        ins = ",".join(["".join([letter[v] for v in scope]) for scope in scopes])
        return f"{ins}->{''.join([letter[v] for v in out])}"


class _Builder:
    """Writes the steps of one plan."""

    def __init__(self, scopes: Sequence[Scope], layout: Layout) -> None:
        self.scopes, self.layout = list(scopes), layout
        self.steps: list[Step] = []
        self.cost = 0
        self.live = {slot: sum([1 << v for v in scope]) for slot, scope in enumerate(scopes)}

    def build(self, order: Iterable[int], keep: Scope, limit: int = -1, apart: bool = False) -> Plan | None:
        """The plan of an order; None where it touches more than `limit` cells.

        A variable follows the one before it in the same step where they share a table and the product is small;
        not if they are wanted `apart`.
        """
        buckets: list[tuple[int, tuple[int, ...]]] = []
        group: dict[int, int] = {}
        together = gone = 0
        for v in order:
            bucket, both = self.take(1 << v)
            joined = together >> v & 1 and self.small(len(group) + len(bucket), together | both)
            if gone and (apart or not joined):
                if 0 <= limit < self.cost + self.layout.cells(together):
                    return None
                self.sum_out(group, together, gone)
                self.live |= bucket
                group, together, gone = {}, 0, 0
                bucket, both = self.take(1 << v)
            group |= bucket
            together |= both
            gone |= 1 << v
            buckets.append((v, tuple(group)))
        rest = sum([1 << v for v in keep])
        if 0 <= limit < self.cost + self.layout.cells(together):
            return None
        if gone and not self.small(len(group) + len(self.live), together | rest):
            self.sum_out(group, together, gone)
            group, together, gone = {}, 0, 0
        self.sum_out(group | self.live, together | rest, gone, keep)
        return Plan(tuple(self.steps), tuple(self.scopes), tuple(buckets))

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

    def sum_out(self, slots: dict[int, int], together: int, gone: int, scope: Scope | None = None) -> None:
        """Join some tables without what is `gone`, or to `scope`; two at a time where they are not small."""
        cells = self.layout.cells
        while len(slots) > 2 and not self.small(len(slots), together):
            first, second, *rest = sorted(slots, key=lambda slot: cells(slots[slot]))
            pair = slots[first] | slots[second]
            new = self.step((first, second), pair, tuple(bits(pair)))
            slots = {slot: slots[slot] for slot in rest} | {new: pair}
        left = together & ~gone
        new = self.step(tuple(slots), together, tuple(bits(left)) if scope is None else scope)
        self.live[new] = left

    def step(self, slots: tuple[int, ...], together: int, scope: Scope) -> int:
        """The next slot: the product of some tables, summed to `scope`."""
        cells = self.layout.cells(together)
        if cells > CELLS or together.bit_count() > len(ascii_letters):
            raise QueryError(
                f"this query joins {together.bit_count()} variables in one table, which does not fit in memory; "
                "ask about fewer variables, give more of them, or use sample() instead"
            )
        self.cost += cells
        self.steps.append(Step(self.layout.spec([self.scopes[slot] for slot in slots], scope), slots))
        self.scopes.append(scope)
        return len(self.scopes) - 1


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
        self._layout = Layout({v: table.shape[-1] for v, table in enumerate(self.tables)})
        self._order = make_order(self.scopes, self._layout.sizes)

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
        if not scopes:
            return _Query((), (), (), (np.ones(()),))
        scopes += [(v,) for v in masks]
        ready += [None] * len(masks)
        left = {v for scope in scopes for v in scope}
        if self._layout.letter is None and len(left) <= len(ascii_letters):
            layout = Layout({v: self._layout.sizes[v] for v in left})
        else:
            layout = self._layout
        plan = make_plan(scopes, layout, keep, [v for v in self._order if v in left and v not in keep])
        steps: list[tuple[int, Step]] = []
        for slot, step in enumerate(plan.steps, len(scopes)):
            before = [ready[i] for i in step.slots]
            known = all(table is not None for table in before)
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
