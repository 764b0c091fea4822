"""butfor generate: the file, the dials, the check, and every mistake in a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app
from butfor.data import ladder as package
from butfor.data.ladder import ladder


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["generate", "ladder", *words])


def test_a_file_holds_what_the_stream_gives(tmp_path: Path) -> None:
    file = tmp_path / "new" / "some.jsonl"
    done = run("--n", "8", "--seed", "7", "--out", str(file), "--check")
    assert done.exit_code == 0
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == list(ladder(8, 7))
    assert "8 questions in" in done.stderr
    assert "checked by enumeration: 8 questions on" in done.stderr
    assert ", 0 wrong" in done.stderr
    assert list(file.parent.iterdir()) == [file]


def test_without_a_file_they_are_printed() -> None:
    done = run("--n", "3", "--kinds", "iv, pn", "--senses", "nonsense", "--check")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(item["group"]["query"], item["group"]["sense"]) for item in found} <= {
        ("iv", "nonsense"),
        ("pn", "nonsense"),
    }
    assert len(found) == 3
    assert done.stdout == run("--n", "3", "--kinds", "iv,pn", "--senses", "nonsense").stdout


def test_the_dials() -> None:
    done = run("--n", "2", "--kinds", "ate", "--nodes", "4", "--confounding", "1-1", "--steps", "2")
    for line in done.stdout.splitlines():
        group = json.loads(line)["group"]
        assert (group["nodes"], group["confounding"], group["steps"]) == ("4", "1", "2")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--nodes", "two"], "--nodes two: give a number or a span"),
        (["--nodes", "2"], "nodes 2-2: give a number or a span within 3-8"),
        (["--nodes", "6-4"], "within 3-8"),
        (["--kinds", "atee"], "did you mean 'ate'"),
        (["--senses", "comon"], "did you mean 'common'"),
        (["--nodes", "3", "--confounding", "3"], "no world has 3-3 nodes"),
    ],
)
def test_a_mistake_costs_a_line(words: list[str], told: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_another_set_is_not_generated() -> None:
    done = CliRunner().invoke(app, ["generate", "stairs"])
    assert done.exit_code == 2
    assert "ladder" in done.stderr


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = run("--n", "1", "--out", str(tmp_path / "file" / "a.jsonl"))
    assert done.exit_code == 2
    assert f"{tmp_path / 'file'} is not a folder" in " ".join(done.stderr.split())


def test_a_wrong_answer_is_no_success(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def turned(file: Path) -> Any:
        for item in package.check.__globals__["read"](file):
            yield {**item, "answer": 1 - item["answer"]}

    monkeypatch.setattr(package, "read", turned)
    done = run("--n", "2", "--out", str(tmp_path / "a.jsonl"), "--check")
    assert done.exit_code == 3
    assert "the answer is" in done.stderr
