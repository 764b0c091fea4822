"""butfor ask in words: the derivation with who took each step, transcripts, replay, exit codes, one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.infer.scripted import Remote
from typer.testing import CliRunner, Result

from butfor.cli.app import app
from butfor.cli.talk import Talk
from butfor.data.ladder import ladder
from butfor.infer.reason.engine import SHOTS

(ITEM,) = ladder(1, 5, kinds=["ate"], senses=["common"])


def ask(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["ask", *words], input=given)


def test_rules_answer_without_a_model() -> None:
    found = ask(ITEM["prompt"], "--reader", "rules")
    assert found.exit_code == 0, found.output
    assert f"answer      {ITEM['choices'][ITEM['answer']]}" in found.output
    assert "engine      estimand" in found.output and "rule        read:" in found.output
    assert max(map(len, found.output.splitlines())) <= 80
    again = ask("-", "--reader", "rules", "--json", given=ITEM["prompt"])
    values = json.loads(again.stdout)
    assert values["read"] == ITEM["choices"][ITEM["answer"]] and values["cost"]["calls"] == 0
    assert {step["by"] for step in values["derivation"]} == {"rule", "engine"}


def test_a_good_reader_is_shown_step_by_step_and_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, lines = SHOTS[0]
    world = Remote(lambda prompt, _: "Yes, on fewer days." if "exact calculation" in prompt.user else lines)
    monkeypatch.setattr(Talk, "_world", lambda _: world)
    found = ask(text, "--model", "remote", "--out", str(tmp_path))
    assert found.exit_code == 0, found.output
    assert "model       read:" in found.output and "answer      Yes, on fewer days." in found.output
    assert "cost        2 calls" in found.output
    calls = world.calls
    replayed = ask(text, "--replay", str(tmp_path), "--json")
    values = json.loads(replayed.stdout)
    assert replayed.exit_code == 0 and values["said"] == "Yes, on fewer days." and world.calls == calls
    other = ask("Does coffee help?", "--replay", str(tmp_path))
    assert other.exit_code == 2 and "no answer to" in other.output


def test_what_is_no_answer_exits_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Talk, "_world", lambda _: Remote(lambda *_: "I do not know."))
    found = ask("Does tea help?", "--model", "remote", "--out", str(tmp_path), "--json")
    assert found.exit_code == 3 and "there is no answer" in found.output
    values = json.loads(found.stdout)
    assert values["read"] is None and values["why"] and values["cost"]["calls"] == 2


@pytest.mark.slow
def test_a_model_in_memory_is_asked(tmp_path: Path) -> None:
    found = ask("Does tea help?", "--model", "debug", "--out", str(tmp_path), "--json")
    assert found.exit_code == 3 and json.loads(found.stdout)["read"] is None
    again = ask("Does tea help?", "--replay", str(tmp_path), "--json")
    assert json.loads(again.stdout)["samples"] == json.loads(found.stdout)["samples"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("Does tea help?",), "needs a model to read it"),
        (("Does tea help?", "--reader", "magic"), "magic"),
        (("", "--reader", "rules"), "a question has 1 to"),
        (("Does tea help?", "--data", "x.csv", "--model", "debug"), "add --graph"),
        (("Does tea help?", "--graph", "X -> Y", "--model", "debug"), "leave one out"),
        (("P(Y | do(X))", "--model", "debug"), "a formal question, which needs its graph"),
        (("P(Y=1 | do(X=0.5))", "--model", "debug"), "add --graph"),
        (("E[Y | do(X=1)] - E[Y | do(X=0)]", "--model", "debug"), "add --graph"),
        (("Does \udcff help?", "--reader", "rules"), "no UTF-8"),
        (("Does tea help?", "--replay", "nowhere"), "holds no transcript"),
        (("Does tea help?", "--endpoint", "http://127.0.0.1:1/v1"), "needs the name of a model"),
    ],
)
def test_a_mistake_costs_one_line(words: tuple[str, ...], why: str) -> None:
    found = ask(*words)
    assert found.exit_code == 2 and why in found.output
    assert "Traceback" not in found.output and len(found.output.splitlines()) <= 5
