"""Proportions: scipy where it has the same interval, and the duality of tests and intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from butfor.stats import clopper_pearson, mcnemar, tango, wilson
from butfor.stats.proportions import TangoReach, score_p
from butfor.stats.reach import p_values


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 10), (10, 10), (41, 97), (1, 1)])
def test_one_proportion_agrees_with_scipy(k: int, n: int) -> None:
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = binomtest(k, n).proportion_ci(0.9, method=method)
        assert np.allclose(ours(k, n, 0.9), (theirs.low, theirs.high), atol=1e-12)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (6, 0), (3, 10), (7, 7), (40, 22)])
def test_mcnemar_is_a_binomial_test_of_the_discordant_items(b: int, c: int) -> None:
    exact = binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(exact)
    assert mcnemar(b, c, "mid-p") <= mcnemar(b, c)


def test_mid_p_by_hand() -> None:
    assert mcnemar(6, 0, "mid-p") == pytest.approx(0.5**6)


@pytest.mark.parametrize(("b", "c", "n"), [(10, 3, 50), (0, 6, 20), (9, 0, 32), (40, 22, 300), (5, 5, 10)])
def test_tango_leaves_zero_out_exactly_when_mcnemars_score_rejects(b: int, c: int, n: int) -> None:
    reach = TangoReach(np.array(float(b)), np.array(float(c)), n)
    assert float(p_values(reach, (b - c) / n)) == pytest.approx(float(score_p(b, c)), abs=1e-9)


def test_tango_published_example_limits_and_symmetry() -> None:
    low, high = tango(9, 0, 32)  # worked by hand from the score equation
    z2 = 1.959963984540054**2
    for delta in (low, high):
        linear = (2 * 32 - 9) * delta - 9
        q = max(0.0, -linear / 32 / 2) if linear < 0 else 0.0
        assert (9 - 32 * delta) ** 2 / (32 * (2 * q + delta * (1 - delta))) == pytest.approx(z2, rel=1e-6)
    assert tango(3, 10, 50) == pytest.approx(tuple(-x for x in reversed(tango(10, 3, 50))))
    assert tango(20, 0, 20)[1] == 1.0 and tango(0, 20, 20)[0] == -1.0
    low, high = tango(0, 0, 20)
    assert low == pytest.approx(-high) and 0.1 < high < 0.2


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and n = 4"):
        wilson(5, 4)
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)
    with pytest.raises(ValueError, match="counts of n = 4"):
        tango(3, 2, 4)
