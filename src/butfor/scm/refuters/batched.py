"""Many regressions at once: the same model refitted on permuted, reweighted or enlarged data, as products of matrices.

`linear` gives the coefficient of x in the least squares of y on 1, x and covariates for every draw b. By Frisch, Waugh
and Lovell it is x̃·y / x̃·x̃ with x̃ the residual of x on 1 and the covariates, so that

    x or y replaced      one product [draws, n] @ [n, k] takes the covariates out of every draw
    one column added     b = (x̃y - x̃w w̃y / w̃w) / (x̃x̃ - (x̃w)² / w̃w)
    rows weighted        weights [draws, n] @ products of columns [n, p²] gives every normal equation at once

`predicted` is the mean of what a regression fitted on some rows says of all of them. `logistic` fits many logistic
regressions by Newton steps that are shared in the same way: one product gives the Hessians of all draws.

Source    Frisch & Waugh 1933; Lovell 1963. Limits: a draw whose columns are collinear gives nan (`linear`) or the
          ridge's choice (`logistic` adds 1e-8 n to the Hessian's diagonal; separated classes stop at odds of e^30).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError

Floats = NDArray[np.float64]

RIDGE = 1e-8
STEPS = 30
FAR = 30.0  # logits beyond this are certain
CLOSE = 1e-7
EMPTY = 1e-10  # a share of a column's variance that counts as none


def with_one(covariates: Floats) -> Floats:
    """A design [n, 1 + k] <- [n, k] that begins with a column of ones."""
    return np.concatenate([np.ones((len(covariates), 1)), covariates], axis=1)


def basis(covariates: Floats) -> Floats:
    """Orthonormal columns [n, r] that span 1 and the covariates [n, k]."""
    u, size, _ = np.linalg.svd(with_one(covariates / _scale(covariates)), full_matrices=False)
    return np.asarray(u[:, size > 1e-9 * size[0]], dtype=np.float64)


def without(rows: Floats, q: Floats) -> Floats:
    """Each row [..., n] less its projection on the orthonormal columns q [n, r]."""
    return rows - (rows @ q) @ q.T


def linear(
    x: Floats, y: Floats, covariates: Floats, *, added: Floats | None = None, weights: Floats | None = None
) -> Floats:
    """Coefficients of x [draws]; x and y are [n], or [draws, n] where replaced; added and weights are [draws, n]."""
    if weights is not None:
        if added is not None or x.ndim == 2 or y.ndim == 2:
            raise ValueError("rows are weighted, or columns replaced, not both")
        return _weighted(x, y, covariates, weights)
    q = basis(covariates)
    rest_x, rest_y = without(x, q), without(y, q)
    xx, xy = _dot(rest_x, rest_x), _dot(rest_x, rest_y)
    least = EMPTY * _dot(x - x.mean(-1, keepdims=True), x - x.mean(-1, keepdims=True))
    if added is not None:
        w = without(added, q)
        ww, xw, wy = _dot(w, w), _dot(rest_x, w), _dot(w, rest_y)
        xx, xy = xx - xw**2 / ww, xy - xw * wy / ww
    draws = max(part.shape[0] for part in (*(p for p in (x, y, added) if p is not None and p.ndim == 2), xx[None]))
    return np.broadcast_to(np.where(xx > least, xy / np.where(xx > least, xx, 1.0), np.nan), (draws,)).copy()


def _weighted(x: Floats, y: Floats, covariates: Floats, weights: Floats) -> Floats:
    columns = np.concatenate([x[:, None], covariates], axis=1)
    columns = with_one((columns - columns.mean(0)) / _scale(columns))
    n, k = columns.shape
    rows, cols = np.triu_indices(k)
    products = np.concatenate([columns[:, rows] * columns[:, cols], columns * y[:, None]], axis=1)
    sums = weights @ products  # [draws, k (k + 1) / 2 + k]
    gram = np.empty((len(weights), k, k))
    gram[:, rows, cols] = gram[:, cols, rows] = sums[:, : len(rows)]
    found = np.full(len(weights), np.nan)
    good = np.linalg.eigvalsh(gram)[:, 0] > EMPTY * n
    found[good] = np.linalg.solve(gram[good], sums[good, len(rows) :, None])[:, 1, 0]
    return found / float(_scale(x[:, None])[0])


def predicted(weights: Floats, y: Floats, covariates: Floats, rows: Floats, *, added: Floats | None = None) -> Floats:
    """Means over `rows` of what least squares fitted with `weights` predict [draws]; nan where columns are collinear.

    weights, rows and added are [draws, n] or [1, n]; y is [n] or [draws, n].
    """
    design = with_one((covariates - covariates.mean(0)) / _scale(covariates))
    n, k = design.shape
    right, left = np.triu_indices(k)
    sums, goal, mean = weights @ (design[:, right] * design[:, left]), (weights * y) @ design, rows @ design
    size = k if added is None else k + 1
    draws = max(len(part) for part in (sums, goal, mean, *(() if added is None else (added,))))
    gram, target, at = np.empty((draws, size, size)), np.empty((draws, size)), np.empty((draws, size))
    gram[:, right, left] = gram[:, left, right] = sums
    target[:, :k], at[:, :k] = goal, mean
    if added is not None:
        w = (added - added.mean(1, keepdims=True)) / np.maximum(added.std(1, keepdims=True), 1e-300)
        gram[:, k, :k] = gram[:, :k, k] = (weights * w) @ design
        gram[:, k, k] = np.sum(weights * w * w, axis=1)
        target[:, k], at[:, k] = np.sum(weights * w * y, axis=1), np.sum(rows * w, axis=1)
    good = np.linalg.eigvalsh(gram)[:, 0] > EMPTY * n
    found = np.full(draws, np.nan)
    beta = np.linalg.solve(gram[good], target[good, :, None])[:, :, 0]
    found[good] = np.sum(at[good] * beta, axis=1) / np.broadcast_to(rows.sum(1), (draws,))[good]
    return found


def logistic(design: Floats, labels: Floats, weights: Floats | None = None, *, added: Floats | None = None) -> Floats:
    """Chances P(label = 1) [draws, n] of fits of labels on a design [n, k], with rows weighted or a column added.

    Labels are [n] or [draws, n], weights and added [draws, n]. Where all draws share the labels, the Newton steps begin
    at the plain fit, from which two or three lead to the end.
    """
    if np.any((labels != 0) & (labels != 1)):
        raise DataError("a logistic regression needs labels that are 0 or 1")
    z = design / _scale(design)
    start: Floats = np.zeros(len(z.T))
    if labels.ndim == 1 and (weights is not None or added is not None):
        start = _newton(z, labels[None], np.ones((1, len(z))), None, start)[0][0]
    label = labels if labels.ndim == 2 else labels[None]
    weight = np.ones((1, len(z))) if weights is None else weights
    return _newton(z, label, weight, added, start)[1]


def _newton(z: Floats, label: Floats, weight: Floats, added: Floats | None, start: Floats) -> tuple[Floats, Floats]:
    """Coefficients [draws, k] and chances [draws, n]."""
    k = z.shape[1]
    rows, cols = np.triu_indices(k)
    products = z[:, rows] * z[:, cols]
    draws, size = max(len(label), len(weight), 0 if added is None else len(added)), k + (added is not None)
    beta = np.zeros((draws, size))
    beta[:, :k] = start
    chance = np.zeros((draws, len(z)))
    for _ in range(STEPS):
        eta = beta[:, :k] @ z.T
        if added is not None:
            eta += beta[:, k:] * added
        chance = 1 / (1 + np.exp(-np.clip(eta, -FAR, FAR)))
        rest, curve = weight * (label - chance), weight * chance * (1 - chance)
        slope, hessian = np.empty((draws, size)), np.empty((draws, size, size))
        slope[:, :k] = rest @ z
        hessian[:, rows, cols] = hessian[:, cols, rows] = curve @ products
        if added is not None:
            slope[:, k] = _dot(rest, added)
            hessian[:, k, :k] = hessian[:, :k, k] = (curve * added) @ z
            hessian[:, k, k] = _dot(curve * added, added)
        hessian[:, range(size), range(size)] += RIDGE * len(z)
        step = np.clip(np.linalg.solve(hessian, slope[:, :, None])[:, :, 0], -5, 5)
        if np.abs(step).max() < CLOSE:
            break
        beta += step
    return beta, chance


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("...n,...n->...", a, b), dtype=np.float64)


def _scale(columns: Floats) -> Floats:
    """A column's spread; a constant column's size; 1 for a column of zeros."""
    if columns.shape[1] == 0:
        return np.ones(0)
    spread = np.asarray(np.std(columns, axis=0), dtype=np.float64)
    size = np.asarray(np.max(np.abs(columns), axis=0), dtype=np.float64)
    size[size == 0] = 1.0
    flat = spread <= 1e-12 * size
    spread[flat] = size[flat]
    return spread
