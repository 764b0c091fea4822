"""Gradient supervision: what the model is sensitive to should be what a counterfactual changes.

Equation  L = L_task + λ · mean over pairs of 1 − cos(g, h′ − h),   g = ∂(z_y′ − z_y)/∂h at h,
          h the features of x that the head reads, h′ those of its counterfactual; y and y′ their labels, z the logits.
Source    Teney, Abbasnejad & van den Hengel 2020, with the logit of the other label for g, and features for inputs: the
          two texts differ in length, their features do not.
Example   [treatment]
          method = "finetune.gradient_supervision"
          strength = 1.0
Limits    λ = 0 is plain fine-tuning, bit for bit. Needs a head (train.objective = "label"). The penalty is that of
          angles: it says nothing on how sure the model is. With features that can be trained, h and h′ move too.
          Pairs of one label have no g, and are left out. Where the pairs come from: `paired.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from butfor.finetune.paired import PairLoss, Side
from butfor.lm.head import NAME

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GradientSupervision(PairLoss):
    """The gradient of the head along the edit."""

    objectives: ClassVar[tuple[str, ...]] = ("label",)

    def penalty(self, model: PreTrainedModel, row: Side, other: Side) -> Tensor:
        import torch
        from torch.nn.functional import cosine_similarity

        head: Any = getattr(model, NAME)
        seen = row.outputs.features
        if not seen.requires_grad:  # kept features; a copy, as a leaf's gradient cannot be asked for under hooks
            seen = seen.detach().requires_grad_().clone()
        logits = head(seen)
        rise = (logits.gather(1, other.label[:, None]) - logits.gather(1, row.label[:, None])).sum()
        (gradient,) = torch.autograd.grad(rise, seen, create_graph=True)  # [B, d]
        apart = 1 - cosine_similarity(gradient, other.outputs.features - seen, dim=-1)
        return apart.where(row.label != other.label, 0.0)
