"""Explainers of concept effects, on worlds whose effects are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from butfor.evaluate.concept.explainers import (
    NAMES,
    Case,
    Seen,
    coordinates,
    distances,
    fitted,
    indicators,
    ridge,
)
from butfor.evaluate.concept.learnt import learnt

VALUES = np.array(list(product(range(3), repeat=4)))  # 81 texts: every combination of four concepts once


def world(seed: int = 0, d: int = 20) -> tuple[Seen, np.ndarray]:
    """What the model says is linear in the concepts, and so are the features, in directions of their own."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(12, 5))
    features = indicators(VALUES) @ np.linalg.qr(rng.normal(size=(d, 12)))[0].T
    return Seen(VALUES, indicators(VALUES) @ weights, features), weights


def case(seen: Seen, row: int, concept: int, target: int) -> tuple[Case, np.ndarray]:
    """A training text with a concept changed, and the true effect."""
    changed = VALUES[row].copy()
    changed[concept] = target
    other = int(np.flatnonzero((changed == VALUES).all(axis=1))[0])
    would = {"rules": seen.outputs[other], "pipeline": seen.outputs[0], "written": seen.outputs[1]}
    made = Case(VALUES[row], concept, target, seen.outputs[row], seen.features[row], would)
    return made, seen.outputs[other] - seen.outputs[row]


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("name", ["approximate", "s_learner"])
def test_explainers_of_labels_are_exact_where_labels_are_all_that_matters(name: str) -> None:
    seen, _ = world()
    explain = fitted(seen, 1)[name]
    for row, concept, target in [(0, 0, 2), (40, 1, 0), (80, 3, 1), (17, 2, 1)]:
        one, truth = case(seen, row, concept, target)
        assert explain(one, rng()) == pytest.approx(truth, abs=1e-9)


def test_approximate_takes_a_text_that_differs_least() -> None:
    seen, _ = world()
    left = Seen(seen.values[1:], seen.outputs[1:], seen.features[1:])  # without the text of all zeros
    one = Case(VALUES[27], 0, 0, seen.outputs[27], seen.features[27])  # which would be the match of this one
    found = fitted(left, 1)["approximate"](one, rng()) + one.output
    row = int(np.argmin(np.abs(left.outputs - found).sum(axis=1)))
    assert left.values[row][0] == 0 and np.sum(left.values[row] != VALUES[0]) == 1


def test_matching_finds_the_nearest_in_features() -> None:
    seen, _ = world()
    one, truth = case(seen, 27, 0, 0)
    assert fitted(seen, 1)["matching"](one, rng()) == pytest.approx(truth, abs=1e-9)


def test_a_random_text_is_right_by_chance_alone() -> None:
    seen, _ = world()
    explain = fitted(seen, 1)["random"]
    one, truth = case(seen, 3, 1, 2)
    drawn = {tuple(explain(one, np.random.default_rng(seed)) + one.output) for seed in range(40)}
    assert len(drawn) > 20 and drawn <= {tuple(row) for row in seen.outputs + 0.0} | drawn
    assert np.mean([np.linalg.norm(np.array(found) - one.output - truth) for found in drawn]) > 1


def test_projecting_a_concept_out_leaves_its_mean() -> None:
    """Features that hold the concepts in orthogonal directions: erasing one sets it to its average over the texts."""
    seen, weights = world()
    explain = fitted(seen, 4)["inlp"]
    for row, concept in [(0, 0), (5, 3), (60, 2)]:
        one, _ = case(seen, row, concept, 1)
        block = weights[3 * concept : 3 * concept + 3]
        expected = block.mean(axis=0) - block[VALUES[row][concept]]
        assert explain(one, rng()) == pytest.approx(expected, abs=0.05)


def test_a_concept_that_the_model_ignores_has_no_estimated_effect() -> None:
    seen, weights = world()
    weights[:3] = weights[:1]  # the first concept's values are all worth the same
    blind = Seen(seen.values, indicators(VALUES) @ weights, seen.features)
    one, truth = case(blind, 50, 0, 0)
    assert truth == pytest.approx(0)
    for name in ("approximate", "s_learner"):
        assert fitted(blind, 1)[name](one, rng()) == pytest.approx(0, abs=1e-9)


def test_distances_by_hand() -> None:
    found = distances(np.array([3.0, 0.0]), np.array([0.0, 4.0]))
    assert found == {"l2": pytest.approx(5.0), "norm": pytest.approx(1.0), "cosine": pytest.approx(1.0)}
    assert distances(np.zeros(2), np.array([0.0, 4.0])) == {"l2": 4.0, "norm": 4.0}
    assert distances(np.array([1.0, 2.0]), np.array([2.0, 4.0]))["cosine"] == pytest.approx(0, abs=1e-12)


