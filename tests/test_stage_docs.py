"""The page of each stage says what is true: its files run, its commands work, its table names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import recipes
from butfor.core.registry import BUILT_IN, STAGES, full

DOCS = Path(__file__).parents[1] / "docs"
METHOD = re.compile(r'^method\s*= "([\w.]+)"', re.MULTILINE)
COMMANDS = {"pretrain": 6, "finetune": 5, "align": 4, "infer": 4}


def page(stage: str) -> str:
    return (DOCS / f"{stage}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_every_method_of_the_stage_stands_in_the_table_with_pages_and_recipes_that_exist(stage: str) -> None:
    named: set[str] = set()
    for row in re.findall(rf"^\| (`{stage}.*) \|$", page(stage), re.MULTILINE):
        methods, _, pages, made = row.split(" | ")
        whole = ""
        for name in re.findall(r"`([\w.]+)`", methods):
            whole = whole.rpartition(".")[0] + name if name.startswith(".") else name
            named.add(whole)
        assert all((DOCS / page).is_file() for page in re.findall(r"\]\(([\w-]+\.md)[\w#-]*\)", pages)), pages
        assert set(re.findall(r"`([\w-]+)`", made)) <= set(recipes()), made
    assert named == {name for name in BUILT_IN["method"] if name.startswith(f"{stage}.")}
    used = {full("method", name) for path in recipes().values() for name in METHOD.findall(path.read_text("utf-8"))}
    alone = re.findall(r"^In no recipe: (.*)\.$", page(stage), re.MULTILINE)
    assert named - used == set(re.findall(r"`([\w.]+)`", "".join(alone)))


@pytest.mark.parametrize("stage", STAGES)
def test_the_files_and_commands_of_the_page_work(stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```toml\n(# .*?)```", page(stage), re.DOTALL):
        (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page(stage), re.DOTALL) for line in block.splitlines()]
    assert len(lines) == COMMANDS[stage]
    for line in lines:
        command, *words = shlex.split(line)
        assert command == "butfor"
        result = CliRunner().invoke(app, words)
        assert result.exit_code in (0, 3), (line, result.output)  # 3: too few seeds to trust


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_runs(stage: str) -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", page(stage), re.DOTALL):
        exec(compile(block, f"docs/{stage}.md", "exec", dont_inherit=True), space)
