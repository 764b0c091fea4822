"""Reweighting: rows count as if the attribute were independent of the label.

Equation  L = (1 / N) Σ_i w_i^s Σ_t CE_it,   w_i = P(c_i) P(y_i) / P(c_i, y_i) from the corpus, N the learnt tokens of
          the batch, s = `strength`. The mean of w over the rows is 1.
Source    the importance weights of Feder et al. 2023's baseline; cf. Kamiran & Calders 2012.
Example   [treatment]
          method = "pretrain.corpus.reweight"
          attribute = "attribute"
Limits    s = 0, or an attribute independent of the label: standard training (s = 0: bit for bit). Rare pairs get large
          weights, and what is not in the corpus gets none: an error. Weights do not tell the model what to look at; a
          model that fits every row is not moved by them (Byrd & Lipton 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

from butfor.pretrain.corpus.cells import Confounded, weights
from butfor.train.columns import column
from butfor.train.method import Batch, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

WEIGHT = "row_weight"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reweight(Confounded):
    """Weigh each row's loss by P(c) P(y) / P(c, y)."""

    strength: Annotated[float, Field(ge=0, le=1)] = 1.0

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows, each with its weight."""
        self.fits(rows)
        found = weights(column(rows, self.label), column(rows, self.attribute))
        return [{**row, WEIGHT: weight**self.strength} for row, weight in zip(rows, found, strict=True)]

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The weighted loss of a batch."""
        return outputs.loss if self.strength == 0 else weighted(outputs.logits, batch["labels"], batch[WEIGHT])


def weighted(logits: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """[] <- [B, L, V], [B, L], [B]: each row's summed loss by its weight, over the number of learnt tokens."""
    import torch

    wanted = labels[:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), wanted, ignore_index=-100, reduction="none"
    )  # [B, L - 1]
    return (losses.sum(1) * weight.to(losses.dtype)).sum() / (wanted != -100).sum()
