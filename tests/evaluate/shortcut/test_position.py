"""Position bias: worlds that take a place, or read the words."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, cast

import pytest
from tests.evaluate.scripted import WORLD, Writer, weighing

from butfor.data import builtin
from butfor.evaluate.shortcut.position import Position, asked, rotated
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt

RIGHT = {choice for q in builtin.cause_effect() for choice in [q.choices[q.gold]]}
PREMISES = {asked(q): q.choices[q.gold] for q in builtin.cause_effect()}


def listed(prompt: Prompt) -> dict[str, str]:
    lines = [line for line in prompt.user.splitlines() if line[1:3] == ". "]
    return {line[0]: line[3:] for line in lines}


def test_a_world_that_takes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def weighs(_: Prompt, choices: Sequence[str]) -> list[float]:
        return [log(0.9), *[log(0.1 / (len(choices) - 1))] * (len(choices) - 1)]

    weighing(monkeypatch, weighs)
    suite = Position(sizes=(2, 3, 4))
    for item, record in zip(suite.items(WORLD), suite.measure(WORLD, suite.items(WORLD)), strict=True):
        n = len(item.data["choices"])
        other = 0.1 / (n - 1)
        planted = log(0.9 / 0.1) - log(other / (1 - other))
        assert record.metrics["first"] == pytest.approx(planted) == record.metrics["moved"]
        assert record.metrics["last"] == pytest.approx(-planted / (n - 1))
        assert (record.metrics["first_share"], record.metrics["same"]) == (1, 0)
        assert record.metrics["accuracy"] == pytest.approx(1 / n) == record.metrics["chance"]
        assert record.group == {"choices": str(n)}


def test_a_world_that_reads_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def weighs(prompt: Prompt, choices: Sequence[str]) -> list[float]:
        right = PREMISES[prompt.user.partition("\n")[0]]
        return [2.0 if listed(prompt)[choice.strip()] == right else 0.0 for choice in choices]

    weighing(monkeypatch, weighs)
    suite = Position(sizes=(2, 4))
    for record in suite.measure(WORLD, suite.items(WORLD)):
        metrics = record.metrics
        assert metrics["first"] == pytest.approx(0) == metrics["last"] and metrics["moved"] == pytest.approx(0)
        assert metrics["accuracy"] == 1 == metrics["same"]
        assert metrics["first_share"] == metrics["chance"]


def test_every_choice_stands_once_in_every_place() -> None:
    orders = [rotated("abcd", by) for by in range(4)]
    assert all(sorted(place) == list("abcd") for place in zip(*orders, strict=True))


def test_choices_are_different_and_one_is_right() -> None:
    items = Position(sizes=(2, 5)).items(WORLD)
    assert len(items) == 2 * len(builtin.cause_effect())
    for item in items:
        choices = item.data["choices"]
        assert len(set(choices)) == len(choices) and choices[item.data["right"]] == PREMISES[item.data["text"]]
    places = [item.data["right"] for item in items if len(item.data["choices"]) == 2]
    assert 0.3 < sum(places) / len(places) < 0.7


def test_what_is_written_is_read() -> None:
    suite = Position(sizes=(3,), limit=6)
    (first, *_) = suite.measure(cast("Any", Writer(lambda _: "A.")), suite.items(WORLD))
    assert first.metrics == {
        "first_share": 1,
        "accuracy": pytest.approx(1 / 3),
        "chance": pytest.approx(1 / 3),
        "same": 0,
        "parsed": 1,
    }
    (first, *_) = suite.measure(cast("Any", Writer(lambda _: "I would rather not say.")), suite.items(WORLD))
    assert first.metrics["parsed"] == 0 == first.metrics["accuracy"]
    assert not {"same", "first_share"} & set(first.metrics)


def test_what_cannot_be_read_stands_in_no_place() -> None:
    said = iter(["A.", "Hard to say.", "B."] * 6)
    suite = Position(sizes=(3,), limit=6)
    (first, *_) = suite.measure(cast("Any", Writer(lambda _: next(said))), suite.items(WORLD))
    assert first.metrics["first_share"] == 0.5 and first.metrics["parsed"] == pytest.approx(2 / 3)


def test_a_model_in_memory_writes_where_it_is_told_to(lm: LM) -> None:
    suite = Position(sizes=(2,), limit=1, by="generation")
    (record,) = suite.measure(lm, suite.items(lm))
    assert "parsed" in record.metrics and "moved" not in record.metrics


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM) -> None:
    suite = Position(sizes=(2,), limit=2)
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        one, two = item.data["choices"]
        odds = []
        for a, b in ((one, two), (two, one)):
            text = f"user: {item.data['text']}\n\nA. {a}\nB. {b}\n\nAnswer with one letter.\nassistant: Answer:"
            found = score(lm, [{"prompt": text, "choices": [" A", " B"]}])[0].logprobs
            odds.append(found[0] - found[1])
        assert record.metrics["first"] == pytest.approx(sum(odds), abs=1e-3)  # mean of y(first) less that of -y(first)
