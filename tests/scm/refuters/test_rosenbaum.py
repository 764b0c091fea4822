"""Rosenbaum bounds against enumeration of every assignment, and against published examples."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from butfor.core.errors import DataError, QueryError
from butfor.scm.refuters.rosenbaum import Pairs, Test, pairs

# Morton et al. 1982: blood lead of 33 children of workers in a battery factory, and of their matched controls
EXPOSED = [38, 23, 41, 18, 37, 36, 23, 62, 31, 34, 24, 14, 21, 17, 16, 20, 15, 10, 45, 39, 22, 35, 49, 48, 44, 35, 43,
           39, 34, 13, 73, 25, 27]  # fmt: skip
CONTROL = [16, 18, 18, 24, 19, 11, 10, 15, 16, 18, 18, 13, 19, 10, 16, 16, 24, 13, 9, 14, 21, 19, 7, 18, 19, 12, 11,
           22, 25, 16, 13, 11, 13]  # fmt: skip


def enumerated(d: list[float], gamma: float, test: Test) -> float:
    """The chance that the statistic reaches the observed one, over all signs, each + with chance Γ / (1 + Γ)."""
    sizes = np.abs(d)
    ranks = np.array([np.mean(np.flatnonzero(np.sort(sizes) == size) + 1) for size in sizes])
    score = ranks if test == "signed rank" else np.ones(len(d))
    reached = score[np.array(d) > 0].sum()
    theta, total = gamma / (1 + gamma), 0.0
    for signs in itertools.product((0, 1), repeat=len(d)):
        if score @ signs >= reached - 1e-9:
            total += math.prod(theta if s else 1 - theta for s in signs)
    return total


@pytest.mark.parametrize("test", ["signed rank", "sign"])
@pytest.mark.parametrize("gamma", [1.0, 1.7, 4.0])
def test_bounds_are_those_of_enumeration(test: Test, gamma: float) -> None:
    for d in ([1.0, 2, -3, 4, 5, 6, 7.5], [1, 1, -1, 2, 2, 3, 3, -3, 5], [-1, -2, 0.5]):
        assert Pairs(np.array(d)).p(gamma, test) == pytest.approx(enumerated(d, gamma, test), abs=1e-12)


def test_heavy_smoking_and_lung_cancer() -> None:
    """Hammond 1964: in 110 of 122 discordant pairs the heavy smoker died.

    Rosenbaum 2005 prints 0.0036, 0.03 and 0.1 at Γ = 4, 5, 6, by the normal approximation; ours are exact.
    """
    found = Pairs(np.array([1.0] * 110 + [-1.0] * 12))
    assert [round(found.p(gamma, "sign"), 4) for gamma in (4, 5, 6)] == [0.0020, 0.0232, 0.0969]
    assert 5 < found.gamma(0.05, "sign") < 6


def test_lead_in_children_blood() -> None:
    """Rosenbaum 2002, chapter 4, prints normal approximations that rank the pair without a difference too."""
    d = np.array(EXPOSED) - np.array(CONTROL)
    ranks = np.array([np.mean(np.flatnonzero(np.sort(np.abs(d)) == size) + 1) for size in np.abs(d)])[d != 0]
    reached = ranks[d[d != 0] > 0].sum()
    found = pairs(EXPOSED, CONTROL)
    assert len(found.differences) == 32
    for gamma, published in ((2, 0.0018), (3, 0.0136), (4, 0.0388), (4.25, 0.0468), (5, 0.0740)):
        theta = gamma / (1 + gamma)
        z = (reached - theta * ranks.sum()) / math.sqrt(theta * (1 - theta) * np.sum(ranks**2))
        assert math.erfc(z / math.sqrt(2)) / 2 == pytest.approx(published, abs=2e-4)
        assert 0.2 * published < found.p(gamma) < published  # the exact tail is lighter
    assert found.p(found.gamma(0.05)) == pytest.approx(0.05, abs=1e-3)
    assert 4.25 < found.gamma(0.05) < 5


@pytest.mark.parametrize("gamma", [1.0, 1.4, 1.7, 2.5])
def test_the_saddlepoint_continues_the_exact_tail(gamma: float) -> None:
    d = np.random.default_rng(0).normal(0.4, 1, size=100)
    exact = Pairs(d).p(gamma)
    more = Pairs(np.append(d, 1e-9))  # a tiny difference: rank 1, sign +
    assert 1e-7 < exact < 0.9
    theta = gamma / (1 + gamma)
    doubled = 2 * np.argsort(np.argsort(np.abs(more.differences))) + 2
    chance = np.zeros(doubled.sum() + 1)
    chance[0] = 1.0
    for rank in doubled:
        chance[rank:], chance[:rank] = (1 - theta) * chance[rank:] + theta * chance[:-rank], (1 - theta) * chance[:rank]
    tail = chance[doubled[more.differences > 0].sum() :].sum()
    assert more.p(gamma) == pytest.approx(tail, rel=0.01)
    assert more.p(gamma) == pytest.approx(exact, rel=0.1)


def test_gamma_grows_with_the_effect_and_is_one_without() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=100)
    found = [pairs(noise + shift, 0 * noise).gamma() for shift in (0.3, 0.6, 1.2)]
    assert found == sorted(found)
    assert pairs(noise - 1, 0 * noise).gamma() == 1.0
    assert pairs(noise + 9, 0 * noise).gamma(0.5) > 50


def test_level_under_an_experiment_and_under_the_largest_bias_allowed() -> None:
    rng = np.random.default_rng(2)
    for gamma in (1.0, 2.0):
        signs = np.where(rng.random((2000, 40)) < gamma / (1 + gamma), 1.0, -1.0)
        d = signs * rng.exponential(size=(2000, 40))
        for test in ("signed rank", "sign"):
            rate = np.mean([Pairs(row).p(gamma, test) <= 0.05 for row in d[: 600 if test == "signed rank" else 2000]])
            assert 0.02 < rate < 0.075


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="one length"):
        pairs([1, 2], [1])
    with pytest.raises(DataError, match="no pair differs"):
        pairs([1, 2], [1, 2])
    with pytest.raises(DataError, match="1 pairs hold a missing"):
        pairs([1, math.nan], [1, 2])
    with pytest.raises(QueryError, match=r"1 or more, not 0\.5"):
        pairs([1, 3], [1, 2]).p(0.5)
    with pytest.raises(QueryError, match="must be 'signed rank' or 'sign'"):
        pairs([1, 3], [1, 2]).p(2, "rank")  # type: ignore[arg-type]
