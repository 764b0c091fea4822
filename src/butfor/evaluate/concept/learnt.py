"""Matching in a learnt space: texts are neighbours there if they say the same of all concepts but the one that changes.

Equation  z_i = W_c white(x_i), white = the DEPTH first principal components of the features, each of variance 1;
          p_ij ∝ exp(−|z_i − z_j|²), j ≠ i, from texts i to those of a batch;
          W_c maximises the mean of log sum over j alike in all concepts but c of p_ij.
Estimate  of c := v for x: the mean of f over the `matches` texts nearest to x among those with c = v, less f(x).
Source    Gat et al. 2024 match texts in a space that is trained so that a text lies near its counterfactuals and far
          from texts that differ in other concepts; the objective here is that of neighbourhood components
          (Goldberger et al. 2004).
Limits    A text that is alike to none teaches nothing. The space is fitted on a few hundred texts: of more than DEPTH
          components, most would fit their noise. The text that is explained needs no labels; those matched do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

DEPTH, WIDTH = 32, 16  # principal components, and dimensions of the learnt space
STEPS, BATCH, RATE = 50, 256, 0.08


@dataclass(frozen=True, slots=True)
class Space:
    """Where texts are compared: one map for each concept that may change."""

    mean: Floats  # [d]
    white: Floats  # [d, p]
    maps: Floats  # [C, p, k]

    def place(self, features: Floats, concept: int) -> Floats:
        """Where texts lie, [n, k] <- [n, d], for a change of this concept."""
        return (features - self.mean) @ self.white @ self.maps[concept]


def learnt(values: Ints, features: Floats, seed: int) -> Space:
    """The space in which these texts' neighbours share their concepts [n, C]."""
    mean = features.mean(axis=0)
    _, size, right = np.linalg.svd(features - mean, full_matrices=False)
    rank = min(DEPTH, int((size > 1e-8 * max(size[0], 1e-300)).sum())) or 1
    white = right[:rank].T / np.maximum(size[:rank], 1e-300) * np.sqrt(len(features))
    x = (features - mean) @ white
    maps = [_map(np.delete(values, concept, axis=1), x, seed) for concept in range(values.shape[1])]
    return Space(mean, white, np.array(maps))


def _map(others: Ints, x: Floats, seed: int) -> Floats:
    """One linear map [p, k]."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    told = torch.from_numpy(x)
    alike = torch.from_numpy((others[:, None] == others[None]).all(axis=2))
    alike.fill_diagonal_(False)
    start = torch.eye(x.shape[1], min(WIDTH, x.shape[1]), dtype=torch.float64)
    weight = (start / 4).requires_grad_()
    optimizer: Any = torch.optim.Adam([weight], lr=RATE)
    for _ in range(STEPS):
        rows = torch.randperm(len(x), generator=draw)[:BATCH]
        place = told @ weight
        distance = torch.cdist(place[rows], place).square()
        distance = distance.scatter(1, rows[:, None], torch.inf)
        near = alike[rows].any(1)
        if not near.any():
            break
        odds = (-distance).log_softmax(1)[near]
        loss = -odds.masked_fill(~alike[rows][near], -torch.inf).logsumexp(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weight.detach().numpy()
