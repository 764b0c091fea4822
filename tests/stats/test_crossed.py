"""Seeds × items: the mean squares by hand, and both limits exactly."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.stats import paired
from butfor.stats.crossed import by_cluster, mean_squares, seeds_reach
from butfor.stats.quantiles import t_quantile


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
    assert seeds_reach(shifted - shifted.mean()).df == 2


def test_clusters_are_summed() -> None:
    assert by_cluster(np.array([[1.0, 2.0, 4.0]]), np.array(["b", "a", "b"])).tolist() == [[2.0, 5.0]]


@pytest.mark.parametrize(("seeds", "seed_variance"), [(2, 1.0), (3, 1.0), (3, 0.0), (5, 1 / 40)])
def test_a_true_null_is_rejected_at_most_at_the_promised_rate(seeds: int, seed_variance: float) -> None:
    from butfor.stats.compare import mean_reach
    from butfor.stats.reach import JoinedReach

    reps, n = 4000, 40
    x = normal(reps, 1, n, seed=10) + normal(reps, seeds, n, seed=11)
    x = x + np.sqrt(seed_variance) * normal(reps, seeds, 1, seed=12)
    m = x.mean((1, 2))
    z = x - m[:, None, None]
    down, up = JoinedReach(mean_reach(z.mean(1)), seeds_reach(z))(0.95)
    assert np.mean((m > down) | (-m > up)) < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / reps)
