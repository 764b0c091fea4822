"""A level against its null, a group against the rest: known answers, limits, coverage where the truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats as sps

from butfor.stats import Effect, paired, wilson
from butfor.stats.gap import against, contrast, gap, level_of


def shares(rng: np.random.Generator, clusters: int, size: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, items of a cluster alike."""
    own = rng.beta(2 * p, 2 * (1 - p), clusters)
    return (rng.random((clusters, size)) < own[:, None]).ravel().astype(float), np.repeat(np.arange(clusters), size)


def test_a_share_against_chance_is_wilsons_interval_moved() -> None:
    right = np.array([1.0] * 33 + [0.0] * 27)
    effect = against(right, 0.5, kind="binary")
    low, high = wilson(33, 60)
    assert (effect.low, effect.high) == (pytest.approx(low - 0.5), pytest.approx(high - 0.5))
    assert effect.p == pytest.approx(2 * sps.norm.sf((33 / 60 - 0.5) / np.sqrt(0.25 / 60)))
    assert effect.excludes() == (effect.p < 0.05)


def test_a_null_of_its_own_for_each_item_is_the_paired_difference() -> None:
    rng = np.random.default_rng(3)
    values, null = rng.normal(size=40), rng.normal(size=40)
    ours, theirs = against(values, null), paired(values, null)
    assert (ours.estimate, ours.low, ours.high, ours.p) == (theirs.estimate, theirs.low, theirs.high, theirs.p)


def test_all_right_in_every_cluster_still_has_an_interval_of_the_clusters() -> None:
    effect = against(np.ones(40), 0.5, clusters=np.repeat(np.arange(8), 5), kind="binary")
    assert effect.high == 0.5 and effect.low == pytest.approx(float(wilson(8, 8)[0]) - 0.5)
    level = level_of(np.ones(40), clusters=np.repeat(np.arange(8), 5), kind="binary")
    assert level.high == 1.0 and level.low == pytest.approx(float(wilson(8, 8)[0]))


def test_none_right_of_twenty_says_nothing_against_a_small_chance_that_varies() -> None:
    chance = np.tile([0.04, 0.05, 0.06, 0.05], 5)
    effect = against(np.zeros(20), chance, clusters=np.repeat(np.arange(10), 2), kind="binary")
    assert effect.p is not None and effect.p > 0.1 and effect.low < 0 < effect.high
    some = against(np.array([1.0] + [0.0] * 19), chance, clusters=np.repeat(np.arange(10), 2), kind="binary")
    assert some.p is not None and some.p > 0.5 and some.low < 0 < some.high


def test_a_share_and_its_distance_from_chance_have_one_interval() -> None:
    x, c = shares(np.random.default_rng(8), 20, 5, 0.5)
    for values, groups in ((x, c), (x, None), (np.tile([0.0, 1.0], 10), np.repeat(np.arange(10), 2))):
        own = level_of(values, clusters=groups, kind="binary")
        moved = against(values, 0.25, clusters=groups, kind="binary")
        assert (moved.low, moved.high) == (pytest.approx(own.low - 0.25), pytest.approx(own.high - 0.25))
        assert own.low >= 0 and own.high <= 1 and own.high - own.low > 0.1
        assert moved.p is not None and moved.excludes() == (moved.p < 0.05)


def test_a_contrast_agrees_with_welchs_test_where_nothing_is_skewed() -> None:
    one, two = np.array([1.0, 2, 3, 4, 5] * 4), np.array([2.0, 4, 6, 8] * 6)
    effect = contrast(np.concatenate([one, two]), np.arange(44) < 20)
    theirs = sps.ttest_ind(one, two, equal_var=False)
    assert effect.estimate == pytest.approx(3.0 - 5.0)
    assert effect.p == pytest.approx(theirs.pvalue, rel=0.15)


def test_a_contrast_of_shares_is_newcombes_interval() -> None:
    x = np.array([1.0] * 56 + [0.0] * 14 + [1.0] * 48 + [0.0] * 32)  # 56/70 and 48/80: his own example
    effect = contrast(x, np.arange(150) < 70, kind="binary")
    assert (effect.low, effect.high) == (pytest.approx(0.0524, abs=5e-4), pytest.approx(0.3339, abs=5e-4))


def test_what_a_cluster_adds_to_both_sides_cancels() -> None:
    rng = np.random.default_rng(5)
    shared = np.repeat(rng.normal(scale=10, size=30), 2)
    member = np.tile([True, False], 30)
    x = shared + 0.5 * member + rng.normal(scale=0.1, size=60)
    close, apart = contrast(x, member, clusters=np.repeat(np.arange(30), 2)), contrast(x, member)
    assert close.low <= 0.5 <= close.high and close.high - close.low < 0.2 < apart.high - apart.low


