"""Confidence sequences: they hold at every look, shrink, and never widen."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.stats import anytime


def test_truth_stays_inside_at_all_looks_in_all_but_alpha_of_the_runs() -> None:
    rng = np.random.default_rng(0)
    reps, truth = 300, 0.1
    ever = sum(anytime(rng.choice([-1, 0, 1], p=[0.2, 0.5, 0.3], size=150), bounds=(-1, 1)).excludes(truth) is not None
               for _ in range(reps))  # fmt: skip
    assert ever / reps < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / reps)


def test_it_never_widens_and_closes_in_on_the_mean() -> None:
    x = np.random.default_rng(1).beta(2, 6, size=3000)
    sequence = anytime(x, bounds=(0, 1))
    assert (np.diff(sequence.low) >= 0).all() and (np.diff(sequence.high) <= 0).all()
    assert sequence.low[-1] < 0.25 < sequence.high[-1]
    assert sequence.high[-1] - sequence.low[-1] < 0.04  # low variance is used: Hoeffding at one look is 0.05
    assert len(sequence.low) == 3000


@pytest.mark.parametrize("value", [0.1234567, 0.5, 0.9995, 0.00049])
def test_a_long_run_of_one_value_between_two_candidates_keeps_its_bounds(value: float) -> None:
    sequence = anytime(np.full(20_000, value), bounds=(0, 1))
    assert (np.diff(sequence.low) >= 0).all() and (np.diff(sequence.high) <= 0).all()
    assert sequence.low[-1] <= value <= sequence.high[-1] and sequence.high[-1] - sequence.low[-1] < 0.005
    assert len(sequence.low) == len(sequence.high) == 20_000
    assert np.allclose(sequence.estimate, value)


def test_mirrored_values_give_the_mirrored_sequence() -> None:
    x = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], p=[0.1, 0.5, 0.4], size=200)
    one, other = anytime(x, bounds=(-1, 1)), anytime(-x, bounds=(-1, 1))
    assert np.allclose(one.low, -other.high) and np.allclose(one.high, -other.low)


def test_bounds_scale_the_result() -> None:
    x = np.random.default_rng(3).random(100)
    one, ten = anytime(x, bounds=(0, 1)), anytime(10 * x - 5, bounds=(-5, 5))
    assert np.allclose(10 * one.low - 5, ten.low)


def test_a_long_run_cut_in_chunks_equals_its_prefix() -> None:
    x = np.random.default_rng(4).random(1300)
    assert np.array_equal(anytime(x, bounds=(0, 1)).low[:700], anytime(x[:700], bounds=(0, 1)).low)


def test_a_large_effect_is_seen_early_and_none_is_not() -> None:
    x = np.random.default_rng(5).choice([0.0, 1.0], p=[0.3, 0.7], size=200)
    first = anytime(x, bounds=(-1, 1)).excludes(0)
    assert first is not None and first < 60
    assert anytime(np.zeros(200), bounds=(-1, 1)).excludes(0) is None
    assert "anytime" in str(anytime(x, bounds=(-1, 1)))


def test_values_at_the_bounds_do_not_break_it() -> None:
    for value in (-1.0, 1.0):
        sequence = anytime(np.full(50, value), bounds=(-1, 1))
        assert sequence.low[-1] <= value <= sequence.high[-1]


def test_values_outside_the_bounds_are_named() -> None:
    with pytest.raises(ValueError, match="position 1"):
        anytime([0.2, 1.2, 0.1], bounds=(0, 1))
    with pytest.raises(ValueError, match="position 0"):
        anytime([float("nan")], bounds=(0, 1))
    with pytest.raises(ValueError, match="one value or more"):
        anytime([], bounds=(0, 1))
