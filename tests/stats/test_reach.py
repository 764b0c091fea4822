"""The default interval: its limits, its symmetry, and p-values that agree with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from butfor.stats.quantiles import noncentral_t_below, t_quantile, z_quantile
from butfor.stats.reach import CorrectedReach, JoinedReach, StudentReach, bend, p_values, skewness, statistic, unbend


def test_quantiles_agree_with_scipy_stats() -> None:
    assert t_quantile(0.975, 7) == pytest.approx(sps.t.ppf(0.975, 7))
    assert z_quantile(0.9) == pytest.approx(sps.norm.ppf(0.9))
    assert noncentral_t_below(1.0, 9, 0.5) == pytest.approx(sps.nct.cdf(1.0, 9, 0.5))


def test_without_skewness_it_is_students_t_and_so_is_its_p() -> None:
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) + 0.7
    theirs = sps.ttest_1samp(x, 0)
    reach = CorrectedReach(float(x.std(ddof=1) / np.sqrt(5)), 0.0, 5)
    down, up = reach(0.95)
    ends = theirs.confidence_interval()
    assert (0.7 - down, 0.7 + up) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert float(p_values(reach, 0.7)) == pytest.approx(theirs.pvalue)


@given(st.floats(-4, 4), st.floats(-0.9, 0.9))
def test_unbend_inverts_bend_up_to_the_turning_point(t: float, tilt: float) -> None:
    if t * tilt > -2.999:
        back = unbend(bend(np.array(t), np.array(tilt)), np.array(tilt))
        assert float(back) == pytest.approx(t, abs=2e-4)


@given(st.floats(-6, 6), st.floats(-1.5, 1.5), st.floats(0.5, 5))
def test_reach_holds_t_exactly_when_its_statistic_is_at_most_the_critical_value(
    t: float, tilt: float, c: float
) -> None:
    down, up = CorrectedReach(1.0, tilt * 4, 16).at(c)
    size = float(statistic(np.array(t), np.array(tilt)))
    near = min(abs(size - c), abs(t - float(down)), abs(-t - float(up)), abs(t * tilt + 3))
    if near > 1e-5:
        assert (-float(up) < t < float(down)) == (size < c)


@given(st.floats(-1.5, 1.5), st.floats(0.01, 3))
def test_reach_is_never_shorter_than_t_leans_with_the_skewness_and_widens(skew: float, se: float) -> None:
    reach = CorrectedReach(se, skew, 20)
    half = float(t_quantile(0.975, 19)) * se
    down, up = (float(side) for side in reach(0.95))
    assert min(down, up) >= half * (1 - 1e-12)
    assert up >= down if skew >= 0 else down >= up
    wider = reach(0.99)
    assert wider[0] >= down and wider[1] >= up
    mirrored = CorrectedReach(se, -skew, 20)(0.95)
    assert (float(mirrored[1]), float(mirrored[0])) == (pytest.approx(down), pytest.approx(up))


@given(st.floats(-3, 3), st.floats(-1.2, 1.2), st.floats(0.001, 0.5))
def test_p_is_below_alpha_exactly_when_the_interval_leaves_the_null_out(
    distance: float, skew: float, alpha: float
) -> None:
    reach = JoinedReach(CorrectedReach(0.5, skew, 12), StudentReach(0.3, 2))
    p = float(p_values(reach, distance))
    down, up = (float(side) for side in reach(1 - alpha))
    if abs(p - alpha) > 1e-9:
        assert (p < alpha) == (distance > down or -distance > up)


def test_many_intervals_at_once_are_the_same_as_one_by_one() -> None:
    z = np.random.default_rng(0).exponential(size=(6, 15))
    z -= z.mean(1, keepdims=True)
    se = z.std(1, ddof=1)
    together = CorrectedReach(se, skewness(z), 15)(0.9)
    for i in range(6):
        alone = CorrectedReach(float(se[i]), float(skewness(z[i])), 15)(0.9)
        assert np.allclose([side[i] for side in together], alone)


def test_skewness_agrees_with_scipy_and_is_zero_where_it_has_no_meaning() -> None:
    x = np.random.default_rng(1).exponential(size=30)
    # ours divides by the spread with n - 1, scipy's by the one with n
    theirs = sps.skew(x) * 30**2 / (29 * 28) * (29 / 30) ** 1.5
    assert skewness(x - x.mean()) == pytest.approx(theirs)
    assert skewness(np.zeros(5)) == 0 and skewness(np.array([-1.0, 1.0])) == 0
