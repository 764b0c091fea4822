"""Robustness to the text and sensitivity to the result, on solvers whose behaviour is known."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any

import pytest

from butfor.evaluate.robust.arithmetic import Arithmetic
from butfor.evaluate.suite import Record
from butfor.lm import LM
from butfor.lm.prompt import Prompt
from butfor.lm.scoring import Scored

KEPT = ("operands_kept", "wording", "surface", "irrelevant")
SUITE = Arithmetic(limit=40)
RESULTS = {text: result for item in SUITE.items(None) for text, result in item.data["texts"].values()}  # type: ignore[arg-type]
SURE = 9.0


def scripted(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Sequence[int]], int]) -> None:
    """Every model now finds one candidate e^9 times as likely as each other one."""

    def weigh(world: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        found = []
        for prompt, choices in asked:
            numbers = [int(choice.strip(" .")) for choice in choices]
            text = prompt.user.removesuffix("\nAnswer with a number and nothing else.")
            right = answer(text, numbers)
            found.append(Scored([SURE * (number == right) for number in numbers], [1] * len(numbers)))
        return found

    monkeypatch.setattr("butfor.lm.asking.weigh", weigh)


def measured(lm: LM) -> list[Record]:
    return SUITE.measure(lm, SUITE.items(lm))


def test_an_exact_solver_is_sensitive_and_robust(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda text, numbers: RESULTS[text])
    for record in measured(lm):
        metrics = record.metrics
        assert metrics["accuracy"] == metrics["sturdy"] == metrics["operands"] == metrics["operator"] == 1
        assert all(metrics.get(name, 0.0) == 0 and metrics.get(f"{name}_shift", 0.0) == 0 for name in KEPT)
        assert metrics["operands_shift"] == pytest.approx(SURE) and metrics["operator_shift"] == pytest.approx(SURE)
        assert record.error == ""


def test_one_that_sees_which_numbers_stand_there(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(text: str, numbers: Sequence[int]) -> int:
        return max(int(number) for number in re.findall(r"\d+", text))

    scripted(monkeypatch, answer)
    for record in measured(lm):
        metrics = record.metrics
        assert metrics["operator"] == metrics["surface"] == metrics.get("wording", 0.0) == 0
        assert metrics["operator_shift"] == 0
        if record.group["type"] in {"add", "sub"}:  # the larger operand is the first, and it always changes
            assert metrics["operands"] == metrics["operands_kept"] == 1
        assert record.error.startswith("repeats the") and metrics["accuracy"] == 0


def test_one_that_reacts_to_the_words_alone(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(text: str, numbers: Sequence[int]) -> int:
        words = re.sub(r"\d+", "", text)
        return numbers[hashlib.sha256(words.encode()).digest()[0] % len(numbers)]

    scripted(monkeypatch, answer)
    records = measured(lm)
    for record in records:
        assert record.metrics["operands"] == record.metrics["operands_kept"] == 0
    assert sum(record.metrics["wording"] for record in records) > 0.7 * len(records)


def test_one_that_always_says_the_same_never_changes(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, lambda text, numbers: numbers[-1])
    for record in measured(lm):
        assert not any(record.metrics.get(name, 0) for name in ("operands", "operator", *KEPT))
        assert record.metrics["operands_shift"] == 0


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (lambda item: item.data["lures"]["wrong operation"], "wrong operation"),
        (lambda item: item.data["lures"]["repeats the second number"], "repeats the second number"),
        (lambda item: item.data["texts"]["base"][1] + 1, "arithmetic"),
    ],
)
def test_mistakes_are_named(lm: LM, monkeypatch: pytest.MonkeyPatch, rule: Any, error: str) -> None:
    said = {item.data["texts"]["base"][0]: rule(item) for item in SUITE.items(lm)}
    scripted(monkeypatch, lambda text, numbers: said.get(text, numbers[0]))
    records = measured(lm)
    assert sum(record.error == error for record in records) > 0.8 * len(records)


def test_numbers_are_recounted_from_single_calls(lm: LM, loglik) -> None:
    suite = Arithmetic(limit=1)
    (item,) = suite.items(lm)
    (record,) = suite.measure(lm, [item])
    numbers = item.data["candidates"]

    def probabilities(name: str) -> dict[int, float]:
        start = f"user: {item.data['texts'][name][0]}\nAnswer with a number and nothing else.\nassistant: The answer is"
        values = [loglik(lm, start, f" {number}.")[0] for number in numbers]
        total = log(sum(map(exp, values)))
        return {number: value - total for number, value in zip(numbers, values, strict=True)}

    base = probabilities("base")
    right = item.data["texts"]["base"][1]
    assert record.metrics["accuracy"] == float(max(base, key=lambda n: base[n]) == right)
    assert record.metrics["chance"] == 1 / len(numbers)
    for name in ("operands", "surface"):
        after, then = probabilities(name), item.data["texts"][name][1]
        assert record.metrics[name] == float(max(after, key=lambda n: after[n]) != max(base, key=lambda n: base[n]))
        shift = (abs(base[right] - after[right]) + abs(after[then] - base[then])) / 2
        assert record.metrics[f"{name}_shift"] == pytest.approx(shift, abs=5e-3)


def test_all_texts_of_a_problem_have_the_same_candidates_and_right_answers_among_them(lm: LM) -> None:
    for item in SUITE.items(lm):
        numbers = item.data["candidates"]
        assert len(set(numbers)) == len(numbers) and all(n > 0 for n in numbers)
        assert all(result in numbers for _, result in item.data["texts"].values())


class Chat:
    """An endpoint that solves every problem, or only talks."""

    name, remote = "scripted", True

    def __init__(self, words: str) -> None:
        self.words = words

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        return [self.words.format(RESULTS[prompt.user.split("\n")[0]]) for prompt in prompts]


@pytest.mark.parametrize("words", ["{}", "The answer is {}.", "Let me see.\n\nSo it is {}."])
def test_behind_an_address_answers_are_read(words: str) -> None:
    world: Any = Chat(words)
    for record in SUITE.measure(world, SUITE.items(world)):
        metrics = record.metrics
        assert metrics["accuracy"] == metrics["sturdy"] == metrics["parsed"] == metrics["operands"] == 1
        assert metrics["chance"] == 0 and not [name for name in metrics if name.endswith("_shift")]
        assert all(metrics[name] == 0 for name in KEPT if name in metrics)


def test_what_cannot_be_read_changes_nothing_and_is_wrong() -> None:
    world: Any = Chat("I would rather not say.")
    for record in SUITE.measure(world, SUITE.items(world)):
        assert record.metrics == {"accuracy": 0, "chance": 0, "parsed": 0, "sturdy": 0}
        assert record.error == "wrong format"


def test_a_limit_keeps_the_operations_in_balance(lm: LM) -> None:
    operations = [item.data["operation"] for item in Arithmetic(limit=20).items(lm)]
    assert {operation: operations.count(operation) for operation in set(operations)} == dict.fromkeys(
        ("add", "sub", "mul", "two"), 5
    )
