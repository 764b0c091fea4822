"""Text within a terminal: long lines go on under their own column, and no word is lost."""

from __future__ import annotations

import pytest

from butfor.cli.wide import columns, shortened, wrapped

LONG = "one two three four five six seven eight nine ten eleven twelve"


def test_what_is_too_long_goes_on_under_its_own_column() -> None:
    assert wrapped(f"Label     {LONG}", 40).splitlines() == [
        "Label     one two three four five six",
        "          seven eight nine ten eleven",
        "          twelve",
    ]
    assert wrapped(f"    {LONG}", 40).splitlines()[1].startswith("    eight")
    assert wrapped(f"Objective {LONG}\n          more", 40).splitlines()[1].startswith("          seven")
    assert wrapped(f"plain {LONG}", 40).splitlines()[1].startswith("eight")


def test_a_wrapped_line_is_put_together_before_it_is_wrapped_again() -> None:
    text = "Label     " + "word " * 22 + "\n          and more\n          short\n          shorter"
    lines = wrapped(text, 60).splitlines()
    assert any(line.endswith("word and more") for line in lines) and lines[-2:] == [
        " " * 10 + "short",
        " " * 10 + "shorter",
    ]
    assert " ".join(lines).split() == text.split()


def test_what_fits_is_left_alone() -> None:
    text = "a  =  b\n\n    c"
    assert wrapped(text, 20) == text


def test_a_cut_is_behind_a_word() -> None:
    assert shortened(LONG, 20) == "one two three four …" and shortened("one two", 20) == "one two"


def test_the_width_is_what_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "73")
    assert columns(110) == 73
    monkeypatch.setenv("COLUMNS", "1")
    assert columns(110) == 20
