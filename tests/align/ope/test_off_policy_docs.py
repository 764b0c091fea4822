"""The page of off-policy evaluation says what is true: its logs are written, its commands find the truth."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app

PAGE = (Path(__file__).parents[3] / "docs" / "off-policy.md").read_text(encoding="utf-8")


def test_the_commands_find_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/off-policy.md", "exec", dont_inherit=True), space)
    for block, truth in zip(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL), (0.715, 0.4), strict=True):
        words = shlex.split(block)
        assert words[:2] == ["butfor", "evaluate-policy"]
        done = CliRunner().invoke(app, [*words[1:], "--json"])
        assert done.exit_code == 0, done.stderr
        values = json.loads(done.stdout)["values"]
        assert all(value["low"] <= truth <= value["high"] for value in values)


def test_the_options_of_the_page_exist() -> None:
    told = CliRunner().invoke(app, ["evaluate-policy", "--help"]).output
    named = set(re.findall(r"`?(--[a-z]+)", PAGE))
    assert named and all(name in told for name in named), named
