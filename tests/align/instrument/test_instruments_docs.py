"""The page of instruments says what is true: its code runs, its recipes are there, its tables hold what they claim."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from butfor.core.read import recipes
from butfor.core.registry import targets

PAGE = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text(encoding="utf-8")


def test_the_code_runs() -> None:
    space: dict[str, Any] = {"__name__": __name__}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, "docs/instruments.md", "exec", dont_inherit=True), space)
    assert space["effect"].ok


def test_what_it_names_is_there() -> None:
    named = set(re.findall(r"`(align\.instrument\.[a-z_]+)`", PAGE))
    assert "align.instrument.two_stage" in named and named <= set(targets("method"))
    assert set(re.findall(r"butfor run ([a-z]+)", PAGE)) <= set(recipes())
