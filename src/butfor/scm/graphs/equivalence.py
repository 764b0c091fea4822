"""What data alone can say of a graph: patterns, and the class of DAGs that imply the same independences.

    Pattern.parse("A -- B; A o-> C; C <-> D")     every end of an edge is a tail `-`, an arrowhead `>` or a circle `o`

Two DAGs imply the same independences if and only if they join the same pairs and have the same colliders a -> c <- b
with a and b not joined. The class is drawn as its completed partially directed graph (CPDAG): an edge has an arrowhead
where all members have it, and is undirected where they differ.

Source    Verma & Pearl 1990 (equivalence); Meek 1995 (the four rules); Dor & Tarsi 1992 (extension to a DAG).
Limits    A CPDAG is that of a DAG; where there are latent common causes see `ancestral.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.formats import parse_edges, quoted

Marks = NDArray[np.int8]
NONE, TAIL, ARROW, CIRCLE = 0, 1, 2, 3
EDGE = {"--": (1, 1), "->": (1, 2), "<-": (2, 1), "<->": (2, 2), "o->": (3, 2), "<-o": (2, 3), "o-o": (3, 3)} | {
    "o-": (3, 1),
    "-o": (1, 3),
}
ARROWS = {ends: arrow for arrow, ends in EDGE.items()}


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pattern:
    """A graph whose edges have a mark at either end: `marks[i, j]` is the mark at j of the edge between i and j."""

    names: tuple[str, ...]
    marks: Marks  # [n, n], 0 no edge, 1 tail, 2 arrowhead, 3 circle

    def __post_init__(self) -> None:
        marks = np.array(self.marks, dtype=np.int8)
        n = len(self.names)
        if len(set(self.names)) < n:
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise GraphError(f"a variable stands twice in the pattern: {', '.join(twice)}")
        if marks.shape != (n, n):
            raise GraphError(f"{n} variables need marks of shape {(n, n)}, not {marks.shape}")
        if marks.size and (marks.min() < NONE or marks.max() > CIRCLE):
            raise GraphError("a mark is 0 (no edge), 1 (tail), 2 (arrowhead) or 3 (circle)")
        half = np.argwhere(((marks == NONE) != (marks.T == NONE)) | (np.eye(n, dtype=bool) & (marks != NONE)))
        if len(half):
            i, j = half[0].tolist()
            raise GraphError(
                f"the edge between {self.names[i]} and {self.names[j]} needs a mark at each of two different ends"
            )
        marks.flags.writeable = False
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "marks", marks)

    @classmethod
    def of(cls, names: Iterable[str], edges: Iterable[tuple[str, str, str]] = ()) -> Self:
        """From edges like `("A", "o->", "B")`; arrows: `->`, `<-`, `<->`, `--`, `o->`, `<-o`, `o-o`, `o-`, `-o`."""
        chosen = tuple(names)
        index = {name: i for i, name in enumerate(chosen)}
        marks = np.zeros((len(chosen), len(chosen)), dtype=np.int8)
        for a, arrow, b in edges:
            for name in (a, b):
                if name not in index:
                    raise UnknownName("variable", name, chosen)
            if arrow not in EDGE:
                raise GraphError(f"{a} {arrow} {b}: unknown arrow; the arrows are {' '.join(EDGE)}")
            i, j = index[a], index[b]
            ends = EDGE[arrow]
            if marks[i, j] and (marks[j, i], marks[i, j]) != ends:
                raise GraphError(f"{a} and {b} are joined twice, with different ends; a pattern has one edge a pair")
            marks[j, i], marks[i, j] = ends
        return cls(chosen, marks)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`A -- B; A o-> C; C <-> D; E`: chains and lists, as in `Graph.parse`."""
        return cls.of(*parse_edges(text))

    @classmethod
    def from_graph(cls, graph: Graph) -> Self:
        """The same edges as marks; a pair with both a directed and a bidirected edge has no pattern."""
        both = [(a, "<->", b) for a, b in graph.confounded]
        return cls.of(graph.names, [(a, "->", b) for a, b in graph.edges] + both)

    def at(self, name: str) -> int:
        """The place of a variable."""
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownName("variable", name, self.names) from None

    @property
    def edges(self) -> list[tuple[str, str, str]]:
        """Every edge once, as `(a, arrow, b)`; arrows point to the right where only one end has an arrowhead."""
        found: list[tuple[str, str, str]] = []
        for i, j in np.argwhere(np.triu(self.marks)).tolist():
            near, far = int(self.marks[j, i]), int(self.marks[i, j])
            flip = (near, far) in {(ARROW, TAIL), (ARROW, CIRCLE), (TAIL, CIRCLE)}
            a, b = (self.names[j], self.names[i]) if flip else (self.names[i], self.names[j])
            found.append((a, ARROWS[(far, near) if flip else (near, far)], b))
        return found

    def arrow(self, a: str, b: str) -> str:
        """The edge as read from a to b, such as `o->`; empty where there is none."""
        i, j = self.at(a), self.at(b)
        return ARROWS[int(self.marks[j, i]), int(self.marks[i, j])] if self.marks[i, j] else ""

    @property
    def directed(self) -> NDArray[np.bool_]:
        """[n, n], true at i, j where i -> j."""
        return (self.marks == ARROW) & (self.marks.T == TAIL)

    @property
    def skeleton(self) -> NDArray[np.bool_]:
        """[n, n], true where there is an edge of any kind."""
        return self.marks != NONE

    def to_graph(self) -> Graph:
        """The graph, where every edge is `->` or `<->`."""
        open_ended = [edge for edge in self.edges if edge[1] not in {"->", "<->"}]
        if open_ended:
            raise GraphError(f"{' '.join(open_ended[0])} has no direction; choose a member with dag_of or dags_of")
        return Graph(
            self.names,
            [(a, b) for a, arrow, b in self.edges if arrow == "->"],
            [(a, b) for a, arrow, b in self.edges if arrow == "<->"],
        )

    def __str__(self) -> str:
        alone = [name for name, row in zip(self.names, self.marks, strict=True) if not row.any()]
        edges = [f"{quoted(a)} {arrow} {quoted(b)}" for a, arrow, b in self.edges]
        return "; ".join([*edges, *map(quoted, alone)])

    def __repr__(self) -> str:
        return f"Pattern.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Pattern) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        ends = {frozenset([(a, EDGE[arrow][0]), (b, EDGE[arrow][1])]) for a, arrow, b in self.edges}
        return frozenset(self.names), frozenset(ends)


