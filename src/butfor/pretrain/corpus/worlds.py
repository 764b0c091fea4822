"""Worlds told as text: rows of the corpus are replaced by what was seen, done and imagined in random known worlds.

Idea      Text tells mostly what was seen. Here the shares of what was done and of what would have been are dials, and
          every word of it is exact: the worlds are models of the engine.
Equation  rows' = passages in round(share · rows) slots, new ones at each visit; the rest as it was.
          Of the passages, observational : interventional : counterfactual as their weights.
Source    our own, after the three rungs of Pearl 2009; `butfor.data.told` says how each passage is computed.
Limits    share = 0 is standard training, bit for bit. A slot's passage is not as long as its text: match arms by
          budget.tokens. Spans name the variables, for methods that constrain who attends to whom.
Example   [treatment]
          method = "pretrain.corpus.worlds"
          counterfactual = 2.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, final

from pydantic import Field

from butfor.data.told import Mix, passages
from butfor.pretrain.corpus.slots import filled
from butfor.train.method import Method, Rows

if TYPE_CHECKING:
    import numpy as np


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Worlds(Mix, Method):
    """Train on passages about random worlds."""

    share: Annotated[float, Field(ge=0, le=1)] = 1.0  # of the rows
    passages: Annotated[int, Field(ge=1)] = 5_000  # different ones

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows, a share of their slots filled by passages that take turns."""
        stream = passages(self, rng)
        return [row for row, _ in filled(rows, self.share, self.passages, lambda: next(stream), rng)]
