"""V-REx: a model that rests on what causes the label is as wrong in one environment as in the next.

Equation  L = L_task + λ · Var_e(R_e),  R_e the mean loss in environment e, the variance that of the environments in the
          batch (divided by their number m). It is estimated without bias: what the noise of n_e rows adds,
          (1 − 1/m) · mean_e s²_e / n_e, is taken off again (s²_e the variance of the losses in e).
Source    Krueger et al. 2021.
Example   [treatment]
          method = "finetune.invariance.vrex"
          groups = ["environment"]
          strength = 10.0
          after = 100
Limits    λ = 0 is plain fine-tuning, bit for bit. The estimate may be below zero in a batch. Environments whose labels
          are unequally noisy have unequal losses for the right model, too: then this asks for a wrong one. Environments
          that are alike say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from butfor.finetune.invariance.groups import Grouped, losses, parts
from butfor.train.method import Batch

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VREx(Grouped):
    """Penalise losses that differ from environment to environment."""

    def penalty(self, batch: Batch, outputs: Any) -> Tensor:
        """The variance of the environments' losses."""
        each = losses(batch, outputs)
        groups = [each[part] for part in parts(batch)]
        return variance(groups) if len(groups) > 1 else each.sum() * 0.0


def variance(groups: list[Tensor]) -> Tensor:
    """[] <- losses [n_e] of each group: an unbiased estimate of the variance of their true means."""
    import torch

    means = torch.stack([group.mean() for group in groups])
    noise = torch.stack([group.var() / len(group) for group in groups])
    return means.var(correction=0) - (1 - 1 / len(groups)) * noise.mean()