# the class of a DAG ---------------------------------------------------------------------------------------------------


def cpdag(graph: Graph) -> Pattern:
    """The class of DAGs that imply the independences of `graph`: an arrowhead where all members agree."""
    if graph.confounded:
        a, b = graph.confounded[0]
        raise GraphError(f"{a} <-> {b}: only a DAG has a CPDAG; with latent common causes take the PAG: ancestral.pag")
    near = [p | c for p, c in zip(graph.pa, graph.ch, strict=True)]
    into = [0] * len(near)
    for c, parents in enumerate(graph.pa):
        for a in bits(parents):
            if parents & ~near[a] & ~(1 << a):
                into[c] |= 1 << a
    return _pattern(graph.names, near, _closed(near, into))


def meek(pattern: Pattern) -> Pattern:
    """All that follows from a pattern's arrowheads: no new collider a -> c <- b with a and b not joined, no cycle."""
    near, into = _ends(pattern)
    return _pattern(pattern.names, near, _closed(near, into))


def dag_of(pattern: Pattern) -> Graph:
    """A DAG with the edges and the colliders of a pattern of `->` and `--`; raises GraphError where there is none."""
    near, into = _ends(pattern)
    both = [n & ~i for n, i in zip(near, into, strict=True)]  # tails: -- or ->
    pa, left = list(into), (1 << len(near)) - 1
    while left:
        for x in bits(left):
            around = near[x] & left
            sink = not any(into[y] >> x & 1 for y in bits(around))
            if sink and all(not around & ~near[y] & ~(1 << y) for y in bits(both[x] & around)):
                pa[x] |= around
                left &= ~(1 << x)
                break
        else:
            stuck = ", ".join(name for i, name in enumerate(pattern.names) if left >> i & 1)
            raise GraphError(f"no DAG has these edges and no other collider; the trouble is among {stuck}")
    return Graph.of(pattern.names, pa, [0] * len(pa))