def test_a_difference_of_ratios_is_that_of_f1() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 1], dtype=bool)
    one, two = np.array([1, 1, 0, 1, 0, 0, 0, 1], dtype=bool), np.array([1, 0, 0, 0, 0, 1, 1, 0], dtype=bool)

    def sums(said: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hit = 2.0 * (said & truth)
        return hit, hit + (said != truth)

    effect = gap(*sums(one), *sums(two), clusters=np.arange(8))
    assert effect.estimate == pytest.approx(6 / 8 - 2 / 7)


def test_one_unit_on_a_side_bounds_nothing() -> None:
    effect = contrast([1.0, 2.0, 3.0], [True, False, False])
    assert (effect.low, effect.high, effect.p) == (-np.inf, np.inf, 1.0) and not effect.ok
    with pytest.raises(ValueError, match="both sides"):
        contrast([1.0, 2.0], [True, True])


def worlds(rng: np.random.Generator) -> dict[str, Callable[[], tuple[Effect, float]]]:
    """Effects whose truth is known: 0 in all of them."""

    def crossing() -> tuple[Effect, float]:
        x, c = shares(rng, 25, 4, 0.4)
        return contrast(x, np.tile([1, 0, 0, 1], 25) > 0, clusters=c, kind="binary"), 0.0

    def nested() -> tuple[Effect, float]:
        x, c = shares(rng, 25, 4, 0.4)
        return contrast(x, c < 6, clusters=c, kind="binary"), 0.0

    def unequal() -> tuple[Effect, float]:
        few = np.arange(60) < 8
        return contrast(rng.normal(size=60) * np.where(few, 3, 1), few), 0.0

    def clustered() -> tuple[Effect, float]:
        x, c = shares(rng, 20, 5, 0.5)
        return against(x, 0.5, clusters=c, kind="binary"), 0.0

    def rare() -> tuple[Effect, float]:
        return contrast((rng.random(100) < 0.2).astype(float), np.arange(100) < 15, kind="binary"), 0.0

    def plain() -> tuple[Effect, float]:
        return against((rng.random(50) < 0.25).astype(float), 0.25, kind="binary"), 0.0

    return {
        "crossing": crossing,
        "nested": nested,
        "unequal": unequal,
        "clustered": clustered,
        "rare": rare,
        "plain": plain,
    }


@pytest.mark.parametrize("name", list(worlds(np.random.default_rng(0))))
def test_intervals_cover_and_reject_a_true_null_as_often_as_they_say(name: str) -> None:
    draw = worlds(np.random.default_rng(11))[name]
    found = [draw() for _ in range(300)]
    covered = np.mean([effect.low <= truth <= effect.high for effect, truth in found])
    rejected = np.mean([effect.p is not None and effect.p < 0.05 for effect, _ in found])
    assert 0.92 <= covered <= 0.99 and 0.01 <= rejected <= 0.08  # 0.95 and 0.05, three standard errors of 300 draws


def test_groups_without_a_spread_prove_no_more_than_their_clusters() -> None:
    values, member = np.repeat([1.0, 0.0], 10), np.arange(20) < 10
    few = contrast(values, member, clusters=np.repeat(np.arange(4), 5), kind="binary")  # two clusters against two
    assert few.p is not None and few.p > 0.01 and few.low < 0.2 and few.high == 1.0
    numbers = contrast(values, member, clusters=np.repeat(np.arange(4), 5))
    assert numbers.p == pytest.approx(2 / 6) and numbers.low == -np.inf


def test_an_f1_without_a_hit_has_no_interval() -> None:
    misses, weights = np.zeros(13), np.ones(13)
    level, effect = level_of(misses, weights=weights), against(misses, 0.691, weights=weights)
    assert (level.estimate, level.low, level.high) == (0.0, -np.inf, np.inf)
    assert effect.estimate == pytest.approx(-0.691) and effect.p == 1.0 and effect.low == -np.inf
    assert "constant" in {check.code for check in effect.checks if not check.ok}


def test_nothing_changed_in_ten_clusters_still_has_an_interval() -> None:
    same = np.tile([0.0, 1.0, 0.0, 0.0], 10)
    effect = against(same, same, clusters=np.repeat(np.arange(10), 4), kind="binary")
    alone = paired(np.zeros(10), np.zeros(10), kind="binary")
    assert (effect.estimate, effect.p) == (0.0, 1.0) and (effect.low, effect.high) == (alone.low, alone.high)
    assert effect.low < -0.2 < 0.2 < effect.high
