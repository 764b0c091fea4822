"""Consistency: what the model says of a text decides what it says of its counterfactual.

Equation  L = L_task + λ · mean over pairs of ½ [KL(p ‖ q) + KL(q ‖ p)],   p = softmax z(x),  q = S softmax z(x′),
          S swaps the labels y of x and y′ of its counterfactual x′: as sure of y as of y′, no more and no less.
Source    counterfactual logit pairing (Garg et al. 2019), for pairs that keep their label: there S is the identity;
          the swap for pairs that change it is ours.
Example   [treatment]
          method = "finetune.consistency"
          strength = 1.0
Limits    λ = 0 is plain fine-tuning, bit for bit. The penalty is 0 where the two agree, also where both are wrong or
          nothing is said: L_task has to do the learning. Reads two texts a row. Pairs come from: `paired.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from butfor.core.errors import UserError
from butfor.finetune.paired import PairLoss, Side
from butfor.train.method import Rows

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

NEVER = -1e4  # a logit of what is never chosen, whose gradient is a number


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency(PairLoss):
    """As sure of a text as of its counterfactual."""

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus without pairs, or whose pairs choose among different numbers of options."""
        for row, other in self.first_pairs(rows):
            if len(other.get("options", ())) != len(row.get("options", ())):
                raise UserError(
                    f"row {row.get('id', '')} and its counterfactual have different numbers of options; "
                    "consistency compares what is said of the same ones"
                )

    def penalty(self, model: PreTrainedModel, row: Side, other: Side) -> Tensor:  # noqa: ARG002
        """[B]: where a row lacks an option both are sure that it is not chosen, and it adds nothing."""
        p = row.outputs.logits.clamp_min(NEVER).log_softmax(-1)
        q = swapped(other.outputs.logits.clamp_min(NEVER), row.label, other.label).log_softmax(-1)
        return 0.5 * ((p.exp() - q.exp()) * (p - q)).sum(-1)  # of [B, C]


def swapped(logits: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """[B, C] <- [B, C], [B], [B]: the logits with those of two labels exchanged."""
    import torch

    order = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits), 1)
    order = order.scatter(1, one[:, None], other[:, None]).scatter(1, other[:, None], one[:, None])
    return logits.gather(1, order)