def dags_of(pattern: Pattern) -> Iterator[Graph]:
    """Every DAG with the edges and the colliders of a pattern of `->` and `--`, with polynomial delay."""
    dag_of(pattern)
    near, into = _ends(pattern)
    todo = [_closed(near, into)]
    while todo:
        into = todo.pop()
        free = [n & ~i & ~o for n, i, o in zip(near, into, _flipped(into), strict=True)]
        if not any(free):
            yield Graph.of(pattern.names, into, [0] * len(into))
            continue
        j, i = next((j, next(bits(f))) for j, f in enumerate(free) if f)
        for a, b in ((j, i), (i, j)):
            more = list(into)
            more[b] |= 1 << a
            todo.append(_closed(near, more))


def _ends(pattern: Pattern) -> tuple[list[int], list[int]]:
    """For each node the set of those joined to it, and of those with an arrow into it."""
    strange = [edge for edge in pattern.edges if edge[1] not in {"->", "--"}]
    if strange:
        raise GraphError(f"{' '.join(strange[0])}: a class of DAGs has the edges -> and -- only")
    return sets_of(pattern.skeleton), sets_of(pattern.directed.T)


def _flipped(into: list[int]) -> list[int]:
    out = [0] * len(into)
    for j, parents in enumerate(into):
        for i in bits(parents):
            out[i] |= 1 << j
    return out


def _closed(near: list[int], into: list[int]) -> list[int]:
    """Meek's four rules until none applies; every edge a -- b is tried both ways."""
    into, out = list(into), _flipped(into)
    todo = (1 << len(near)) - 1
    while todo:
        low = todo & -todo
        todo ^= low
        b = low.bit_length() - 1
        for a in bits(near[b] & ~into[b] & ~out[b]):
            for x, y in ((a, b), (b, a)):
                if _forced(near, into, out, x, y):
                    into[y] |= 1 << x
                    out[x] |= 1 << y
                    todo |= near[x] | near[y]
                    break
    return into


def _forced(near: list[int], into: list[int], out: list[int], a: int, b: int) -> bool:
    """Must a -- b be a -> b?"""
    if into[a] & ~near[b] & ~(1 << b):  # c -> a -- b, c and b not joined: else a new collider
        return True
    if out[a] & into[b]:  # a -> c -> b: else a cycle
        return True
    free = near[a] & ~into[a] & ~out[a]
    middle = free & into[b]  # a -- c -> b and a -- d -> b, c and d not joined
    if any(middle & ~near[c] & ~(1 << c) for c in bits(middle)):
        return True
    return any(into[d] & free & ~near[b] for d in bits(into[b] & near[a]))  # a -- c -> d -> b, c and b not joined


def sets_of(matrix: NDArray[np.bool_]) -> list[int]:
    """Each row [n] of a matrix as a set of nodes."""
    packed = np.packbits(matrix, axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def matrix_of(sets: list[int]) -> NDArray[np.bool_]:
    """The matrix [n, n] whose rows are these sets of nodes."""
    n = len(sets)
    width = (n + 7) // 8
    packed = np.frombuffer(b"".join(row.to_bytes(width, "little") for row in sets), dtype=np.uint8)
    return np.unpackbits(packed.reshape(n, width), axis=1, count=n, bitorder="little").astype(bool)


def _pattern(names: tuple[str, ...], near: list[int], into: list[int]) -> Pattern:
    marks = matrix_of(near).astype(np.int8)
    marks[matrix_of(into).T] = ARROW
    return Pattern(names, marks)
