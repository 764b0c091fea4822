"""The probe: it is softmax regression, it does not leak, and it reads a concept that is there and none that is not."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.pretrain.concepts import Labelled
from butfor.pretrain.embeddings import orthogonal
from butfor.pretrain.probe import folds, held_out, out_of_fold


def labelled(signal: float, n: int = 80, d: int = 200) -> Labelled:
    """More dimensions than words, in pairs that share a vector of their own."""
    rng = np.random.default_rng(0)
    own = np.repeat(rng.normal(size=(n // 2, d)), 2, axis=0)
    y = np.arange(n) % 2
    x = own + 0.3 * rng.normal(size=(n, d))
    x[:, 0] += signal * (2 * y - 1)
    pairs = np.arange(n).reshape(-1, 2)
    return Labelled(x, y, np.arange(n) // 2, ("first", "second"), np.arange(n), pairs, "")


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
