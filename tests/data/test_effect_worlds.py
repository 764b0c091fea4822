"""Worlds whose effect is known: confounded, the same again by number, and as true as they say."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UnknownName
from butfor.data.effect_worlds import FAMILIES, world
from butfor.scm.estimate import Adjust


@pytest.mark.parametrize("family", FAMILIES)
def test_a_world_is_the_same_again_and_has_both_arms(family: str) -> None:
    one, again, other = world(family, 0, 200), world(family, 0, 200), world(family, 1, 200)
    assert np.array_equal(one.data["y"], again.data["y"]) and not np.array_equal(one.data["y"], other.data["y"])
    assert set(one.data["t"].tolist()) == {0.0, 1.0} and one.data.n == len(one.each) == 200
    assert np.isfinite(one.data.matrix(one.given)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_difference_of_means_is_confounded(family: str) -> None:
    off: list[float] = []
    for number in range(4):
        known = world(family, number, 4000)
        y, t = known.data["y"], known.data["t"] == 1
        off.append(abs(y[t].mean() - y[~t].mean() - known.truth) / known.spread)
    assert np.mean(off) > 0.1


def test_the_truth_is_what_the_right_regression_finds() -> None:
    known = world("linear", 3, 20000)
    terms = np.column_stack([known.data["t"], np.ones(20000), known.data.matrix(known.given)])
    found = np.linalg.lstsq(terms, known.data["y"], rcond=None)[0][0]
    assert found == pytest.approx(known.truth, abs=0.06)


def test_binary_outcomes_have_the_chances_that_the_truth_says() -> None:
    known = world("binary", 0, 20000)
    assert set(known.data["y"].tolist()) == {0.0, 1.0} and -1 < known.each.min() <= known.each.max() < 1
    found = Adjust("t", "y", known.given)(known.data)
    assert found.estimate == pytest.approx(known.truth, abs=0.02)


def test_effects_differ_where_the_family_says_so() -> None:
    assert np.ptp(world("heterogeneous", 0, 500).each) > 0.5 and np.ptp(world("linear", 0, 500).each) == 0


def test_an_unknown_family() -> None:
    with pytest.raises(UnknownName, match="family"):
        world("liner", 0, 100)
