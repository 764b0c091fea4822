"""Counterfactual strings as a maker."""

from __future__ import annotations

from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.data.counterfactual import generate
from butfor.data.counterfactual.made import UNCHANGED
from butfor.data.counterfactual.strings import Coupled
from butfor.lm.load import load

ROWS = [
    {"id": "a", "text": "It was bad.", "sentiment": "Negative"},
    {"id": "b", "text": "Fine.", "sentiment": "Positive"},
    {"id": "c", "text": "Odd <eos> mark.", "sentiment": "Negative"},
]


@pytest.fixture(scope="module")
def lm() -> Any:
    return load("debug")


def test_the_value_in_the_prompt_changes_the_text_and_nothing_else_does(lm: Any) -> None:
    made = generate(Coupled(lm), ROWS, "sentiment", "other", seed=0)
    assert [one.pair.counterfactual != one.pair.base for one in made] == [True, True, False]
    assert made == generate(Coupled(lm), ROWS, "sentiment", "other", seed=0)
    assert made[1] == generate(Coupled(lm), ROWS[1:], "sentiment", "Negative", seed=0)[0]
    assert made[0].prompt == "Positive review:\n" and "does not give" in made[2].reasons[0]
    same = generate(Coupled(lm, prompt="{value:.0}Review: "), ROWS[:2], "sentiment", "other", seed=0)
    assert [one.reasons for one in same] == [(UNCHANGED,)] * 2


def test_a_prompt_must_say_the_value(lm: Any) -> None:
    with pytest.raises(UserError, match="says no value"):
        Coupled(lm, prompt="Review: ")
