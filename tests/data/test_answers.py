"""What is read from a written answer: a gold set of outputs, and what must never be read.

outputs.jsonl: 424 answers that SmolLM2-135M-Instruct wrote to questions of CLadder, BIG-Bench Hard, e-CARE (all MIT),
COPA (BSD-2) and to sums of our own, and 280 in the styles of other models, written by us; each labelled by reading it:
`read` is the choice that a careful reader takes it for, null where it claims none or two. Of these 704 the 427 that
claim something are read in 414 cases, all of them right. (Before the rules
had seen them, 183 of the last 234 model outputs were read, four of them wrong, parts of a reasoning that was cut off;
since that was mended, 51 of 92 new ones were read, none of them wrong.)
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.data.answers import is_right, is_verdict, read_answer
from butfor.data.numerals import numbers, same_number
from butfor.data.question import Match, Question

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "outputs.jsonl").read_text("utf-8").splitlines()
]
AB = ("The road was icy.", "The road was new.")
YN = ("yes", "no")


def test_what_is_read_is_what_a_reader_takes_it_for() -> None:
    wrong = [
        (row["said"], row["read"], read)
        for row in ROWS
        if (read := read_answer(row["said"], row["choices"], row["match"])) is not None and read != row["read"]
    ]
    assert wrong == []


def test_little_is_left_unread() -> None:
    answers = [row for row in ROWS if row["read"] is not None]
    read = [row for row in answers if read_answer(row["said"], row["choices"], row["match"]) is not None]
    assert len(ROWS) > 650
    assert len(read) >= 0.96 * len(answers)


@pytest.mark.parametrize("match", ["choice", "exact", "number", "yesno", "regex"])
def test_nothing_is_read_from_nothing(match: Match) -> None:
    for said in ("", "   \n", "<think>The answer is B"):
        assert read_answer(said, AB if match == "choice" else (), match) is None


@given(st.text(max_size=200))
def test_any_text_is_read_or_not(said: str) -> None:
    for choices, match in ((AB, "choice"), (YN, "choice"), ((), "exact"), ((), "number"), ((), "yesno")):
        read = read_answer(said, choices, match)  # type: ignore[arg-type]
        assert read is None or not choices or read in (0, 1)


@given(st.sampled_from(["The answer is {}.", "{}", "**{}**", "Answer: {}", "Because it is so, I choose {}."]))
def test_a_choice_is_read_in_every_place(form: str) -> None:
    for place, letter in enumerate("ABCD"):
        assert read_answer(form.format(letter), ("cat", "dog", "bird", "fish"), "choice") == place


def test_letters_are_not_asked_for_where_choices_are_named() -> None:
    assert is_verdict(YN)
    assert is_verdict(("Valid", "invalid"))
    assert is_verdict(("A", "B"))
    assert not is_verdict(AB)
    assert not is_verdict(())
    assert read_answer("A", YN, "choice") is None


@pytest.mark.parametrize(
    ("read", "gold", "right"),
    [
        ("12", "12", True),
        ("12.0", "12", True),
        ("0.333333", "0.33", True),
        ("0.34", "0.33", False),
        ("3.4", "3", False),
        ("25%", "0.25", True),
        ("0.25", "25%", True),
        ("25%", "25", True),
        ("25", "0.25", False),
        ("0.25", "1/4", True),
        ("1234", "1,234", True),
        ("7", "no number", False),
    ],
)
def test_numbers_are_compared_as_numbers(read: str, gold: str, right: bool) -> None:
    assert same_number(read, gold) is right
    assert is_right(read, Question("q", "How many?", (), gold, "number")) is right


def test_numbers_of_a_text() -> None:
    assert numbers("3/4 of $1,200.50, or -7 %, not x2, nor v1.2.") == ["0.75", "1200.5", "-7%"]
    assert numbers("1/0") == []


def test_right_by_every_match() -> None:
    assert is_right(1, Question("q", "?", YN, 1))
    assert not is_right(0, Question("q", "?", YN, 1))
    assert not is_right(None, Question("q", "?", YN, 1))
    assert is_right("red ball", Question("q", "?", (), "The red ball.", "exact"))
    assert is_right("yes", Question("q", "?", (), "Yes", "yesno"))
    assert is_right("It is 5 km.", Question("q", "?", (), r"\b5 ?km\b", "regex"))
    assert not is_right("It is 15 miles.", Question("q", "?", (), r"\b5 ?km\b", "regex"))


@pytest.mark.parametrize(
    "text", ["x" * 50_000, "1" * 20_000, "A: a\n" * 3_000, "1. " * 3_000], ids=["letters", "digits", "lines", "numbers"]
)
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    """In a time that grows with its length, and not with the square of it."""
    began = time.process_time()
    read_answer(text, ("It broke.", "It sang."), "choice")
    assert time.process_time() - began < 2
