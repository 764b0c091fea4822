"""How far two groups of rows lie apart: the maximum mean discrepancy with a Gaussian kernel.

Equation  MMD²_u(X, Y) = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{i,j} k(x_i, y_j),
          k(x, y) = exp(−|x − y|² / σ²), σ² the median squared distance of the batch (no gradient through it), `least`
          or more.
Source    Gretton et al. 2012 (the unbiased estimator).
Limits    The unbiased estimate may be below zero. Two groups count where both have two rows or more. With the median
          alone the distance does not depend on the scale of the rows: rows that have all but shrunk to a point differ
          as much as they did before, by noise. With `least` they do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


LEAST_ROWS = 2  # of a group that counts


def meet(cells: Iterable[tuple[Hashable, Hashable]]) -> bool:
    """Whether rows of these (label, value) hold two values of one label that count: else `penalty` of them is 0."""
    counts = Counter(label for (label, _), n in Counter(cells).items() if n >= LEAST_ROWS)
    return max(counts.values(), default=0) >= 2


def penalty(found: Tensor, label: Tensor, attribute: Tensor, least: float = 1e-12) -> Tensor:
    """[] <- [B, D], [B], [B]: the mean over labels and pairs of values; 0 where no pair has two rows on each side."""
    import torch

    distance = (found[:, None] - found[None]).square().sum(-1)  # [B, B]
    off = ~torch.eye(len(found), dtype=torch.bool, device=found.device)
    width = distance.detach()[off].median() if len(found) > 1 else distance.new_ones(())
    kernel = torch.exp(-distance / width.clamp_min(least))  # [B, B]
    terms: list[Tensor] = []
    for y in label.unique():
        for a, b in combinations(attribute[label == y].unique().tolist(), 2):
            one, other = ((label == y) & (attribute == value) for value in (a, b))
            if min(int(one.sum()), int(other.sum())) >= LEAST_ROWS:
                terms.append(mmd(kernel, one, other))
    return torch.stack(terms).mean() if terms else found.sum() * 0.0


def mmd(kernel: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """[] <- [B, B], [B], [B]: the unbiased estimate for the rows in `one` and those in `other`."""
    within = [
        (part.sum() - part.diagonal().sum()) / (len(part) * (len(part) - 1))
        for part in (kernel[one][:, one], kernel[other][:, other])
    ]
    return within[0] + within[1] - 2 * kernel[one][:, other].mean()
