"""The page on stories: its code runs, its lines are a whole story, its command is one."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.data.story import parse_story

PAGE = (Path(__file__).parents[3] / "docs/stories.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_code_runs() -> None:
    for block in blocks("python"):
        exec(compile(block, "docs/stories.md", "exec"), {})


def test_the_lines_are_a_whole_story() -> None:
    (text,) = blocks("text")
    drawn = parse_story(text, "caused")
    assert (drawn.missing, drawn.faults) == ((), ())


def test_the_command_is_one() -> None:
    (block,) = blocks("console")
    _, *words = block.strip().removeprefix("$ ").split()
    assert CliRunner().invoke(app, words).exit_code == 0
