"""Every pair beside every third variable, the votes merged into an order of causes before effects.

Questions 3 C(n, 3) = n (n - 1)(n - 2) / 2: each pair of each triple, with the third named beside it, in `asks` ways.
Triple    of the 25 graphs without a cycle over three variables the one whose three pairs are likeliest together; each
          pair has a vote of each of its n - 2 triples.
Equation  shares of a pair = votes / (n - 2), merged into the order that most of them agree with (`order.py`). Edges
          against the order are dropped, so the graph has no cycle.
Source    Vashishtha et al. 2023 (triples, votes and the order of them); one question for each pair of a triple, and the
          likeliest of 25 graphs, are ours.
Limits    n = 2 has no triple: the pair is asked by itself, as `pairwise` does. Errors that all triples share are not
          outvoted.
Example   [treatment]
          method = "infer.discover.triplets"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Annotated, final

import numpy as np
from pydantic import Field

from butfor.core.seeds import derive
from butfor.data.drawn import Drawn, Task
from butfor.data.variables import Study
from butfor.infer.discover.drawing import Drawing, ask_pair, drawn, together
from butfor.infer.discover.poll import Asks, By, Votes
from butfor.lm.exchange import Steps
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.scm.columns import Floats

FORWARD, BACKWARD = 0, 1
PAIRS = ((0, 1), (0, 2), (1, 2))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Triplets(Drawing):
    """Ask about the pairs of every triple, and vote."""

    asks: Asks = 1
    temperature: Annotated[float, Field(ge=0)] = 0.7
    by: By = "auto"

    def drawing(self, task: Task, seed: int) -> Steps[Drawn]:
        """One round for all triples."""
        count = len(task.study.names)
        triples = list(combinations(range(count), 3))
        asked = [(triple, pair) for triple in triples for pair in PAIRS] if triples else [((0, 1), (0, 1))]
        votes = yield from together([self._pair(task.study, triple, pair, seed) for triple, pair in asked])
        if not triples:
            forward, backward, _ = votes[0].shares
            return drawn(task, np.array([[0.0, forward], [backward, 0.0]]), votes)
        found = drawn(task, voted(count, triples, votes), votes)
        rank = {name: at for at, name in enumerate(found.order)}
        wanted = sorted([*found.edges, *found.refused], key=lambda edge: (rank[edge[0]], rank[edge[1]]))
        kept = [(a, b) for a, b in wanted if rank[a] < rank[b]]  # an edge against the order is no edge
        against = tuple(edge for edge in wanted if edge not in kept)
        return replace(found, pattern=Pattern.from_graph(Graph(found.names, kept)), refused=against)

    def _pair(self, study: Study, triple: Sequence[int], pair: tuple[int, int], seed: int) -> Steps[Votes]:
        a, b = (triple[at] for at in pair)
        others = [study.variables[at] for at in triple if at not in (a, b)]
        told = "".join(
            f"A third variable of the study:\n- {third.told}\nWhat acts only through it counts as no cause."
            for third in others
        )
        return ask_pair(
            study, study.variables[a], study.variables[b], derive(seed, "triple", *triple, a, b),
            asks=self.asks, temperature=self.temperature, by=self.by, told=told,
        )  # fmt: skip


def voted(count: int, triples: Sequence[tuple[int, int, int]], votes: Sequence[Votes]) -> Floats:
    """The share of a pair's triples that vote for i -> j; a triple of which nothing could be read has no vote."""
    ballots = np.zeros((count, count))
    cast = np.zeros((count, count))
    for at, triple in enumerate(triples):
        mine = votes[3 * at : 3 * at + 3]
        if all(one.unread == one.asked for one in mine):
            continue
        best = likeliest([one.shares for one in mine])
        for (a, b), state, one in zip(PAIRS, best, mine, strict=True):
            if one.unread == one.asked:
                continue
            i, j = triple[a], triple[b]
            cast[i, j] += 1
            cast[j, i] += 1
            ballots[i, j] += state == FORWARD
            ballots[j, i] += state == BACKWARD
    unknown = (1 - np.eye(count)) / 3
    return np.divide(ballots, cast, out=unknown, where=cast > 0)


def likeliest(shares: Sequence[Sequence[float]]) -> tuple[int, int, int]:
    """The states of the pairs 0-1, 0-2, 1-2 (forward, backward, neither) in the likeliest graph without a cycle.

    Of equally likely ones it is that with fewer edges.
    """
    values = np.log(np.maximum(np.array(shares), 1e-12))
    return max(_acyclic(), key=lambda states: (round(sum(values[k, s] for k, s in enumerate(states)), 9), sum(states)))


@cache
def _acyclic() -> tuple[tuple[int, int, int], ...]:
    """The 25 graphs: all but the two rings."""
    rings = {(FORWARD, BACKWARD, FORWARD), (BACKWARD, FORWARD, BACKWARD)}
    return tuple(states for states in product(range(3), repeat=3) if states not in rings)  # type: ignore[misc]
