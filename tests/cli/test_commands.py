"""Every command, as a user types it, on the in-memory model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app
from butfor.core.folder import RunFolder

SMALL = ["--preset", "tiny", "--set", "measure.bias.professions.limit=24"]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    for change in ("budget.steps=2", "budget.steps=3"):
        result = call("run", "debug", *SMALL, "--set", change, "--out", str(out), "-q")
        assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def run(runs: Path) -> Path:
    return sorted(runs.iterdir())[0]


def test_run_prints_the_table_and_the_report(runs: Path) -> None:
    result = call("run", "debug", *SMALL, "--set", "budget.steps=2", "--out", str(runs))
    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()[:-1]) <= 80
    assert "bias.professions" in result.stdout
    assert Path(result.stdout.split()[-1]).name == "report.html"
    assert "method: control standard, treatment swap" in result.stderr


def test_run_json_is_json_alone(runs: Path) -> None:
    result = call("run", "debug", *SMALL, "--set", "budget.steps=2", "--out", str(runs), "--json")
    found = json.loads(result.stdout)
    assert found["effects"] == json.loads((Path(found["run"]) / "effects.json").read_text())["effects"]
    assert found["trusted"] is True


def test_plan_says_what_would_run_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("plan", "debug", "--preset", "tiny")
    assert "bias.professions" in result.stdout
    assert "80 items" in result.stdout
    assert json.loads(call("plan", "debug", "--json").stdout)["seeds"] == [0, 1, 2]
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_finished_and_a_stopped_run(run: Path, tmp_path: Path) -> None:
    assert ": done" in call("status", str(run)).stdout
    stopped = tmp_path / run.name
    stopped.mkdir()
    lines = (run / "journal.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (stopped / "journal.jsonl").write_text("".join(lines[:4]), encoding="utf-8")
    result = call("status", str(stopped))
    assert ": stopped" in result.stdout
    assert "to go on: butfor run debug --preset tiny" in result.stdout
    with RunFolder(stopped).hold():
        assert json.loads(call("status", str(stopped), "--json").stdout)["state"] == "running"


def test_compare_pairs_two_runs(runs: Path) -> None:
    a, b = sorted(runs.iterdir())
    found = json.loads(call("compare", str(a), str(b), "--json").stdout)
    assert {(effect["treatment"], effect["control"]) for effect in found["effects"]} == {
        (f"{arm} of B", f"{arm} of A") for arm in ("control", "treatment", "half")
    }
    assert all(effect["low"] <= effect["estimate"] <= effect["high"] for effect in found["effects"])
    assert call("compare", str(a), str(b)).exit_code == 0


def test_report_draws_the_same_page_again(run: Path) -> None:
    before = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert call("report", str(run)).stdout.strip() == str(run / "report.html")
    assert (run / "report.html").read_bytes() == before


def test_an_untrusted_primary_is_exit_code_3(tmp_path: Path) -> None:
    words = [*SMALL, "--set", "seeds=[0]", "--set", "measure.bias.professions.limit=1", "--out", str(tmp_path)]
    result = call("run", "debug", *words)
    assert result.exit_code == 3
    told = result.stderr.split("error: ")[1].splitlines()
    assert "must not be trusted" in told[0]
    assert told[1].startswith("  single-unit: ") and 2 <= len(told) <= 4
    assert all(len(line) <= 80 for line in told[1:])
    assert "report.html" in result.stdout


@pytest.mark.parametrize("kind", ["", "recipes", "methods", "suites", "models", "data"])
def test_list(kind: str) -> None:
    result = call("list", *([kind] if kind else []))
    assert result.exit_code == 0
    assert set(json.loads(call("list", "--json").stdout)) == {"recipes", "methods", "suites", "models", "data"}


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_list_fits_the_terminal_and_cuts_no_preset(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    from butfor.core.read import load, presets, recipes

    monkeypatch.setenv("COLUMNS", str(width))
    for kind in ("recipes", "suites", *(["methods"] if width >= 80 else [])):  # their examples are to be copied
        assert max(map(len, call("list", kind).stdout.splitlines())) <= width
    shown = call("list", "recipes").stdout
    assert all(f"[{', '.join(presets(load(name)[2]))}]" in shown for name in recipes())
    about = str(load("shortcuts_game")[2]["about"])
    (line,) = (line for line in shown.splitlines() if line.startswith("  shortcuts_game "))
    cut = line.split(maxsplit=1)[1].split(" …")[0].split("  [")[0]
    assert f"{about} ".startswith(f"{cut} ")
    assert all("…" not in call("list", kind).stdout for kind in ("models", "data"))


def test_an_explanation_fits_the_terminal_and_is_left_alone_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    whole = call("explain", "bias.weat").stdout
    assert max(map(len, whole.splitlines())) > 100
    monkeypatch.setenv("COLUMNS", "80")
    shown = call("explain", "bias.weat").stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == whole.split()
    assert "\nSource    Caliskan et al. 2017. The word sets are our own\n          (data/builtin/weat.json)" in shown


def test_methods_are_listed_with_source_knobs_and_an_arm_that_can_be_copied() -> None:
    import tomllib

    from butfor.core.registry import build, full, knobs, resolve

    listed = json.loads(call("list", "methods", "--json").stdout)["methods"]
    shown = call("list", "methods").stdout
    assert max(map(len, shown.splitlines())) <= 80
    for name, facts in listed.items():
        assert set(facts["knobs"]) == set(knobs(resolve("method", name)))
        assert facts["source"] or name == "standard", name
        (arm,) = tomllib.loads(facts["example"]).values()
        assert full("method", arm.pop("method")) == name
        made, problems = build(resolve("method", name), arm)
        assert made is not None and not problems, (name, problems)
        assert f"\n{name}\n" in f"\n{shown}"


def test_everything_listed_can_be_explained() -> None:
    from butfor.cli.explain import spec_keys
    from butfor.core.registry import targets

    for key in [*spec_keys(), *targets("method"), *targets("suite")]:
        result = call("explain", key)
        assert result.exit_code == 0
        assert len(result.stdout.strip()) > len(key) + 10, key


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("control.against", "arm.against (default 'control')"),
        ("treatment.mode", "swap.mode: 'add' | 'replace' | 'half'"),
        ("leace.matrix", "leace.matrix: 'tied'"),
        ("text.perplexity.limit", "text.perplexity.limit: int"),
        ("measure.limit", "reason.copa.limit: int"),
        ("quickstart", 'method = "leace"'),
        ("glove-50d", "glove-50d: "),
        ("plugs:Norm", "metric weight [units; lower is better]"),
    ],
)
def test_every_key_that_an_error_names_can_be_explained(key: str, said: str) -> None:
    assert said in call("explain", key).stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_encoding_of_the_output_will_do(run: Path, encoding: str) -> None:
    command = [sys.executable, "-m", "butfor", "compare", str(run), str(run)]
    done = subprocess.run(command, check=False, capture_output=True, env={**os.environ, "PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert b"bias.professions" in done.stdout


def test_doctor_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    rows = {row["what"]: row for row in json.loads(call("doctor", "--json").stdout)}
    assert rows["model smollm2-135m"]["fix"] == "butfor fetch smollm2-135m"
    assert rows["torch"]["ok"]
    assert list(tmp_path.iterdir()) == []
    assert "model smollm2-135m: not here   → butfor fetch smollm2-135m" in call("doctor").stdout


def test_init_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("init", "mine.toml").exit_code == 0
    result = call("init", "mine.toml")
    assert result.exit_code == 2
    assert "already there" in result.stderr


def boom(error: BaseException) -> Callable[..., Any]:
    def run(*_: Any, **__: Any) -> Any:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on"),
        (MemoryError(), 1, "batch_size"),
        (RuntimeError("a\nb"), 1, "RuntimeError: a"),
    ],
)
def test_what_goes_wrong_inside_is_a_few_lines(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    monkeypatch.setattr("butfor.experiment.run", boom(error))
    result = call("run", "debug")
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr
