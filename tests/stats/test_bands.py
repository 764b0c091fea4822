"""Simultaneous bands: what they contain, what they refuse, and that they hold 5 % over 144 effects."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.stats import max_t, paired, simultaneous


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_one_effect_has_about_the_interval_of_paired() -> None:
    d = rng(1).normal(0.5, 1, size=(60, 1))
    band, alone = simultaneous(d, rng=rng(), draws=9999)[0], paired(d[:, 0], np.zeros(60))
    width = alone.high - alone.low
    assert band.low == pytest.approx(alone.low, abs=0.08 * width)
    assert band.high == pytest.approx(alone.high, abs=0.08 * width)


def test_bands_are_wider_than_single_intervals_and_p_agrees_with_them() -> None:
    d = rng(2).normal(0.0, 1, size=(40, 30)) + np.linspace(0, 1.2, 30)
    bands = simultaneous(d, rng=rng())
    for band, column in zip(bands, d.T, strict=True):
        alone = paired(column, np.zeros(40))
        assert band.low < alone.low and band.high > alone.high and band.n == 40
        assert band.p is not None and (abs(band.p - 0.05) < 2e-3 or band.excludes(0) == (band.p < 0.05))
    assert any(band.excludes(0) for band in bands)


def test_copies_of_one_effect_cost_nothing() -> None:
    d = rng(3).normal(size=(32, 1))
    one, copies = simultaneous(d, rng=rng(4))[0], simultaneous(np.tile(d, (1, 20)), rng=rng(4))
    assert all((band.low, band.high) == pytest.approx((one.low, one.high)) for band in copies)


def test_right_or_wrong_is_flipped_in_sign() -> None:
    d = rng(5).choice([-1.0, 0.0, 1.0], p=[0.05, 0.5, 0.45], size=(50, 10))
    bands = simultaneous(d, rng=rng(6), draws=4999)
    assert "sign-flip" in bands[0].method
    assert np.allclose([band.p for band in bands], max_t(d, rng=rng(6), draws=4999))


def test_effects_that_cannot_be_judged_get_no_band() -> None:
    d = rng(7).normal(size=(30, 4))
    d[:, 1] = 0.0
    d[:, 2] = 0.0
    d[:2, 2] = 1.5
    same, sparse = simultaneous(d, rng=rng())[1:3]
    assert (same.p, same.checks[0].code, same.ok) == (1.0, "identical", True)
    assert (sparse.low, sparse.high, sparse.checks[0].code) == (-np.inf, np.inf, "sparse")
    flipped = simultaneous(rng(8).lognormal(size=(30, 2)), rng=rng(), how="sign-flip")
    assert flipped[0].checks[0].code == "skewed" and not flipped[0].ok
    assert simultaneous(rng(9).normal(size=(9, 2)), rng=rng())[0].checks[0].code == "small-n"


@pytest.mark.parametrize("shape", ["normal", "exponential", "correlated"])
def test_family_wise_error_at_32_units_and_144_effects(shape: str) -> None:
    source, reps, wrong = rng(10), 60, 0
    for _ in range(reps):
        d = source.exponential(size=(32, 144)) - 1 if shape == "exponential" else source.normal(size=(32, 144))
        if shape == "correlated":
            d = d + source.normal(size=(32, 1))
        wrong += any(band.excludes(0) for band in simultaneous(d, rng=source, draws=299))
    assert wrong / reps < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / reps)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="three units or more"):
        simultaneous([[1.0, 2.0]], rng=rng())
    with pytest.raises(ValueError, match="finite"):
        simultaneous([[1.0], [np.nan], [2.0]], rng=rng())
