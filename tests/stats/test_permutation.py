"""Sign flips: by hand, by brute force, by scipy, and their exactness under exchangeable arms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test

from butfor.stats import max_t, sign_flip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_by_hand() -> None:
    assert sign_flip([1, 2, 3], rng=rng()) == 2 / 8
    assert sign_flip([1, -1], rng=rng()) == 1.0
    assert sign_flip([0, 0, 0], rng=rng()) == 1.0
    assert sign_flip([5.0] * 10, rng=rng()) == 2 / 2**10


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_by_brute_force(n: int) -> None:
    d = rng(n).normal(size=n) + 0.4
    every = np.array(list(itertools.product([-1, 1], repeat=n))) @ d
    assert sign_flip(d, rng=rng()) == pytest.approx(np.mean(np.abs(every) >= abs(d.sum()) - 1e-9))


def test_exact_agrees_with_scipy() -> None:
    d = rng(3).normal(0.3, 1, size=12)
    theirs = permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(d, rng=rng()) == pytest.approx(theirs.pvalue)


def test_monte_carlo_agrees_with_exact_and_is_never_zero() -> None:
    d = rng(5).normal(0.35, 1, size=24)
    exact = sign_flip(d, rng=rng())
    padded = np.concatenate([d, np.full(4, 1e-9)])  # 28 units: Monte Carlo
    assert sign_flip(padded, rng=rng(), draws=19_999) == pytest.approx(exact, abs=4 * np.sqrt(exact / 19_999))
    assert sign_flip(np.ones(60), rng=rng(), draws=99) == 0.01


def test_ties_with_the_observed_sum_count_as_reaching_it() -> None:
    assert sign_flip([0.1, 0.2, 0.3], rng=rng()) == 0.25  # 0.1 + 0.2 is not 0.3 in binary


def test_max_t_reduces_to_sign_flip_for_one_effect_and_grows_with_more() -> None:
    d = rng(7).normal(0.5, 1, size=(20, 30))
    alone = max_t(d[:, :1], rng=rng(), draws=19_999)[0]
    assert alone == pytest.approx(sign_flip(d[:, 0], rng=rng()), abs=0.01)
    assert (max_t(d, rng=rng())[0] >= alone - 0.01).all()


def test_max_t_of_copies_costs_nothing() -> None:
    d = np.tile(rng(8).normal(0.5, 1, size=(20, 1)), (1, 50))
    assert max_t(d, rng=rng(1))[0] == max_t(d[:, :1], rng=rng(1))[0]


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="flat list"):
        sign_flip([[1.0]], rng=rng())
    with pytest.raises(ValueError, match="two units or more"):
        max_t([[1.0, 2.0]], rng=rng())
