"""Joint normal distributions: chances of boxes against known values, conditioning, truncated means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.scm.models.normal import Normal

POSITIVE = (0.0, math.inf)


def standard(*correlations: float) -> Normal:
    n = int((1 + math.sqrt(1 + 8 * len(correlations))) / 2)
    spread = np.eye(n)
    spread[np.triu_indices(n, 1)] = correlations
    return Normal(
        tuple("abcdefg"[:n]), np.zeros(n), np.maximum(spread, spread.T) + np.minimum(spread, spread.T) - np.eye(n)
    )


@pytest.mark.parametrize("r", [-0.99, -0.5, 0.0, 0.3, 0.9, 0.999])
def test_two_dimensions_are_exact(r: float) -> None:
    chance, error = standard(r).box({"a": POSITIVE, "b": POSITIVE})
    assert chance == pytest.approx(0.25 + math.asin(r) / (2 * math.pi), abs=1e-9) and error == 0


def test_three_dimensions_know_their_error() -> None:
    r = (0.5, -0.2, 0.3)
    chance, error = standard(*r).box(dict.fromkeys("abc", POSITIVE))
    truth = 1 / 8 + sum(math.asin(x) for x in r) / (4 * math.pi)
    assert abs(chance - truth) < max(5 * error, 1e-7) and error < 1e-5


def test_five_dimensions_agree_with_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        load, center = rng.normal(size=(5, 5)), rng.normal(size=5)
        low = center - 2 + rng.normal(size=5)
        high = low + 1 + 2 * rng.random(5)
        mine = Normal(tuple("abcde"), center, load @ load.T).box(
            dict(zip("abcde", zip(low, high, strict=True), strict=True))
        )
        theirs = multivariate_normal.cdf(high, center, load @ load.T, lower_limit=low, abseps=1e-8, releps=1e-6)
        assert mine[0] == pytest.approx(float(theirs), abs=1e-5 + 5 * mine[1])


def test_far_tails_keep_their_digits() -> None:
    one = Normal(("a",), np.zeros(1), np.eye(1))
    assert one.box({"a": (8.0, math.inf)})[0] == pytest.approx(6.220960574271785e-16, rel=1e-9)
    assert one.box({"a": (-math.inf, -8.0)})[0] == pytest.approx(6.220960574271785e-16, rel=1e-9)


def test_variables_that_determine_each_other() -> None:
    twice = Normal(("a", "b"), np.zeros(2), np.ones((2, 2)))
    assert twice.box({"a": POSITIVE, "b": (-math.inf, 1.0)})[0] == pytest.approx(0.34134474606854, abs=1e-12)
    opposite = Normal(("a", "b"), np.ones(2), np.array([[1.0, -2.0], [-2.0, 4.0]]))
    assert opposite.box({"a": (1.0, 3.0), "b": (-1.0, 2.0)})[0] == pytest.approx(0.34134474606854, abs=1e-12)
    assert opposite.box({"a": (2.0, 3.0), "b": (2.0, 3.0)})[0] == 0
    assert twice.given({"a": 2.0}).mean("b") == pytest.approx(2) and twice.given({"a": 2.0}).var("b") == 0
    assert twice.given({"a": 2.0, "b": 2.0}).mean("a") == 2
    with pytest.raises(Impossible, match="determined by the rest"):
        twice.given({"a": 2.0, "b": 2.1})


def test_means_within_boxes_match_draws() -> None:
    three = standard(0.5, -0.4, 0.2)
    drawn = three.sample(400_000, seed=0)
    inside = (drawn["a"] > 0.5) & (drawn["b"] > -1) & (drawn["b"] < 0.3)
    limits = {"a": (0.5, math.inf), "b": (-1.0, 0.3)}
    for name in "abc":
        assert three.within(name, limits) == pytest.approx(float(drawn[name][inside].mean()), abs=0.01)
    assert standard(0.0).within("a", {"a": POSITIVE}) == pytest.approx(math.sqrt(2 / math.pi))


def test_intervals_of_variables_that_determine_each_other_count_once() -> None:
    normal = Normal(("X", "Twice", "Minus"), np.array([0.0, 1.0, 0.0]), np.outer((1, 2, -1), (1, 2, -1)).astype(float))
    alone = normal.within("X", {"X": (0.5, 2.0)})
    assert normal.within("X", {"X": (0.5, 3.0), "Twice": (2.0, 5.0)}) == pytest.approx(alone, abs=1e-12)
    assert normal.within("X", {"Minus": (-2.0, -0.5), "X": (0.5, math.inf)}) == pytest.approx(alone, abs=1e-12)
    assert normal.within("Twice", {"Minus": (-2.0, 1.0), "X": (0.5, 9.0)}) == pytest.approx(1 + 2 * alone, abs=1e-12)


def test_conditioning_in_steps_is_conditioning_at_once() -> None:
    rng = np.random.default_rng(1)
    load = rng.normal(size=(4, 4))
    joint = Normal(tuple("abcd"), rng.normal(size=4), load @ load.T)
    once, steps = joint.given({"a": 1.0, "c": -1.0}), joint.given({"a": 1.0}).given({"c": -1.0})
    assert np.allclose(once.center, steps.center) and np.allclose(once.spread, steps.spread)


def test_mistakes_cost_one_line() -> None:
    with pytest.raises(UnknownName):
        standard(0.5).mean("z")
    with pytest.raises(QueryError, match="lower end to its upper"):
        standard(0.5).box({"a": (1.0, 0.0)})
    with pytest.raises(Impossible, match="probability zero"):
        standard(0.5).within("a", {"a": (60.0, 61.0)})
