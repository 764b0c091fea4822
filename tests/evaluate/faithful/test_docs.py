"""The page on faithfulness, robustness, context and standard benchmarks: its examples run, its names are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import resolve

PAGE = (Path(__file__).parents[3] / "docs/faithful.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/faithful.md", "exec"), names)
    said = capsys.readouterr().out
    assert "'indirect'" in said and "'operands_kept'" in said and "butfor_reason_copa" in said
    assert (tmp_path / "tasks/butfor_reason_copa.yaml").is_file()


@pytest.mark.parametrize(("suite", "heading"), [("faithful.cot", "go through"), ("robust.arithmetic", "change when")])
def test_the_tables_name_metrics_that_there_are(suite: str, heading: str) -> None:
    section = next(part for part in PAGE.split("\n## ") if heading in part.split("\n")[0])
    rows = re.findall(r"^\| (`[^|]+?) *\|", section, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    metrics = {metric.name for metric in resolve("suite", suite).metrics}
    assert named and named <= metrics
    assert metrics - named <= {"accuracy", "sturdy", "parsed", "chance"} | {
        name for name in metrics if name.endswith(("_flip", "_shift"))
    }
