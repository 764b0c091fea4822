"""butfor discover with a model: files, replay, resuming, rows, refusals; asked in memory and behind an address."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.infer.discover.oracle import ITEM, lettered, listed
from tests.lm.chat_server import Scripted, said, serving
from typer.testing import CliRunner

from butfor.cli.app import app
from butfor.scm.graph import Graph

TRUTH = Graph.parse("rain -> wet; sprinkler -> wet; wet -> slippery")
FILE = """about = "a garden"
[[variable]]
name = "rain"
about = "it rains"
[[variable]]
name = "sprinkler"
[[variable]]
name = "wet"
about = "the lawn is wet"
values = ["yes", "no"]
[[variable]]
name = "slippery"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garden.toml").write_text(FILE, encoding="utf-8")
    rng = np.random.default_rng(0)
    rain, sprinkler = rng.normal(size=(2, 300))
    wet = rain + sprinkler + 0.5 * rng.normal(size=300)
    rows = np.column_stack([wet, rain, sprinkler, wet + rng.normal(size=300), rng.normal(size=300)])
    with (tmp_path / "garden.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["wet", "rain", "sprinkler", "slippery", "unasked"])
        writer.writerows(rows.tolist())
    return tmp_path


def knowing(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    text = body["messages"][-1]["content"]
    return 200, said(listed(TRUTH, text) if ITEM.search(text) else lettered(TRUTH, text))


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["discover", *words])
    return result.exit_code, result.stdout, result.stderr


def served(script: Scripted, *words: str) -> tuple[int, str, str]:
    return run("--variables", "garden.toml", "--endpoint", f"{script.url}/v1", "--model", "m", *words)


@pytest.mark.parametrize(("how", "calls"), [("pairwise", 18), ("triplets", 36), ("bfs", 15)])
def test_a_model_behind_an_address_draws_and_the_transcript_replays_it(here: Path, how: str, calls: int) -> None:
    with serving(knowing) as script:
        code, out, err = served(script, "--how", how)
        asked = len(script.asked)
    assert code == 0, err
    assert asked == calls and f"{how}, asked in 3 ways each: {calls} calls" in out
    assert "rain -> wet" in out and "1.00" in out and max(map(len, out.splitlines())) <= 80
    facts = json.loads((here / "discovery/discovery.json").read_text("utf-8"))
    assert {(a, b) for a, _, b in facts["pattern"]} == set(TRUTH.edges) and facts["said"]["cost"]["calls"] == calls
    assert (here / "discovery/graph.svg").read_text("utf-8").startswith("<svg")
    again = run("--variables", "garden.toml", "--how", how, "--replay", "discovery")
    assert again[:2] == (0, out) and "transcript: discovery/transcript.jsonl" in again[2]
    code, _, err = run("--variables", "garden.toml", "--how", how, "--asks", "4", "--replay", "discovery")
    assert code == 2 and "has no answer to" in err


def test_what_was_answered_before_a_fault_is_not_asked_again(here: Path) -> None:
    left = 7

    def dying(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        nonlocal left
        left -= 1
        return knowing(path, body) if left >= 0 else (403, {"error": {"message": "no more"}})

    with serving(dying) as script:
        code, _, err = served(script)
        assert code in (1, 2) and "no more" in err and len(err.strip().splitlines()) <= 3
        left = 10_000
        before = len(script.answered)
        code, out, err = served(script)
        assert code == 0, err
        assert len(script.answered) - before <= 18 - 7 + 4 and "18 calls" in out


def test_rows_and_answers_and_what_they_disagree_on(here: Path) -> None:
    pytest.importorskip("andrey")
    with serving(knowing) as script:
        code, out, err = served(script, "--data", "garden.csv", "--bootstraps", "5", "--json")
        assert code == 0, err
        facts = json.loads(out)
        assert facts["rows"]["names"] == ["rain", "sprinkler", "wet", "slippery"] and facts["rows"]["use"] == "soft"
        assert {(a, b) for a, _, b in facts["pattern"]} == set(TRUTH.edges) and facts["rows"]["conflicts"] == []
        for use in ("hard", "order"):
            assert served(script, "garden.csv", "--use", use, "--bootstraps", "0", "--method", "pc")[0] == 0
        (here / "mine.toml").write_text('required = ["slippery -> rain"]\n', encoding="utf-8")
        code, out, err = served(script, "garden.csv", "--prior", "mine.toml", "--bootstraps", "0")
        assert code == 0 and "CONFLICT required slippery -> rain is at odds with the data" in out
        assert "with the rows (soft):" in out and max(map(len, out.splitlines())) <= 80


def test_columns_are_variables_where_no_file_names_them(here: Path) -> None:
    pytest.importorskip("andrey")
    with serving(lambda path, body: (200, said("C"))) as script:
        code, out, _ = run("garden.csv", "--endpoint", f"{script.url}/v1", "--model", "m", "--asks", "1",
                           "--bootstraps", "0")  # fmt: skip
    assert code == 0 and "10 calls" in out


def test_the_control_says_what_goes_by_names(here: Path) -> None:
    with serving(knowing) as script:
        code, out, err = served(script, "--control", "--json")
    assert code == 0, err
    control = json.loads(out)["control"]
    assert control["names"]["f1"] == 1 and control["nameless"]["found"] == 0
    assert json.loads(out)["said"]["cost"]["calls"] == 54


@pytest.mark.parametrize("how", ["pairwise", "triplets", "bfs"])
@pytest.mark.parametrize("text", ["", "I cannot help with that.", "[" * 5000, "\x1b[2J\x00", '{"answer": "rain"}'])
def test_answers_that_cannot_be_read_are_counted_and_not_trusted(here: Path, how: str, text: str) -> None:
    with serving(lambda path, body: (200, said(text))) as script:
        code, out, err = served(script, "--how", how)
    assert code == 3 and "no edges" in out and "answers could not be read" in out
    assert "could not be read; the graph is from the others alone" in err


def test_the_debug_model_in_memory_twice_the_same(here: Path) -> None:
    words = ("--variables", "garden.toml", "--model", "debug", "--asks", "2", "--how", "pairwise")
    first = run(*words, "--out", "one")
    second = run(*words, "--out", "two")
    assert first[0] == second[0] == 0
    drawn = [json.loads((here / folder / "discovery.json").read_text("utf-8"))["said"] for folder in ("one", "two")]
    assert drawn[0] == drawn[1]
    code, _, err = run(*words, "--out", "one", "--how", "tree")
    assert code == 2 and "unknown way of asking 'tree'" in err


WRONG: list[tuple[Callable[[], tuple[str, ...]], str]] = [
    (lambda: (), "name a CSV file, or variables and a model: --variables FILE.toml --model NAME"),
    (lambda: ("--variables", "garden.toml"), "name a model: --model smollm2-135m"),
    (lambda: ("--model", "debug"), "name the variables: --variables FILE.toml, or a CSV file whose columns they are"),
    (lambda: ("--variables", "none.toml", "--model", "debug"), "none.toml does not exist; a file of variables is TOML"),
    (lambda: ("garden.csv", "--data", "garden.csv", "--model", "debug"), "are two tables; name one of them"),
    (lambda: ("--variables", "garden.toml", "--model", "debug", "--use", "firm"), "unknown use of the answers 'firm'"),
    (
        lambda: ("--variables", "garden.toml", "--model", "debug", "--method", "fci"),
        "unknown search with a model 'fci'",
    ),
    (lambda: ("--variables", "garden.toml", "--model", "debug", "--method", "pc"), "pc tests and weighs no beliefs"),
    (lambda: ("--variables", "garden.toml", "--model", "debug", "--asks", "0"), "a question is asked in 1 to 60 ways"),
    (lambda: ("--variables", "garden.toml", "--model", "debug", "--latent"), "leave out --latent, or the model"),
    (
        lambda: ("--variables", "garden.toml", "--model", "debug", "--weight", "20"),
        "answers weigh 0 (the data alone) to 10",
    ),
    (lambda: ("--variables", "garden.toml", "--model", "debug", "--prior", "x.toml"), "needs rows (--data)"),
    (lambda: ("--variables", "garden.toml", "--replay", "nowhere"), "holds no transcript.jsonl"),
]


@pytest.mark.parametrize(("words", "told"), WRONG, ids=[told[:30] for _, told in WRONG])
def test_mistakes_cost_a_line_and_leave_nothing_behind(
    here: Path, words: Callable[[], tuple[str, ...]], told: str
) -> None:
    code, _, err = run(*words())
    assert code == 2 and told in err and len(err.strip().splitlines()) <= 3, err
    assert not (here / "discovery").exists()


def test_a_column_that_is_missing_is_named(here: Path) -> None:
    (here / "more.toml").write_text(FILE + '[[variable]]\nname = "slipery"\n', encoding="utf-8")
    code, _, err = run("--variables", "more.toml", "--data", "garden.csv", "--model", "debug")
    assert code == 2 and "unknown column 'slipery'; did you mean 'slippery'" in err
