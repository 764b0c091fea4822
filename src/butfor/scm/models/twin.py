"""Twin networks of a discrete model: as many worlds as a question needs, sharing their noise, exact.

A variable has one copy for each different set of copies that its mechanism reads: worlds in which the same causes reach
it share the copy, so that only what an intervention touches is doubled. What was seen is read as a constant, what is
neither asked nor seen nor a cause of it is left out, a variable with one copy left needs no noise (its table says all),
and the copies of the others are tied by the model's coupling. Abduction, action and prediction are then one
elimination:

    P(Y in world w = y | evidence) = P(Y_w = y, evidence) / P(evidence)

Source    Balke & Pearl 1994 (twin networks); Shpitser & Pearl 2007 (parallel worlds, shared copies).
Limits    A soft or stochastic `do` brings a new mechanism with noise of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from butfor.core.errors import Impossible, QueryError
from butfor.core.seeds import generator
from butfor.scm.models.coupling import COUPLINGS, Copy, Part, cut
from butfor.scm.models.event import Condition, EventLike, is_event, read_conditions, told
from butfor.scm.models.factor import Floats, drawn, summed
from butfor.scm.models.model import Parallel, Sample, World, check_draws
from butfor.scm.models.table import Table

if TYPE_CHECKING:
    from butfor.scm.models.discrete import Allowed, Discrete


@dataclass(frozen=True, slots=True)
class Node:
    """A copy of a variable; `table` is its own mechanism's where `shared`, else one that an intervention brought."""

    name: str
    table: Table
    reads: tuple[int, ...]
    shared: bool
    level: int | None = None  # of a constant


@final
@dataclass(frozen=True, slots=True, eq=False)
class Twins(Parallel):
    """Parallel worlds of a discrete model, given evidence from the actual one."""

    model: Discrete
    nodes: tuple[Node, ...]
    places: tuple[Mapping[str, int], ...]  # the node of each variable in each world
    seen: Mapping[int, Floats]  # the levels that the evidence allows, by node
    total: float  # P(evidence)

    @classmethod
    def of(cls, model: Discrete, worlds: Sequence[World], allowed: Allowed, evidence: Iterable[Condition]) -> Self:
        total = float(model.weight(allowed))
        if total <= 0:
            raise Impossible(f"{told(evidence)} has probability zero in this model: nothing follows from it")
        builder = _Builder(model)
        masks = {name: model.mask(name, level) for name, level in allowed.items()}
        known = {name: int(np.argmax(mask)) for name, mask in masks.items() if np.count_nonzero(mask) == 1}
        actual = builder.world(World(), known=known)
        places: list[dict[str, int]] = []
        for world in worlds:
            places.append(builder.world(world, places))
        seen = {actual[name]: mask for name, mask in masks.items()}
        return cls(model, tuple(builder.nodes), tuple(places), seen, total)

    def p(self, events: Mapping[int, EventLike]) -> float:
        wanted: dict[int, Floats] = {}
        for world, event in events.items():
            if not 0 <= world < len(self.places):
                raise QueryError(f"there is no world {world}; there are {len(self.places)}, from 0")
            for name, mask in self.model.masks(read_conditions(event)).items():
                node = self.places[world][name]
                wanted[node] = wanted.get(node, 1.0) * mask
        return min(float(self._weight(wanted)) / self.total, 1.0)

    def mean(self, y: str, world: int) -> float:
        if is_event(y):
            return self.p({world: y})
        values = self.model.values(y)
        node = self.places[world][y]
        level = self.nodes[node].level
        if level is not None:
            return float(values[level])
        return float(self._weight({}, (node,)) @ values) / self.total

    def sample(self, n: int, seed: int = 0) -> list[Sample]:
        check_draws(n)
        names = list(self.model.labels)
        asked = {place[name] for place in self.places for name in names}
        parts, _ = self._parts({}, tuple(asked))
        found = drawn([scope for scope, _ in parts], [table for _, table in parts], n, generator(seed, "parallel"))
        for i in asked:
            level = self.nodes[i].level
            if level is not None:
                found[i] = np.full(n, level)
        return [{name: self.model.decoded(name, found[place[name]]) for name in names} for place in self.places]

    def _weight(self, wanted: Mapping[int, Floats], keep: tuple[int, ...] = ()) -> Floats:
        """P(keep, the evidence, and what is wanted)."""
        parts, possible = self._parts(wanted, keep)
        if not possible:
            return np.zeros([self.nodes[i].table.p.shape[-1] for i in keep])
        return summed([scope for scope, _ in parts], [table for _, table in parts], keep)

    def _parts(self, wanted: Mapping[int, Floats], asked: tuple[int, ...]) -> tuple[list[Part], bool]:
        """The factors of a query; and whether its events are possible at all, as far as single variables tell."""
        masks = dict(self.seen)
        for i, mask in wanted.items():
            masks[i] = masks[i] * mask if i in masks else mask
        fixed = {i: node.level for i, node in enumerate(self.nodes) if node.level is not None}
        parts: list[Part] = []
        for i, mask in masks.items():
            places = np.flatnonzero(mask)
            if not len(places) or (i in fixed and not mask[fixed[i]]):
                return [], False
            if len(places) == 1 and i not in asked:
                fixed[i] = int(places[0])
            elif i not in fixed:
                parts.append(((i,), mask))
        groups: dict[str, list[int]] = {}
        for i in self._causes({*masks, *asked}):
            node = self.nodes[i]
            if node.level is not None:
                continue
            if node.shared:
                groups.setdefault(node.name, []).append(i)
            else:
                parts.append(cut(node.table.p, Copy(i, node.reads), fixed))
        for noise, (name, members) in enumerate(groups.items(), len(self.nodes)):
            table = self.model.tables[name].p
            copies = [Copy(i, self.nodes[i].reads) for i in members]
            tie = COUPLINGS[self.model.coupling]
            parts += tie(table, copies, fixed, noise) if len(copies) > 1 else [cut(table, copies[0], fixed)]
        return parts, True

    def _causes(self, nodes: set[int]) -> list[int]:
        """Some nodes and all that they depend on."""
        found = set(nodes)
        for i in range(len(self.nodes) - 1, -1, -1):  # a node stands behind those it reads
            if i in found:
                found.update(self.nodes[i].reads)
        return sorted(found)


