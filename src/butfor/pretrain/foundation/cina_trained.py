"""CInA on one data set as self-attention trained by gradient descent: the primal of `cina_dual`, and the same weights.

Equation  min over V, b of  λ/2 ‖β‖² + Σ_i [1 − W_i (softmax(log k) V + b)_i]₊   (Adam, the rate falling to zero)
Read off  α_j = λ h_j v_j W_j / h̄², clipped to [0, 1]
Limits    A hinge has corners, so α is near the dual's and not at it; the gap says how near. V is trained in the unit in
          which α = 1 is 1, so that every row's step is alike.
"""

from __future__ import annotations

import math

import numpy as np

from butfor.pretrain.foundation.cina_dual import Balance
from butfor.scm.columns import Floats

STEPS = 1500
RATE = 0.02


def train(problem: Balance, steps: int = STEPS) -> Floats:
    """α [n] read off the values of a self-attention layer trained by gradient descent."""
    import torch

    kernel, w, h = (torch.from_numpy(part) for part in (problem.kernel, problem.w, problem.h))
    unit = h.mean() ** 2 / (problem.strength * h)  # of V, where α = 1
    weights = torch.log(kernel).softmax(dim=1)  # attention of each row to all
    free = (0.5 * w).requires_grad_(True)
    b = torch.zeros((), dtype=kernel.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([free, b], lr=RATE)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        values = free * unit
        penalty = 0.5 * problem.strength * (values @ kernel @ values) / h.mean() ** 2
        loss = penalty + torch.relu(1 - w * (weights @ values + b)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return problem.alpha(np.asarray((free * unit).detach().numpy(), dtype=np.float64))
