"""CInA on one data set, exactly: the weights that balance two arms are the dual of a support vector machine.

Setting   W = ±1; φ the feature map of a positive kernel k (here Gaussian, k = exp(−|x − y|² / 2 s²), s² the number of
          columns, which is softmax attention whose keys carry −|y|² / 2 s²); h_i = Σ_j k(x_i, x_j), h̄ their mean;
          ψ_i = φ_i h̄ / h_i, so that ⟨Σ_j v_j φ_j / h̄, ψ_i⟩ = Σ_j k_ij v_j / h_i = softmax(log k)_i V.
Dual      min over α of  αᵀKα − 2 λ 1ᵀα   with  Wᵀα = 0,  0 ≤ α ≤ 1,   K_ij = W_i W_j ⟨ψ_i, ψ_j⟩
          The first term is the distance between the weighted means of ψ in the two arms: the imbalance.
Primal    min over V, b of  λ/2 ‖β‖² + Σ_i [1 − W_i (softmax(log k) V + b)_i]₊,   β = Σ_j v_j φ_j / h̄
Read off  Setting the primal's gradient to zero, λ β = Σ_j α_j W_j ψ_j, so  v_j = α_j W_j h̄² / (λ h_j)  and
          α_j = λ h_j v_j W_j / h̄².   With α as its dual variables the primal is D = 1ᵀα − αᵀKα / 2λ.
Source    Zhang et al. 2024 (CInA), from memory; Tarr & Imai on the support vector machine as balancing weights.
Checked   The duality is derived here. The form in which the penalty and the read-off divide by h (β = Σ v_j φ_j / h_j,
          α_j = λ v_j / (h_j W_j)) is not the dual of a hinge on row-normalised attention unless all h are equal; where
          they are equal the two agree up to the unit of λ (tested). λ → ∞ with equal arms: all α = 1, the difference of
          means (tested). The gap between primal and dual certifies a solution.
Limits    What it weighs is the largest subset that can be balanced, not everyone: with effects that differ where the
          arms do not overlap, its estimate is of that subset's effect. n × n memory: up to 2,000 rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Floats

MOST = 2000
STEPS = 3000
GAP = 1e-4  # a row


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """A kernel balancing problem: W = ±1 [n], the kernel's values [n, n], and its normaliser h [n]."""

    w: Floats
    kernel: Floats
    h: Floats
    strength: float

    @classmethod
    def of(cls, x: Floats, w: Floats, strength: float) -> Balance:
        """The problem of standardised covariates [n, d]."""
        if len(x) > MOST:
            raise DataError(
                f"the exact form stores {len(x):,} × {len(x):,} numbers, and does so up to {MOST:,} rows;\n"
                'use form = "amortised"'
            )
        square = np.sum(x * x, axis=1)
        far = np.maximum(square[:, None] + square - 2 * x @ x.T, 0.0)
        kernel = np.exp(-far / (2 * max(x.shape[1], 1)))
        return cls(w, kernel, kernel.sum(axis=1), strength)

    @property
    def matrix(self) -> Floats:
        """K [n, n]."""
        scale = self.w * self.h.mean() / self.h
        return self.kernel * scale[:, None] * scale

    def dual(self, alpha: Floats) -> float:
        """D(α): what no primal value is under, for any α that is allowed."""
        scaled = self.w * alpha * self.h.mean() / self.h
        return float(alpha.sum() - scaled @ self.kernel @ scaled / (2 * self.strength))

    def values(self, alpha: Floats) -> Floats:
        """V [n], so that α is read off it again."""
        return alpha * self.w * self.h.mean() ** 2 / (self.strength * self.h)

    def alpha(self, values: Floats) -> Floats:
        """The weights that V says, in [0, 1]."""
        return np.clip(self.strength * self.h * values * self.w / self.h.mean() ** 2, 0.0, 1.0)

    def primal(self, values: Floats) -> float:
        """The loss of V with the best intercept."""
        told = self.kernel @ values
        penalty = 0.5 * self.strength * float(values @ told) / float(self.h.mean()) ** 2
        told = told / self.h
        return penalty + float(np.sum(np.maximum(1 - self.w * (told + intercept(told, self.w)), 0.0)))

    def gap(self, alpha: Floats) -> float:
        """Primal minus dual, a row: 0 at the solution alone."""
        return (self.primal(self.values(alpha)) - self.dual(alpha)) / len(alpha)


def solve(problem: Balance, gap: float = GAP) -> Floats:
    """α [n] by accelerated projected gradient, until primal and dual are within `gap` a row."""
    matrix, n = problem.matrix, len(problem.w)
    step = 1 / max(_largest(matrix), 1e-12)
    alpha = ahead = project(np.ones(n), problem.w)
    pace = 1.0
    for count in range(STEPS):
        slope = matrix @ ahead - problem.strength
        new = project(ahead - step * slope, problem.w)
        if float((ahead - new) @ (new - alpha)) > 0:  # overshot: start the momentum again
            pace = 1.0
        faster = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = new + (pace - 1) / faster * (new - alpha)
        alpha, pace = new, faster
        if count % 25 == 24 and problem.gap(alpha) < gap:
            break
    return alpha


def project(alpha: Floats, w: Floats) -> Floats:
    """The nearest point with Wᵀα = 0 and 0 ≤ α ≤ 1: clip(α − m W) for the m that makes the arms equal."""
    low, high = -1.0 - float(np.abs(alpha).max()), 1.0 + float(np.abs(alpha).max())
    for _ in range(60):
        middle = (low + high) / 2
        if float(w @ np.clip(alpha - middle * w, 0.0, 1.0)) > 0:
            low = middle
        else:
            high = middle
    return np.clip(alpha - (low + high) / 2 * w, 0.0, 1.0)


def _largest(matrix: Floats) -> float:
    """The largest eigenvalue, from above by a little."""
    vector = np.ones(len(matrix)) + 0.1 * np.cos(np.arange(len(matrix)))
    size = 1.0
    for _ in range(30):
        vector = matrix @ vector
        size = float(np.linalg.norm(vector))
        vector = vector / max(size, 1e-300)
    return 1.02 * size


def intercept(told: Floats, w: Floats) -> float:
    """The least over b of Σ [1 − W (told + b)]₊, where the hinge of a row bends; the middle, where several."""
    bends = np.sort(w - told)  # W (told + b) = 1 there
    low, high = 0, len(bends) - 1
    while low < high:
        middle = (low + high) // 2
        slope = -float(np.sum(w * (1 - w * (told + bends[middle]) > 1e-12)))
        low, high = (middle + 1, high) if slope < 0 else (low, middle)
    near = bends[max(low - 1, 0) : low + 2]
    costs = np.array([float(np.sum(np.maximum(1 - w * (told + b), 0.0))) for b in near])
    return float(near[costs <= costs.min() + 1e-9 * len(w)].mean())
