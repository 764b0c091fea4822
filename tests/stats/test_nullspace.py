"""Linear classifiers and the null space of many of them."""

from __future__ import annotations

import numpy as np

from butfor.stats.nullspace import classifiers, rowspace, softmax_fit


def data(classes: int = 2, spread: int = 3, n: int = 600, d: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A concept spread over several directions: no single classifier finds it all."""
    rng = np.random.default_rng(1)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d))
    for axis in range(spread):
        x[:, axis] += 1.5 * (y == axis % classes) + 0.7 * rng.normal(size=n)
    return x, y


def test_the_algebra_of_the_projections():
    for classes in (2, 3):
        x, y = data(classes)
        found = classifiers(x, y, classes, 4)
        assert [basis.shape for basis in found] == [(classes - 1, 12)] * 4
        basis = rowspace(found, 12)
        projection = np.eye(12) - basis.T @ basis
        assert np.allclose(projection @ projection, projection, atol=1e-12)
        for i, w in enumerate(found):
            assert np.linalg.norm(w @ projection) < 1e-12
            assert all(np.abs(w @ other.T).max() < 1e-10 for other in found[:i])


def test_the_gradient_vanishes_at_the_solution():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 5)) * 4 + 2, rng.integers(0, 3, 60)
    weights, offsets = softmax_fit(x, y, 3)
    scale = np.sqrt(np.mean((x - x.mean(axis=0)) ** 2))
    scores = x @ weights.T + offsets
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    slope = (p - np.eye(3)[y]) / 60
    z = (x - x.mean(axis=0)) / scale
    assert np.abs(slope.T @ z + weights * scale / 60).max() < 1e-4
    assert np.abs(slope.sum(axis=0)).max() < 1e-4


def test_the_scale_and_origin_of_the_vectors_do_not_matter():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 2, 50)
    here = x @ softmax_fit(x, y, 2)[0].T + softmax_fit(x, y, 2)[1]
    weights, offsets = softmax_fit(100 * x + 7, y, 2)
    assert np.allclose(here, (100 * x + 7) @ weights.T + offsets, atol=1e-3)


def test_vectors_that_are_all_the_same_are_no_error():
    weights, offsets = softmax_fit(np.ones((6, 3)), np.array([0, 0, 0, 0, 1, 1]), 2)
    assert np.all(weights == 0) and offsets[0] > offsets[1]
