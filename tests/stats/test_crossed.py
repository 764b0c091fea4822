"""Seeds × items: the mean squares by hand, and both limits exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.stats import adjust, paired
from butfor.stats.compare import mean_reach
from butfor.stats.crossed import by_cluster, mean_squares, seeds_reach
from butfor.stats.quantiles import t_quantile
from butfor.stats.reach import JoinedReach, p_values


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_mean_squares_are_those_of_a_two_way_table() -> None:
    z = np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 8.0]])  # additive: no noise
    seeds, items, noise = mean_squares(z)
    assert (float(seeds), float(items), float(noise)) == (pytest.approx(6.0), pytest.approx(14.0), pytest.approx(0.0))


def test_mean_squares_estimate_the_variance_components() -> None:
    s, n, reps = 4, 12, 20_000
    z = 0.5 * normal(reps, s, 1, seed=1) + normal(reps, 1, n, seed=2) + 0.8 * normal(reps, s, n, seed=3)
    seeds, items, noise = (np.mean(part) for part in mean_squares(z))
    assert noise == pytest.approx(0.64, rel=0.01)
    assert (seeds - noise) / n == pytest.approx(0.25, rel=0.04)
    assert (items - noise) / s == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("seeds", [2, 3, 8])
@pytest.mark.parametrize("kind", ["mean", "ratio", "binary"])
def test_identical_seeds_give_exactly_the_items_interval(seeds: int, kind: str) -> None:
    t, c = np.exp(normal(30, seed=4)), np.exp(normal(30, seed=5))
    if kind == "binary":
        t, c = (t > 1) * 1.0, (c > 1.5) * 1.0
    one = paired(t, c, kind=kind)  # type: ignore[arg-type]
    many = paired(np.tile(t, (seeds, 1)), np.tile(c, (seeds, 1)), kind=kind)  # type: ignore[arg-type]
    assert (many.estimate, many.low, many.high) == pytest.approx((one.estimate, one.low, one.high), rel=1e-12)
    assert many.p == pytest.approx(one.p, rel=1e-6)
    assert (one.seeds, many.seeds, many.n) == (1, seeds, 30)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_identical_items_give_exactly_the_seeds_t_interval(seeds: int) -> None:
    by_seed = normal(seeds, seed=6) + 1
    effect = paired(np.tile(by_seed[:, None], (1, 20)), np.zeros((seeds, 20)))
    half = float(t_quantile(0.975, seeds - 1)) * by_seed.std(ddof=1) / np.sqrt(seeds)
    assert (effect.low, effect.high) == pytest.approx((by_seed.mean() - half, by_seed.mean() + half))


def test_more_seeds_never_hide_the_items() -> None:
    item = normal(40, seed=7)
    few, lots = (item + 0.01 * normal(s, 40, seed=8) for s in (3, 50))
    narrow = paired(lots, lots * 0)
    assert narrow.high - narrow.low > 0.9 * (paired(few, few * 0).high - paired(few, few * 0).low)


def test_seeds_that_differ_widen_the_interval() -> None:
    base = normal(1, 100, seed=9)
    shifted = base + np.array([[-0.5], [0.0], [0.5]])
    plain, wide = paired(np.tile(base, (3, 1)), 0 * shifted), paired(shifted, 0 * shifted)
    assert wide.high - wide.low > 2 * (plain.high - plain.low)
    assert seeds_reach(shifted - shifted.mean()).seeds == 3


def test_clusters_are_summed() -> None:
    assert by_cluster(np.array([[1.0, 2.0, 4.0]]), np.array(["b", "a", "b"])).tolist() == [[2.0, 5.0]]


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 30), st.floats(0.5, 0.9999))
def test_it_contains_the_items_interval_and_the_seeds_own(seed: int, seeds: int, n: int, level: float) -> None:
    z = normal(1, n, seed=seed) * 0.3 + normal(seeds, n, seed=seed + 1) + 0.4 * normal(seeds, 1, seed=seed + 2)
    both, items = paired(z, 0 * z, level=level), paired(z.mean(0), 0 * z[0], level=level)
    half = float(t_quantile((1 + level) / 2, seeds - 1)) * z.mean(1).std(ddof=1) / np.sqrt(seeds)
    assert both.low <= min(items.low, z.mean() - half) + 1e-9
    assert both.high >= max(items.high, z.mean() + half) - 1e-9


def distances(reps: int, seeds: int, n: int, spread: float, item: float = 0.0) -> tuple[np.ndarray, JoinedReach]:
    """Grand means under a true null, and their reach; `spread`: the seeds' variance in units of noise / n."""
    x = normal(reps, seeds, n, seed=11) + np.sqrt(item) * normal(reps, 1, n, seed=10)
    x = x + np.sqrt(spread / n) * normal(reps, seeds, 1, seed=12)
    m = x.mean((1, 2))
    z = x - m[:, None, None]
    return m, JoinedReach(mean_reach(z.mean(1)), seeds_reach(z))


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("spread", "item"), [(0.0, 1.0), (1.0, 0.0), (3.0, 0.0), (8.0, 0.0), (40.0, 1.0)])
def test_a_true_null_is_rejected_at_most_at_the_promised_rate_far_into_the_tail(
    seeds: int, spread: float, item: float
) -> None:
    reps = 20_000
    m, reach = distances(reps, seeds, 24, spread, item)
    for alpha in (0.05, 0.01, 0.0025, 0.0005):
        down, up = reach(1 - alpha)
        assert np.mean((m > down) | (-m > up)) < alpha + 3.3 * np.sqrt(alpha / reps), alpha


@pytest.mark.parametrize("spread", [1.0, 3.0, 8.0])
def test_holm_over_twenty_metrics_with_three_seeds_holds_its_level(spread: float) -> None:
    families = 1000
    m, reach = distances(20 * families, 3, 24, spread)
    wrong = [(adjust(ps) <= 0.05).any() for ps in p_values(reach, m).reshape(families, 20)]
    assert np.mean(wrong) < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / families)
