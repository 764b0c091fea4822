"""Power: textbook figures, inversion, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as sps

from butfor.stats import detectable, paired_sd, pairs_for_equivalence, pairs_needed, power_of


def test_textbook_figures() -> None:
    assert pairs_needed(0.5, 1.0) == 34  # Cohen 1988: d = 0.5, two-sided 5 %, power 80 %
    assert pairs_needed(0.2, 1.0) == 199
    assert pairs_needed(0.8, 1.0, target=0.9) == 19
    assert pairs_for_equivalence(0.5, 1.0) == 36


def test_an_effect_of_zero_is_shown_at_the_level() -> None:
    assert power_of(0.0, 1.0, 20) == pytest.approx(0.05)
    assert power_of(0.0, 1.0, 20, level=0.9) == pytest.approx(0.10)


def test_agrees_with_simulation() -> None:
    x = np.random.default_rng(0).normal(0.4, 1, size=(20_000, 30))
    rate = np.mean(sps.ttest_1samp(x, 0, axis=1).pvalue < 0.05)
    assert power_of(0.4, 1.0, 30) == pytest.approx(rate, abs=0.012)


@pytest.mark.parametrize("n", [5, 34, 1000])
def test_detectable_inverts_power(n: int) -> None:
    effect = detectable(2.0, n)
    assert power_of(effect, 2.0, n) == pytest.approx(0.8, abs=1e-6)
    assert pairs_needed(effect * 1.000001, 2.0) == n


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99, 0.999])
@pytest.mark.parametrize("n", [2, 3, 5, 12])
@pytest.mark.parametrize("shift", [0.0, 0.7, 3.0, 9.0, 25.0, 31.0, 60.0, 400.0])
def test_tiny_samples_agree_with_the_mean_over_the_sample_sd(n: int, shift: float, level: float) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    spread = np.sqrt(sps.chi2.ppf(u, n - 1) / (n - 1))
    critical = sps.t.ppf((1 + level) / 2, n - 1)
    chance = np.mean(sps.norm.cdf(shift - critical * spread) + sps.norm.cdf(-shift - critical * spread))
    assert power_of(shift / np.sqrt(n), 1.0, n, level=level) == pytest.approx(chance, abs=2e-5)


def test_tiny_samples_agree_with_simulation() -> None:
    x = np.random.default_rng(1).normal(31 / np.sqrt(2), 1, size=(40_000, 2))
    rate = np.mean(sps.ttest_1samp(x, 0, axis=1).pvalue < 0.01)
    assert power_of(31 / np.sqrt(2), 1.0, 2, level=0.99) == pytest.approx(rate, abs=0.01)
    assert rate == pytest.approx(0.371, abs=0.01)


@pytest.mark.parametrize("level", [0.95, 0.99, 0.999])
@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_tiny_samples_need_what_detectable_says(n: int, level: float) -> None:
    effect = detectable(1.0, n, level=level)
    assert power_of(effect, 1.0, n, level=level) == pytest.approx(0.8, abs=1e-6)
    assert pairs_needed(effect * 1.000001, 1.0, level=level) == n
    assert pairs_needed(22.0, 1.0, level=0.99) == 3


def test_power_never_falls_as_the_effect_grows() -> None:
    for n, level in ((2, 0.5), (2, 0.99), (3, 0.999), (30, 0.99999), (10_000, 0.95)):
        powers = np.array([power_of(s / np.sqrt(n), 1.0, n, level=level) for s in np.linspace(0, 45, 400)])
        assert (np.diff(powers) > -1e-9).all() and powers.min() >= 0 and powers.max() <= 1 + 1e-12


def test_sign_does_not_matter_and_large_effects_need_few() -> None:
    assert power_of(-0.5, 1, 30) == power_of(0.5, 1, 30)
    assert power_of(1e6, 1, 2000) == 1.0
    assert pairs_needed(-100.0, 1.0) in (2, 3)


def test_paired_sd_of_right_or_wrong() -> None:
    d = np.array([1] * 20 + [-1] * 10 + [0] * 70)
    assert paired_sd(0.2, 0.1) == pytest.approx(d.std())


def test_impossible_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="effect must be positive"):
        pairs_needed(0.0, 1.0)
    with pytest.raises(ValueError, match="sd must be positive"):
        power_of(1.0, 0.0, 10)
    with pytest.raises(ValueError, match=r"0\.8 is usual"):
        pairs_needed(1.0, 1.0, target=1.0)
    with pytest.raises(ValueError, match="2 or more"):
        power_of(1.0, 1.0, 1)
    with pytest.raises(ValueError, match="sum to 1"):
        paired_sd(0.8, 0.3)
    with pytest.raises(ValueError, match="too small"):
        pairs_needed(1e-12, 1.0)
