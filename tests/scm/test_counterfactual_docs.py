"""docs/counterfactuals.md prints what it says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "counterfactuals.md").read_text(encoding="utf-8")


def test_the_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert len(pairs) == PAGE.count("```python") == 10
    names: dict[str, object] = {}
    for code, printed in pairs:
        exec(compile(code, "docs/counterfactuals.md", "exec"), names)
        assert capsys.readouterr().out == printed
