"""The section on amortised discovery says what is true: its code runs, its arm is valid, its figures are those kept."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from butfor.core.registry import build, resolve
from butfor.core.spec import Experiment
from butfor.pretrain.foundation.discovery import SHIPPED

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "foundation.md").read_text(encoding="utf-8")
SECTION = "## Amortised discovery" + PAGE.split("## Amortised discovery")[1].split("\n## ")[0]


def test_the_code_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile(block, "docs/foundation.md", "exec", dont_inherit=True), space)


def test_the_arm_of_the_page_and_the_recipe_are_valid() -> None:
    arm = tomllib.loads(re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems
    recipe = tomllib.loads((ROOT / "src/butfor/recipes/discovery.toml").read_text(encoding="utf-8"))
    recipe.pop("preset")
    experiment = Experiment.model_validate(recipe)
    assert [experiment.method(arm) for arm in experiment.arms.values()]
    assert experiment.primary.suite == "graph.worlds"


def test_the_figures_of_the_page_are_those_beside_the_checkpoint() -> None:
    kept = json.loads(SHIPPED.with_suffix(".scores.json").read_text(encoding="utf-8"))["scores"]
    table = SECTION.split("| shd |")[1].split("\n\n")[0]
    arms = ["network", "auto", "pc", "ges", "lingam"]
    rows = re.findall(r"^\| `(\w+)` \| ([\d.| ]+) \|", table, re.MULTILINE)
    assert {family for family, _ in rows} == set(kept["network"])
    for family, cells in rows:
        for arm, cell in zip(arms, cells.split(" | "), strict=False):
            assert abs(float(cell) - kept[arm][family]["shd"]) < 0.00101, (family, arm)


def test_the_command_of_the_page_is_that_of_the_checkpoint() -> None:
    from safetensors import safe_open

    with safe_open(SHIPPED, "pt") as file:
        steps = file.metadata()["steps"]
    assert f"train_discovery --steps {steps} " in SECTION
    last = json.loads(SHIPPED.with_suffix(".log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["step"] == int(steps)
