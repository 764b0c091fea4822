"""What independences say of a graph with latent common causes: its ancestral graph (MAG) and their class (PAG).

In the MAG two variables are joined where no set of the others separates them, with a tail at the end that is a cause
of the other. MAGs that imply the same independences share their joined pairs; the PAG keeps the marks that all of them
share and puts a circle where they differ. Circles are turned into marks by the rules of FCI until none applies (R0 to
R4, R8 to R10; R5 to R7 are for selection), each of which follows from: no new unshielded collider, no cycle, no arrow
into a cause, and what a discriminating path says.

Source    Richardson & Spirtes 2002 (ancestral graphs); Zhang 2008 (the rules, and that they find every shared mark).
Limits    No selection. Walks of R9 and R10 are searched edge by edge: O(edges · degree) for each arrow with a circle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from butfor.core.errors import GraphError
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.equivalence import ARROW, CIRCLE, TAIL, Pattern, cpdag, matrix_of, sets_of


def mag(graph: Graph) -> Pattern:
    """The maximal ancestral graph: joined where nothing separates, tails at causes."""
    n = len(graph.names)
    above = [graph.ancestors_of(1 << i) for i in range(n)]
    near, heads = [0] * n, [0] * n  # heads[i]: those j with an arrowhead at j on the edge between i and j
    for i in range(n):
        for j in range(i):
            within = (above[i] | above[j]) & ~(1 << i | 1 << j)
            ends = graph.ch[j] | graph.bi[j]
            if not (graph.ch[i] | graph.bi[i] | graph.pa[i]) >> j & 1 and not (
                graph.district_of((graph.ch[i] | graph.bi[i]) & within, within) & ends
            ):
                continue
            near[i] |= 1 << j
            near[j] |= 1 << i
            if not above[i] >> j & 1:
                heads[i] |= 1 << j
            if not above[j] >> i & 1:
                heads[j] |= 1 << i
    return Pattern(graph.names, matrix_of(near) + matrix_of(heads).astype(np.int8))


def pag(source: Graph | Pattern) -> Pattern:
    """The class of a graph with latent common causes, or of a MAG: a circle where members of the class differ."""
    truth = mag(source) if isinstance(source, Graph) else source
    if strange := [edge for edge in truth.edges if edge[1] not in {"->", "<->"}]:
        raise GraphError(f"{' '.join(strange[0])}: an ancestral graph has the edges -> and <-> only")
    found = Orienting.of(truth)
    found.colliders()
    while any(rule() for rule in found.rules()):
        pass
    marks = np.where(truth.skeleton, CIRCLE, 0)
    marks[matrix_of(found.head)] = ARROW
    marks[matrix_of(found.tail)] = TAIL
    return Pattern(truth.names, marks)


def equivalent(a: Graph, b: Graph) -> bool:
    """Do two graphs imply the same independences among the variables that are seen?"""
    if set(a.names) != set(b.names):
        raise GraphError(f"only graphs over the same variables compare: {', '.join(sorted({*a.names} ^ {*b.names}))}")
    if not (a.confounded or b.confounded):
        return cpdag(a) == cpdag(b)
    return pag(a) == pag(b)


@dataclass(slots=True)
class Orienting:
    """Marks on their way from circles: for i the sets of those j with an arrowhead or a tail at j (or at i: `*_at`)."""

    near: list[int]
    head: list[int]
    head_at: list[int]
    tail: list[int]
    tail_at: list[int]
    truth: list[int]  # heads of the MAG

    @classmethod
    def of(cls, mag: Pattern) -> Orienting:
        head, head_at, tail, tail_at = ([0] * len(mag.names) for _ in range(4))
        return cls(sets_of(mag.skeleton), head, head_at, tail, tail_at, sets_of(mag.marks == ARROW))

    def rules(self) -> tuple[Callable[[], bool], ...]:
        return self.r1, self.r2, self.r3, self.r4, self.r8, self.r9, self.r10

    def circles(self, i: int) -> int:
        """Those j with a circle at j."""
        return self.near[i] & ~self.head[i] & ~self.tail[i]

    def circles_at(self, i: int) -> int:
        """Those j with a circle at i."""
        return self.near[i] & ~self.head_at[i] & ~self.tail_at[i]

    def put_head(self, i: int, j: int) -> bool:
        """An arrowhead at j, where there is a circle."""
        if not self.circles(i) >> j & 1:
            return False
        self.head[i] |= 1 << j
        self.head_at[j] |= 1 << i
        return True

    def put_tail(self, i: int, j: int) -> bool:
        """A tail at j, where there is a circle."""
        if not self.circles(i) >> j & 1:
            return False
        self.tail[i] |= 1 << j
        self.tail_at[j] |= 1 << i
        return True

    def far(self, i: int, nodes: int) -> int:
        """Members of `nodes` that are not joined to i."""
        return nodes & ~self.near[i] & ~(1 << i)

    def parents(self, i: int) -> int:
        """Those j with j -> i."""
        return self.head_at[i] & self.tail[i]

    def children(self, i: int) -> int:
        return self.head[i] & self.tail_at[i]

    def colliders(self) -> None:
        """R0: a *-> b <-* c where the MAG has it and a and c are not joined."""
        for b, near in enumerate(self.near):
            into = sum(1 << a for a in bits(near) if self.truth[a] >> b & 1)
            for a in bits(into):
                if self.far(a, into):
                    self.put_head(a, b)

    def r1(self) -> bool:
        """a *-> b o-* c, a and c not joined: b -> c."""
        done = False
        for b in range(len(self.near)):
            for c in bits(self.circles_at(b)):
                if self.far(c, self.head_at[b]):
                    done |= self.put_tail(c, b) | self.put_head(b, c)
        return done

    def r2(self) -> bool:
        """a -> b *-> c or a *-> b -> c, and a *-o c: a *-> c."""
        done = False
        for a in range(len(self.near)):
            for c in bits(self.circles(a)):
                if self.children(a) & self.head_at[c] or self.head[a] & self.parents(c):
                    done |= self.put_head(a, c)
        return done

    def r3(self) -> bool:
        """a *-> b <-* c, a *-o d o-* c, a and c not joined, d *-o b: d *-> b."""
        done = False
        for b in range(len(self.near)):
            for d in bits(self.circles_at(b)):
                sides = self.head_at[b] & self.circles_at(d)
                if any(self.far(a, sides) for a in bits(sides)):
                    done |= self.put_head(d, b)
        return done

    def r4(self) -> bool:
        """A path d … a b discriminates for b o-* c: b -> c where the MAG has a tail there, else a <-> b <-> c."""
        done = False
        for b in range(len(self.near)):
            for c in bits(self.circles_at(b)):
                for a in bits(self.head[b] & self.parents(c)):
                    if not self.discriminated(a, b, c):
                        continue
                    if not self.truth[c] >> b & 1:
                        done |= self.put_tail(c, b) | self.put_head(b, c)
                    else:
                        done |= self.put_head(a, b) | self.put_head(c, b) | self.put_head(b, c)
                    break
        return done

    def discriminated(self, a: int, b: int, c: int) -> bool:
        """Does a path of colliders, all of them parents of c, lead from a to a node that is not joined to c?"""
        seen, todo = 1 << a | 1 << b | 1 << c, [a]
        while todo:
            v = todo.pop()
            if self.far(c, self.head_at[v] & ~seen):
                return True
            new = self.head_at[v] & self.head[v] & self.parents(c) & ~seen
            seen |= new
            todo += bits(new)
        return False

    def r8(self) -> bool:
        """a -> b -> c and a o-> c: a -> c."""
        done = False
        for c in range(len(self.near)):
            for a in bits(self.head_at[c] & self.circles(c)):
                if self.children(a) & self.parents(c):
                    done |= self.put_tail(c, a)
        return done

    def r9(self) -> bool:
        """a o-> c, and an uncovered path a b … c along which nothing points back, b and c not joined: a -> c."""
        done = False
        for c in range(len(self.near)):
            for a in bits(self.head_at[c] & self.circles(c)):
                for b in bits(self.far(c, self.onwards(a))):
                    if self.uncovered(a, b, -1) >> c & 1:
                        done |= self.put_tail(c, a)
                        break
        return done

    def r10(self) -> bool:
        """a o-> c, and uncovered paths from a, as in R9, by b and d, not joined, to parents of c: a -> c."""
        done = False
        for c in range(len(self.near)):
            for a in bits(self.head_at[c] & self.circles(c)):
                ends = self.parents(c)
                first = sum(1 << b for b in bits(self.onwards(a) & ~(1 << c)) if self.uncovered(a, b, ~(1 << c)) & ends)
                if any(self.far(b, first) for b in bits(first)):
                    done |= self.put_tail(c, a)
        return done

    def onwards(self, i: int) -> int:
        """Those j where the edge from i may point to j: no arrowhead at i, no tail at j."""
        return self.near[i] & ~self.head_at[i] & ~self.tail[i]

    def uncovered(self, a: int, b: int, within: int) -> int:
        """All that such a path a b … reaches on which no node's two neighbours are joined."""
        reached, todo, seen = 1 << b, [(a, b)], {a: 1 << b}
        while todo:
            u, v = todo.pop()
            new = self.far(u, self.onwards(v)) & within & ~seen.get(v, 0)
            seen[v] = seen.get(v, 0) | new
            reached |= new
            todo += [(v, w) for w in bits(new)]
        return reached