def test_the_ridge_finds_a_signal_and_shrinks_noise() -> None:
    draw = np.random.default_rng(2)
    x = draw.normal(size=(60, 40))
    x -= x.mean(axis=0)
    signal = x[:, :1] @ np.ones((1, 2))
    assert np.linalg.norm(x @ ridge(x, signal) - signal) < 0.05 * np.linalg.norm(signal)
    noise = draw.normal(size=(60, 2))
    assert np.linalg.norm(ridge(x, noise - noise.mean(axis=0))) < 0.2 * np.linalg.norm(np.linalg.lstsq(x, noise)[0])
    assert not ridge(np.zeros((5, 3)), np.ones((5, 2))).any()


def test_the_strength_is_the_one_with_the_least_error_left_out() -> None:
    draw = np.random.default_rng(3)
    x = draw.normal(size=(12, 4))
    x -= x.mean(axis=0)
    y = x[:, :1] + draw.normal(size=(12, 1))
    y -= y.mean(axis=0)
    from butfor.evaluate.concept.explainers import STRENGTHS

    def left_out(strength: float) -> float:
        errors = []
        for row in range(12):
            seen = np.arange(12) != row
            mx, my = x[seen].mean(axis=0), y[seen].mean(axis=0)
            gram = (x[seen] - mx).T @ (x[seen] - mx) + strength * np.eye(4)
            weights = np.linalg.solve(gram, (x[seen] - mx).T @ (y[seen] - my))
            errors.append((y[row] - my - (x[row] - mx) @ weights) ** 2)
        return float(np.mean(errors))

    scale = float(np.mean(np.linalg.svd(x)[1] ** 2))
    best = min(STRENGTHS * scale, key=left_out)
    expected = np.linalg.solve(x.T @ x + best * np.eye(4), x.T @ y)
    assert ridge(x, y) == pytest.approx(expected, abs=1e-6)


def test_a_training_set_without_some_value() -> None:
    seen, _ = world()
    few = Seen(seen.values[:27], seen.outputs[:27], seen.features[:27])  # the first concept is always 0
    one, _ = case(seen, 4, 0, 2)
    explainers = fitted(few, 2)
    assert set(explainers) == set(NAMES) - {"coordinates"}  # for models with a head
    assert all(np.isfinite(explain(one, rng())).all() for explain in explainers.values())


def test_texts_that_are_made_count_by_what_is_said_of_them() -> None:
    seen, _ = world()
    one, truth = case(seen, 40, 1, 0)
    assert fitted(seen, 1)["rules"](one, rng()) == pytest.approx(truth)
    assert fitted(seen, 1)["pipeline"](one, rng()) == pytest.approx(seen.outputs[0] - one.output)


def test_swapped_coordinates_are_exact_where_each_concept_has_its_own() -> None:
    """Features that hold each concept's indicators in coordinates of their own, and a head that is linear in them."""
    weights = np.random.default_rng(0).normal(size=(12, 5))
    told = indicators(VALUES)
    seen = Seen(VALUES, told @ weights, told)
    for row, concept, target in [(0, 0, 2), (40, 1, 0), (80, 3, 1)]:
        one, truth = case(seen, row, concept, target)
        assert coordinates(seen, 3, lambda features: features @ weights, one, rng()) == pytest.approx(truth, abs=1e-9)
    none, (one, _) = Seen(VALUES[:1], seen.outputs[:1], told[:1]), case(seen, 0, 0, 2)
    assert not coordinates(none, 3, lambda features: features @ weights, one, rng()).any()


def test_a_learnt_space_matches_by_concepts_where_features_are_mostly_of_other_things() -> None:
    """A topic moves the features far more than the concepts do: plain matching follows it."""
    rng_ = np.random.default_rng(1)
    values = rng_.integers(3, size=(240, 4))
    topic = rng_.normal(size=(240, 3)) * 6
    mix = np.linalg.qr(rng_.normal(size=(15, 15)))[0]
    features = np.hstack([indicators(values), topic]) @ mix
    outputs = indicators(values) @ np.random.default_rng(2).normal(size=(12, 5))
    seen = Seen(values[:220], outputs[:220], features[:220])
    explainers = fitted(seen, 1, matches=3)
    error = {"learnt": [], "matching": [], "random": []}
    for row in range(220, 240):
        for concept in range(4):
            would = values[row].copy()
            would[concept] = (values[row][concept] + 1) % 3
            truth = indicators(would[None])[0] @ np.random.default_rng(2).normal(size=(12, 5)) - outputs[row]
            one = Case(values[row], concept, int(would[concept]), outputs[row], features[row])
            for name, found in error.items():
                found.append(distances(explainers[name](one, rng()), truth)["l2"])
    mean = {name: np.mean(found) for name, found in error.items()}
    assert mean["learnt"] < 0.6 * mean["matching"] and mean["learnt"] < 0.4 * mean["random"]
    space = learnt(seen.values, seen.features, 0)
    assert np.array_equal(space.maps, learnt(seen.values, seen.features, 0).maps)
