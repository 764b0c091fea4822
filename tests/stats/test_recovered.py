"""The share of a gain: limiting cases, and agreement with a bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest

from butfor.stats import paired
from butfor.stats.recovered import recovered


def draw(rng, share, seeds=4, items=200, gain=0.3):
    none = rng.normal(size=(1, items)) + 0.3 * rng.normal(size=(seeds, items))
    whole = none + gain + 0.5 * rng.normal(size=(1, items)) + 0.2 * rng.normal(size=(seeds, items))
    part = none + share * gain + 0.5 * rng.normal(size=(1, items)) + 0.2 * rng.normal(size=(seeds, items))
    return part, whole, none


def test_all_of_it_and_none_of_it():
    part, whole, none = draw(np.random.default_rng(0), 0.5)
    for made, share in ((whole, 1.0), (none, 0.0)):
        found = recovered(made, whole, none)
        assert (found.low, found.estimate, found.high) == pytest.approx((share, share, share), abs=1e-5)
    found = recovered(part, whole, none)
    assert found.estimate == pytest.approx((part - none).mean() / (whole - none).mean())
    assert 0 < found.low < 0.5 < found.high and found.low < found.estimate < found.high
    assert found.ok and found.n == 200 and found.seeds == 4


def test_the_ends_are_the_last_shares_that_cannot_be_ruled_out():
    part, whole, none = draw(np.random.default_rng(1), 0.5)
    found = recovered(part, whole, none)
    for end, inward in ((found.low, 1e-4), (found.high, -1e-4)):
        for rho, out in ((end + inward, False), (end - inward, True)):
            assert paired(part, (1 - rho) * none + rho * whole).excludes() is out


def test_it_agrees_with_a_bootstrap_over_seeds_and_items():
    rng = np.random.default_rng(2)
    part, whole, none = draw(rng, 0.5, seeds=12, items=400)
    shares = []
    for _ in range(800):
        s, i = rng.integers(12, size=12), rng.integers(400, size=400)
        p, w, n = (x[np.ix_(s, i)].mean() for x in (part, whole, none))
        shares.append((p - n) / (w - n))
    found = recovered(part, whole, none)
    low, high = np.quantile(shares, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.06)
    assert found.high == pytest.approx(high, abs=0.06)


def test_without_a_gain_there_is_no_share():
    part, whole, none = draw(np.random.default_rng(3), 0.5, gain=0.0)
    found = recovered(part, whole, none)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert not found.ok
    with pytest.raises(ValueError, match="no gain"):
        recovered(part, none, none)
