"""A model's graph as knowledge for a search of the data: soft, hard, or as an order.

soft      the search looks for the graph with the largest
              S(G) + weight · sum over pairs of log P(state of the pair in G)
          S: log evidence of the rows. Only log p_ij / p_neither of the edges matters, so a belief in i -> j is
          b = sigmoid(weight · log(p_ij / p_neither)), shares being kept between `LEAST` and 1 - `LEAST` first.
hard      edges of shares of `sure` and more are required, of `never` and less forbidden; no cycle is required.
order     no variable causes one that stands before it in the model's order (`order.py`), as tiers would have it, but
          for pairs of which the shares say nothing.
Search    of `scm.discovery`: auto, exact, boss and ges score graphs and weigh beliefs; pc tests, and takes rules alone.
Conflicts what the rows say against each belief or rule, in nats, comes with the result.
Source    Castelo & Siebes 2000 (priors on edges); Long et al. 2023, Vashishtha et al. 2023 (language models' answers).
Limits    weight = 0 is the search of the data alone, and asks nothing; so is a model that says nothing (equal shares).
          Without rows the model's graph is the result. A search that cannot keep the rules fails with its reason.
Example   [treatment]
          method = "infer.discover.prior"
          by_asking = "pairwise"
          use = "soft"
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal, final

import numpy as np
from pydantic import Field

from butfor.core.errors import DataError
from butfor.core.seeds import derive
from butfor.data.drawn import Drawn, Task, as_shares, without_cycles
from butfor.infer.discover.bfs import BFS
from butfor.infer.discover.drawing import Drawing
from butfor.infer.discover.pairwise import Pairwise
from butfor.infer.discover.poll import Asks, By
from butfor.infer.discover.triplets import Triplets
from butfor.lm.exchange import Steps
from butfor.scm.discovery.priors import Prior as Knowledge
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.scm.columns import Columns
    from butfor.scm.discovery.conflicts import Conflict

How = Literal["pairwise", "triplets", "bfs"]
Use = Literal["soft", "hard", "order"]
Search = Literal["auto", "exact", "boss", "ges", "pc"]
ASKING = {"pairwise": Pairwise, "triplets": Triplets, "bfs": BFS}
BELIEFS = "the beliefs above 0.5"  # as `scm.discovery.conflicts` calls them
SAME = 1e-9
LEAST = 0.05  # a share of answers is no certainty


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prior(Drawing):
    """Draw by asking, then let the rows have their say."""

    by_asking: How = "pairwise"
    use: Use = "soft"
    search: Search = "auto"
    weight: Annotated[float, Field(ge=0, le=10)] = 1.0  # of beliefs; 0: the data alone
    sure: Annotated[float, Field(gt=0.5, le=1)] = 0.9  # from this share on an edge is required
    never: Annotated[float, Field(ge=0, lt=0.5)] = 0.1  # up to this share it is forbidden
    asks: Asks = 3
    temperature: Annotated[float, Field(ge=0)] = 0.7
    by: By = "auto"

    def __post_init__(self) -> None:
        if self.search == "pc" and self.use == "soft" and self.weight:
            raise ValueError("pc tests and weighs no beliefs; set use = 'hard' or 'order', or search = 'ges'")

    def drawing(self, task: Task, seed: int) -> Steps[Drawn]:
        """Ask, then search; each alone where there is nothing else."""
        if task.data is not None and self.weight == 0:
            names = task.study.names
            nothing = np.zeros((len(names), len(names)))
            alone = Drawn(names, nothing, Pattern(names, nothing.astype(np.int8)))
            return joined(alone, task.data, Knowledge(), self.search, seed)
        asker = ASKING[self.by_asking](asks=self.asks, temperature=self.temperature, by=self.by)
        drawn = yield from asker.drawing(task, seed)
        if task.data is None:
            return drawn
        knowledge = knowledge_of(drawn, self.use, weight=self.weight, sure=self.sure, never=self.never)
        return joined(drawn, task.data, knowledge, self.search, seed)


def knowledge_of(drawn: Drawn, use: Use, *, weight: float = 1.0, sure: float = 0.9, never: float = 0.1) -> Knowledge:
    """What the model said, in the form that a search takes."""
    names, shares = drawn.names, drawn.shares
    pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
    source = "a language model"
    if use == "order":
        rank = {name: at for at, name in enumerate(drawn.order)}
        back = [
            (j, i) for i, j in pairs if rank[names[i]] < rank[names[j]] and not math.isclose(shares[i, j], shares[j, i])
        ]
        return Knowledge(forbidden=tuple((names[j], names[i]) for j, i in back), source=source)
    if use == "hard":
        firm = sorted(((i, j) for i, j in pairs if shares[i, j] >= sure - SAME), key=lambda at: (-shares[at], at))
        required, _ = without_cycles(names, [(names[i], names[j]) for i, j in firm])
        held = set(required.edges)
        out = tuple(
            (names[i], names[j])
            for i, j in pairs
            if shares[i, j] <= never + SAME and (names[i], names[j]) not in held and _sayable(drawn, i, j)
        )
        return Knowledge(required=tuple(required.edges), forbidden=out, source=source)
    beliefs = {(names[i], names[j]): belief(shares[i, j], 1 - shares[i, j] - shares[j, i], weight) for i, j in pairs}
    return Knowledge(beliefs={edge: p for edge, p in beliefs.items() if abs(p - 0.5) > 1e-6}, source=source)


def belief(share: float, neither: float, weight: float) -> float:
    """The probability whose odds are those of the edge against none, to the power of the weight."""
    odds = weight * (math.log(min(max(share, LEAST), 1 - LEAST)) - math.log(min(max(neither, LEAST), 1 - LEAST)))
    return 1 / (1 + math.exp(-odds))


def joined(
    drawn: Drawn, data: Columns, knowledge: Knowledge, search: Search, seed: int, *, bootstraps: int = 0
) -> Drawn:
    """The graph that rows and knowledge decide together."""
    from butfor.scm.columns import Columns
    from butfor.scm.discovery.run import discover

    rows = Columns({name: data[name] for name in drawn.names})
    chosen = derive(seed, "search") % 2**31
    try:
        found = discover(rows, search, prior=knowledge, bootstraps=bootstraps, seed=chosen)
    except DataError as error:  # a constant column, or tests that insist on what a rule forbids
        return replace(drawn, why=str(error))
    found = replace(found, conflicts=tuple(one for one in found.conflicts if not _of_beliefs(one)))
    shares = drawn.shares if drawn.asked else as_shares(drawn.names, found.pattern)
    return replace(drawn, pattern=found.pattern, found=found, shares=shares)


def _of_beliefs(conflict: Conflict) -> bool:
    """Beliefs are at odds with each other by design: odds of each direction are against no edge at all."""
    return conflict.against.startswith("belief ") or conflict.item == BELIEFS


def _sayable(drawn: Drawn, i: int, j: int) -> bool:
    """Whether something was said of the pair: three equal shares are an answer that nobody gave."""
    third = 1 / 3
    return not (math.isclose(drawn.shares[i, j], third) and math.isclose(drawn.shares[j, i], third))
