"""The page on causal attention says what is true: its code runs and prints what it says, its arms are valid."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from butfor.core.read import recipes
from butfor.core.registry import build, full, resolve
from butfor.pretrain.attention.dag import DAG

PAGE = (Path(__file__).parents[3] / "docs" / "attention.md").read_text(encoding="utf-8")
MINE = PAGE.split("## What it costs")[0]


def test_the_code_runs(capsys: pytest.CaptureFixture[str]):
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", MINE, re.DOTALL):
        exec(compile(block, "docs/attention.md", "exec", dont_inherit=True), space)
    *said, _, _, method, rows = capsys.readouterr().out.splitlines()
    assert said == [
        "True False",
        "Age: 7 reaches Risk: True False",
        "Hormones: 3 reaches Risk: False True",
        "Weight: 2 reaches Risk: True False",
    ]
    assert method.startswith("AIPW, 2 folds, outcomes: ") and rows == "300"


def test_the_arms_of_the_page_are_valid():
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        table = tomllib.loads(block)
        for arm in [table.get("treatment"), *table.get("arm", [])]:
            if arm:
                arm.pop("name", None)
                made, problems = build(resolve("method", arm.pop("method")), arm)
                assert made is not None and not problems


def test_the_table_names_the_knobs():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| .* \|$", MINE, re.MULTILINE)
    assert [name for name, _ in rows] == [field.name for field in fields(DAG)]


def test_what_is_explained_and_planned_is_there():
    commands = re.findall(r"^butfor (\w+) (\S+)", MINE, re.MULTILINE)
    assert commands
    for verb, name in commands:
        assert name in recipes() if verb == "plan" else resolve("method", full("method", name))
