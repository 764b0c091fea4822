"""Counterfactual augmentation: train on what a text would say, had the label been otherwise.

Idea      A text and its counterfactual share all that does not make the label what it is; a model that learns from
          both cannot use it. Trained on the counterfactuals alone, a model sees another draw of the same task.
Equation  L = L_task over rows ("original"), their counterfactuals ("revised"), or both, which take turns.
Source    Kaushik, Hovy & Lipton 2020; generated counterfactuals: Wu et al. 2021 (Polyjuice), and others.
Example   [treatment]
          method = "finetune.augment"
          source = "both"
          by = "human"
          size = "equal"
Limits    source = "original" is plain fine-tuning, bit for bit. The budget is that of the control arm: it sees each
          text twice as often where both learn from as many texts. Where the pairs come from: `paired.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from butfor.finetune.paired import Paired, Source


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Augment(Paired):
    """Learn from rows, from their counterfactuals, or from both."""

    source: Source = "both"
