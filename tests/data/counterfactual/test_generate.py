"""One interface for every maker: what is asked for, what comes back, and that it resumes and repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, UserError
from butfor.core.seeds import derive
from butfor.data.counterfactual import cases, generate
from butfor.data.counterfactual.made import UNCHANGED, Case, Draft, read, write

ROWS: list[dict[str, Any]] = [
    {"text": "A good film.", "sentiment": "Positive"},
    {"text": "A bad film.", "sentiment": "Negative"},
    {"text": "A film.", "sentiment": "Negative"},
]


@dataclass
class Dice:
    """Writes a number that its case and the seed decide; dies after so many cases."""

    lives: int = 10**9
    name: str = "dice"
    batch: int = 2
    asked: list[str] = field(default_factory=list[str])

    def identity(self) -> Any:
        return {}

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        self.asked += [case.id for case in cases]
        if len(self.asked) > self.lives:
            raise KeyboardInterrupt
        return [Draft(f"{case.text} {derive(seed, case.id)}", f"write {case.wanted}") for case in cases]


def test_every_row_is_turned_to_the_other_value() -> None:
    made = generate(Dice(), ROWS, "sentiment", "other", seed=0)
    assert [(one.id, one.before, one.wanted) for one in made] == [
        ("0", "Positive", "Negative"),
        ("1", "Negative", "Positive"),
        ("2", "Negative", "Positive"),
    ]
    assert made[0].prompt == "write Negative" and made[0].kept and made[0].pair.changes == "sentiment"


def test_a_row_that_has_the_target_is_left_out() -> None:
    assert [one.id for one in generate(Dice(), ROWS, "sentiment", "Positive", seed=0)] == ["1", "2"]


def test_a_seed_repeats_and_another_differs() -> None:
    first = generate(Dice(), ROWS, "sentiment", "other", seed=3)
    assert generate(Dice(batch=1), ROWS, "sentiment", "other", seed=3) == first
    assert generate(Dice(), ROWS, "sentiment", "other", seed=4) != first


def test_what_was_made_before_an_end_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(Dice(lives=2), ROWS, "sentiment", "other", seed=0, folder=tmp_path)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"t": 1, "event": "ma')  # killed while it wrote
    again = Dice()
    made = generate(again, ROWS, "sentiment", "other", seed=0, folder=tmp_path)
    assert again.asked == ["2"]
    assert made == generate(Dice(), ROWS, "sentiment", "other", seed=0)


def test_labels_in_numbers_are_read_by_their_options() -> None:
    rows = [{"text": "Fine.", "label": 1, "options": [" bad", " good"]}]
    assert [(case.before, case.wanted) for case in cases(rows, "sentiment", "other")] == [("good", "bad")]


@pytest.mark.parametrize(
    ("rows", "target", "words"),
    [
        ([], "other", "no row"),
        ([{"text": "x", "sentiment": "a"}], "other", "name the target"),
        ([{"text": "x", "sentiment": "a"}], "a", "nothing to make"),
        ([{"text": "x"}], "a", "neither 'sentiment' nor 'label'"),
        ([{"text": " ", "label": "a"}], "b", "row 0 has no text"),
        ([{"id": "x", "text": "!?", "label": "a"}], "b", "row x has no text, or none with a word"),
        ([{"text": "x", "label": 2, "options": ["a", "b"]}], "b", "label 2, but 2 options"),
        ([{"id": 1, "text": "x", "label": "a"}, {"id": 1, "text": "y", "label": "a"}], "b", "two rows have the id '1'"),
    ],
)
def test_wrong_rows_cost_one_line(rows: list[dict[str, Any]], target: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        cases(rows, "sentiment", target)
    assert "\n" not in str(error.value)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    made = [one.because("too long").scored(flip=1.0) for one in generate(Dice(), ROWS, "sentiment", "other", seed=0)]
    write(tmp_path / "made.jsonl", made)
    assert read(tmp_path / "made.jsonl") == made


def test_a_file_that_is_none_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "made.jsonl").write_text('{"id": "1", "text": "x"}\n')
    with pytest.raises(MalformedData, match="line 1: 'counterfactual' is missing"):
        read(tmp_path / "made.jsonl")


def test_a_draft_that_changes_nothing_says_so() -> None:
    class Copy(Dice):
        def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
            del seed
            return [Draft(case.text) for case in cases]

    made = generate(Copy(), ROWS, "sentiment", "other", seed=0)
    assert [one.reasons for one in made] == [(UNCHANGED,)] * 3
