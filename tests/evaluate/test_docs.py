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


def test_the_table_names_every_suite_and_metric_in_order() -> None:
    rows = re.findall(r"^\| (?:`([\w.]+)`)? *\|[^|]*\| `(\w+)` \| ([^|,]+)", PAGE, re.MULTILINE)
    found: dict[str, list[tuple[str, str]]] = {}
    for suite, metric, better in rows:
        found.setdefault(suite or list(found)[-1], []).append((metric, better.strip().replace("0", "zero")))
    ours = [name for name in targets("suite") if resolve("suite", name).__module__.startswith("butfor.")]
    assert found == {name: [(m.name, m.better) for m in resolve("suite", name).metrics] for name in ours}
