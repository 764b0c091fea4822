"""LEACE: guardedness, minimality, invariances, and agreement with its authors' package."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.pretrain.leace import leace
from butfor.pretrain.probe import folds, out_of_fold


def data(classes: int = 2, n: int = 900, d: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 2.0
    return x + rng.normal(size=(classes, d))[y], y


def moments(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = np.eye(y.max() + 1)[y]
    centred = x - x.mean(axis=0)
    return centred.T @ (z - z.mean(axis=0)) / len(y), centred.T @ centred / len(y), x.mean(axis=0)


@pytest.mark.parametrize("classes", [2, 4])
def test_class_means_agree_and_a_probe_is_at_chance(classes: int):
    x, y = data(classes)
    eraser = leace(*moments(x, y))
    assert eraser.rank == classes - 1 and np.isclose(eraser.removed, classes - 1)
    erased = eraser(x)
    means = np.stack([erased[y == k].mean(axis=0) for k in range(classes)])
    gap = np.abs(means - means[0]).max() / np.abs(erased).max()
    assert gap < 1e-12
    fold = folds(np.arange(len(y)), 4, np.random.default_rng(0))
    assert np.mean(out_of_fold(x, y, fold, classes)) > 1.3 / classes
    assert np.mean(out_of_fold(erased, y, fold, classes)) < 1 / classes + 0.05
    assert np.allclose(erased.mean(axis=0), x.mean(axis=0))


def test_idempotent_and_equivariant():
    x, y = data()
    eraser = leace(*moments(x, y))
    assert np.allclose(eraser(eraser(x)), eraser(x))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    moved = 3 * x @ turn + 5
    assert np.allclose(leace(*moments(moved, y))(moved), 3 * eraser(x) @ turn + 5)


def test_no_other_projection_along_the_mean_difference_moves_x_less():
    x, y = data()
    cross, covariance, mean = moments(x, y)
    least = np.sum((leace(cross, covariance, mean)(x) - x) ** 2)
    rng, a = np.random.default_rng(0), cross[:, :1]
    for _ in range(200):  # every A with A·a = 0 that is I on a complement: I − a b'/(b'a)
        b = rng.normal(size=a.shape)
        assert np.sum((((x - mean) @ b) @ a.T / (b.T @ a)) ** 2) > least


def test_a_singular_covariance_is_no_obstacle():
    x, y = data(n=8, d=20)
    erased = leace(*moments(x, y))(x)
    assert np.allclose(erased[y == 0].mean(axis=0), erased[y == 1].mean(axis=0))


def test_no_concept_no_change():
    x, _ = data()
    _, covariance, mean = moments(x, np.arange(len(x)) % 2)
    eraser = leace(np.zeros((10, 2)), covariance, mean)
    assert eraser.rank == 0 and np.array_equal(eraser(x), x)


@pytest.mark.peer
@pytest.mark.parametrize("classes", [2, 5])
def test_agrees_with_concept_erasure(classes: int):
    torch = pytest.importorskip("torch")
    package = pytest.importorskip("concept_erasure")
    x, y = data(classes)
    theirs = package.LeaceFitter.fit(
        torch.tensor(x), torch.tensor(np.eye(classes)[y]), shrinkage=False, constrain_cov_trace=False, svd_tol=1e-9
    ).eraser(torch.tensor(x))
    assert np.allclose(leace(*moments(x, y))(x), theirs.numpy(), atol=1e-9)
