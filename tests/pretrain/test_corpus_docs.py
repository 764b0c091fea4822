"""The page on counterfactual corpora says what is true: its commands run, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.core.registry import BUILT_IN, build, resolve
from butfor.pretrain.corpus.tables import name_pairs, named
from butfor.pretrain.corpus.variables import VARIABLES

PAGE = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text(encoding="utf-8")
FILES = re.findall(r"```text (\S+)\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_write_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("letters.txt", "pairs.json"):
        Path(name).write_text(dict(FILES)[name], encoding="utf-8")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().split("\n")]
    told: dict[str, str] = {}
    for command in commands:
        words = shlex.split(command)[1:]
        done = CliRunner().invoke(app, [*words, "--jobs", "1", "--quiet"])
        assert done.exit_code == 0, done.stderr
        told[words[2]] = done.stdout
    assert told["men.txt"] == re.findall(r"```\n(\d of .*?)```", PAGE, re.DOTALL)[0]
    assert "never seen: coffee, hen, owl, umbrella" in told["mine.txt"]
    for name, content in FILES:
        assert content.strip() in Path(name).read_text(encoding="utf-8")


def test_the_table_names_methods_and_their_knobs() -> None:
    rows = re.findall(r"^\| `(pretrain\.corpus\.\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == {
        name
        for name in BUILT_IN["method"]
        if name.startswith("pretrain.corpus.") and not name.endswith(("worlds", "axioms", "latent_graph"))
    }
    for name, knobs in rows:
        assert set(re.findall(r"`(\w+)`", knobs)) == {field.name for field in fields(resolve("method", name))}


def test_the_table_of_variables() -> None:
    assert re.findall(r"^\| `(\w+)` \| .* \| .* \| .* \|$", PAGE.split("## The variables")[1], re.MULTILINE)[
        :5
    ] == list(VARIABLES)
    assert len(name_pairs()) == 147
    assert len(named("nationality").table) == 46


def test_the_arm_of_the_page_is_valid() -> None:
    arm = tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])["treatment"]
    made, problems = build(resolve("method", arm.pop("method")), arm)
    assert made is not None
    assert not problems
