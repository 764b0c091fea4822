"""The page on suites: its examples run, and its table is what the suites say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import resolve, targets

PAGE = (Path(__file__).parents[2] / "docs/evaluate.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/evaluate.md", "exec"), names)
    assert "'stereotype'" in capsys.readouterr().out


def test_the_table_names_every_suite_with_its_headline_and_null() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| [^|]+ \| `(\w+)` \| (\w+) \| ([^|]*) \|$", PAGE, re.MULTILINE)
    ours = {name: resolve("suite", name) for name in targets("suite")}
    wanted = {
        name: (suite.metrics[0].name, suite.metrics[0].better.replace("zero", "0"), null_of(suite.metrics[0]))
        for name, suite in ours.items()
        if suite.__module__.startswith("butfor.")
    }
    assert {name: tuple(rest) for name, *rest in rows} == wanted


def null_of(metric: Any) -> str:
    if metric.null is None:
        return ""
    return f"`{metric.null}`" if isinstance(metric.null, str) else f"{metric.null:g}"
