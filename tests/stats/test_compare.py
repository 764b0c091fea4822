"""`paired`, `mean`, `overhead`: agreement with scipy, limits, refusals, and checks where the table falls short."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from butfor.stats import Effect, mean, overhead, paired, wilson
from butfor.stats.checks import SMALL
from butfor.stats.compare import Kind


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def codes(effect: Effect, ok: bool | None = None) -> set[str]:
    return {check.code for check in effect.checks if ok is None or check.ok is ok}


def test_symmetric_differences_give_the_paired_t_test() -> None:
    d = np.concatenate([rng(1).normal(size=20)] * 2) * np.repeat([1, -1], 20) + 0.3  # no skewness at all
    control = rng(2).normal(size=40)
    effect = paired(control + d, control)
    theirs = sps.ttest_rel(control + d, control)
    ends = theirs.confidence_interval()
    assert effect.p == pytest.approx(theirs.pvalue)
    assert (effect.low, effect.high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert effect.estimate == pytest.approx(0.3) and effect.n == 40 and effect.method == "skewness-corrected t"


@given(st.integers(0, 10_000), st.integers(2, 40), st.floats(0.5, 0.99))
def test_holds_the_t_interval_is_antisymmetric_and_agrees_with_its_p(seed: int, n: int, level: float) -> None:
    t, c = rng(seed).exponential(size=(2, n))
    effect, other = paired(t, c, level=level), paired(c, t, level=level)
    ends = sps.ttest_rel(t, c).confidence_interval(level)
    assert effect.low <= ends.low + 1e-9 and effect.high >= ends.high - 1e-9
    assert (other.low, other.high, other.p) == pytest.approx((-effect.high, -effect.low, effect.p))
    assert effect.p is not None
    if abs(effect.p - (1 - level)) > 1e-6:
        assert effect.excludes(0) == (effect.p < 1 - level)


@given(st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_and_scale_go_through(shift: float, scale: float) -> None:
    x = rng(3).lognormal(size=25)
    plain, moved = mean(x), mean(scale * x + shift)
    assert moved.low == pytest.approx(scale * plain.low + shift, rel=1e-6, abs=1e-6)
    assert moved.high == pytest.approx(scale * plain.high + shift, rel=1e-6, abs=1e-6)


def test_identical_arms_are_an_exact_nothing() -> None:
    for kind in ("mean", "binary"):
        effect = paired([1.0, 0.0, 1.0], [1.0, 0.0, 1.0], kind=kind)  # type: ignore[arg-type]
        assert (effect.estimate, effect.p) == (0.0, 1.0)
        assert (effect.low, effect.high) == (0.0, 0.0) or kind == "binary"
        assert "identical" in codes(effect, ok=True) and effect.ok
    ratio = paired([2.0, 3.0], [2.0, 3.0], kind="ratio")
    assert (ratio.estimate, ratio.low, ratio.high, ratio.p) == (1.0, 1.0, 1.0, 1.0)
    crossed = paired(np.ones((3, 5)), np.ones((3, 5)))
    assert (crossed.low, crossed.high, crossed.p, crossed.seeds) == (0.0, 0.0, 1.0, 3)


def test_a_constant_difference_is_not_certainty() -> None:
    effect = paired(np.full(20, 0.3), np.full(20, 0.1))
    assert effect.estimate == pytest.approx(0.2) and effect.p == pytest.approx(2**-19)
    assert "constant" in codes(effect, ok=False)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("n", [2, 3, 5, 6, 12])
@pytest.mark.parametrize("kind", ["mean", "ratio"])
def test_the_interval_of_a_constant_difference_agrees_with_its_p(n: int, seeds: int, kind: Kind) -> None:
    effect = paired(np.full((seeds, n), 1.3), np.full((seeds, n), 1.1), kind=kind)
    assert effect.p == 2.0 ** (1 - n)
    null = 1.0 if kind == "ratio" else 0.0
    assert effect.excludes(null) == (effect.p <= 0.05) == (n >= 6)
    assert effect.low == (effect.estimate if n >= 6 else 0.0 if kind == "ratio" else -np.inf)
    level = mean(np.full((seeds, n), 0.3))
    assert (level.low == -np.inf) == (n < 6)


def test_a_constant_within_bounds_stays_within_them() -> None:
    t, clusters = np.ones(6), np.arange(6) // 2
    effect, level = paired(t, 0 * t, kind="binary", clusters=clusters), mean(t, kind="binary", clusters=clusters)
    assert (effect.low, effect.high, effect.p) == (-1.0, 1.0, 0.25)
    assert (level.low, level.high) == (0.0, 1.0)


def test_one_unit_has_an_infinite_interval() -> None:
    effect = paired([1.0], [0.5])
    assert (effect.low, effect.high, effect.p) == (-np.inf, np.inf, 1.0)
    assert "single-unit" in codes(effect, ok=False)
    assert "single-unit" in codes(paired([2.0], [2.0]), ok=False), "equal arms on one unit prove nothing either"
    assert (overhead([2.0], [1.0]).low, overhead([2.0], [1.0]).high) == (0.0, np.inf)
    assert paired([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], clusters=[7, 7, 7]).high == np.inf


def test_clusters_of_one_change_nothing_and_copies_do_not_shrink() -> None:
    x = rng(4).exponential(size=30)
    one = mean(x)
    alone, copies = mean(x, clusters=np.arange(30)), mean(np.repeat(x, 5), clusters=np.repeat(np.arange(30), 5))
    for other in (alone, copies):
        assert (other.estimate, other.low, other.high) == pytest.approx((one.estimate, one.low, one.high))
    assert copies.n == 150
    named = mean(x, clusters=[f"c{i // 3}" for i in range(30)])
    assert named.estimate == pytest.approx(x.mean())


def test_whole_numbers_as_weights_weigh_like_clusters_of_copies() -> None:
    x, w = rng(5).normal(size=12), rng(6).integers(1, 5, size=12)
    weighted = mean(x, weights=w)
    copied = mean(np.repeat(x, w), clusters=np.repeat(np.arange(12), w))
    assert (weighted.estimate, weighted.low, weighted.high) == pytest.approx((copied.estimate, copied.low, copied.high))
    assert weighted.estimate == pytest.approx(np.average(x, weights=w))


def test_units_of_weight_zero_do_not_count() -> None:
    x = rng(7).normal(size=20)
    some = mean(np.append(x, 1e6), weights=np.append(np.ones(20), 0.0))
    assert (some.low, some.high) == pytest.approx((mean(x).low, mean(x).high))


def test_jackknife_standard_error_of_a_ratio() -> None:
    t, c = np.exp(rng(8).normal(size=(2, 200)) * 0.2)
    effect = overhead(t, c)
    left_out = [np.log(np.delete(t, i).mean() / np.delete(c, i).mean()) for i in range(200)]
    se = np.sqrt(199 / 200 * np.sum((left_out - np.mean(left_out)) ** 2))
    assert effect.estimate == pytest.approx(t.mean() / c.mean())
    assert np.log(effect.high / effect.low) == pytest.approx(2 * 1.972 * se, rel=0.05)


def test_ratios_turn_over_and_do_not_depend_on_the_unit() -> None:
    t, c = np.exp(rng(9).normal(size=(2, 25)))
    there, back, minutes = overhead(t, c), overhead(c, t), overhead(t / 60, c / 60)
    assert (back.low, back.high, back.p) == pytest.approx((1 / there.high, 1 / there.low, there.p))
    assert (minutes.low, minutes.high) == pytest.approx((there.low, there.high))
    assert there.unit == "×" and there.low > 0


def test_binary_uses_the_score_interval() -> None:
    t, c = (rng(10).random((2, 60)) < [[0.7], [0.5]]) * 1.0
    effect = paired(t, c, kind="binary")
    assert effect.method == "Tango score" and -1 <= effect.low <= effect.high <= 1
    level = mean(t, kind="binary")
    assert (level.low, level.high) == pytest.approx(wilson(t.sum(), 60)) and level.p is None
    assert mean(np.ones(5), kind="binary").low < 0.7


def test_binary_with_clusters_or_differing_seeds_is_a_mean_within_bounds() -> None:
    t, c = (rng(11).random((2, 3, 9)) < [[[0.9]], [[0.1]]]) * 1.0
    effect = paired(t, c, kind="binary")
    assert "seeds × items" in effect.method and effect.high <= 1.0
    assert "score" not in paired(t[0], c[0], kind="binary", clusters=np.arange(9) // 2).method


def test_checks_stand_where_the_table_falls_short() -> None:
    assert "small-n" in codes(paired(rng(12).normal(size=SMALL - 1), np.zeros(SMALL - 1)), ok=False)
    for n in (24, 64, 200):
        assert "skewed" in codes(mean(rng(13).lognormal(sigma=2, size=n)), ok=False)
    rare = np.zeros(64)
    rare[:3] = 1
    assert "sparse" in codes(paired(rare, np.zeros(64)), ok=False)
    fine = paired(rng(14).normal(size=64), np.zeros(64))
    assert fine.ok and codes(fine) == {"one-seed"}
    assert "two-seeds" in codes(paired(rng(15).normal(size=(2, 64)), np.zeros((2, 64))), ok=True)


def test_a_false_claim_on_skewed_data_is_warned_of() -> None:
    x = rng(20).lognormal(size=(1500, 64)) - np.exp(0.5)
    false, warned = 0, 0
    for row in x:
        effect = paired(row, 0 * row)
        false, warned = false + effect.excludes(0), warned + (effect.excludes(0) and not effect.ok)
    assert false > 40 and warned > 0.6 * false  # four of five in the long run
    tail = next(row for row in x if "long-tail" in codes(paired(row, 0 * row)))
    assert "long-tail" not in codes(paired(tail + 5.0, 0 * tail)) | codes(mean(tail))  # away from the tail; no claim


def test_clusters_of_unequal_size_count_as_fewer() -> None:
    label = np.repeat(np.arange(20), [5] * 19 + [100])
    effect = paired(rng(21).normal(size=195), np.zeros(195), clusters=label)
    few = [check for check in effect.checks if check.code == "few-clusters"]
    assert few and not few[0].ok and "count as 3.6" in few[0].message
    assert "few-clusters" not in codes(paired(rng(21).normal(size=100), np.zeros(100), clusters=np.arange(100) // 5))
    weights = np.r_[np.ones(39), 40.0]
    assert "small-n" in codes(paired(rng(22).normal(size=40), np.zeros(40), weights=weights), ok=False)


def test_the_method_names_the_clusters() -> None:
    d, label = rng(23).normal(size=(3, 208)), np.arange(208) // 4
    effect = paired(d, 0 * d, clusters=label)
    assert (effect.method, effect.n) == ("skewness-corrected t, 52 clusters, seeds × items", 208)
    costs = np.exp(d[0])
    assert overhead(costs, np.ones(208), clusters=label).method == "skewness-corrected t, log ratio, 52 clusters"
    assert "clusters" not in paired(d, 0 * d, clusters=np.arange(208)).method
    assert paired(d, 0 * d, clusters=np.zeros(208)).method == "none: one cluster"


def test_overhead_of_steps_of_few_runs_is_wider_than_of_independent_steps() -> None:
    runs = np.repeat(np.arange(20), 10)
    costs = np.exp(0.3 * rng(24).normal(size=20)[runs] + 0.02 * rng(25).normal(size=200))
    steps, clustered = overhead(costs, np.ones(200)), overhead(costs, np.ones(200), clusters=runs)
    assert clustered.high / clustered.low > (steps.high / steps.low) ** 2
    assert clustered.estimate == pytest.approx(steps.estimate) and clustered.n == 200


def test_few_changes_of_right_or_wrong_are_no_claim() -> None:
    control = np.zeros(1000)
    treatment = control.copy()
    treatment[:4] = 1
    effect = paired(treatment, control, kind="binary")
    few = next(check for check in effect.checks if check.code == "few-changes")
    assert not few.ok and "exact p is 0.12" in few.message and effect.p == pytest.approx(0.0455, abs=1e-4)
    treatment[4:6] = 1
    assert paired(treatment, control, kind="binary").ok
    assert "few-changes" not in codes(paired(control, control, kind="binary")) | codes(mean(treatment, kind="binary"))


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"treatment is nan at item 1 \(1 such"):
        paired([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="control is inf at seed 1, item 0"):
        paired(np.ones((2, 2)), [[1.0, 1.0], [np.inf, 1.0]])
    with pytest.raises(ValueError, match="do not pair"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="one item or more"):
        paired([], [])
    with pytest.raises(ValueError, match="binary values are 0 or 1"):
        paired([0.0, 0.5], [0.0, 1.0], kind="binary")
    with pytest.raises(ValueError, match="positive values"):
        overhead([1.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="one cluster for each of the 2 items"):
        paired([1.0, 2.0], [1.0, 1.0], clusters=[1])
    with pytest.raises(ValueError, match="weights must be 2"):
        paired([1.0, 2.0], [1.0, 1.0], weights=[1.0, -1.0])
    with pytest.raises(ValueError, match="'mean', 'binary' or 'ratio'"):
        paired([1.0, 2.0], [1.0, 1.0], kind="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"0\.95 is usual"):
        paired([1.0, 2.0], [1.0, 1.0], level=95)


def test_no_draws_no_luck() -> None:
    x = rng(16).normal(size=(3, 40))
    assert paired(x, x * 0.5) == paired(x, x * 0.5)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("n", [8, 64, 500])
def test_no_change_of_right_or_wrong_still_excludes_only_what_n_items_can(n: int, seeds: int) -> None:
    right = np.ones((seeds, n))
    effect = paired(right, right, kind="binary")
    assert effect.high == pytest.approx(-effect.low)
    assert effect.high == pytest.approx(1.96**2 / (n + 1.96**2), abs=0.002)  # close to the rule of three
