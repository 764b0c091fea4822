"""A causal graph: directed edges say what causes what, bidirected ones that something unseen causes both.

    Graph.parse("X -> M -> Y; X <-> Y")      an acyclic directed mixed graph (ADMG)

A set of nodes is one Python integer, bit i for node i, so that a union, a difference or "is there a path" costs a few
machine words and no set object. `pa[i]`, `ch[i]` and `bi[i]` are the parents, children and bidirected neighbours of
node i as such sets. Methods in words take and give names; those that end in `_of` take and give sets.

Source    Richardson 2003 (m-separation); Verma & Pearl 1990 (latent projection); Tian & Pearl 2002 (c-components).
Limits    A cycle is refused. Selection is not drawn: condition on the selection variable in the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from butfor.core.errors import GraphError, UnknownName

if TYPE_CHECKING:
    import networkx as nx

Edge = tuple[str, str]


@final
class Graph:
    """An acyclic directed mixed graph over named variables; it never changes."""

    def __init__(self, names: Iterable[str], directed: Iterable[Edge] = (), bidirected: Iterable[Edge] = ()) -> None:
        self.names = tuple(names)
        self.index = {name: i for i, name in enumerate(self.names)}
        if len(self.index) < len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise GraphError(f"a variable stands twice in the graph: {', '.join(twice)}")
        pa, ch, bi = ([0] * len(self.names) for _ in range(3))
        for a, b in directed:
            i, j = self.at(a), self.at(b)
            if i == j:
                raise GraphError(f"{a} -> {a}: a variable cannot cause itself")
            pa[j] |= 1 << i
            ch[i] |= 1 << j
        for a, b in bidirected:
            i, j = self.at(a), self.at(b)
            if i == j:
                raise GraphError(f"{a} <-> {a}: a latent common cause joins two different variables")
            bi[i] |= 1 << j
            bi[j] |= 1 << i
        self.pa, self.ch, self.bi = tuple(pa), tuple(ch), tuple(bi)
        self.order  # noqa: B018  a cycle is refused here

    @classmethod
    def of(cls, names: tuple[str, ...], pa: Sequence[int], bi: Sequence[int]) -> Self:
        """The graph with these sets of parents and bidirected neighbours, which are not checked."""
        graph = cls.__new__(cls)
        graph.names, graph.index = names, {name: i for i, name in enumerate(names)}
        graph.pa, graph.bi = tuple(pa), tuple(bi)
        ch = [0] * len(names)
        for j, parents in enumerate(pa):
            for i in bits(parents):
                ch[i] |= 1 << j
        graph.ch = tuple(ch)
        return graph

    @classmethod
    def parse(cls, text: str) -> Self:
        """`X -> M -> Y; X <-> Y; Z`: chains of `->`, `<-`, `<->` between names or lists of names (`A, B -> C`)."""
        from butfor.scm.graphs.formats import parse_text

        return cls(*parse_text(text))

    @classmethod
    def from_dot(cls, source: str | Path) -> Self:
        """A `digraph`, as text or as a file; `dir=both` (or a dashed `<->`) is a bidirected edge."""
        from butfor.scm.graphs.formats import parse_dot

        return cls(*parse_dot(source))

    @classmethod
    def from_bif(cls, source: str | Path) -> Self:
        """The graph of a Bayesian network in the BIF format, as text or as a file."""
        from butfor.scm.models.bif import read_bif

        tables = read_bif(source)
        return cls(tables, [(parent, child) for child, table in tables.items() for parent in table.parents])

    @classmethod
    def from_networkx(cls, graph: nx.DiGraph[Any], latent: Iterable[str] = ()) -> Self:
        """A networkx graph; nodes in `latent` (or with a true attribute `latent`) are projected out."""
        from butfor.scm.graphs.formats import from_networkx

        names, edges, hidden = from_networkx(graph, latent)
        seen = Graph(names, edges).projected(hidden)
        return cls(seen.names, seen.edges, seen.confounded)

    @classmethod
    def read(cls, source: str | Path) -> Self:
        """A graph from a file (.bif, .dot, .gv, .json, .txt) or from text."""
        from butfor.scm.graphs.formats import read_parts

        return cls(*read_parts(source))

    # sets and names -------------------------------------------------------------------------------------------------

    def at(self, name: str) -> int:
        """The place of a variable."""
        try:
            return self.index[name]
        except KeyError:
            raise UnknownName("variable", name, self.names) from None

    def set(self, names: str | Iterable[str]) -> int:
        """The set of the variables with these names."""
        if isinstance(names, str):
            return 1 << self.at(names)
        found = 0
        for name in names:
            found |= 1 << self.at(name)
        return found

    def named(self, nodes: int) -> tuple[str, ...]:
        """The names of a set, in the graph's order of names."""
        return tuple(self.names[i] for i in bits(nodes))

    def sorted(self, nodes: int) -> tuple[str, ...]:
        """The names of a set, causes before effects."""
        return tuple(self.names[i] for i in self.ordered_of(nodes))

    def ordered_of(self, nodes: int) -> list[int]:
        """The members of a set, causes before effects."""
        return sorted(bits(nodes), key=self.rank.__getitem__)

    @property
    def all(self) -> int:
        """The set of all variables."""
        return (1 << len(self.names)) - 1

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The nodes, causes before effects; among equals, the first named first."""
        from heapq import heapify, heappop, heappush

        missing = [parents.bit_count() for parents in self.pa]
        ready = [i for i, count in enumerate(missing) if count == 0]
        heapify(ready)
        found: list[int] = []
        while ready:
            i = heappop(ready)
            found.append(i)
            for j in bits(self.ch[i]):
                missing[j] -= 1
                if missing[j] == 0:
                    heappush(ready, j)
        if len(found) < len(self.names):
            raise GraphError(f"the graph has a cycle: {' -> '.join(self._cycle(found))}; causes do not run in circles")
        return tuple(found)

    def _cycle(self, ordered: list[int]) -> list[str]:
        left = self.all & ~sum(1 << i for i in ordered)
        walk = [next(bits(left))]
        while True:
            before = next(bits(self.pa[walk[-1]] & left))
            if before in walk:
                return [self.names[i] for i in reversed([*walk[walk.index(before) :], before])]
            walk.append(before)

    @cached_property
    def rank(self) -> tuple[int, ...]:
        """The place of each node in the order."""
        found = [0] * len(self.names)
        for k, i in enumerate(self.order):
            found[i] = k
        return tuple(found)

    @cached_property
    def before(self) -> tuple[int, ...]:
        """For each node, the set of those that stand before it in the order."""
        seen, found = 0, [0] * len(self.names)
        for i in self.order:
            found[i] = seen
            seen |= 1 << i
        return tuple(found)

    @property
    def edges(self) -> list[Edge]:
        """The directed edges."""
        return [(a, self.names[j]) for i, a in enumerate(self.names) for j in bits(self.ch[i])]

    @property
    def confounded(self) -> list[Edge]:
        """The bidirected edges, each once."""
        return [(a, self.names[j]) for i, a in enumerate(self.names) for j in bits(self.bi[i] >> i + 1 << i + 1)]

    # kin ------------------------------------------------------------------------------------------------------------

    def ancestors_of(self, nodes: int, within: int = -1) -> int:
        """The set and all its causes inside `within`."""
        return _closure(nodes, self.pa, within)

    def descendants_of(self, nodes: int, within: int = -1) -> int:
        """The set and all its effects inside `within`."""
        return _closure(nodes, self.ch, within)

    def parents_of(self, nodes: int) -> int:
        """All parents of members, members among them where they are parents."""
        found = 0
        for i in bits(nodes):
            found |= self.pa[i]
        return found

    def district_of(self, nodes: int, within: int = -1) -> int:
        """The set and all that bidirected paths inside `within` join to it: its c-components."""
        return _closure(nodes, self.bi, within)

    def districts_of(self, within: int) -> list[int]:
        """The c-components of the subgraph over `within`."""
        found: list[int] = []
        while within:
            part = _closure(within & -within, self.bi, within)
            found.append(part)
            within &= ~part
        return found

    def parents(self, name: str) -> frozenset[str]:
        """The direct causes of a variable."""
        return frozenset(self.named(self.pa[self.at(name)]))

    def children(self, name: str) -> frozenset[str]:
        """The direct effects of a variable."""
        return frozenset(self.named(self.ch[self.at(name)]))

    def ancestors(self, names: str | Iterable[str]) -> frozenset[str]:
        """The variables and all their causes."""
        return frozenset(self.named(self.ancestors_of(self.set(names))))

    def descendants(self, names: str | Iterable[str]) -> frozenset[str]:
        """The variables and all their effects."""
        return frozenset(self.named(self.descendants_of(self.set(names))))

    def c_components(self) -> list[frozenset[str]]:
        """The districts: variables that bidirected paths join."""
        return [frozenset(self.named(part)) for part in self.districts_of(self.all)]

    # separation -----------------------------------------------------------------------------------------------------

    def reached_of(self, start: int, given: int, within: int = -1) -> int:
        """All that an open path joins to `start` given `given`, members of `given` left out (m-connection)."""
        within &= self.all
        start &= within
        lit = self.ancestors_of(given & within, within)
        up, down = start & ~given, 0  # reached along a tail, along an arrowhead
        todo_up, todo_down = up, 0
        while todo_up | todo_down:
            if todo_up:
                low = todo_up & -todo_up
                todo_up ^= low
                i = low.bit_length() - 1
                heads, tails = (self.ch[i] | self.bi[i]) & within, self.pa[i] & within
            else:
                low = todo_down & -todo_down
                todo_down ^= low
                i = low.bit_length() - 1
                heads = tails = 0
                if not low & given:
                    heads = self.ch[i] & within
                if low & lit:
                    heads |= self.bi[i] & within
                    tails = self.pa[i] & within
            todo_up |= tails & ~given & ~up
            up |= tails & ~given
            todo_down |= heads & ~down
            down |= heads
        return (up | down) & ~given

    def separated_of(self, a: int, b: int, given: int = 0, within: int = -1) -> bool:
        """Does `given` block every path between two sets?"""
        return not self.reached_of(a, given, within) & b

    def separated(self, a: str | Iterable[str], b: str | Iterable[str], given: str | Iterable[str] = ()) -> bool:
        """d-separation, or m-separation where there are bidirected edges: does `given` block every path?"""
        one, two, between = self.set(a), self.set(b), self.set(given)
        if (one & two) | (one & between) | (two & between):
            raise GraphError("the three sets of a separation must not share a variable")
        return self.separated_of(one, two, between)

    def moral(self) -> dict[str, frozenset[str]]:
        """The moral (augmented) graph: who is joined to whom by an edge or a path of colliders."""
        near = [0] * len(self.names)
        for district in self.districts_of(self.all):
            ends = district | self.parents_of(district)
            for i in bits(ends):
                near[i] |= ends & ~(1 << i)
        return {name: frozenset(self.named(near[i])) for i, name in enumerate(self.names)}

    # surgery --------------------------------------------------------------------------------------------------------

    def without_into(self, nodes: int) -> Graph:
        """The graph after do(nodes): no arrowhead points at any of them."""
        pa = [0 if nodes >> i & 1 else p for i, p in enumerate(self.pa)]
        bi = [0 if nodes >> i & 1 else b & ~nodes for i, b in enumerate(self.bi)]
        return Graph.of(self.names, pa, bi)

    def without_out_of(self, nodes: int) -> Graph:
        """The graph without the directed edges that leave any of `nodes`."""
        return Graph.of(self.names, [p & ~nodes for p in self.pa], self.bi)

    def do(self, names: str | Iterable[str]) -> Graph:
        """The graph after an intervention on these variables."""
        return self.without_into(self.set(names))

    def over(self, names: str | Iterable[str]) -> Graph:
        """The subgraph over these variables: what touches another is dropped."""
        kept = self.set(names)
        chosen = self.named(kept)
        return Graph(
            chosen,
            [(a, b) for a, b in self.edges if kept >> self.index[a] & kept >> self.index[b] & 1],
            [(a, b) for a, b in self.confounded if kept >> self.index[a] & kept >> self.index[b] & 1],
        )

    def projected(self, latent: str | Iterable[str]) -> Graph:
        """The graph over the others when `latent` is not seen: the same separations, the same causal order."""
        pa, ch, bi = list(self.pa), list(self.ch), list(self.bi)
        gone = self.set(latent)
        for i in bits(gone):
            bit, up, down, near = 1 << i, pa[i], ch[i], bi[i]
            for j in bits(down):
                pa[j] = (pa[j] | up) & ~bit
                bi[j] = (bi[j] | down | near) & ~(1 << j)
            for j in bits(near):
                bi[j] = (bi[j] | down) & ~bit & ~(1 << j)
            for j in bits(up):
                ch[j] = (ch[j] | down) & ~bit
        names = self.named(self.all & ~gone)
        kept = [self.index[name] for name in names]
        directed = [(self.names[i], self.names[j]) for i in kept for j in bits(ch[i] & ~gone)]
        both = [(self.names[i], self.names[j]) for i in kept for j in bits(bi[i] & ~gone) if j > i]
        return Graph(names, directed, both)

    def to_networkx(self) -> nx.DiGraph[Any]:
        """A networkx graph; a latent `U(A, B)` with the attribute `latent` stands for each bidirected edge."""
        from butfor.scm.graphs.formats import to_networkx

        return to_networkx(self)

    def to_dot(self) -> str:
        """The graph in the DOT language."""
        from butfor.scm.graphs.formats import to_dot

        return to_dot(self)

    def __str__(self) -> str:
        from butfor.scm.graphs.formats import quoted

        name = {name: quoted(name) for name in self.names}
        alone = [name[self.names[i]] for i in range(len(name)) if not self.pa[i] | self.ch[i] | self.bi[i]]
        directed = [f"{name[a]} -> {name[b]}" for a, b in self.edges]
        return "; ".join([*directed, *(f"{name[a]} <-> {name[b]}" for a, b in self.confounded), *alone])

    def __repr__(self) -> str:
        return f"Graph.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[frozenset[str], frozenset[Edge], frozenset[frozenset[str]]]:
        return frozenset(self.names), frozenset(self.edges), frozenset(frozenset(pair) for pair in self.confounded)


def bits(nodes: int) -> Iterator[int]:
    """The members of a set, lowest first."""
    while nodes:
        low = nodes & -nodes
        yield low.bit_length() - 1
        nodes ^= low


def _closure(nodes: int, step: Sequence[int], within: int) -> int:
    found = todo = nodes & within
    while todo:
        low = todo & -todo
        new = step[low.bit_length() - 1] & within & ~found
        found |= new
        todo = (todo ^ low) | new
    return found
