"""Exact inference in a network of tables P(v | parents).

Equation  P(keep, evidence) = Σ over the rest of Π_v P(v | parents of v), by variable elimination (`factor.py`).
          What is neither kept, given nor a cause of these sums to one and is left out; evidence is cut out of the
          tables; and for a conditional what the evidence separates from the question is left out, too. What does not
          depend on the evidence's values is summed once a pattern of query, and kept with the pattern's plan.
Source    Zhang & Poole 1996; Shachter 1998 (what a query needs).
Limits    Evidence on so many variables that its probability is below 1e-300 is taken for impossible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import cast, final

import numpy as np

from butfor.scm.graph import bits
from butfor.scm.models.factor import Floats, Layout, Scope, Step, done, make_order, make_plan, rising, set_of

PLANS = 4096  # plans kept a network
ALL = slice(None)


@dataclass(frozen=True, slots=True)
class _Query:
    """The plan of one pattern of query, and the tables that no evidence cuts, summed as far as that goes."""

    steps: list[tuple[int, Step]]  # what is left to do, and the slot that it fills
    cuts: list[tuple[int, int]]  # (slot, variable): tables that the evidence cuts
    masks: list[tuple[int, int]]  # (slot, variable): tables of what the evidence allows
    ready: list[Floats | None]  # slots, as far as they are known beforehand


@final
class Network:
    """Tables P(v | parents) of variables 0, 1, …: axes are the parents in order, then v."""

    def __init__(self, parents: Sequence[Scope], tables: Sequence[Floats]) -> None:
        self.around = [set_of((*before, v)) for v, before in enumerate(parents)]
        self.tables = [
            rising((*before, v), table) for v, (before, table) in enumerate(zip(parents, tables, strict=True))
        ]
        self.layout = Layout({v: table.shape[-1] for v, table in enumerate(tables)})
        self.order = make_order(self.around, self.layout.sizes)
        self._index(parents)

    def changed(self, parents: Sequence[Scope], new: Mapping[int, Floats]) -> Network:
        """The network with some tables replaced; a good order of elimination stays good enough."""
        network = Network.__new__(Network)
        network.around, network.tables = list(self.around), list(self.tables)
        network.layout, network.order = self.layout, self.order
        for v, table in new.items():
            scope = (*parents[v], v)
            network.around[v], network.tables[v] = set_of(scope), rising(scope, table)
        network._index(parents)
        return network

    def _index(self, parents: Sequence[Scope]) -> None:
        self._plans: dict[tuple[Scope, frozenset[int], frozenset[int], bool], _Query] = {}
        self._above = _closures(parents)
        self._axes = [tuple(bits(around)) for around in self.around]
        self._over = [1 << v for v in range(len(parents))]  # for each variable, the tables over it
        for v, before in enumerate(parents):
            for i in before:
                self._over[i] |= 1 << v
        self._zeros = set_of(v for v, table in enumerate(self.tables) if not table.all())

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
        work = query.ready.copy()
        for slot, v in query.cuts:
            work[slot] = self.tables[v][tuple([evidence.get(i, ALL) for i in self._axes[v]])]
        for slot, v in query.masks:
            work[slot] = masks[v]
        for slot, step in query.steps:
            work[slot] = done(step, work)
        return cast("Floats", work[-1])

    def _query(self, keep: Scope, evidence: frozenset[int], masks: frozenset[int], scale: bool) -> _Query:
        relevant = 0
        for v in (*keep, *evidence, *masks):
            relevant |= self._above[v]
        cut = set_of(evidence)
        if not scale:
            relevant = self._joined(relevant, set_of(keep), cut, set_of(masks))
        nodes: list[int] = []
        ready: list[Floats | None] = []
        cuts: list[tuple[int, int]] = []
        together = 0
        for v in bits(relevant):
            around = self.around[v]
            if around & cut:
                cuts.append((len(nodes), v))
                around &= ~cut
                ready.append(None)
            else:
                ready.append(self.tables[v])
            nodes.append(around)
            together |= around
        if not nodes:
            return _Query([], [], [], [np.ones(())])
        weighed = [(slot, v) for slot, v in enumerate(masks, len(nodes))]
        nodes += [1 << v for _, v in weighed]
        ready += [None] * len(weighed)
        layout = self.layout
        if layout.letter is None and together.bit_count() <= len(ascii_letters):
            layout = Layout({v: layout.sizes[v] for v in bits(together)})
        together &= ~set_of(keep)
        plan = make_plan(nodes, layout, keep, [v for v in self.order if together >> v & 1])
        steps: list[tuple[int, Step]] = []
        for step in plan.steps:
            known = True
            for slot in step[1]:
                known = known and ready[slot] is not None
            if not known:
                steps.append((len(ready), step))
            ready.append(done(step, ready) if known else None)
        return _Query(steps, cuts, weighed, ready)

    def _joined(self, relevant: int, keep: int, cut: int, masks: int) -> int:
        """What an open path joins to `keep`; of the rest only tables with a zero, which may forbid the evidence."""
        found, reached, todo = 0, keep, keep
        while todo:
            low = todo & -todo
            new = self._over[low.bit_length() - 1] & relevant & ~found
            found |= new
            todo ^= low
            for v in bits(new):
                todo |= self.around[v] & ~cut & ~reached
                reached |= todo
        return found | (relevant & (self._zeros | masks))


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
