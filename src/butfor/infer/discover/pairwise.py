"""Every pair of variables: does one cause the other, the other the one, or neither?

Questions n (n - 1) / 2 pairs, each in `asks` ways: `asks` n (n - 1) / 2 calls where choices are weighed, as many where
          they are written.
Equation  shares of a pair = mean over the ways (`poll.py`); the graph as in `data/drawn.py`: an edge where its share is
          the largest of the three, cycles refused at the least firm edge.
`known`   the edges found so far are told with each further pair, one pair after the other, in random order.
Source    Kıcıman et al. 2023 (pairs by name); the three choices and running edges: causal order from experts, worded
          by us.
Limits    asks = 1 is the plain question. A pair by itself cannot tell a direct cause from one through others, so that
          chains come out with too many edges (`triplets.py` names a third).
Example   [treatment]
          method = "infer.discover.pairwise"
          asks = 3
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, final

import numpy as np
from pydantic import Field

from butfor.core.seeds import derive, generator
from butfor.data.drawn import Drawn, Task, decided
from butfor.data.variables import quoted
from butfor.infer.discover.drawing import Drawing, ask_pair, drawn, together
from butfor.infer.discover.poll import Asks, By, Votes
from butfor.lm.exchange import Steps


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise(Drawing):
    """Ask about every pair."""

    asks: Asks = 3
    temperature: Annotated[float, Field(ge=0)] = 0.7  # of written answers, where a pair is asked in several ways
    by: By = "auto"
    known: bool = False  # tell the edges found so far

    def drawing(self, task: Task, seed: int) -> Steps[Drawn]:
        """One round for all pairs; with `known`, one for each."""
        variables = task.study.variables
        pairs = list(combinations(range(len(variables)), 2))
        if self.known:
            pairs = [pairs[at] for at in generator(seed, "pairs").permutation(len(pairs))]
        shares = np.zeros((len(variables),) * 2)
        votes: list[Votes] = []
        for batch in [[pair] for pair in pairs] if self.known else [pairs]:
            told = _told(task, shares) if self.known else ""
            found = yield from together(
                [
                    ask_pair(
                        task.study, variables[i], variables[j], derive(seed, "pair", i, j),
                        asks=self.asks, temperature=self.temperature, by=self.by, told=told,
                    )
                    for i, j in batch
                ]
            )  # fmt: skip
            for (i, j), one in zip(batch, found, strict=True):
                shares[i, j], shares[j, i] = one.shares[:2]
            votes += found
        return drawn(task, shares, votes)


def _told(task: Task, shares: np.ndarray) -> str:
    """The edges so far, in a sentence."""
    graph, _ = decided(task.study.names, shares)
    edges = "; ".join(f"{quoted(a)} causes {quoted(b)}" for a, b in graph.edges)
    return f"Known already: {edges}." if edges else ""
