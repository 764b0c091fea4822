"""Attention read as a linear causal model of tokens: X = G X + Λ U, hence X = (I − G)⁻¹ Λ U, and A = (I − G)⁻¹ Λ.

Idea      A layer of attention puts out Z = A V. If what it puts out follows a linear structural model whose noise is V
          (its columns are draws of it, uncorrelated between tokens), then A = (I − G)⁻¹ Λ and cov Z = A Aᵀ.
Scale     Softmax divides each row by its sum. With D the divisors, D⁻¹(I − G)⁻¹Λ = (I − G')⁻¹Λ' for G' = D⁻¹GD and
          Λ' = D⁻¹Λ: the same edges; and the correlations of A Aᵀ do not change at all.
Decoders  A is triangular, so it is itself the Cholesky factor of A Aᵀ. G and Λ are unique and no test is needed:
          Λ = diag A, G = I − Λ A⁻¹ (`solved`). The same as ρ(i, j | all before j) ≠ 0.
Encoders  A Aᵀ leaves the class of the graph: PC (`pc`), with n = the number of columns of V, or exactly.
Residual  A layer hands on x + A V. `own` = w > 0 reads (1 − w) A + w I in place of A (w = 1/2: as much of the token
          itself as of what it looks at); w = 0 is the published reading, which needs a diagonal above zero.
Source    Rohekar, Gurwicz & Nisimov 2023 (CLEANN) for A Aᵀ and PC-style searches; Rohekar et al. 2024 for decoders.
Limits    That the noise is uncorrelated and that heads mix linearly is taken, not tested. Total effects in A are never
          negative, while G may be: a layer that copies a parent and leaves out its grandparents (A = the edges
          themselves) is read with edges to grandparents that cancel the paths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Floats
from butfor.scm.discovery.from_covariance import given_past, given_rest, pc
from butfor.scm.graphs.equivalence import Pattern

ROUNDING = 1e-12  # of the largest entry: what an inverse leaves where there is nothing


def attention_of(weights: Floats, noise: Floats) -> Floats:
    """(I − G)⁻¹ Λ with every row divided by its sum: what softmax attention would have to be. G[j, i]: i causes j."""
    mixed = np.linalg.inv(np.eye(len(weights)) - weights) @ np.diag(noise)
    mixed[np.abs(mixed) < ROUNDING * np.abs(mixed).max()] = 0
    if (mixed < 0).any():
        raise DataError("a total effect in (I − G)⁻¹ Λ is negative: no attention looks like that")
    return mixed / mixed.sum(1, keepdims=True)


def solved(attention: Floats, *, own: float = 0.0) -> tuple[Floats, Floats]:
    """(G, Λ) of a decoder's attention, exactly; each row of G is scaled as the rows of the attention are."""
    mixed = _mixed(attention, own)
    if not causal(mixed):
        raise DataError("attention that looks ahead has no unique G: read its graph with `pattern`")
    noise = mixed.diagonal().copy()
    if not (noise > 0).all():
        at = int(np.argmin(noise > 0))
        raise DataError(
            f"token {at} does not look at itself, so (I − G)⁻¹ Λ has no inverse; give own above 0, as in 0.5"
        )
    return np.eye(len(mixed)) - np.diag(noise) @ np.linalg.inv(mixed), noise


def covariance(attention: Floats, *, own: float = 0.0) -> Floats:
    """A Aᵀ."""
    mixed = _mixed(attention, own)
    return mixed @ mixed.T


def strengths(attention: Floats, *, own: float = 0.0) -> Floats:
    """[n, n]: at j, i how strongly i is tied to j: |ρ| given all before j (decoders), else given all others."""
    found = given_past if causal(_square(attention)) else given_rest
    return np.abs(found(covariance(attention, own=own)))


def pattern(
    attention: Floats, names: Sequence[str], *, rows: float | None = None, alpha: float = 0.01, own: float = 0.0
) -> Pattern:
    """The graph by PC; in a decoder causes come first. `rows`: columns of V that made it; None: read exactly."""
    return pc(covariance(attention, own=own), names, rows=rows, alpha=alpha, ordered=causal(_square(attention)))


def causal(attention: Floats) -> bool:
    """Whether nothing looks ahead."""
    return not np.triu(attention, 1).any()


def _square(attention: Floats) -> Floats:
    matrix = np.asarray(attention, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all() or (matrix < 0).any():
        raise DataError(f"attention is a square matrix of finite shares from 0 on; this one has shape {matrix.shape}")
    return matrix


def _mixed(attention: Floats, own: float) -> Floats:
    if not 0 <= own < 1:
        raise DataError(f"own is a share from 0 to below 1, not {own}")
    matrix = _square(attention)
    return (1 - own) * matrix + own * np.eye(len(matrix))
