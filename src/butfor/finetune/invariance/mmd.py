"""Counterfactual invariance by MMD: what the model makes of the rows has the same distribution in every group.

Idea      Where an attribute comes along with the label and does not cause it, a model that would say the same had the
          attribute been otherwise satisfies an independence that data can show: f ⊥ attribute | label where the label
          comes first (its causes and its effects are told), f ⊥ attribute where the text causes the label and only a
          common cause joins the attribute to it.
Equation  L = L_task + λ · mean over values y of `given` and pairs of groups a < b of MMD²_u(f | y, a; f | y, b), the
          unbiased estimate with a Gaussian kernel of `butfor.train.kernel`, its squared width the median of the batch
          or 1. f: the log-probabilities of the labels, or the features, as `of` says.
Source    Veitch et al. 2021.
Example   [treatment]
          method = "finetune.invariance.mmd"
          groups = ["mark"]
          strength = 3.0
Limits    λ = 0 is plain fine-tuning, bit for bit. The independence is implied by the invariance, and does not imply it.
          With groups = ["environment"] it asks for as much of the environments, which differ less than the values of
          the attribute do. Cells of fewer than two rows in a batch do not count: a strong shortcut takes large
          batches. The estimate may be below zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from butfor.finetune.invariance.groups import GIVEN, GROUP, Matched
from butfor.train.kernel import penalty
from butfor.train.method import Batch

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1.0  # squared width of the kernel, in log-probabilities


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MMD(Matched):
    """Penalise distributions that differ from group to group."""

    def penalty(self, batch: Batch, outputs: Any) -> Tensor:
        """The mean discrepancy of two groups."""
        return penalty(self.seen(outputs), batch[GIVEN], batch[GROUP], LEAST)
