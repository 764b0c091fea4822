"""The page of the stage says what is true: its files run, its commands work, its table names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import recipes
from butfor.core.registry import BUILT_IN, full

DOCS = Path(__file__).parents[2] / "docs"
METHOD = re.compile(r'^method\s*= "([\w.]+)"', re.MULTILINE)
PAGE = (DOCS / "pretrain.md").read_text(encoding="utf-8")


def test_every_method_of_the_stage_stands_in_the_table_with_a_page_and_recipes_that_exist() -> None:
    named: set[str] = set()
    for row in re.findall(r"^\| (`pretrain.*) \|$", PAGE, re.MULTILINE):
        methods, _, pages, made = row.split(" | ")
        whole = ""
        for name in re.findall(r"`([\w.]+)`", methods):
            whole = whole.rpartition(".")[0] + name if name.startswith(".") else name
            named.add(whole)
        assert all((DOCS / page).is_file() for page in re.findall(r"\]\(([\w-]+\.md)\)", pages)), pages
        assert set(re.findall(r"`(\w+)`", made)) <= set(recipes()), made
    assert named == {name for name in BUILT_IN["method"] if name.startswith("pretrain.")}
    used = {full("method", name) for path in recipes().values() for name in METHOD.findall(path.read_text("utf-8"))}
    (alone,) = re.findall(r"^In no recipe: (.*)\.$", PAGE, re.MULTILINE)
    assert named - used == set(re.findall(r"`([\w.]+)`", alone))


def test_the_files_and_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        command, *words = shlex.split(line)
        assert command == "butfor"
        result = CliRunner().invoke(app, words)
        assert result.exit_code in (0, 3), (line, result.output)  # 3: too few seeds to trust


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/pretrain.md", "exec", dont_inherit=True), space)
    assert "effect" in space


def test_the_row_of_the_page_is_what_the_loop_reads() -> None:
    import json

    from butfor.train.marks import checked

    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert checked([json.loads(block)]) == ("Hormones", "Risk", "Smoking")
