"""The page on asking in words says what is true: its code prints what it says, its arms and options exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.registry import resolve
from butfor.data.reading import SHAPES, parse

PAGE = (Path(__file__).parents[3] / "docs" / "reason.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_page_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    told = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/reason.md", "exec", dont_inherit=True), {"__name__": __name__})
    printed = out.getvalue().splitlines()
    assert len(printed) == len(told)
    for line, said in zip(printed, told, strict=True):
        assert line.startswith(said.removesuffix("…")) if said.endswith("…") else line == said


def test_every_line_of_the_table_is_one_of_the_language() -> None:
    rows = re.findall(r"^\| (`.+) \| .+ \|$", PAGE, re.MULTILINE)
    lines = [line.replace("\\|", "|") for row in rows for line in re.findall(r"`([^`]+)`", row)]
    unread = [line for line in lines if _faults(line)]
    assert len(lines) == 12 and not unread
    assert f"There are {len(SHAPES)} kinds of questions" in PAGE


def _faults(line: str) -> list[str]:
    """What is wrong with a line, once the names that it does not give itself are there."""
    names = [f"{name}: phrase {name}" for name in "ABCU" if not line.startswith(f"{name}: ")]
    return [fault.why for fault in parse("\n".join([*names, line])).faults if fault.line]


def test_the_commands_and_arms_of_the_page_exist() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    told = CliRunner().invoke(app, ["ask", "--help"]).output
    for line in block.splitlines():
        words = shlex.split(line.partition(" < ")[0])
        assert words[:2] == ["butfor", "ask"]
        assert all(word in told for word in words if word.startswith("--")), line
    (arms,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    spec = tomllib.loads(arms)
    for arm in (spec["treatment"], *spec["arm"]):
        assert resolve("method", arm["method"])
