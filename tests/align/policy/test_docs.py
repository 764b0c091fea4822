"""The page of policies says what is true: its code runs, its experiment is one, its rows are."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from butfor.align.policy.cpo import CPO
from butfor.align.policy.drpo import DRPO
from butfor.core.read import read

PAGE = (Path(__file__).parents[3] / "docs" / "preference.md").read_text(encoding="utf-8")


def test_the_code_runs_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile(block, "docs/preference.md", "exec", dont_inherit=True), space)
    told = capsys.readouterr().out
    looks, worth = zip(*(map(float, re.findall(r"[+-]\d\.\d\d", line)) for line in told.splitlines()), strict=True)
    assert looks.index(max(looks)) == worth.index(min(worth)) == 2


def test_the_rows_of_the_page_are_a_log() -> None:
    row = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    CPO(variant="doubly_robust").fits([row])
    DRPO().fits([row])


def test_the_experiment_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert read(tomllib.loads(block)).train.adapt == "lora"
