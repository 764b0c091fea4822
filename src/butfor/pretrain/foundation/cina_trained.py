"""CInA on one data set as self-attention trained by gradient descent: the primal of `cina_dual`, and the same weights.

Equation  min over β, b of  λ/2 ‖β‖² + Σ_i [1 − W_i (softmax(log k)_i V + b)]₊,   β = Σ_j v_j φ_j / h̄
          A step of length 2 / (λ (t + 1)), t = 2, 3, …, along −(λ β − Σ_j s_j W_j ψ_j), where s_j = 1 for rows inside
          the margin, is
          β ← β (1 − 2 / (t + 1)) + 2 / (λ (t + 1)) Σ_j s_j W_j ψ_j; in the layer's values, v_j moves towards
          s_j W_j h̄² / (λ h_j). So V stays readable at every step: α_j = λ h_j v_j W_j / h̄² is a running mean of s_j.
          b is set to its best before each step.
Source    The subgradient method for strongly convex losses (steps of 2 / (t + 1): Lacoste-Julien et al. 2012).
Limits    The gap to the dual falls as 1 / t: α is near the dual's and not at it. Descent is in β: in V itself it hardly
          moves where the kernel has small eigenvalues.
"""

from __future__ import annotations

import numpy as np

from butfor.pretrain.foundation.cina_dual import Balance, intercept, project
from butfor.scm.columns import Floats

STEPS = 2000


def train(problem: Balance, steps: int = STEPS) -> Floats:
    """α [n] read off the values of a self-attention layer trained by gradient descent."""
    attention = problem.kernel / problem.h[:, None]
    unit = problem.values(np.ones(len(problem.w)))  # V where all α = 1
    values = 0.5 * unit
    for step in range(1, steps + 1):
        told = attention @ values
        inside = 1 - problem.w * (told + intercept(told, problem.w)) > 0
        values = values + 2 / (step + 2) * (inside * unit - values)
    return project(problem.alpha(values), problem.w)
