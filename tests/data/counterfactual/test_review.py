"""The review file gives back what was written, and what a person changed in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, UserError
from butfor.data.counterfactual.made import UNCHANGED, Case, Draft, Made
from butfor.data.counterfactual.review import read, write


def some() -> list[Made]:
    hard = "=== a line\n--- another\n\\--- third\n\nlast"
    texts = [("A bad film.", "A good film."), (hard, hard + "!"), ("Same.", "Same."), ("a | b -> c", "a | b: -> d")]
    made = [
        Made.of(Case(f"{n} | x", old, "sentiment", "Negative", "Positive"), Draft(new, "asked"), "rules")
        for n, (old, new) in enumerate(texts)
    ]
    return [made[0].scored(flip=1.0), made[1].because("too far"), *made[2:]]


def test_what_nobody_edited_comes_back_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "review.txt", some())
    assert read(tmp_path / "review.txt", some()) == some()
    write(tmp_path / "review.txt", some())  # the same again is no harm


def edited(tmp_path: Path, old: str, new: str) -> list[Made]:
    file = tmp_path / "review.txt"
    write(file, some())
    text = file.read_text()
    assert text.count(old) >= 1
    file.write_text(text.replace(old, new, 1))
    return read(file, some())


def test_a_mended_text_is_the_persons(tmp_path: Path) -> None:
    first, *others = edited(tmp_path, "A good film.", "A splendid film,\nreally.")
    assert first.pair.counterfactual == "A splendid film,\nreally."
    assert (first.maker, first.scores, first.prompt) == ("rules + person", {}, "asked")
    assert others == some()[1:]


def test_a_person_drops_with_a_reason_and_takes_back_what_a_filter_dropped(tmp_path: Path) -> None:
    assert edited(tmp_path, "keep: yes", "keep: no, silly")[0].reasons == ("person: silly",)
    assert edited(tmp_path / "b", "keep: no, too far", "keep: yes")[1].kept
    copy = edited(tmp_path / "c", "keep: no, unchanged", "keep: yes")[2]
    assert copy.reasons == (UNCHANGED,)  # a copy is no counterfactual, whoever says so


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("A bad film.", "A worse film.", "only the counterfactual may be edited"),
        ("keep: yes", "keep: perhaps", "neither 'keep: yes' nor"),
        ("=== 0 | x", "=== 9 | x", "nothing was made by rules for '9 | x'"),
        ("--- counterfactual\nA good", "A good", "not '=== id"),
        ("=== 1 | x", "=== 0 | x", "stands twice"),
    ],
)
def test_a_file_that_lost_its_form_names_the_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(MalformedData, match=words):
        edited(tmp_path, old, new)


def test_somebodys_edits_are_not_overwritten(tmp_path: Path) -> None:
    edited(tmp_path, "A good film.", "A splendid film.")
    with pytest.raises(UserError, match="somebody may have edited it"):
        write(tmp_path / "review.txt", some())
