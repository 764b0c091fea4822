"""Edits of a rationale, by rule."""

from __future__ import annotations

import pytest

from butfor.evaluate.faithful.rationale import early, mistaken, reasoning, sentences
from butfor.evaluate.faithful.twins import twins


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 2.50 euros. Fine.", ["It costs 2.50 euros.", "Fine."]),
        ("First\n\n second.", ["First", "second."]),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Ann is taller. So the answer is yes.", "Ann is taller."),
        ("No, she is not. Ann is shorter.", "Ann is shorter."),
        ("Ann is taller. Therefore, yes.", "Ann is taller."),
        ("No lamp is on. There is no light.", "No lamp is on. There is no light."),
        ("1. Ann is tall.\n2. Ben is not.\n3.", "Ann is tall. Ben is not."),
        ("Ann is tall. Then we need to", "Ann is tall."),
        ("Step 1: Read\n- Ann is tall\n- Ben is not\nAnd so", "Step 1: Read. Ann is tall. Ben is not."),
        ("Yes.", ""),
        ("", ""),
    ],
)
def test_verdicts_list_numbers_and_unfinished_ends_are_taken_out(said: str, left: str) -> None:
    assert reasoning(said) == left


def test_cutting_rounds_down() -> None:
    text = "A b. C d. E f. G h. I j."
    assert [early(text, share) for share in (0, 0.25, 0.5, 0.75, 1)] == [
        "", "A b.", "A b. C d.", "A b. C d. E f.", text,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept", "wrong"),
    [
        ("He gets 3 + 4 = 7. Done.", "He gets 3 + 4 = 7.", "He gets 3 + 4 = 17."),
        ("A is 73. And 73 is more than 70.", "A is 73. And 73 is more than 70.", "A is 73. And 73 is less than 70."),
        ("The tank does not fill.", "The tank does not fill.", "The tank does fill."),
        ("The tank is full. Good.", "The tank is full.", "The tank is not full."),
        ("It isn't on.", "It isn't on.", "It is on."),
        ("Ann is older than Ben. Then 2 + 2 = 4 follows.", "Ann is older than Ben. Then 2 + 2 = 4 follows.",
         "Ann is older than Ben. Then 2 + 2 = 11 follows."),
    ],
)  # fmt: skip
def test_a_mistake_stands_in_the_last_sentence_that_a_rule_fits(text: str, kept: str, wrong: str) -> None:
    assert mistaken(text) == (kept, wrong)


def test_without_a_place_there_is_no_mistake() -> None:
    assert mistaken("Well. Let me think.") is None and mistaken("") is None


def test_every_derivation_can_be_mistaken_and_only_its_last_sentence_changes() -> None:
    for twin in twins(20, 0):
        for world in (twin.world, twin.other):
            kept, wrong = mistaken(world.derivation) or ("", "")
            before, after = sentences(kept), sentences(wrong)
            assert world.derivation.startswith(kept) and kept != wrong
            assert before[:-1] == after[:-1] and before[-1] != after[-1]
