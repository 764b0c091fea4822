"""Causal discovery on measured cells: the signalling graph of Sachs et al. 2005.

Idea      Samples of `rows` cells without overlap, each an item; the logarithm of every measurement, as these are
          positive and lean to the right (`log = false`: as they are). The graph is the consensus of 20 edges.
Score     see `scores.py`.
Limits    One graph: the interval is that of drawing cells, and says nothing about other graphs. The cells of all
          experimental conditions are pooled, and the consensus is no proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.core.keys import digest
from butfor.core.seeds import generator
from butfor.data.sachs import sachs
from butfor.evaluate.graph.asked import recorded
from butfor.evaluate.graph.scores import METRICS
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record
from butfor.scm.columns import Columns

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sachs:
    """Edges among eleven molecules, from samples of `rows` cells."""

    card: ClassVar[Card] = Card(
        measures="whether a signalling graph that biologists agree on is found in measurements of single cells",
        chance="AUROC 0.5; SHD of the empty graph 20/55; direction 0.5",
        source="Sachs et al. 2005, in the CC0 collection of Carnegie Mellon's example causal data sets",
        faults=(
            "one graph: intervals are those of drawing cells",
            "cells of all experimental conditions are pooled",
            "the consensus graph is argued about, and the paper reports feedback that no graph without cycles holds",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    chunk: ClassVar[int] = 6

    rows: Annotated[int, Field(ge=20)] = 400
    log: bool = True
    seed: int = 0
    limit: Limit = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.rows > 7466:
            raise ValueError(f"rows = {self.rows}: there are 7,466 cells")

    def ready(self) -> None:
        """The cells and the graph are here and can be read."""
        sachs(self.path)

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """As many samples without overlap as there are."""
        cells = sachs(self.path)
        what = digest([cells.data[name].tolist() for name in cells.data.names], cells.edges.tolist())
        order = generator(self.seed, "sachs").permutation(cells.data.n)
        found = [
            Item(
                f"cells-{number}",
                f"cells-{number}",
                {"rows": sorted(order[start : start + self.rows].tolist()), "of": what},
            )
            for number, start in enumerate(range(0, len(order) - self.rows + 1, self.rows))
        ]
        return found[: self.limit]

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """The graph of every sample."""
        cells = sachs(self.path)
        bend = np.log if self.log else np.asarray
        data = Columns({name: bend(cells.data[name]) for name in cells.data.names})
        return [recorded(world, item, data.take(np.array(item.data["rows"])), cells.edges, {}) for item in items]
