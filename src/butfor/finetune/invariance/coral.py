"""CORAL: what the model makes of the rows has the same covariance in every group.

Equation  L = L_task + λ · mean over values y of `given` and pairs of groups a < b of
          |C_ya − C_yb|²_F / (4 d²) + |m_ya − m_yb|² / d,   C and m the covariance and the mean of f, d its width.
          f: the log-probabilities of the labels, or the features, as `of` says.
Source    Sun & Saenko 2016 (covariances of the last layer's output, nothing given); means beside them and features
          instead of the output as in Gulrajani & Lopez-Paz 2021.
Example   [treatment]
          method = "finetune.invariance.coral"
          groups = ["environment"]
          strength = 10.0
Limits    λ = 0 is plain fine-tuning, bit for bit. Above zero by noise where groups are few rows: batches of 64 or more.
          Where a feature goes with the label more in one environment than in another, its means and covariances without
          the label given differ for the causes of the label as well: given = "" may take the causes out and leave the
          shortcut in. of = "features" needs features that are trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, final

from butfor.finetune.invariance.groups import GIVEN, GROUP, Matched
from butfor.train.method import Batch

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CORAL(Matched):
    """Penalise second moments that differ from group to group."""

    def penalty(self, batch: Batch, outputs: Any) -> Tensor:
        """The mean distance of two groups' moments."""
        return distance(self.seen(outputs), batch[GIVEN], batch[GROUP])


def distance(seen: Tensor, given: Tensor, group: Tensor) -> Tensor:
    """[] <- [B, D], [B], [B]: the mean over pairs with two rows or more on each side; 0 where there is none."""
    import torch

    terms: list[Tensor] = []
    for value in given.unique():
        here = given == value
        parts = [seen[here & (group == number)] for number in group[here].unique()]
        terms += [apart(a, b) for a, b in combinations(parts, 2) if min(len(a), len(b)) >= 2]
    return torch.stack(terms).mean() if terms else seen.sum() * 0.0


def apart(a: Tensor, b: Tensor) -> Tensor:
    """[] <- [n, D], [m, D]: how far the covariances and the means of two groups lie apart."""
    width = a.shape[1]
    spread = (covariance(a) - covariance(b)).square().sum() / (4 * width**2)
    return spread + (a.mean(0) - b.mean(0)).square().sum() / width


def covariance(rows: Tensor) -> Tensor:
    """[D, D] <- [n, D], divided by n − 1."""
    centred = rows - rows.mean(0)
    return centred.T @ centred / (len(rows) - 1)