class _Builder:
    """Makes the nodes of one world after another."""

    def __init__(self, model: Discrete) -> None:
        self.model = model
        self.nodes: list[Node] = []
        self.made: dict[tuple[Any, ...], int] = {}
        self.read_as: dict[int, int] = {}  # the constant that stands for a node that was seen, where it is read

    def world(
        self, world: World, earlier: Sequence[Mapping[str, int]] = (), known: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """The node of each variable in this world; `known` are levels that were seen in it."""
        known = known or {}
        for name in world.do:
            self.model.levels(name)  # an unknown name is refused
        for (cause, effect), source in world.reads.items():
            if (
                effect not in self.model.tables
                or cause not in self.model.tables[effect].parents
                or not 0 <= source < len(earlier)
            ):
                raise QueryError(f"{cause} -> {effect} cannot be read from world {source}")
        new = {name: self._done(name, value) for name, value in world.do.items()}
        graph = self.model.whole
        if any(isinstance(node, Table) and node.parents for node in new.values()):
            graph = self.model.do(world.do).whole  # new causes, perhaps another order
        found: dict[str, int] = {}
        for name in (graph.names[i] for i in graph.order):
            done = new.get(name)
            if isinstance(done, int):
                found[name] = self._constant(name, done)
                continue
            table = self.model.tables[name] if done is None else done
            reads: list[int] = []
            for parent in table.parents:
                source = world.reads.get((parent, name)) if done is None else None
                place = found if source is None else earlier[source]
                reads.append(self.read_as.get(place[parent], place[parent]))
            key = (name, *reads) if done is None else (name, "done", len(self.nodes))
            found[name] = self._node(key, Node(name, table, tuple(reads), done is None))
            if name in known:
                self.read_as[found[name]] = self._constant(name, known[name])
        return found

    def _done(self, name: str, value: Any) -> int | Table:
        """The level that is set, or the table that replaces the mechanism."""
        if isinstance(value, tuple | Mapping | Table):
            return self.model.mechanism(name, value)
        return self.model.place(name, value)

    def _constant(self, name: str, level: int) -> int:
        return self._node((name, "is", level), Node(name, self.model.tables[name], (), False, level))

    def _node(self, key: tuple[Any, ...], node: Node) -> int:
        if key not in self.made:
            self.made[key] = len(self.nodes)
            self.nodes.append(node)
        return self.made[key]
