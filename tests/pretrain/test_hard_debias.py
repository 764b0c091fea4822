"""Hard debiasing: the algebra of neutralising and equalising."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.pretrain.hard_debias import HardDebias, directions, equalised, first_of_each

from .planted import PAIRS, planted

RNG = np.random.default_rng(0)


def test_directions_are_the_principal_ones():
    deviation = RNG.normal(size=(40, 12)) * np.linspace(3, 0.1, 12)
    both = np.concatenate([deviation, -deviation])
    _, axes = np.linalg.eigh(both.T @ both)
    basis = directions(deviation, 3)
    assert np.allclose(basis @ basis.T, np.eye(3))
    assert np.allclose(np.abs(basis @ axes[:, ::-1][:, :3]), np.eye(3), atol=1e-6)


def test_more_components_than_pairs_is_refused():
    with pytest.raises(UserError, match="components = 5, but the concept spans 4"):
        directions(RNG.normal(size=(4, 8)), 5)


def test_neutral_words_have_no_component_and_the_nearest_length(tmp_path: Path):
    case = planted(tmp_path)
    case.world.matrix = case.world.matrix.astype(np.float64)
    before = case.neutral
    HardDebias(concept=case.concept).model(case.world, np.random.default_rng(0))
    removed = before - case.neutral
    basis = directions(removed[:50], 1)
    assert np.abs(case.neutral @ basis.T).max() < 1e-12
    assert np.allclose(removed, (before @ basis.T) @ basis)
    assert np.abs(basis @ case.direction) > 0.99
    assert np.all(np.linalg.norm(case.neutral, axis=1) <= np.linalg.norm(before, axis=1))


@pytest.mark.parametrize("components", [1, 3])
def test_equalised_pairs_are_equally_far_from_every_neutral_word(components: int, tmp_path: Path):
    case = planted(tmp_path)
    case.world.matrix = case.world.matrix.astype(np.float64)
    HardDebias(concept=case.concept, components=components).model(case.world, np.random.default_rng(0))
    first, second = case.world.matrix[:PAIRS], case.world.matrix[PAIRS : 2 * PAIRS]
    far = [np.linalg.norm(case.neutral[:, None] - side, axis=2) for side in (first[:5], second[:5])]
    assert np.allclose(*far, rtol=1e-10)
    assert np.linalg.norm(first - second, axis=1).min() > 1.0  # and still two different words


def test_equalising_unit_vectors_is_the_published_formula():
    pair = RNG.normal(size=(1, 2, 6))
    pair /= np.linalg.norm(pair, axis=2, keepdims=True)
    basis = np.linalg.qr(RNG.normal(size=(6, 2)))[0].T
    middle = pair[0].mean(axis=0)
    nu = middle - basis.T @ (basis @ middle)
    for made, w in zip(equalised(pair, basis, np.zeros(6))[0], pair[0], strict=True):
        along = basis.T @ (basis @ (w - middle))
        assert np.allclose(made, nu + np.sqrt(1 - nu @ nu) * along / np.linalg.norm(along))
        assert np.isclose(np.linalg.norm(made), 1.0)


def test_equalising_keeps_the_mean_squared_length_at_any_scale():
    pairs, origin = 7 * RNG.normal(size=(9, 2, 6)), RNG.normal(size=6)
    made = equalised(pairs, np.eye(6)[:1], origin)
    assert np.allclose(*(np.mean(np.sum((x - origin) ** 2, axis=2), axis=1) for x in (pairs, made)))


def test_a_word_of_two_pairs_is_equalised_in_the_first():
    assert first_of_each(np.array([[0, 1], [2, 1], [2, 3]])).tolist() == [[0, 1], [2, 3]]


def test_nothing_is_equalised_where_nothing_is_kept(tmp_path: Path):
    made = []
    for equalize in (True, False):
        case = planted(tmp_path)
        replace(HardDebias(concept=case.concept, keep="none"), equalize=equalize).model(
            case.world, np.random.default_rng(0)
        )
        made.append(case.world.matrix)
    assert np.array_equal(*made)
