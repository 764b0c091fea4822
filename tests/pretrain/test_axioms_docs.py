"""The page on axioms and worlds says what is true: its code prints what it shows, and its tables name what there is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from butfor.core.registry import build, resolve
from butfor.data.axioms import Dials
from butfor.data.told import Mix
from butfor.evaluate.reason.axiom_lengths import AxiomLengths

PAGE = (Path(__file__).parents[2] / "docs" / "axioms.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("code", "shown"), SHOWN)
def test_the_code_prints_what_the_page_shows(code: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "docs/axioms.md", "exec", dont_inherit=True), {"__name__": __name__})
    assert capsys.readouterr().out == shown


def test_the_page_has_both_examples() -> None:
    assert len(SHOWN) == 2


def test_the_table_names_methods_and_their_dials() -> None:
    rows = re.findall(r"^\| `(pretrain\.[\w.]+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    dials: dict[str, type] = {"pretrain.corpus.axioms": Dials, "pretrain.corpus.worlds": Mix}
    assert {name for name, _ in rows} == set(dials)
    for name, told in rows:
        assert set(re.findall(r"`(\w+)`", told)) == {field.name for field in fields(dials[name])}
        assert issubclass(resolve("method", name), dials[name])


def test_the_arm_of_the_page_is_valid() -> None:
    arm: dict[str, Any] = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None and not problems


def test_the_table_of_parts_says_what_the_order_of_names_gets() -> None:
    rows = re.findall(
        r"^\| `(\w+)`(?: \(.*?\))? \| .* \| ([\d.]+) \|$", PAGE.split("## What was learnt")[1], re.MULTILINE
    )
    cells: dict[str, list[bool]] = {"against_order": [False]}
    for question in AxiomLengths(each=8).questions():
        cells.setdefault(question.id.split("/")[0], []).append(question.group.get("order") == "right")
    assert {name for name, _ in rows} == {*cells} - {"d_separation"}
    for name, told in rows:
        assert abs(sum(cells[name]) / len(cells[name]) - float(told)) < 0.1
