"""butfor corpus: the file, the page, what is printed, and every mistake in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["corpus", *map(str, words), "--jobs", "1"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_text("She met Mary in Paris.\n\nHe is old.\n\nIt rained.\n", encoding="utf-8")
    return path


def test_it_writes_and_says_what_it_did(source: Path, tmp_path: Path) -> None:
    done = run(source, tmp_path / "out.txt")
    assert done.exit_code == 0
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").startswith("He met Mary in Paris.\n\nShe is old.")
    assert "2 of 3 texts changed" in done.stdout
    assert "pronoun               2  he -> she, she -> he" in done.stdout
    assert (tmp_path / "out.txt.edits.html").is_file()


def test_json(source: Path, tmp_path: Path) -> None:
    done = run(source, tmp_path / "out.txt", "--variable", "gender+names", "--side", "female:male", "--json", "-q")
    facts = json.loads(done.stdout)
    assert facts["edits"] == {"pronoun": 1, "name": 1}
    assert facts["texts"] == 3
    assert facts["changed"] == 1
    assert facts["pairs"]["pronoun"] == [["she", "he", 1]]


def test_lines_fit_a_terminal(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("in.txt", "out.txt", "--variable", "gender+names+nationality")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--variable", "gendre"], "did you mean 'gender'"),
        (["--mode", "swap"], "unknown mode 'swap'"),
        (["--side", "men:women"], "side of gender"),
        (["--variable", "religion"], "no word of religion"),
        (["--variable", "nowhere.csv"], "does not exist"),
        (["--variable", "nowhere:f"], "does not import"),
    ],
)
def test_a_mistake_costs_a_line(source: Path, tmp_path: Path, words: list[str], told: str) -> None:
    done = run(source, tmp_path / "out.txt", *words, "-q")
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out.txt").exists()


def test_a_place_that_is_taken_or_cannot_be_written(source: Path, tmp_path: Path) -> None:
    assert run(source, tmp_path / "out.txt").exit_code == 0
    again = run(source, tmp_path / "out.txt", "-q")
    assert (again.exit_code, len(again.stderr.splitlines())) == (2, 1)
    assert "exists; remove it" in again.stderr
    folder = run(source, source / "out.txt", "-q")
    assert "cannot be written" in folder.stderr
    missing = run(tmp_path / "none.txt", tmp_path / "o.txt", "-q")
    assert "does not exist" in missing.stderr
