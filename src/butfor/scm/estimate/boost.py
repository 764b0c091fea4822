"""Gradient boosting of small trees on binned covariates, in numpy.

Each tree fits the slope of the loss at the predictions so far (Friedman 2001): residuals for least squares, y - p for
the logistic loss, with second-order leaf values (Chen & Guestrin 2016). Covariates are cut into at most 32 bins once,
and a level of a tree costs one histogram. How many trees: those that predict a fifth of the rows, set apart, best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.scm.columns import Codes
from butfor.scm.estimate.nuisance import expit
from butfor.scm.estimate.result import Floats, Mask

BINS = 32
DEPTH = 3
RATE = 0.1
TREES = 200
PATIENCE = 15
LEAST = 10.0  # rows of a leaf
RIDGE = 1.0
ENOUGH = 50  # rows, to set some apart


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A sum of trees, level by level: a row moves to child 2 i + (bin > cut)."""

    edges: tuple[Floats, ...]
    start: float
    features: Codes  # [trees, 2^depth - 1]
    cuts: Codes  # [trees, 2^depth - 1]
    leaves: Floats  # [trees, 2^depth]
    logit: bool

    def predict(self, z: Floats) -> Floats:
        eta = self.raw(_binned(z, self.edges))
        return expit(eta) if self.logit else eta

    def raw(self, bins: Codes) -> Floats:
        eta = np.full(len(bins), self.start)
        for features, cuts, leaves in zip(self.features, self.cuts, self.leaves, strict=True):
            eta += leaves[_leaf(bins, features, cuts)]
        return eta


def fit_boosted(z: Floats, y: Floats, *, logit: bool) -> Boosted:
    """Boost on all rows, with as many trees as predict every fifth row, set apart, best."""
    edges = tuple(np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])) for column in z.T)
    bins = _binned(z, edges)
    count = TREES // 4
    if len(y) >= ENOUGH:
        apart = np.arange(len(y)) % 5 == 4
        count = _boost(edges, bins, y, ~apart, TREES, logit)[1]
    return _boost(edges, bins, y, np.ones(len(y), dtype=np.bool_), count, logit)[0]


def _boost(
    edges: tuple[Floats, ...], bins: Codes, y: Floats, train: Mask, count: int, logit: bool
) -> tuple[Boosted, int]:
    """Up to `count` trees on some rows, and how many of them predict the other rows best."""
    mean = float(np.clip(y[train].mean(), 1e-3, 1 - 1e-3)) if logit else float(y[train].mean())
    start = float(np.log(mean / (1 - mean))) if logit else mean
    eta = np.full(len(y), start)
    trees: list[tuple[Codes, Codes, Floats]] = []
    best, kept = np.inf, 0
    for done in range(count):
        p = expit(eta[train]) if logit else eta[train]
        features, cuts, leaves = _grow(bins[train], y[train] - p, p * (1 - p) if logit else np.ones(len(p)))
        trees.append((features, cuts, leaves))
        eta += leaves[_leaf(bins, features, cuts)]
        if train.all():
            continue
        loss = _loss(eta[~train], y[~train], logit)
        if loss < best:
            best, kept = loss, done + 1
        elif done - kept >= PATIENCE:
            break
    size = 2**DEPTH
    return Boosted(
        edges, start,
        np.array([tree[0] for tree in trees], dtype=np.int64).reshape(-1, size - 1),
        np.array([tree[1] for tree in trees], dtype=np.int64).reshape(-1, size - 1),
        np.array([tree[2] for tree in trees], dtype=np.float64).reshape(-1, size),
        logit,
    ), kept  # fmt: skip


def _binned(z: Floats, edges: tuple[Floats, ...]) -> Codes:
    found = np.empty(z.shape, dtype=np.int64)
    for place, edge in enumerate(edges):
        found[:, place] = np.searchsorted(edge, z[:, place], side="left")
    return found


def _grow(bins: Codes, slope: Floats, weight: Floats) -> tuple[Codes, Codes, Floats]:
    """One tree: at every node the cut with the largest gain; a node that cannot be cut sends all rows left."""
    n, k = bins.shape
    features = np.zeros(2**DEPTH - 1, dtype=np.int64)
    cuts = np.full(2**DEPTH - 1, BINS, dtype=np.int64)
    node = np.zeros(n, dtype=np.int64)
    flat: Codes = bins + BINS * np.arange(int(k))
    for depth in range(DEPTH):
        count = 2**depth
        places: Codes = (flat + (node * k * BINS)[:, None]).ravel()
        shape = (count, k, BINS)
        sums = [
            np.bincount(places, np.repeat(values, k), minlength=count * k * BINS).reshape(shape).cumsum(axis=2)
            for values in (slope, weight, np.ones(n))
        ]
        gain = _gains(*sums).reshape(count, -1)
        chosen = np.argmax(gain, axis=1)
        useful = gain[np.arange(count), chosen] > 0
        first = count - 1
        features[first : first + count] = np.where(useful, chosen // BINS, 0)
        cuts[first : first + count] = np.where(useful, chosen % BINS, BINS)
        mine = first + node
        node = 2 * node + (bins[np.arange(n), features[mine]] > cuts[mine])
    top = np.bincount(node, slope, minlength=2**DEPTH)
    bottom = np.bincount(node, weight, minlength=2**DEPTH)
    return features, cuts, RATE * top / (bottom + RIDGE)


def _gains(slope: Floats, weight: Floats, rows: Floats) -> Floats:
    """What each cut gains [nodes, k, bins], from cumulated histograms; 0 where a side would be too small."""
    total, heavy, all_rows = slope[..., -1:], weight[..., -1:], rows[..., -1:]
    left = slope**2 / (weight + RIDGE)
    right = (total - slope) ** 2 / (heavy - weight + RIDGE)
    gain = left + right - total**2 / (heavy + RIDGE)
    return np.where((rows >= LEAST) & (all_rows - rows >= LEAST), gain, 0.0)


def _leaf(bins: Codes, features: Codes, cuts: Codes) -> Codes:
    node = np.zeros(len(bins), dtype=np.int64)
    rows = np.arange(len(bins))
    for depth in range(DEPTH):
        mine = 2**depth - 1 + node
        node = 2 * node + (bins[rows, features[mine]] > cuts[mine])
    return node


def _loss(eta: Floats, y: Floats, logit: bool) -> float:
    losses: Floats = np.logaddexp(0.0, eta) - y * eta if logit else (y - eta) ** 2
    return float(losses.mean())
