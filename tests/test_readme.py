"""Every command and every Python block in the README and in the docs' experiment page runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.read import load, presets, recipes

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "docs" / "experiment.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    lines = [line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()]
    return list(dict.fromkeys(shlex.join(shlex.split(line, comments=True)) for line in lines))


@pytest.mark.parametrize("command", commands())
def test_a_command_works(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    elif words[0] == "pip":
        assert (ROOT / "constraints.txt").is_file()
    elif words[0] == "butfor" and "quickstart" in words:
        assert "quickstart" in recipes()
    elif words[:2] == ["butfor", "fetch"]:
        from butfor.lm.load import FETCHED

        assert words[2] in FETCHED
    elif words[0] == "butfor":
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output
    else:
        assert words[:2] == ["git", "clone"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), {})


def test_the_experiment_on_the_page_is_one(tmp_path: Path) -> None:
    from butfor.core.read import read

    (text,) = blocks(PAGES[1], "toml")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert list(read(tmp_path / "mine.toml").arms) == ["control", "treatment", "input"]


def test_every_recipe_has_a_sentence_and_the_two_presets() -> None:
    for name in recipes():
        table = load(name)[2]
        assert len(table["about"]) > 20
        assert {"full", "tiny"} <= set(presets(table))


def test_every_link_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
