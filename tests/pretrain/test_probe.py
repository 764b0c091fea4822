"""The probe: it is softmax regression, it does not leak, and it reads a concept that is there and none that is not."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import orthogonal
from butfor.pretrain.probe import folds, held_out, out_of_fold, softmax_fit


def labelled(signal: float, n: int = 80, d: int = 200) -> Labelled:
    """More dimensions than words, in pairs that share a vector of their own."""
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(n // 2, d)), 2, axis=0)
    y = np.arange(n) % 2
    x = own + 0.3 * rng.normal(size=(n, d))
    x[:, 0] += signal * (2 * y - 1)
    pairs = np.arange(n).reshape(-1, 2)
    return Labelled(x, y, np.arange(n) // 2, ("first", "second"), np.arange(n), pairs, "")


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


def test_folds_never_split_a_group():
    group = np.repeat(np.arange(23), 3)
    fold = folds(group, 4, np.random.default_rng(0))
    assert all(len(set(fold[group == g].tolist())) == 1 for g in range(23))
    sizes = np.bincount(fold) // 3
    assert sizes.max() - sizes.min() <= 1
    assert np.array_equal(fold, folds(group, 4, np.random.default_rng(0)))


def test_out_of_fold_accuracy_of_noise_is_chance():
    rng = np.random.default_rng(3)
    accuracies = []
    for _ in range(20):
        x, y = rng.normal(size=(60, 100)), rng.permutation(np.arange(60) % 2)
        accuracies.append(np.mean(out_of_fold(x, y, folds(np.arange(60), 4, rng), 2)))
    assert abs(np.mean(accuracies) - 0.5) < 4 * 0.5 / np.sqrt(1200)


@pytest.mark.parametrize(("erases", "after"), [("the concept", (0.3, 0.7)), ("nothing", (0.95, 1.0))])
def test_held_out_sees_what_an_eraser_did_to_other_words(erases: str, after: tuple[float, float]):
    axis = np.eye(200)[:1] if erases == "the concept" else np.empty((0, 200))
    reading = held_out(labelled(3.0), lambda _: orthogonal(axis, np.zeros(200)), np.random.default_rng(0))
    assert reading is not None and reading.n == 80 and reading.chance == 0.5
    assert reading.before > 0.95
    assert after[0] <= reading.after <= after[1]


def test_too_few_words_are_not_split():
    assert (
        held_out(labelled(3.0, n=30), lambda _: orthogonal(np.empty((0, 200)), np.zeros(200)), np.random.default_rng(0))
        is None
    )
