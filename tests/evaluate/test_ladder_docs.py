"""The page on the ladder: commands and examples print what stands below them; its table is counted again (slow)."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest

from butfor.data.ladder import KINDS, Ladder, misled
from scm.pages import blocks, check

PAGE = Path(__file__).parents[2] / "docs/ladder.md"


def test_commands_and_examples_print_what_stands_below_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert check("ladder.md") >= 5


def test_every_kind_is_in_the_table_and_has_an_example() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = "".join(text for language, text in blocks("ladder.md") if language == "text")
    for kind in KINDS:
        assert f"`{kind}`" in page
        assert f"[{kind}]" in shown


@pytest.mark.slow
def test_the_table_of_mistakes_is_counted_again() -> None:
    found = misled(islice(Ladder(seed=7).items(), 12_600))
    page = PAGE.read_text(encoding="utf-8")
    short = {
        "ignores do": "ignores the intervention",
        "collider": "conditions on a collider",
        "condition": "ignores the condition",
        "likely": "takes likely for proven",
    }
    (head,) = re.findall(r"^\| kind \| (ignores .+) \|$", page, re.MULTILINE)
    columns = [short.get(name, name) for name in head.split(" | ")]
    for kind in KINDS:
        cell = r"(?:–|\d\.\d\d)"
        (row,) = re.findall(rf"^\| `{kind}` \| ({cell}(?: \| {cell})+) \|$", page, re.MULTILINE)
        cells = [found[kind].get(column) for column in columns]
        assert row.split(" | ") == ["–" if cell is None else f"{cell[0] / cell[1]:.2f}" for cell in cells]
