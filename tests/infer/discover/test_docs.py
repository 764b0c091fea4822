"""The page of discovery with a model says what is true: its code runs, its commands work, its counts are right."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from butfor.cli.app import app

PAGE = (Path(__file__).parents[3] / "docs" / "discover-llm.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/discover-llm.md", "exec", dont_inherit=True), space)


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("andrey")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```toml\n(# clinic\.toml.*?)```", PAGE, re.DOTALL)
    (tmp_path / "clinic.toml").write_text(block, encoding="utf-8")
    rng = np.random.default_rng(0)
    smoking, bronchitis = rng.integers(0, 2, size=(2, 200))
    cancer = (rng.random(200) < 0.1 + 0.5 * smoking).astype(int)
    breath = (rng.random(200) < 0.1 + 0.4 * cancer + 0.4 * bronchitis).astype(int)
    rows = np.column_stack([smoking, cancer, bronchitis, breath])
    lines = ["smoking,cancer,bronchitis,breath", *(",".join(map(str, row)) for row in rows.tolist())]
    (tmp_path / "clinic.csv").write_text("\n".join(lines), encoding="utf-8")
    commands = [line for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in text.splitlines()]
    assert len(commands) == 5
    for line in commands:
        words = shlex.split(line.replace("smollm2-135m", "debug"))
        result = CliRunner().invoke(app, words[1:])
        assert words[0] == "butfor" and result.exit_code == 0, (line, result.output)


def test_the_counts_of_the_table_are_right() -> None:
    formulas = {
        "pairwise": lambda n: n * (n - 1) // 2,
        "triplets": lambda n: n * (n - 1) * (n - 2) // 2,
        "bfs": lambda n: n + 1,
    }
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| (.*) \|$", PAGE, re.MULTILINE)
    told = {name: [int(cell.replace(",", "")) for cell in cells.split(" | ")] for name, cells in rows}
    assert told == {name: [count(n) for n in (5, 8, 11, 20)] for name, count in formulas.items()}
