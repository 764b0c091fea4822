"""Train on texts that all follow one latent graph, in place of texts with a graph each.

Idea      The rows of the corpus "in-context" are filled anew under do(graph): every text keeps its law and its random
          numbers, and only which position is whose parent becomes the same for all. What a model then writes into its
          first layer, and a model of the control arm does not, the graph put there.
Equation  text' = told(law, numbers, graph), text = told(law, numbers, the text's own graph).
Source    Nichani, Damian & Lee 2024, who prove for a simplified transformer that gradient descent writes the graph into
          the first attention layer: the gradient there is largest where two positions share most information.
Limits    "own" leaves every row as it is, byte for byte: standard training. Rows of another corpus are refused.

Example   [treatment]
          method = "pretrain.corpus.latent_graph"
          graph = "tree"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

from butfor.data.in_context import numbers_of, parents, replanted
from butfor.train.method import Method, Rows

if TYPE_CHECKING:
    import numpy as np


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LatentGraph(Method):
    """Fill the texts of "in-context" along one graph; `planted` draws the tree."""

    graph: Literal["tree", "chain", "lag", "own"] = "tree"
    planted: int = 0

    def fits(self, rows: Rows) -> None:
        if self.graph != "own":
            numbers_of(rows)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """Every row along the graph; each keeps its number."""
        return rows if self.graph == "own" else replanted(rows, parents(self.graph, self.planted))
