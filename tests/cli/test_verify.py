"""`butfor verify`, as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app

WORLD = {
    "model_id": 1,
    "graph_id": "fork",
    "structure": "X->Y,V2->Y",
    "equation_type": "bernoulli",
    "params": {"p(V2)": [0.5], "p(X)": [0.25], "p(Y | X, V2)": [[0.1, 0.2], [0.6, 0.8]]},
    "groundtruth": {},
}
META = {"model_id": 1, "polarity": True, "treatment": "X", "outcome": "Y", "given_info": {}}


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["verify", *words], terminal_width=80)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    asked = [("ate", "yes", 0.55), ("ate", "no", 0.55), ("marginal", "yes", 0.9), ("ate", "no", 0.55)]
    rows = [
        {"question_id": n, "question": "Does it? " * 12, "answer": answer}
        | {"meta": {**META, "query_type": kind, "groundtruth": number}}
        for n, (kind, answer, number) in enumerate(asked, 1)
    ]
    (tmp_path / "test-model-meta.json").write_text(json.dumps([WORLD]))
    (tmp_path / "test-generate-easy.json").write_text(json.dumps(rows, indent=1))
    return tmp_path


def test_the_table_and_the_wrong_answers(files: Path) -> None:
    result = call("cladder", str(files / "test-generate-easy.json"))
    assert result.exit_code == 0, result.output
    text = result.stdout.splitlines()
    assert max(map(len, text)) <= 80
    assert [line.split() for line in text if line.startswith(("marginal ", "ate ", "all "))] == [
        ["marginal", "1", "0", "1", "1"],
        ["ate", "3", "1", "2", "0"],
        ["all", "4", "1", "3", "1"],
    ]
    assert "wrong answers: 3" in text
    assert "  gold no (0.550000), ours yes (0.550000)" in text
    assert "      V2=1 Y=1: 0.500000 × 0.800000 = 0.400000" in text
    assert "    difference: 0.700000 − 0.150000 = 0.550000" in text
    assert "    the same as for test-generate-easy.json #2" in text
    assert result.stderr == ""


def test_the_limit_cuts_the_list_alone(files: Path) -> None:
    text = call("cladder", str(files), "--limit", "1").stdout
    assert text.count("gold ") == 1
    assert "and 2 more" in text
    assert "gold" not in call("cladder", str(files), "--limit", "0").stdout
    assert call("cladder", str(files), "--limit", "-1").exit_code == 2


def test_json_is_everything(files: Path) -> None:
    found = json.loads(call("cladder", str(files), "--json", "--limit", "1").stdout)
    assert found["set"] == "cladder"
    assert len(found["verdicts"]) == 4
    assert found["counts"][-1] == {"kind": "all", "n": 4, "agree": 1, "wrong": 3, "zero": 0, "unread": 0, "off": 1}
    assert found["verdicts"][2]["enumeration"][-1] == "difference: 0.700000 − 0.150000 = 0.550000"


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {"task": "transitivity", "premise": "Rain causes Mud.", "question": "Is it so?", "label": "Yes"}
    file.write_text(json.dumps(row) + "\n" + json.dumps({**row, "question": "Does Rain cause Mud?"}) + "\n")
    result = call("causal_axioms", str(file))
    assert result.exit_code == 0
    assert "1 could not be read:" in result.stdout
    assert "(first in rows.jsonl, line 1)" in result.stdout.replace("\n  ", " ")
    assert "wrong answers" not in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clader"], "unknown set to verify 'clader'; did you mean 'cladder'?"),
        (["cladder", "none.json"], "none.json does not exist"),
        (["corr2cause", "none.json"], "none.json does not exist"),
        (["causal_axioms", "none.json"], "none.json does not exist"),
    ],
)
def test_a_mistake_costs_a_few_lines(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 5


@pytest.mark.parametrize("name", ["cladder", "causal_axioms", "corr2cause"])
def test_each_set_without_a_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (Path(os.environ.get("BUTFOR_DATA", "/nowhere")) / name).is_dir():
        result = call(name, "--limit", "2")
        assert result.exit_code == 0
        assert max(map(len, result.stdout.splitlines())) <= 80
    for key in ("BUTFOR_DATA", "HF_HUB_CACHE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    result = call(name)
    assert result.exit_code == 2
    assert "is not on this machine" in result.stderr


def test_a_file_of_another_set_is_named(files: Path) -> None:
    for name in ("corr2cause", "causal_axioms"):
        result = call(name, str(files / "test-generate-easy.json"))
        assert result.exit_code == 2
        assert "test-generate-easy.json, line" in result.stderr
