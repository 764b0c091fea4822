"""Worlds of logged choices: values are what many draws bring, and each family is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import DataError, UnknownName
from butfor.data.policy_worlds import ACTIONS, FACTOR, FAMILIES, World, counted, world

PLAIN = tuple(family for family in FAMILIES if family != "reviews")


@pytest.fixture(autouse=True)
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.cache_clear()
    folder = tmp_path / "cebab" / "CEBaB-v1.1"
    folder.mkdir(parents=True)
    texts = ["The food was bland, but our waiter was kind!", "Loud music. Great steak.", "Never again; rude staff."]
    rows = [
        {
            "id": f"{i}", "original_id": "0", "is_original": True, "edit_type": "", "edit_goal": "",
            "description": f"{texts[i % 3]} Table {i}." + " Fine." * (i % 5), "review_majority": str(1 + i % 5),
            **{f"{name}_aspect_majority": "Positive" if (i + j) % 3 else "Negative" for j, name in
               enumerate(("food", "service", "ambiance", "noise"))},
        }
        for i in range(40)
    ]  # fmt: skip
    (folder / "dev.json").write_text(json.dumps(rows))
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))


def odds(chances: np.ndarray) -> np.ndarray:
    return chances / (1 - chances)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_world_is_a_log_and_the_value_of_every_policy(family: str) -> None:
    known = world(family, 0)
    rng = np.random.default_rng(0)
    logged = known.log(0.0, 20_000, rng)
    assert abs(logged.target - logged.logging).max() < 1e-9
    assert logged.logging.shape == (20_000, ACTIONS) and logged.data.n == 20_000
    if family not in ("misreported", "hidden"):  # where choices were made by other probabilities than logged
        error = logged.outcome.std() / np.sqrt(20_000)
        assert known.value(0.0) == pytest.approx(logged.outcome.mean(), abs=5 * error)
    assert known.value(1.0) > known.value(0.0)


@pytest.mark.parametrize("family", ["linear", "binary", "cells"])
def test_weights_lead_to_the_value(family: str) -> None:
    known = world(family, 1)
    log = known.log(0.3, 20_000, np.random.default_rng(1))
    values = log.weights * log.outcome
    assert known.value(0.3) == pytest.approx(values.mean(), abs=5 * values.std() / np.sqrt(20_000))


def test_distances_share_their_choices() -> None:
    one, two = (world("curved", 0).log(d, 100, np.random.default_rng(5)) for d in (0.0, 1.0))
    assert (one.action == two.action).all() and (one.outcome == two.outcome).all()
    assert (one.target != two.target).any()


def test_what_is_hidden_moves_odds_by_no_more_than_it_says() -> None:
    for number in range(5):
        drawn = world("hidden", number).drawn
        ratio = odds(drawn.made) / odds(drawn.logged)
        assert 1.5 < max(ratio.max(), 1 / ratio.min()) <= FACTOR
        target = world("hidden", number).target(0.7)
        half = len(target) // 2
        assert (target[:half] == target[half:]).all()  # no policy sees it


def test_families_that_break_a_rule_break_it() -> None:
    unsupported = world("unsupported", 0)
    never = unsupported.drawn.logged[:, 0] == 0
    assert 0.25 < never.mean() < 0.4 and unsupported.target(0.0)[never, 0].max() < 1e-9
    assert (unsupported.target(0.5)[never, 0] >= 0.125).all()
    misreported = world("misreported", 0).drawn
    assert misreported.made.max(1).mean() > misreported.logged.max(1).mean() + 0.05


def test_words_are_counted() -> None:
    assert counted(("Not good food, but friendly waiters!",)).tolist() == [[0.6, 1.0, 1.0, 2.0, 0.0, 1.0, 1.0]]


def test_worlds_differ_by_number_and_seed() -> None:
    values = {world("linear", number, seed).value(0.5) for number in (0, 1) for seed in (0, 1)}
    assert len(values) == 4


def test_what_there_is_not() -> None:
    with pytest.raises(UnknownName, match="linear"):
        world("linaer", 0)
    with pytest.raises(DataError, match="distance is 2"):
        World("linear", world("linear", 0).drawn, world("linear", 0).sharp).target(2.0)
