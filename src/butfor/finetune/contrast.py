"""Contrast: of a pair, which text has which label? What the two share can say nothing on that.

Equation  L = L_task + λ · mean over pairs of −log σ(m(x) − m(x′)),   m = z_y − z_y′,
          x with the label y, its counterfactual x′ with y′, z the logits.
          It is the likelihood of a matched case-control study: given that one of the two texts has the label y and the
          other y′, the probability that they are the way they are, P(y, y′) / (P(y, y′) + P(y′, y)).
Source    conditional logistic regression for matched pairs (Breslow & Day 1980), on pairs of texts.
Example   [treatment]
          method = "finetune.contrast"
          strength = 1.0
Limits    λ = 0 is plain fine-tuning, bit for bit. Whatever adds the same to the logits of both texts leaves the penalty
          as it is: topic, length and writer cannot pay, where the head is linear in them. Pairs of one label say
          nothing, and count for log 2. Reads two texts a row. Where the pairs come from: `paired.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from butfor.finetune.paired import PairLoss, Side

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast(PairLoss):
    """Which of the two texts of a pair has which label."""

    def penalty(self, model: PreTrainedModel, row: Side, other: Side) -> Tensor:  # noqa: ARG002
        from torch.nn.functional import softplus

        odds = [side.at(row.label) - side.at(other.label) for side in (row, other)]  # [B] each
        return softplus(odds[1] - odds[0])
