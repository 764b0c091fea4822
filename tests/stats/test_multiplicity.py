"""Holm and Benjamini–Hochberg: hand-made values, scipy, and what every adjustment must satisfy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from butfor.stats import adjust

PS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_by_hand() -> None:
    assert np.allclose(adjust([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])


@given(PS)
def test_bh_agrees_with_scipy(ps: list[float]) -> None:
    assert np.allclose(adjust(ps, "bh"), false_discovery_control(ps))


@given(PS)
def test_adjusted_are_no_smaller_keep_their_order_and_stay_under_one(ps: list[float]) -> None:
    for how in ("holm", "bh"):
        adjusted = adjust(ps, how)  # type: ignore[arg-type]
        assert (adjusted >= np.array(ps) - 1e-12).all() and (adjusted <= 1).all()
        order = np.argsort(ps, kind="stable")
        assert (np.diff(adjusted[order]) >= -1e-12).all()
    assert (adjust(ps, "holm") >= adjust(ps, "bh") - 1e-12).all()


def test_one_p_value_and_none_are_left_alone() -> None:
    assert adjust([0.2]).tolist() == [0.2]
    assert adjust([]).tolist() == []


def test_wrong_p_values_are_named() -> None:
    with pytest.raises(ValueError, match="position 1"):
        adjust([0.1, 1.2])
    with pytest.raises(ValueError, match="position 0"):
        adjust([float("nan")])
    with pytest.raises(ValueError, match="'holm' or 'bh'"):
        adjust([0.1], "bonferroni")  # type: ignore[arg-type]
