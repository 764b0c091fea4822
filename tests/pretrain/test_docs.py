"""The page on erasers says what is true: its code runs, and its tables name methods and knobs that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import BUILT_IN, build, resolve

PAGE = (Path(__file__).parents[2] / "docs" / "pretrain.md").read_text(encoding="utf-8")


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    space: dict[str, Any] = {"__name__": __name__}
    for block in blocks:
        exec(compile(block, "docs/pretrain.md", "exec", dont_inherit=True), space)
    assert capsys.readouterr().out.startswith("leace: the matrix of word vectors")


def test_the_table_names_methods_and_their_knobs():
    rows = re.findall(r"^\| `(\w+)` \| .* \| .* \| (.*) \|$", PAGE.split("## The concept")[0], re.MULTILINE)
    assert {name for name, _ in rows} == set(BUILT_IN["method"]) - {"standard", "swap"}
    for name, knobs in rows:
        assert set(re.findall(r"`(\w+)`", knobs)) == {field.name for field in fields(resolve("method", name))} - {
            "concept",
            "matrix",
            "keep",
        }


def test_the_arm_of_the_page_is_valid():
    import tomllib

    arm = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems
