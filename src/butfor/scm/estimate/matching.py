"""Matching: each row is compared with its nearest neighbours in the other arm.

τ = mean of (Y(1) - Y(0)) with the missing one replaced by the mean outcome of M neighbours, nearest by Mahalanobis
distance of the covariates, after adding m(Z_i) - m(Z_j) for the difference that is left (m fitted in the neighbours'
arm). With K_i the number of times that row i is used (over M), the variance is

    V = Σ (τ_i - τ)² / n² + Σ (K_i² + (2 - 1/M) K_i) σ²(Z_i) / n²          (everyone)

and σ²(Z_i) from the nearest rows of the same arm. Rows at the same distance are chosen at random among, by seed.

Sources   Abadie & Imbens 2006 (variance), 2011 (bias correction).
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import KDTree

from butfor.core.errors import DataError
from butfor.scm.estimate.design import Arms
from butfor.scm.estimate.nuisance import Learner, learn
from butfor.scm.estimate.result import Floats

JITTER = 1e-7
FLAT = 6  # dimensions in which a tree is faster
LARGEST = 1 << 22  # distances at once
PEERS = 4  # rows of the same arm for the residual variance


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """The estimate, its standard error, and each row's weight in its arm's mean."""

    estimate: float
    se: float
    weights: tuple[Floats, Floats]


def match(arms: Arms, matches: int, learner: Learner, rng: Generator) -> Matched:
    """Match every row the effect is about with `matches` neighbours in each arm that it is not in."""
    if not arms.z.shape[1]:
        raise DataError("matching needs covariates to match on: given=(…); without any, use how='regression'")
    if matches < 1:
        raise DataError(f"matches must be 1 or more, not {matches}")
    near = whitened(arms.z)
    near = near + JITTER * rng.standard_normal(near.shape)
    of = np.flatnonzero(arms.about > 0)
    missing: list[Floats] = []
    used: list[Floats] = []
    for mask, _ in arms.arms:
        rows = np.flatnonzero(mask)
        m = min(matches, len(rows))
        others = of[~mask[of]]
        found = rows[_neighbours(near[rows], near[others], m)]  # [others, m]
        model = learn(learner, arms.z[rows], arms.y[rows], logit=False).predict(arms.z)
        filled = arms.y.copy()
        filled[others] = np.mean(arms.y[found] - model[found], axis=1) + model[others]
        missing.append(filled[of])
        used.append(np.bincount(found.ravel(), minlength=arms.n) / m)
    effects = missing[0] - missing[1]
    estimate = float(effects.mean())
    noise = _noise(arms, near)
    inside = (arms.about > 0).astype(np.float64)
    variance = float(np.sum((effects - estimate) ** 2))
    for k, (mask, _) in zip(used, arms.arms, strict=True):
        m = min(matches, int(mask.sum()))
        both = 2 - 1 / m if arms.two and not np.ptp(arms.about) else -1 / m
        variance += float(np.sum((k**2 + both * k) * noise * mask))
    weights = tuple(k + inside * mask for k, (mask, _) in zip(used, arms.arms, strict=True))
    return Matched(estimate, math.sqrt(max(variance, 0.0)) / len(of), (weights[0], weights[1]))


def whitened(z: Floats) -> Floats:
    """Covariates in which Euclid's distance is Mahalanobis's; directions without spread are left out."""
    centred = (z - z.mean(axis=0)) / z.std(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred, rowvar=False).reshape(z.shape[1], z.shape[1]))
    kept = values > 1e-10 * values[-1]
    return centred @ vectors[:, kept] / np.sqrt(values[kept])


def _neighbours(points: Floats, at: Floats, m: int) -> NDArray[np.int64]:
    """The m points nearest to each of `at`, nearest first [at, m]; a tree where it helps, all distances elsewhere."""
    if points.shape[1] <= FLAT:
        _, found = KDTree(points).query(at, k=m)
        return np.asarray(found, dtype=np.int64).reshape(len(at), m)
    near = np.empty((len(at), m), dtype=np.int64)
    norms = np.sum(points**2, axis=1)
    block = max(1, LARGEST // len(points))
    for start in range(0, len(at), block):
        far = norms - 2 * at[start : start + block] @ points.T
        some = np.argpartition(far, m - 1, axis=1)[:, :m]
        order = np.argsort(np.take_along_axis(far, some, axis=1), axis=1)
        near[start : start + block] = np.take_along_axis(some, order, axis=1)
    return near


def _noise(arms: Arms, near: Floats) -> Floats:
    """The variance of each row's outcome given its covariates, from its nearest rows in the same arm [n]."""
    found = np.zeros(arms.n)
    for mask, _ in arms.arms:
        rows = np.flatnonzero(mask)
        j = min(PEERS, len(rows) - 1)
        others = rows[_neighbours(near[rows], near[rows], j + 1)[:, 1:]]
        found[rows] = j / (j + 1) * (arms.y[rows] - arms.y[others].mean(axis=1)) ** 2
    return found
