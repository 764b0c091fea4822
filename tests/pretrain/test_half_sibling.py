"""Half-sibling regression: it is the residual of the ridge regression of words on words, and its two limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.lm import Vectors
from butfor.pretrain.half_sibling import HalfSibling, half_sibling

RNG = np.random.default_rng(0)
D_ROWS = RNG.normal(size=(6, 20))
W_ROWS = RNG.normal(size=(50, 20))
ZERO = np.zeros(20)


@pytest.mark.parametrize("m", [6, 40])  # fewer and more words than dimensions
def test_is_the_residual_of_the_regression(m: int):
    d_rows = RNG.normal(size=(m, 20))
    d, w = d_rows.T, W_ROWS.T  # columns, as in the paper
    a = 2.0 * np.mean(np.sum(d_rows**2, axis=1))
    coefficients = np.linalg.solve(d.T @ d + a * np.eye(m), d.T @ w)
    assert np.allclose(half_sibling(d_rows, 2.0, ZERO)(W_ROWS), (w - d @ coefficients).T)


def test_without_a_ridge_what_is_left_is_orthogonal_to_the_words():
    assert np.abs(half_sibling(D_ROWS, 0.0, ZERO)(W_ROWS) @ D_ROWS.T).max() < 1e-12


def test_an_infinite_ridge_is_the_identity():
    assert np.allclose(half_sibling(D_ROWS, 1e12, ZERO)(W_ROWS), W_ROWS, atol=1e-10)


def test_a_larger_ridge_removes_less():
    removed = [half_sibling(D_ROWS, ridge, ZERO).removed for ridge in (0.0, 0.1, 1.0, 10.0)]
    assert np.isclose(removed[0], 6) and sorted(removed, reverse=True) == removed


def test_scaled_embeddings_give_scaled_results_and_the_origin_moves_along():
    made = half_sibling(D_ROWS, 2.0, ZERO)(W_ROWS)
    assert np.allclose(half_sibling(9 * D_ROWS, 2.0, ZERO)(9 * W_ROWS), 9 * made)
    shift = RNG.normal(size=20)
    assert np.allclose(half_sibling(D_ROWS + shift, 2.0, shift)(W_ROWS + shift), made + shift)


def test_labelled_text_has_no_words_to_regress_on(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"a{i} b{i}", "label": i % 2}) + "\n" for i in range(20)))
    world = Vectors("tiny", [f"{x}{i}" for x in "ab" for i in range(20)], RNG.normal(size=(40, 4)).astype(np.float32))
    with pytest.raises(UserError, match="choose leace for labelled text"):
        HalfSibling(concept=str(path)).model(world, np.random.default_rng(0))
