"""INLP: products of its projections, and that it stops where it should."""

from __future__ import annotations

import numpy as np

from butfor.pretrain.embeddings import orthogonal
from butfor.pretrain.inlp import rounds_needed
from butfor.pretrain.probe import folds, out_of_fold
from butfor.stats.nullspace import classifiers, rowspace


def data(classes: int = 2, spread: int = 3, n: int = 600, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A concept spread over several directions: no single classifier finds it all."""
    rng = np.random.default_rng(1)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d))
    for axis in range(spread):
        x[:, axis] += 1.5 * (y == axis % classes) + 0.7 * rng.normal(size=n)
    return x, y


def test_the_original_is_projected_so_order_and_products_agree():
    x, y = data()
    found = classifiers(x, y, 2, 5)
    product = np.eye(12)
    for basis in found:
        product = product @ (np.eye(12) - basis.T @ basis)
    assert np.allclose(orthogonal(rowspace(found, 12), np.zeros(12))(x), x @ product, atol=1e-9)


def test_rounds_stop_at_the_majority():
    x, y = data()
    fold = folds(np.arange(len(y)), 4, np.random.default_rng(0))
    count = rounds_needed(x, y, fold, 2, 12)
    assert 1 <= count <= 8
    erased = orthogonal(rowspace(classifiers(x, y, 2, count), 12), np.zeros(12))(x)
    assert np.mean(out_of_fold(x, y, fold, 2)) > 0.7
    assert np.mean(out_of_fold(erased, y, fold, 2)) < 0.55


def test_without_a_concept_there_is_nothing_to_do():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 5)), np.arange(400) % 2
    counts = [rounds_needed(x, y, folds(np.arange(400), 4, np.random.default_rng(seed)), 2, 5) for seed in range(8)]
    assert np.median(counts) <= 1


def test_no_more_rounds_than_asked():
    x, y = data(spread=8)
    assert rounds_needed(x, y, folds(np.arange(len(y)), 4, np.random.default_rng(0)), 2, 1) == 1
