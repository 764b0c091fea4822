"""LEACE: the smallest affine change after which no linear classifier can read the concept. The default eraser.

Equation  r(x) = x − W⁺ P W (x − μ), W = Σ_xx^(−1/2), P = the orthogonal projection on the column space of W Σ_xz.
          Afterwards Cov(r(x), z) = 0: every class has the same mean, so the best linear predictor of z is constant.
Source    Belrose et al. 2023, "LEACE: perfect linear concept erasure in closed form".
Here      Σ_xz from the words (or texts) of the concept, z one-hot; Σ_xx and μ from all rows that stand for text, as
          those are what is edited: among all maps r(x) = Ax + c with A Σ_xz = 0 this one moves them least in mean
          square, A = I − S(S'Σ⁺S)⁺S'Σ⁺ with S = Σ_xz. A Σ_xz = 0 holds whatever Σ_xx is, so the words lose the concept
          exactly; and with more dimensions than words, the Σ_xx of the words alone would be singular. Where the words
          are the whole vocabulary this is LEACE to the letter (tested against `concept-erasure`, no shrinkage).
Limits    Exact for the words it was fitted on; for others as far as they differ by the same direction: see the probe in
          the note. Linear, and in this matrix only: later layers can rebuild from context what the rows no longer say.
Example   [treatment]
          method = "pretrain.leace"
          when = "after"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import Eraser, Erasing, Vocabulary

if TYPE_CHECKING:
    from butfor.pretrain.concepts import Floats


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LEACE(Erasing):
    """Erase a concept linearly, moving the vocabulary as little as possible."""

    def fit(self, data: Labelled, vocabulary: Vocabulary, rng: np.random.Generator) -> Eraser:  # noqa: ARG002
        return leace(cross_covariance(data), vocabulary.covariance, vocabulary.mean)


def cross_covariance(data: Labelled) -> Floats:
    """Σ_xz [d, classes] between the vectors and one-hot labels."""
    z = np.eye(len(data.classes))[data.y]
    return (data.x - data.x.mean(axis=0)).T @ (z - z.mean(axis=0)) / len(data.y)


def leace(cross: Floats, covariance: Floats, mean: Floats) -> Eraser:
    """The closed form, from Σ_xz [d, k], Σ_xx [d, d] and μ [d]."""
    size, axes = np.linalg.eigh(covariance)
    real = size > size[-1] * len(size) * np.finfo(np.float64).eps
    root = np.sqrt(np.where(real, size, 1.0))
    whiten = (axes * (real / root)) @ axes.T
    unwhiten = (axes * (real * root)) @ axes.T
    basis, strength, _ = np.linalg.svd(whiten @ cross, full_matrices=False)
    basis = basis[:, strength > 1e-9 * max(1.0, strength[0])]
    return Eraser(whiten @ basis, basis.T @ unwhiten, mean)
