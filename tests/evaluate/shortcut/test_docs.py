"""The page on shortcuts: its examples run, and it names every suite."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import BUILT_IN

PAGE = (Path(__file__).parents[3] / "docs/shortcuts.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/shortcuts.md", "exec"), names)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_every_suite_has_its_row() -> None:
    ours = {name for name in BUILT_IN["suite"] if name.startswith(("shortcut.", "concept."))}
    assert set(re.findall(r"^\| `((?:shortcut|concept)\.\w+)` \|", PAGE, re.MULTILINE)) == ours
