"""The page of rewards says what is true: its code runs, its suites, corpora, recipes and options exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import recipes
from butfor.core.registry import BUILT_IN
from butfor.data.corpora import NAMES

PAGE = (Path(__file__).parents[3] / "docs" / "rewards.md").read_text(encoding="utf-8")

AUDIT = PAGE.partition("## Audit")[2].partition("## Which")[0]


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/rewards.md", "exec", dont_inherit=True), space)
    assert space["found"].ate.n == 6


def test_what_the_page_names_exists() -> None:
    assert set(re.findall(r"`(preferences[\w-]*)/S`", PAGE)) == {
        name for name in NAMES if name.startswith("preferences")
    }
    suites = {name for name in BUILT_IN["suite"] if name.startswith("reward.")}
    assert set(re.findall(r"^\| `(reward\.\w+)` \|", AUDIT, re.MULTILINE)) == suites
    assert set(re.findall(r"butfor run (\w+)", PAGE)) <= set(recipes())
    told = CliRunner().invoke(app, ["audit", "--help"]).output
    assert all(
        option in told
        for option in re.findall(r" (--[a-z]+)", "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)))
    )
