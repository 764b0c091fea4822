"""The marginal sensitivity model against a linear programme, and intervals against worlds that obey it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from butfor.core.errors import DataError, QueryError
from butfor.scm.refuters.batched import logistic, with_one
from butfor.scm.refuters.marginal import marginal

Floats = NDArray[np.float64]


def world(n: int, seed: int, factor: float = 1.0, effect: float = 0.5) -> dict[str, Floats]:
    """Overlap, a covariate, and an unseen fair coin that moves the odds of treatment and the outcome."""
    rng = np.random.default_rng(seed)
    z, u = rng.normal(size=n), rng.integers(0, 2, size=n).astype(float)
    e = 1 / (1 + np.exp(-0.5 * z))
    # P(X=1 | z, u) = e ± d with both odds within the factor of e's
    d = np.minimum(factor * e / (1 - e + factor * e) - e, e - e / (e + factor * (1 - e)))
    x = (rng.random(n) < e + np.where(u == 1, d, -d)).astype(float)
    return {"X": x, "Z": z, "Y": effect * x + 0.5 * z + u + 0.5 * rng.normal(size=n)}


def programme(y: Floats, odds: Floats, factor: float, sign: float) -> float:
    """max of Σ w y / Σ w over w_i in [1 + o/Λ, 1 + Λ o], by Charnes and Cooper: w = v / t, Σ v = 1."""
    n = len(y)
    low, high = 1 + odds / factor, 1 + odds * factor
    upper = np.concatenate([np.hstack([np.eye(n), -high[:, None]]), np.hstack([-np.eye(n), low[:, None]])])
    total = np.append(np.ones(n), 0.0)[None]
    found = linprog(np.append(-sign * y, 0.0), upper, np.zeros(2 * n), total, [1.0], bounds=(0, None))
    assert found.status == 0
    return float(-sign * found.fun)


@pytest.mark.parametrize("factor", [1.0, 1.5, 4.0])
def test_bounds_are_those_of_the_linear_programme(factor: float) -> None:
    data = world(40, 1)
    design = with_one(data["Z"][:, None])
    e = logistic(design, data["X"])[0]
    one, two = data["X"] == 1, data["X"] == 0
    y, up, down = data["Y"], (1 - e) / e, e / (1 - e)
    low = programme(y[one], up[one], factor, -1) - programme(y[two], down[two], factor, 1)
    high = programme(y[one], up[one], factor, 1) - programme(y[two], down[two], factor, -1)
    assert marginal(data, "X", "Y", ["Z"]).bounds(factor) == pytest.approx((low, high), abs=1e-7)


def test_without_a_factor_the_bounds_are_weighting_itself() -> None:
    data = world(300, 2)
    e = logistic(with_one(data["Z"][:, None]), data["X"])[0]
    w = np.where(data["X"] == 1, 1 / e, 1 / (1 - e))
    means = [np.average(data["Y"][data["X"] == arm], weights=w[data["X"] == arm]) for arm in (1, 0)]
    found = marginal(data, "X", "Y", ["Z"])
    assert found.bounds(1.0) == pytest.approx((means[0] - means[1],) * 2)
    assert found.estimate == pytest.approx(means[0] - means[1])


def test_bounds_widen_with_the_factor_and_meet_zero_where_they_say() -> None:
    found = marginal(world(400, 3, effect=1.0), "X", "Y", ["Z"], draws=50)
    ends = [found.bounds(factor) for factor in (1.0, 1.2, 2.0, 5.0)]
    assert [low for low, _ in ends] == sorted((low for low, _ in ends), reverse=True)
    assert [high for _, high in ends] == sorted(high for _, high in ends)
    assert found.bounds(found.lost())[0] == pytest.approx(0, abs=1e-6)
    at = found.lost(level=0.95)
    assert 1 < at < found.lost()
    assert found.interval(at * 0.99)[0] > 0 > found.interval(at * 1.05)[0]


def test_mirrored_outcomes_mirror_the_bounds() -> None:
    data = world(200, 4, effect=1.0)
    found = marginal(data, "X", "Y", ["Z"])
    mirrored = marginal({**data, "Y": -data["Y"]}, "X", "Y", ["Z"])
    assert mirrored.bounds(2.0) == pytest.approx(tuple(-end for end in found.bounds(2.0)[::-1]))
    assert mirrored.lost() == pytest.approx(found.lost())
    assert marginal({**data, "Y": -np.abs(data["Y"]) * 0 - data["Z"]}, "X", "Y").lost(None) >= 1.0


def test_intervals_cover_the_truth_in_worlds_with_that_much_hidden_confounding() -> None:
    covered = naive = 0
    for seed in range(40):
        found = marginal(world(300, 100 + seed, factor=2.0), "X", "Y", ["Z"], draws=100, seed=seed)
        low, high = found.interval(2.0)
        covered += low <= 0.5 <= high
        low, high = found.interval(1.0)
        naive += low <= 0.5 <= high
    assert covered >= 37
    assert naive < 30


def test_arms_by_label_and_by_value() -> None:
    data = world(100, 5)
    plain = marginal(data, "X", "Y", ["Z"]).bounds(2.0)
    words = {**data, "X": np.where(data["X"] == 1, "yes", "no")}
    assert marginal(words, "X", "Y", ["Z"], treated="yes", control="no").bounds(2.0) == plain
    assert marginal(words, "X", "Y", ["Z"]).bounds(2.0) == plain
    three = {**data, "X": data["X"] * 3}
    assert marginal(three, "X", "Y", ["Z"], treated=3).bounds(2.0) == plain


def test_bad_input_is_refused() -> None:
    data = world(50, 6)
    with pytest.raises(DataError, match=r"Z is never 1; it is one of .* treated= and control="):
        marginal(data, "Z", "Y")
    found = marginal(data, "X", "Y", ["Z"])
    with pytest.raises(QueryError, match="1 or more"):
        found.bounds(0.5)
    with pytest.raises(QueryError, match="draws=1000"):
        found.interval(2.0)
    with pytest.raises(QueryError, match="draws=1000"):
        found.lost(0.95)
    assert not math.isnan(found.lost())
