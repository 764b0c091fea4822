"""A graph to be drawn, and the graph that somebody drew: what discovery by asking takes and gives.

Task      the variables; rows of them, where there are any
Drawn     `shares[i, j]`: the share of the answers that say i -> j; one less both shares of a pair says that neither
          causes the other. `pattern`: the graph decided for, which has no cycle. `refused`: what was said and is not
          in the graph, as it would have closed one. `found`: what a search of the data made of it, with the conflicts.

Deciding  An edge is wanted where its share is larger than that of the reverse and than that of no edge. The wanted
          edges are taken by their margin over the next best, the firmest first; one that closes a cycle is refused. A
          graph whose wanted edges have no cycle is taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from butfor.data.variables import Study
from butfor.lm.exchange import Cost
from butfor.scm.columns import Columns, Floats
from butfor.scm.graph import Edge, Graph
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.scm.discovery.found import Discovery

SAME = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Variables whose graph is to be drawn; `data`: rows, a column a variable."""

    id: str
    study: Study
    data: Columns | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A graph over the variables of a task, and how sure they were who drew it."""

    names: tuple[str, ...]
    shares: Floats  # [n, n]
    pattern: Pattern
    refused: tuple[Edge, ...] = ()
    order: tuple[str, ...] = ()  # causes before effects, as most of what was said has it
    asked: int = 0  # answers
    unread: int = 0  # answers of which nothing could be read
    cost: Cost = field(default_factory=Cost)
    found: Discovery | None = None
    why: str = ""  # why a search of the rows came to nothing; `pattern` is then what was said alone

    def share(self, a: str, b: str) -> float:
        """How much of what was said says that a causes b."""
        return float(self.shares[self.names.index(a), self.names.index(b)])

    @property
    def edges(self) -> list[Edge]:
        """The directed edges of the graph."""
        return [(a, b) for a, arrow, b in self.pattern.edges if arrow == "->"]


Discovers: TypeAlias = Callable[[Sequence[Task]], list[Drawn]]


def decided(names: Sequence[str], shares: Floats) -> tuple[Graph, tuple[Edge, ...]]:
    """The graph that shares decide for, and the edges that were refused."""
    neither = 1 - shares - shares.T
    margin = shares - np.maximum(shares.T, neither)
    wanted = sorted(np.argwhere(margin > SAME).tolist(), key=lambda at: (-margin[at[0], at[1]], at))
    return without_cycles(names, [(names[i], names[j]) for i, j in wanted if i != j])


def without_cycles(names: Sequence[str], edges: Sequence[Edge]) -> tuple[Graph, tuple[Edge, ...]]:
    """The graph of these edges, taken in turn, and those that would have closed a cycle."""
    place = {name: at for at, name in enumerate(names)}
    above = [1 << at for at in range(len(names))]  # of each variable, itself and its causes
    taken: list[Edge] = []
    refused: list[Edge] = []
    for a, b in edges:
        i, j = place[a], place[b]
        if above[i] >> j & 1:
            refused.append((a, b))
            continue
        taken.append((a, b))
        for k in range(len(names)):
            if above[k] >> j & 1:
                above[k] |= above[i]
    return Graph(names, taken), tuple(refused)


def as_shares(names: Sequence[str], pattern: Pattern) -> Floats:
    """A pattern [n, n]: 1 for a directed edge, a half both ways for one without a direction."""
    order = [pattern.at(name) for name in names]
    directed, joined = pattern.directed, pattern.skeleton
    found = np.where(directed, 1.0, np.where(joined & ~directed & ~directed.T, 0.5, 0.0))
    return found[np.ix_(order, order)]
