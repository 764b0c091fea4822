"""The page on attention as a causal model says what is true: its code runs, and what it names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from butfor.core.read import recipes
from butfor.core.registry import BUILT_IN, build, resolve
from butfor.data.corpora import NAMES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "attention-graph.md").read_text(encoding="utf-8")


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    space: dict[str, Any] = {"__name__": __name__}
    for block in blocks:
        exec(compile(block, "docs/attention-graph.md", "exec", dont_inherit=True), space)
    said = capsys.readouterr().out.splitlines()
    assert said[0] in PAGE and "'graph'" in said[1]


def test_what_the_page_names_is_there() -> None:
    assert {"probe.token_graph", "probe.first_layer"} <= set(BUILT_IN["suite"])
    assert "pretrain.corpus.latent_graph" in BUILT_IN["method"]
    assert {"in-context", "in-context-tree", "stg", "worlds"} <= set(NAMES)
    assert "in_context" in recipes()
    assert "<!--" not in PAGE and (DOCS / "first-layer.svg").is_file()


def test_the_measure_of_the_page_is_valid() -> None:
    [measure] = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["measure"]
    made, problems = build(resolve("suite", measure.pop("suite")), measure)
    assert made is not None and not problems
