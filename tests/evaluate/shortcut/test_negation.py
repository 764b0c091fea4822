"""Negation: worlds that do and do not see it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

import pytest
from tests.evaluate.scripted import WORLD, Writer, weighing

from butfor.evaluate.shortcut.negation import THINGS, Negation
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt

OPPOSITE = {a: b for _, one, two in THINGS for a, b in ((one, two), (two, one))}


def logic(prompt: Prompt, *, sees_not: bool = True) -> bool:
    """Whether the answer is yes, for somebody who reads the words one by one."""
    fact, question = prompt.user.split("\n")
    state = re.findall(r"[a-z]+", fact)[-1]
    asked = re.findall(r"[a-z]+", question.split("?")[0])[-1]
    return (state == asked) ^ (sees_not and len(re.findall(r"\bnot\b", fact)) % 2 == 1)


def test_there_are_all_combinations() -> None:
    items = Negation().items(WORLD)
    assert len(items) == len(THINGS) * 2 * 3 * 2 * 2 == 576
    assert sum(item.data["sign"] for item in items) == 0
    limited = Negation(limit=40).items(WORLD)
    assert len(limited) == 40 and sum(item.data["sign"] for item in limited) == 0


def test_a_world_that_reads_words_is_right_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: [3.0, 0.0] if logic(prompt) else [0.0, 3.0])
    for record in Negation(limit=192).measure(WORLD, Negation(limit=192).items(WORLD)):
        metrics = record.metrics
        assert (metrics["effect"], metrics["placebo"], metrics["flip"], metrics["placebo_flip"]) == (6, 0, 1, 0)
        assert metrics["accuracy"] == metrics["both"] == metrics["before"] == metrics["after"] == 1


def test_a_world_that_does_not_see_not_is_right_once(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: [3.0, 0.0] if logic(prompt, sees_not=False) else [0.0, 3.0])
    for record in Negation(limit=192).measure(WORLD, Negation(limit=192).items(WORLD)):
        metrics = record.metrics
        assert (metrics["effect"], metrics["flip"], metrics["both"], metrics["accuracy"]) == (0, 0, 0, 0.5)
        assert metrics["before"] == (record.group["type"] == "negation")


def test_a_world_that_reacts_to_any_added_word_has_nothing_beyond_the_placebo(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: [float(prompt.user.count("indeed") + prompt.user.count(" not ")), 0.0])
    records = Negation(limit=192).measure(WORLD, Negation(limit=192).items(WORLD))
    assert all(record.metrics["effect"] == record.metrics["placebo"] != 0 for record in records)


def test_what_is_written_is_read() -> None:
    world = cast("Any", Writer(lambda prompt: "Yes, it is." if logic(prompt) else "No."))
    records = Negation(limit=8).measure(world, Negation(limit=8).items(WORLD))
    assert all(record.metrics["both"] == 1 == record.metrics["parsed"] for record in records)
    world = cast("Any", Writer(lambda _: "Yes"))
    assert all(
        record.metrics["accuracy"] == 0.5 and record.metrics["both"] == 0
        for record in Negation(limit=8).measure(world, Negation(limit=8).items(WORLD))
    )


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM) -> None:
    (item,) = Negation(limit=1).items(lm)
    (record,) = Negation(limit=1).measure(lm, [item])

    def odds(arm: str) -> float:
        text = f"user: {item.data[arm]['user']}\nassistant: Answer:"
        found: Sequence[float] = score(lm, [{"prompt": text, "choices": [" yes", " no"]}])[0].logprobs
        return found[0] - found[1]

    sign = item.data["sign"]
    assert record.metrics["effect"] == pytest.approx(sign * (odds("changed") - odds("base")), abs=1e-3)
    assert record.metrics["placebo"] == pytest.approx(sign * (odds("placebo") - odds("base")), abs=1e-3)
    assert record.metrics["before"] == float((odds("base") > 0) == (sign < 0))
