"""The page on foundation models says what is true of effects: its code runs, its arm is valid, its figures are kept."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from butfor.core.registry import BUILT_IN, build, resolve
from butfor.data.effect_worlds import FAMILIES
from butfor.pretrain.foundation.cina import SHIPPED, CInA
from butfor.pretrain.foundation.cina_dual import MOST

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "foundation.md").read_text(encoding="utf-8")
EFFECTS = PAGE.split("## Amortised discovery")[0]


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", EFFECTS, re.DOTALL)
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile(block, "docs/foundation.md", "exec", dont_inherit=True), space)
    assert capsys.readouterr().out.startswith("true ")


def test_the_arm_is_valid_and_the_forms_are_those_there_are() -> None:
    arm = tomllib.loads(re.findall(r"```toml\n(.*?)```", EFFECTS, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems
    forms = re.findall(r"^\| `(\w+)` \|", EFFECTS.split("```toml")[0], re.MULTILINE)
    assert set(forms) - {"form"} == set(get_args(get_type_hints(CInA)["form"])) and f"up to {MOST:,}" in EFFECTS
    assert {"form", "calibrate"} <= {field.name for field in fields(CInA)}


def test_suites_families_and_the_recipe_are_those_there_are() -> None:
    ours = {name for name in BUILT_IN["suite"] if name.startswith("effect.")} - {"effect.annotators"}  # of instruments
    assert all(f"`{name}`" in EFFECTS for name in ours)
    assert len(FAMILIES) == 7
    recipe = tomllib.loads((ROOT / "src/butfor/recipes/foundation.toml").read_text(encoding="utf-8"))
    assert {measure["suite"] for measure in recipe["measure"]} == {"effect.worlds", "effect.ihdp", "effect.acic"}


def test_the_figures_of_training_are_those_of_the_log() -> None:
    last = json.loads(SHIPPED.with_suffix(".jsonl").read_text().splitlines()[-1])
    assert f"{last['step']} steps" in EFFECTS
    for name in ("equal", "equal_calibrated", "read", "calibrated"):
        assert f"{last[name]:.1f}" in EFFECTS
