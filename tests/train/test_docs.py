"""The training page says what is true: its code runs, and its table names the facts that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from butfor.train.loop import TrainFacts

PAGE = (Path(__file__).parents[2] / "docs" / "train.md").read_text(encoding="utf-8")


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    space: dict[str, object] = {"__name__": __name__}
    for block in blocks:
        exec(compile(block, "docs/train.md", "exec", dont_inherit=True), space)


def test_the_method_of_the_page_is_fifteen_lines():
    block = next(iter(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))
    lines = block[block.index("@final") :].strip().splitlines()
    assert len(lines) <= 15


def test_the_table_names_facts_that_there_are():
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)))) - {"TrainFacts"}
    assert {name for name in named if "(" not in name} <= {field.name for field in fields(TrainFacts)} | {
        "data",
        "model",
    }
