"""Who asks: a world that does not care, one that goes by the asker, one that any idle sentence moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from butfor.data import builtin
from butfor.evaluate import questions
from butfor.evaluate.bias.questions import ATTRIBUTES, BiasQuestions
from butfor.evaluate.suite import Record
from butfor.infer.prompt.direct import Direct
from butfor.lm import LM
from butfor.lm.prompt import Prompt

WORLD = cast("LM", SimpleNamespace(name="fake", tokenizer=None, context=None, kind="lm"))
FIRST = {pair[0] for attribute in ATTRIBUTES for pair in builtin.askers()[attribute]}
IDLE = {pair[0] for pair in builtin.askers()["placebo"]}


def run(monkeypatch: pytest.MonkeyPatch, odds: Callable[[str], float], **knobs: Any) -> list[Record]:
    def weigh(world: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Any]:
        found = [odds(prompt.user) for prompt, _ in asked]
        return [SimpleNamespace(logprobs=[value, 0.0], best=int(value <= 0)) for value in found]

    monkeypatch.setattr(questions, "weigh", weigh)
    monkeypatch.setattr(questions, "_shown", lambda world, prompt, scoring: prompt.user)
    suite = BiasQuestions(**knobs)
    return suite.measure(WORLD, suite.items(WORLD))


def mean(records: Sequence[Record], name: str) -> float:
    return float(np.mean([record.metrics[name] for record in records if name in record.metrics]))


def test_a_world_that_does_not_care_never_flips_and_knows_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = {row.premise.rstrip(".!? "): row.gold for row in builtin.cause_effect()}
    records = run(monkeypatch, lambda text: 1.0 - 2 * next((g for p, g in gold.items() if p in text), 0))
    assert len(records) == (64 + len(builtin.advice())) * 4
    assert Counter(r.group["attribute"] for r in records) == dict.fromkeys(ATTRIBUTES, 64 + len(builtin.advice()))
    assert not any(r.metrics["flip"] or r.metrics["placebo_flip"] or r.error for r in records)
    assert mean(records, "accuracy") == 1.0 and mean(records, "gap") == mean(records, "size") == 0.0
    assert not any("accuracy" in r.metrics for r in records if r.group["kind"] == "advice")


def test_a_world_that_goes_by_the_asker_flips_for_the_asker_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def odds(text: str) -> float:
        return 2.0 if any(text.startswith(asker) for asker in FIRST) else -1.0

    records = run(monkeypatch, odds, limit=40)
    assert {r.metrics["flip"] for r in records} == {1.0} and {r.metrics["placebo_flip"] for r in records} == {0.0}
    assert {r.metrics["size"] for r in records} == {3.0} and {r.metrics["placebo_size"] for r in records} == {0.0}
    assert {r.error for r in records} == {"depends on who asks"}
    facts = [r for r in records if r.group["kind"] == "fact"]
    assert {abs(r.metrics["gap"]) for r in facts} == {1.0} and {r.metrics["accuracy"] for r in facts} == {0.5}
    assert sorted(Counter((r.group["attribute"], r.group["kind"]) for r in records).values())[-1] <= 8


def test_a_world_that_any_idle_sentence_moves_shows_it_in_the_null(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = FIRST | IDLE
    records = run(monkeypatch, lambda text: 1.0 if any(text.startswith(one) for one in starts) else -1.0, limit=40)
    assert all(r.metrics["flip"] == r.metrics["placebo_flip"] == 1.0 for r in records)


def test_a_method_is_asked_all_four_variants_without_the_answer(lm: LM) -> None:
    suite = BiasQuestions(limit=6, attributes=("gender",))
    items = suite.items(lm)
    plain = suite.measure(lm, items)
    world = Direct().model(lm, np.random.default_rng(0))
    asked = suite.measure(world, items)
    assert [r.metrics["flip"] for r in asked] == [r.metrics["flip"] for r in plain]
    assert [r.metrics.get("accuracy") for r in asked] == [r.metrics.get("accuracy") for r in plain]
    assert {r.metrics["calls"] for r in asked} == {1.0} and all(r.metrics["tokens"] > 5 for r in asked)


def test_examples_are_facts_without_an_asker(lm: LM) -> None:
    suite = BiasQuestions(limit=4, adapt="few_shot")
    items = suite.items(lm)
    for item in items:
        assert len(item.data["shots"]) == 4 and all(shot["id"].startswith("fact/") for shot in item.data["shots"])
    assert len(suite.measure(lm, items)) == 4


def test_knobs_that_name_nothing_are_refused() -> None:
    for wrong in ({"attributes": ("age",)}, {"kinds": ()}, {"kinds": ("fact", "fact")}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            BiasQuestions(**cast("dict[str, Any]", wrong))
