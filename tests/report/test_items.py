"""Pairing of records and the choice of items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.report.folder import open_run
from butfor.report.items import Paired, Records, choose, rule, shown

from .runs import QUICK, Suite, make


def pair_of(difference: list[float]) -> Paired:
    moved = np.array(difference, dtype=float)
    return Paired(
        suite="s",
        metric="m",
        treatment="t",
        control="c",
        unit="",
        items=[str(k) for k in range(len(moved))],
        before=np.zeros(len(moved)),
        after=moved,
        by_seed={0: 0.0},
        identical=False,
    )


@settings(max_examples=60)
@given(st.lists(st.integers(-50, 50), max_size=60), st.integers(0, 20), st.integers(0, 10))
def test_the_largest_changes_are_chosen_then_an_even_sample(moved: list[int], largest: int, sampled: int) -> None:
    pair = pair_of([float(value) for value in moved])
    places = choose(pair, largest, sampled)
    assert len(places) == len(set(places)) == min(len(moved), largest + sampled)
    sizes = [abs(moved[place]) for place in places]
    assert sizes == sorted(sizes, reverse=True)
    left_out = [abs(value) for place, value in enumerate(moved) if place not in places]
    assert not left_out or not sizes[:largest] or max(left_out) <= min(sizes[:largest])


def test_rule_says_how_many_of_how_many() -> None:
    assert rule(pair_of([1.0] * 5), 3, 2) == "All 5 items, the largest change first."
    assert rule(pair_of([1.0] * 9), 3, 2).startswith("5 of 9 items are shown: the 3 with the largest change and 2")


def test_pairs_agree_with_the_effects(tmp_path: Path) -> None:
    run = open_run(make(tmp_path))
    records = Records(run)
    for effect in run.effects:
        pair = records.paired(effect.suite, effect.metric, effect.treatment, effect.control)
        assert pair.difference.mean() == pytest.approx(effect.estimate, abs=1e-12)
        assert np.mean(list(pair.by_seed.values())) == pytest.approx(effect.estimate, abs=1e-12)
        assert not pair.identical and not pair.gaps


def test_same_numbers_in_every_seed_are_seen(tmp_path: Path) -> None:
    run = open_run(make(tmp_path, random=False))
    assert Records(run).paired("bias.professions", "stereotype", "treatment", "control").identical


def test_texts_that_differ_are_told_apart(tmp_path: Path) -> None:
    run = open_run(make(tmp_path, suites=(Suite("s", "m", 0.7, {"leace": -0.4}, 0.01, n=4),)))
    pair = Records(run).paired("s", "m", "treatment", "control")
    lines = shown(run, pair, choose(pair, 4, 0))
    assert {key for line in lines for key, _ in line.shared} >= {"prompt"}
    for line in lines:
        assert line.difference == pytest.approx(line.after - line.before)
        assert all(left != right for _, left, right in line.differing)


def test_an_arm_without_records_has_no_pairs(tmp_path: Path) -> None:
    run = open_run(make(tmp_path, suites=QUICK[:1]))
    assert Records(run).paired("text.perplexity", "nll", "treatment", "control").items == []
    assert Records(run).paired("bias.professions", "stereotype", "nobody", "control").items == []
    assert Records(run).paired("../control", "stereotype", "treatment", "control").items == []
