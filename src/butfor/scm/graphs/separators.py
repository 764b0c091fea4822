"""Sets that separate two sets of variables: one minimal, one smallest, or all minimal ones, first answers at once.

A set Z with `include` ⊆ Z ⊆ `allowed` that is minimal in separating A from B lies among the ancestors of A, B and
`include`, and it separates them if and only if it cuts every path between them in the moral graph over those ancestors.
There, nodes that may not be used are folded away: what a walk through them joins is joined directly. In the undirected
graph that is left, the minimal cut nearest to a set S on A's side is N(C), the neighbours of the part C that B reaches
without N(S). The others have more on that side: the first node of this cut, or the second but not the first, and so on.
One search tells of each such part whether it is empty, and its own nearest cut if it is not, so no walk ends in vain.

Source    van der Zander, Liśkiewicz & Textor 2019 (separators in mixed graphs); Takata 2010 (listing minimal cuts);
          Menger 1927 and Ford & Fulkerson 1956 (smallest cuts by node-disjoint paths).
Limits    The delay is O(n) searches of the moral graph; their number can be exponential: take what you need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from butfor.scm.graph import Graph, bits


@dataclass(frozen=True, slots=True)
class Cuts:
    """The undirected graph between `a` and `b` in which every node set that cuts is a separator of the mixed graph."""

    near: tuple[int, ...]  # neighbours of each node that may be cut
    start: int  # neighbours of a
    goal: int  # neighbours of b
    usable: int  # the nodes that may be cut
    joined: bool  # a and b touch: nothing separates them
    include: int

    @classmethod
    def of(cls, graph: Graph, a: int, b: int, include: int = 0, allowed: int = -1) -> Self:
        """All separators of `a` and `b` in `graph` that hold `include` and otherwise only members of `allowed`."""
        within = graph.ancestors_of(a | b | include)
        usable = allowed & within & ~(a | b | include)
        near = _moral(graph, within)
        folded = within & ~usable & ~(a | b | include)
        while folded:
            part = _reach(folded & -folded, near, folded)
            folded &= ~part
            ends = _beside(part, near) & ~part & ~include
            for i in bits(ends):
                near[i] |= ends
        start, goal = _beside(a, near), _beside(b, near)
        return cls(tuple(row & usable for row in near), start & usable, goal & usable, usable, bool(start & b), include)

    def nearest_a(self) -> int:
        """The minimal separator all of whose members `a` reaches without meeting another."""
        return self._checked()._cut(0)[0] | self.include

    def nearest_b(self) -> int:
        """The minimal separator nearest to `b`."""
        return self._checked()._swapped()._cut(0)[0] | self.include

    def smallest(self) -> int:
        """A separator with the fewest members; among those the one nearest to `b`."""
        return _smallest(self._checked()._swapped()) | self.include

    def minimal(self) -> Iterator[int]:
        """Every minimal separator once, the one nearest to `b` first, with O(n) searches between two of them."""
        if self.joined:
            return
        swapped = self._swapped()
        todo = [(*swapped._cut(0), 0)]
        while todo:
            cut, side, fixed = todo.pop()
            yield cut | self.include
            for i in bits(cut & ~fixed & ~swapped.goal):
                grown = swapped._cut(side | 1 << i)
                if not grown[1] & fixed:
                    todo.append((*grown, fixed))
                fixed |= 1 << i

    def _checked(self) -> Self:
        if self.joined:
            raise ValueError("nothing separates two sets that touch")
        return self

    def _swapped(self) -> Self:
        return type(self)(self.near, self.goal, self.start, self.usable, self.joined, self.include)

    def _cut(self, side: int) -> tuple[int, int]:
        """The minimal cut nearest to `a` among those with `side` on the side of `a`, and all of that side."""
        around = (self.start | _beside(side, self.near)) & ~side
        free = self.usable & ~around & ~side
        far = _reach(self.goal & free, self.near, free)
        cut = around & (self.goal | _beside(far, self.near))
        return cut, _reach((self.start | side) & ~cut, self.near, self.usable & ~cut)


def _moral(graph: Graph, within: int) -> list[int]:
    """Neighbours in the moral (augmented) graph over an ancestral set."""
    near = [0] * len(graph.names)
    for district in graph.districts_of(within):
        ends = (district | graph.parents_of(district)) & within
        for i in bits(ends):
            near[i] |= ends
    return near


def _beside(nodes: int, near: list[int] | tuple[int, ...]) -> int:
    found = 0
    for i in bits(nodes):
        found |= near[i]
    return found


def _reach(nodes: int, near: list[int] | tuple[int, ...], within: int) -> int:
    found = todo = nodes & within
    while todo:
        low = todo & -todo
        new = near[low.bit_length() - 1] & within & ~found
        found |= new
        todo = (todo ^ low) | new
    return found


def _smallest(cuts: Cuts) -> int:
    """Node-disjoint paths are added until none is left; where the search for one more stops is a smallest cut.

    Each node has two states, entered (2i) and left (2i + 1); one that a path uses is left only by undoing a step of it.
    """
    before: dict[int, int] = {}  # the node before each node that a path uses; -1 stands for `a`
    while True:
        came = {2 * i: -1 for i in bits(cuts.start)}
        entered, left, end = cuts.start, 0, -1
        todo = list(came)
        while todo:
            state = todo.pop()
            node = state >> 1
            if not state & 1:
                other = before.get(node, node)
                if other >= 0 and not left >> other & 1:
                    left |= 1 << other
                    came[2 * other + 1] = state
                    todo.append(2 * other + 1)
            elif cuts.goal >> node & 1:
                end = state
                break
            else:
                new = (cuts.near[node] | 1 << node) & ~entered
                entered |= new
                for j in bits(new):
                    came[2 * j] = state
                    todo.append(2 * j)
        if end < 0:
            return entered & ~left
        _augment(before, came, end)


def _augment(before: dict[int, int], came: dict[int, int], state: int) -> None:
    """Take the steps that led to `state` over into the paths."""
    steps: list[tuple[int, int]] = []
    while state >= 0:
        previous = came[state]
        if state & 1 and previous >> 1 != state >> 1:
            del before[previous >> 1]
        elif not state & 1 and previous >> 1 != state >> 1:
            steps.append((state >> 1, previous >> 1))
        state = previous
    before.update(steps)
