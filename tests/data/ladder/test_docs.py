"""The page on the reader: its code runs, its command and recipe exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from butfor.core.read import recipes

PAGE = (Path(__file__).parents[3] / "docs" / "reader.md").read_text(encoding="utf-8")


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, {"__name__": __name__})
    assert " => " in capsys.readouterr().out


def test_its_recipe_exists() -> None:
    assert all(name in recipes() for name in re.findall(r"^butfor run (\S+)", PAGE, re.MULTILINE))
