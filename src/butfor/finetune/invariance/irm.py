"""Invariant risk minimisation: one classifier must be the best one on top of the features in every environment at once.

Equation  L = L_task + λ · mean over environments e of (∂/∂w R_e(w · z) at w = 1)²,  R_e the mean loss in e, z the
          logits. For cross-entropy the derivative is the mean over rows of g_i = Σ_c p_ic z_ic − z_i,label, and its
          square is estimated without bias as ((Σ g_i)² − Σ g_i²) / (n (n − 1)).
Source    Arjovsky et al. 2019 (IRMv1).
Example   [treatment]
          method = "finetune.invariance.irm"
          groups = ["environment"]
          strength = 100.0
          after = 100
Limits    λ = 0 is plain fine-tuning, bit for bit. The estimate may be below zero in a batch. The penalty asks that no
          environment would like all logits larger or smaller: a shortcut that is as strong everywhere passes, and so
          does a model whose logits are all zero, hence `after`: plain training first. With train.adapt = "head" only
          the linear head can become invariant. Rosenfeld et al. 2021: with fewer environments than shortcuts there are
          other solutions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from butfor.finetune.invariance.groups import Grouped, parts
from butfor.train.method import Batch

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class IRM(Grouped):
    """Penalise a classifier that some environment would scale."""

    def penalty(self, batch: Batch, outputs: Any) -> Tensor:
        """The mean over environments of the squared derivative."""
        import torch

        slopes = derivatives(outputs.logits, batch["label"])
        terms = [squared_mean(slopes[part]) for part in parts(batch)]
        return torch.stack(terms).mean() if terms else outputs.logits.sum() * 0.0


def derivatives(logits: Tensor, label: Tensor) -> Tensor:
    """[B] <- [B, C], [B]: of each row's cross-entropy by a factor on its logits, at 1."""
    finite = logits.masked_fill(logits.isinf(), 0.0)  # an option that a row lacks has probability zero
    return (logits.softmax(-1) * finite).sum(-1) - finite.gather(1, label[:, None])[:, 0]


def squared_mean(values: Tensor) -> Tensor:
    """[] <- [n]: an unbiased estimate of the square of the mean that the values are drawn with."""
    n = len(values)
    return (values.sum().square() - values.square().sum()) / (n * (n - 1))
