"""The bootstraps: moments of the counts, scipy, known limits, clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as sps

from butfor.stats import bca, crossed_bootstrap, studentised
from butfor.stats.bootstrap import Ratio, counts, studentised_draws, sums


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n", [10, 256, 257, 1001])
def test_counts_have_the_moments_of_resampling(n: int) -> None:
    c = counts(n, 200_000 // n + 100, rng())
    assert c.shape[1] == n and c.min() == 0
    assert c.mean() == pytest.approx(1, abs=0.02)
    assert c.var() == pytest.approx(1, abs=1 / n + 0.05)
    assert np.mean((c - 1) ** 3) == pytest.approx(1, abs=3 / n + 0.2)
    if n <= 256:
        assert (c.sum(1) == n).all()


def test_sums_do_not_depend_on_how_they_are_cut() -> None:
    x = rng(1).normal(size=(400, 2))
    means = sums(np.column_stack([x, np.ones(400)]), 6000, rng())
    assert means.shape == (6000, 3)
    assert np.std(means[:, 0] / means[:, 2]) == pytest.approx(x[:, 0].std() / 20, rel=0.05)


@pytest.mark.parametrize("n", [40, 600])
def test_bca_agrees_with_scipy(n: int) -> None:
    x = rng(2).exponential(size=n)
    theirs = sps.bootstrap((x,), np.mean, method="BCa", n_resamples=9999, rng=rng(3)).confidence_interval
    ours = bca(x, rng=rng(4))
    width = theirs.high - theirs.low
    assert ours == (pytest.approx(theirs.low, abs=0.03 * width), pytest.approx(theirs.high, abs=0.03 * width))


@pytest.mark.parametrize("n", [60, 2000])
def test_studentised_is_near_t_for_normal_data_and_leans_for_skewed(n: int) -> None:
    x = rng(5).normal(size=n)
    low, high = studentised(x, rng=rng())
    ends = sps.ttest_1samp(x, 0).confidence_interval()
    width = ends.high - ends.low
    assert low == pytest.approx(ends.low, abs=0.08 * width) and high == pytest.approx(ends.high, abs=0.08 * width)
    y = rng(6).lognormal(size=n)
    low, high = studentised(y, rng=rng())
    assert high - y.mean() > y.mean() - low


def test_studentised_draws_match_a_plain_loop() -> None:
    x = rng(7).exponential(size=12)
    draws = studentised_draws(Ratio(x, np.ones(12)), rng(8), 20_000)
    again = rng(9)
    plain = []
    for _ in range(4000):
        y = again.choice(x, 12)
        plain.append((y.mean() - x.mean()) / (y.std(ddof=1) / np.sqrt(12)))
    for q in (0.05, 0.5, 0.95):
        assert np.quantile(draws, q) == pytest.approx(np.quantile(plain, q), abs=0.2)


def test_clusters_of_one_change_nothing_and_copies_do_not_shrink() -> None:
    x = rng(10).normal(size=50)
    assert bca(x, clusters=np.arange(50), rng=rng()) == pytest.approx(bca(x, rng=rng()))
    copies, label = np.repeat(x, 4), np.repeat(np.arange(50), 4)
    for method in (bca, studentised):
        assert method(copies, clusters=label, rng=rng()) == pytest.approx(method(x, rng=rng()))


def test_unequal_clusters_weigh_as_much_as_their_items() -> None:
    x, label = np.array([1.0, 1.0, 1.0, 4.0]), [0, 0, 0, 1]
    low, high = bca(x, clusters=label, rng=rng())
    assert low <= x.mean() <= high


def test_crossed_is_the_items_bootstrap_for_identical_seeds() -> None:
    x = rng(11).normal(size=80)
    low, high = crossed_bootstrap(np.tile(x, (5, 1)), rng=rng())
    half = 1.96 * x.std() / np.sqrt(80)
    assert (low, high) == (pytest.approx(x.mean() - half, abs=0.02), pytest.approx(x.mean() + half, abs=0.02))


def test_crossed_sees_the_seeds() -> None:
    by_seed = rng(12).normal(size=(12, 1))
    low, high = crossed_bootstrap(np.tile(by_seed, (1, 300)), rng=rng())
    assert high - low == pytest.approx(2 * 1.96 * by_seed.std() / np.sqrt(12), rel=0.1)


def test_constant_values_and_wrong_shapes() -> None:
    assert studentised(np.full(5, 2.0), rng=rng()) == (2.0, 2.0)
    assert bca(np.full(5, 2.0), rng=rng()) == (2.0, 2.0)
    with pytest.raises(ValueError, match="two finite numbers"):
        bca([1.0], rng=rng())
    with pytest.raises(ValueError, match="two finite numbers"):
        studentised([1.0, float("nan")], rng=rng())
    with pytest.raises(ValueError, match="seeds, items"):
        crossed_bootstrap([1.0, 2.0], rng=rng())


def test_the_same_generator_gives_the_same_interval() -> None:
    x = rng(13).normal(size=30)
    assert studentised(x, rng=rng(1)) == studentised(x, rng=rng(1)) != studentised(x, rng=rng(2))
