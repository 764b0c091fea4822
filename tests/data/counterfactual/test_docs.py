"""The page of counterfactual texts says what is true: its code runs, its experiment is one, its options exist."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import read

PAGE = (Path(__file__).parents[3] / "docs" / "counterfactual-texts.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the code of the page made; its files lie in the present folder."""
    space: dict[str, Any] = {"__name__": __name__}
    with chdir(tmp_path_factory.mktemp("page")):
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(compile(block, "docs/counterfactual-texts.md", "exec", dont_inherit=True), space)
        yield space


def test_the_code_runs(space: dict[str, Any]) -> None:
    assert isinstance(space["other"][0], str)


def test_the_command_of_the_page_works_on_its_files(space: dict[str, Any]) -> None:
    counts = {"reviews": 200, "pairs": 724, "others": 1446}
    assert {name: len(Path(f"{name}.jsonl").read_text("utf-8").splitlines()) for name in counts} == counts
    for name in ("pairs", "others"):  # fewer, for time
        lines = Path(f"{name}.jsonl").read_text("utf-8").splitlines(keepends=True)
        Path(f"{name}.jsonl").write_text("".join(lines[:: len(lines) // 60]), encoding="utf-8")
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    done = CliRunner().invoke(app, [*shlex.split(block)[1:], "--limit", "0", "--json", "--quiet"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["texts"] == 200 and set(told["kept"]) == {"rules", "learnt"}
    flips = {line["maker"]: line["level"]["estimate"] for line in told["scores"] if line["score"] == "flip"}
    assert set(flips) == {"people", "rules", "learnt"} and min(flips.values()) > 0.5
    assert all(Path(f"made{end}").is_file() for end in (".jsonl", ".html", ".review.txt"))


def test_the_experiment_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert read(tomllib.loads(block)).train.adapt == "lora"


def test_the_command_has_the_options_of_the_page() -> None:
    told = CliRunner().invoke(app, ["counterfactuals", "--help"]).output
    named = set(re.findall(r"`?(--[a-z]+)", PAGE))
    assert named and all(name in told for name in named), named
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert shlex.split(block)[:2] == ["butfor", "counterfactuals"]
