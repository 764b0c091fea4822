"""Aspects by rule: what was said goes, what is wanted comes, and all else stays."""

from __future__ import annotations

import pytest

from butfor.data.counterfactual import generate
from butfor.data.counterfactual.aspects import NOTHING, Aspects, clauses, joined

TEXT = "The ambiance is dull, but the food was cold. Our waiter smiled"


@pytest.mark.parametrize(
    ("variable", "wanted", "text"),
    [
        ("food", "unknown", "The ambiance is dull. Our waiter smiled"),
        ("food", "Positive", "The ambiance is dull. The food was excellent. Our waiter smiled"),
        ("service", "unknown", "The ambiance is dull, but the food was cold."),
        ("noise", "Negative", f"{TEXT}. It was much too loud."),
        ("noise", "unknown", TEXT),
        ("ambiance", "unknown", "the food was cold. Our waiter smiled"),
    ],
)
def test_an_aspect_is_set(variable: str, wanted: str, text: str) -> None:
    (made,) = generate(Aspects(), [{"text": TEXT, variable: "other"}], variable, wanted, seed=0)
    assert made.pair.counterfactual == text and made.kept is (text != TEXT)


def test_a_text_that_says_nothing_else_says_nothing() -> None:
    (made,) = generate(
        Aspects(), [{"text": "Great dishes, fine wines!", "food": "Positive"}], "food", "unknown", seed=0
    )
    assert made.pair.counterfactual == NOTHING


def test_what_it_has_no_words_for_is_refused_and_other_words_can_be_given() -> None:
    rows = [{"text": "The screen is big. It was dear.", "price": "high"}]
    (made,) = generate(Aspects(), rows, "price", "low", seed=0)
    assert not made.kept and "no words are known of price" in made.reasons
    own = Aspects(words={"price": "dear cheap"}, says={"price": {"low": "It was cheap."}})
    (made,) = generate(own, rows, "price", "low", seed=0)
    assert made.pair.counterfactual == "The screen is big. It was cheap."
    assert own.identity() != Aspects().identity()


def test_clauses_are_joined_to_the_text_again() -> None:
    text = "Fine, though slow; we left. However, it was late but quiet"
    assert clauses(text) == ["Fine,", "though slow;", "we left.", "However,", "it was late", "but quiet"]
    assert joined(["We left,", "though slow"]) == "We left, though slow"
