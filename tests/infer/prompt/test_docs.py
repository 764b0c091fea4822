"""The page on prompting says what is true: its code runs, its experiment is one, its arms cost what it says."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from butfor.core.read import load, read
from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.lm.exchange import Say

from .script import YES_NO, Script

PAGE = (Path(__file__).parents[3] / "docs" / "prompting.md").read_text(encoding="utf-8")
CALLS = {
    "control": 1, "treatment": 8, "few_shot": 1, "cot": 1, "reread": 1, "rephrase": 2, "program": 1,
    "self_consistency": 8, "weighed_chains": 8, "decot": 8, "conditional_front_door": 8, "causal_cot": 7,
}  # fmt: skip


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/prompting.md", "exec", dont_inherit=True), space)
    assert space["answer"].cost.calls == 6


def test_the_experiment_of_the_page_is_one() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert list(read(tomllib.loads(block)).arms) == ["control", "treatment"]


def words(ask: Say) -> str:
    """Other words for every draw."""
    rng = generator(ask.seed, "words")
    return " ".join(f"w{int(rng.integers(40))}" for _ in range(6)) + ". The answer is yes."


@pytest.mark.parametrize("name", CALLS)
def test_every_arm_of_the_recipe_makes_as_many_calls_as_the_page_says(name: str) -> None:
    table = load("prompting")[2]
    arms = {arm["name"]: arm for arm in table["arm"]} | {key: table[key] for key in ("control", "treatment")}
    knobs = {key: value for key, value in arms[name].items() if key not in ("name", "method", "against")}
    if "front_door" in arms[name]["method"]:
        knobs["encoder"] = "words"
    method, problems = build(resolve("method", arms[name]["method"]), knobs)
    assert not problems
    question = replace(YES_NO, text="The wire of the lamp is whole. Does the lamp light up?", shots=(YES_NO,))
    found = Script(words, lambda _: (-1.0, -2.0)).answer(method, question, seed=3)
    assert found.cost.calls == CALLS[name] and found.read == 0
