"""MMD: features of rows that differ in the attribute, within one label, are pulled into one distribution.

Equation  L = L_task + λ · mean over labels y and pairs of values a < b of MMD²_u(f | y, a; f | y, b),
          f the last hidden state at the token from which the answer is predicted (without an answer: the last token),
          MMD²_u the unbiased estimate of `butfor.train.kernel`.
Source    Gretton et al. 2012 (the unbiased estimator); as a baseline in Feder et al. 2023; Veitch et al. 2021.
Example   [treatment]
          method = "pretrain.corpus.mmd"
          strength = 1.0
Limits    λ = 0 is standard training, bit for bit. The unbiased estimate may be below zero. A pair counts in a batch
          where both groups have two rows or more, and a training without such a batch is refused: with a strong
          confounding this takes batches of 64 and more. Equal features in training are no promise for a site that
          training has not seen.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.pretrain.corpus.cells import Confounded
from butfor.train.columns import column
from butfor.train.kernel import meet, penalty
from butfor.train.method import Batch, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

LABEL, ATTRIBUTE = "mmd_label", "mmd_attribute"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MMD(Confounded):
    """Penalise what the features tell of the attribute beyond the label."""

    strength: Annotated[float, Field(ge=0)] = 1.0

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows, their label and attribute as numbers."""
        self.fits(rows)
        numbers = [
            {value: n for n, value in enumerate(dict.fromkeys(column(rows, name)))}
            for name in (self.label, self.attribute)
        ]
        return [{**row, LABEL: numbers[0][row[self.label]], ATTRIBUTE: numbers[1][row[self.attribute]]} for row in rows]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """The model tells its hidden states while it trains; refuses a training without any two groups to compare."""
        if self.strength > 0:
            lm.notes.extend(self._meets(planned))
        config: Any = lm.model.config
        before = config.output_hidden_states
        config.output_hidden_states = before or self.strength > 0
        try:
            yield
        finally:
            config.output_hidden_states = before

    def _meets(self, planned: Batches) -> list[str]:
        """How many batches have a penalty, where it is not all of them."""
        batches = map(planned.rows_at, range(len(planned)))
        found = sum(meet((row[LABEL], row[ATTRIBUTE]) for row in rows) for rows in batches)
        if not found:
            raise UserError(
                f"no batch holds two rows each of two values of {self.attribute} with the same {self.label}: "
                "raise train.batch_size"
            )
        whole = found == len(planned)
        return [] if whole else [f"mmd: {found} of {len(planned)} batches hold groups to compare"]

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss and the penalty."""
        if self.strength == 0:
            return outputs.loss
        found = features(outputs.hidden_states[-1], batch["labels"], batch["attention_mask"])
        return outputs.loss + self.strength * penalty(found, batch[LABEL], batch[ATTRIBUTE])


def features(hidden: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """[B, D] <- [B, L, D]: the state from which the answer is predicted, or the last one where all is learnt."""
    import torch

    learnt = labels != -100
    first = learnt.int().argmax(1)
    place = torch.where(first > 0, first - 1, mask.sum(1) - 1)
    return hidden[torch.arange(len(hidden), device=hidden.device), place].float()
