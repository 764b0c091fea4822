"""The page on what if says what is true: its code runs, its commands work, its names exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.registry import resolve

PAGE = (Path(__file__).parents[3] / "docs" / "whatif.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/whatif.md", "exec", dont_inherit=True), space)


def test_the_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    for line in lines:
        command, *words = shlex.split(line)
        assert command == "butfor"
        if words[0] == "whatif":
            words = ["debug" if word == "smollm2-135m" else word for word in words]
            result = CliRunner().invoke(app, [*words, "--room", "4"])
            assert result.exit_code == 0, (line, result.output)
    assert len(lines) >= 3


def test_its_names_and_options_exist() -> None:
    told = CliRunner().invoke(app, ["whatif", "--help"], terminal_width=200).output
    assert all(name in told for name in re.findall(r"`(--[a-z]+)", PAGE))
    for kind, names in {"method": r"`(infer\.[\w.]+)`", "suite": r"`(bias\.\w+)`"}.items():
        assert all(resolve(kind, name) for name in re.findall(names, PAGE))  # type: ignore[arg-type]
    metrics = {metric.name for metric in resolve("suite", "bias.questions").metrics}
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert rows and set(rows) <= metrics
