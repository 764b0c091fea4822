"""TOST: by scipy, by duality with the 90 % interval, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as sps

from butfor.stats import equivalent, paired


def symmetric(n: int, seed: int = 0) -> np.ndarray:
    half = np.random.default_rng(seed).normal(size=n // 2)
    return np.concatenate([half, -half])


def test_agrees_with_two_one_sided_t_tests() -> None:
    d = symmetric(40) + 0.1
    effect = equivalent(d, np.zeros(40), margin=0.5)
    above = sps.ttest_1samp(d, -0.5, alternative="greater").pvalue
    below = sps.ttest_1samp(d, 0.5, alternative="less").pvalue
    assert effect.p == pytest.approx(max(above, below))
    assert effect.level == pytest.approx(0.9) and effect.method.startswith("TOST")


@given(st.integers(0, 1000), st.floats(0.05, 2))
def test_claims_exactly_when_the_interval_lies_inside_the_margin(seed: int, margin: float) -> None:
    t, c = np.random.default_rng(seed).exponential(size=(2, 25))
    effect = equivalent(t, c, margin=margin)
    assert effect.p is not None
    if abs(effect.p - 0.05) > 1e-6:
        inside = -margin < effect.low and effect.high < margin
        assert inside == (effect.p < 0.05) == effect.checks[-1].ok
    plain = paired(t, c, level=0.9)
    assert (effect.low, effect.high) == (plain.low, plain.high)


def test_a_large_p_of_paired_is_no_equivalence() -> None:
    d = symmetric(10)
    assert (paired(d, np.zeros(10)).p or 0) > 0.9
    assert not equivalent(d, np.zeros(10), margin=0.1).checks[-1].ok


@pytest.mark.parametrize("n", [2, 4, 5, 20])
@pytest.mark.parametrize("difference", [0.0, 0.3])
def test_differences_that_are_all_alike_are_one_side_of_a_sign_test(n: int, difference: float) -> None:
    effect = equivalent(np.full(n, difference), np.zeros(n), margin=0.5)
    assert effect.p is not None and effect.p == 2.0**-n
    assert effect.checks[-1].ok == (n >= 5) == (effect.p < 0.05)
    if difference:
        assert (effect.low > -0.5 and effect.high < 0.5) == (n >= 5)


def test_one_unit_seeds_ratios_and_binary() -> None:
    assert equivalent([1.0], [1.1], margin=5.0).p == 1.0
    t = np.exp(0.02 * np.random.default_rng(1).normal(size=(3, 50)))
    assert equivalent(t, np.ones((3, 50)), margin=1.1, kind="ratio").checks[-1].ok
    b = (np.random.default_rng(2).random((2, 400)) < 0.5) * 1.0
    effect = equivalent(b[0], b[1], margin=0.2, kind="binary")
    assert effect.checks[-1].ok == (effect.low > -0.2 and effect.high < 0.2)


def test_margins_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        equivalent([1.0, 2.0], [1.0, 1.0], margin=0.0)
    with pytest.raises(ValueError, match="above 1"):
        equivalent([1.0, 2.0], [1.0, 1.0], margin=0.1, kind="ratio")
    with pytest.raises(ValueError, match=r"0\.5 and 1"):
        equivalent([1.0, 2.0], [1.0, 1.0], margin=0.1, level=0.4)
