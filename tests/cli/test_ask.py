"""butfor ask: what a person sees, what a program reads, and what a mistake costs."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app

BACK = "U -> X -> M -> Y; U -> Y"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """1,500 rows of a world where X raises Y by 0.25, U confounds them and Z moves X alone."""
    rng = np.random.default_rng(3)
    n = 1500
    u, z = rng.random(n) < 0.5, rng.random(n) < 0.5
    x = rng.random(n) < 0.1 + 0.5 * z + 0.3 * u
    m = rng.random(n) < np.where(x, 0.8, 0.3)
    y = rng.random(n) < 0.1 + 0.5 * m + 0.3 * u
    file = tmp_path / "rows.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow("ZXMYU")
        writer.writerows(np.stack([z, x, m, y, u], axis=1).astype(int).tolist())
    return file


def ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["ask", *words])


def test_a_question_and_a_graph_give_a_derivation() -> None:
    result = ask("P(Y | do(X))", "--graph", "X -> M -> Y; X <-> Y")
    assert result.exit_code == 0
    assert "Σ_M P(M | X) Σ_X' P(Y | X', M) P(X')" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_data_give_an_effect_with_checks_and_refutations(rows: Path) -> None:
    words = ["P(Y | do(X))", "--graph", BACK, "--data", str(rows), "--how", "ipw", "--draws", "20"]
    shown = ask(*words)
    assert shown.exit_code in (0, 3)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    for word in ("effect", "overlap", "placebo", "unobserved_cause"):
        assert word in shown.stdout
    told = json.loads(ask(*words, "--json").stdout)
    assert told["way"] == "back-door"
    assert told["through"] == ["U"]
    assert told["effect"]["low"] < 0.25 < told["effect"]["high"]
    assert told["effect"]["n"] == 1500
    assert {one["name"] for one in told["refutations"]} >= {"placebo", "subset", "e_value"}
    assert json.loads(ask(*words, "--json").stdout) == told


def test_a_check_that_fails_is_exit_code_3(tmp_path: Path) -> None:
    file = tmp_path / "apart.csv"
    z = np.linspace(-3, 3, 400)
    x = (np.random.default_rng(0).random(400) < 1 / (1 + np.exp(-3 * z))).astype(int)
    lines = [f"{a},{b},{a + b}" for a, b in zip(z, x, strict=True)]
    file.write_text("Z,X,Y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    result = ask("P(Y | do(X))", "--graph", "Z -> X -> Y; Z -> Y", "--data", str(file), "--how", "ipw", "--draws", "0")
    assert result.exit_code == 3
    assert "WARN overlap" in result.stdout
    assert "do not rest a claim" in result.stderr


def test_what_is_not_identified_says_why_and_what_there_is_instead(rows: Path) -> None:
    words = ["E[Y | do(X=1)] - E[Y | do(X=0)]", "--graph", "Z -> X -> Y; X <-> Y", "--data", str(rows)]
    result = ask(*words)
    assert result.exit_code == 2
    assert "not identified: latent causes join {X, Y}" in result.stderr
    assert "instruments Z" in result.stdout
    assert "lies in [" in result.stdout
    linear = ask(*words, "--how", "2sls", "--draws", "0", "--json")
    assert linear.exit_code == 0
    told = json.loads(linear.stdout)
    assert told["effect"]["low"] < 0.25 < told["effect"]["high"]
    assert told["anderson_rubin"].startswith("[")
    assert told["hedge"] == [["X", "Y"], ["Y"]]


def test_an_open_question_that_is_not_identified_is_bounded_as_a_difference(rows: Path) -> None:
    told = json.loads(ask("P(Y | do(X))", "--graph", "X -> Y; X <-> Y", "--data", str(rows), "--json").stdout)
    assert told["bounds"]["quantity"] == "E[Y | do(X=1)] - E[Y | do(X=0)]"
    assert told["bounds"]["low"] < 0.25 < told["bounds"]["high"]


def test_one_arm_alone_is_estimated(rows: Path) -> None:
    told = json.loads(ask("E[Y | do(X=1)]", "--graph", BACK, "--data", str(rows), "--json").stdout)
    assert abs(told["effect"]["estimate"] - (0.1 + 0.5 * 0.8 + 0.15)) < 0.05
    assert told["effect"]["p"] is None  # a level is no difference: there is nothing that it would be compared with


def test_json_on_a_terminal_without_these_signs_is_escaped_not_lost(rows: Path) -> None:
    words = ["-m", "butfor", "ask", "P(Y | do(X))", "--graph", "X -> M -> Y; X <-> Y", "--json"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, *words], env=env, capture_output=True, check=True)
    assert json.loads(done.stdout.decode("ascii"))["estimand"].startswith("Σ_M")


def test_a_network_file_is_a_graph_and_a_model(tmp_path: Path) -> None:
    file = tmp_path / "small.bif"
    file.write_text(
        "network small {}\n"
        "variable a { type discrete [ 2 ] { no, yes }; }\nvariable b { type discrete [ 2 ] { no, yes }; }\n"
        "probability ( a ) { table 0.75, 0.25; }\nprobability ( b | a ) { (no) 0.9, 0.1; (yes) 0.25, 0.75; }\n",
        encoding="utf-8",
    )
    assert "exact       0.75" in ask("P(b=yes | do(a=yes))", "--graph", str(file)).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["P(Y | do(X)", "--graph", "X -> Y"], "expected ','"),
        (["P(Y | do(Q))", "--graph", "X -> Y"], "unknown variable 'Q'"),
        (["P(Y | do(X))", "--graph", "X -> Y -> X"], "the graph has a cycle: X -> Y -> X"),
        (["P(Y | do(X))", "--graph", "X -> X"], "cannot cause itself"),
        (["P(Y | do(X))", "--graph", "X => Y"], "X => Y"),
        (["P(Y | do(X))", "--graph", "missing.dot"], "missing.dot"),
        (["P(Y | do(X))", "--graph", "X -> Y", "--data", "missing.csv"], "missing.csv does not exist"),
        (["P(Y=1 | do(Y=1))", "--graph", "X -> Y"], "two sides"),
        (["P(Y | do(X))", "--graph", "X -> Y", "--draws", "5"], "--draws 5 are too few"),
    ],
)
def test_a_mistake_costs_a_few_lines(words: list[str], said: str) -> None:
    result = ask(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.startswith("error: ")
    assert 1 <= len(result.stderr.splitlines()) <= 5


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("X,Y\n1,2\n0,\n1,3\n", "missing or infinite values in Y (1)"),
        ("X,Y\n" + "1,2\n0,3\n" * 10 + "1,abc\n", "'abc' in row 21"),
        ("X,X\n1,2\n", "a column name stands twice"),
        ("X,Z\n1,2\n", "unknown column 'Y'"),
        ("X,Y\n1,2\n1,3\n1,4\n", "X is always 1"),
        ("X,Y\n1\n", "row 2: 1 cells where the header has 2"),
        ("X,Y\n", "no rows below its header"),
        ("X,Y\n" + "a,1\nb,2\nc,3\n" * 5, "X has the values a, b, c"),
    ],
)
def test_bad_data_say_what_to_mend(tmp_path: Path, table: str, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(table, encoding="utf-8")
    result = ask("P(Y | do(X))", "--graph", "X -> Y", "--data", str(file), "--draws", "0")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 5
