"""The page on short actions says what is true: its code runs, its arm is one, its estimators are those there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

from butfor.align.ope import direct, doubly_robust, weighting
from butfor.align.ope.overlap import FEWEST
from butfor.core.registry import BUILT_IN, build, resolve
from butfor.data.policy_worlds import FAMILIES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ope.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    space: dict[str, Any] = {"__name__": __name__}
    exec(compile(block, "docs/ope.md", "exec", dont_inherit=True), space)
    assert "effect" in space


def test_the_arm_is_one() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    arm = tomllib.loads(block)["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems


def test_what_is_named_is_there() -> None:
    rows = dict(re.findall(r"^\| `(align\.ope\.\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    assert set(rows) <= set(BUILT_IN["method"])
    for name, words in (
        ("weighting", get_args(weighting.How)),
        ("direct", direct.LEARNERS),
        ("doubly_robust", get_args(doubly_robust.How)),
    ):
        assert re.findall(r'"(\w+)"', rows[f"align.ope.{name}"]) == list(words)
    assert f"under {FEWEST:g} rows" in PAGE and "`policy.ope`" in PAGE
    assert all(family in PAGE for family in FAMILIES)
    recipe = tomllib.loads((ROOT / "src/butfor/recipes/ope.toml").read_text(encoding="utf-8"))
    assert {arm["name"] for arm in recipe["arm"]} <= set(re.findall(r"\w+", PAGE))
