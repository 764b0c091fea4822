"""The page of counterfactual texts says what is true: its code runs, its experiment is one, its options exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import read

PAGE = (Path(__file__).parents[3] / "docs" / "counterfactual-texts.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/counterfactual-texts.md", "exec", dont_inherit=True), space)
    assert isinstance(space["other"][0], str)


def test_the_experiment_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert read(tomllib.loads(block)).train.adapt == "lora"


def test_the_command_has_the_options_of_the_page() -> None:
    told = CliRunner().invoke(app, ["counterfactuals", "--help"]).output
    named = set(re.findall(r"`?(--[a-z]+)", PAGE))
    assert named and all(name in told for name in named), named
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    assert shlex.split(block)[:2] == ["butfor", "counterfactuals"]
