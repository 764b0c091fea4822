"""The four-way table: who knows is right in both, constant answers in a quarter, and each cell is what it says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from butfor.data.question import Answer, Question
from butfor.evaluate.reason.case_pairs import SIDES, TABLE, CasePairs
from butfor.evaluate.suite import Record
from butfor.lm.exchange import Cost
from butfor.lm.load import load

MADE = CasePairs(each=96)
RIGHT = {question.id: int(question.answer) for question in MADE.questions()}


def measured(answer: Callable[[str], int | None], suite: CasePairs = MADE) -> list[Record]:
    """The records of a method that answers each question by its name."""

    def answers(questions: Sequence[Question]) -> list[Answer]:
        return [Answer(answer(question.id), "said", cost=Cost(2, 10, 5)) for question in questions]

    world: Any = SimpleNamespace(answers=answers, remote=True, name="scripted")
    return suite.measure(world, suite.items(world))


def test_binary_metrics_are_zero_or_one() -> None:
    binary = [metric.name for metric in CasePairs.metrics if metric.kind == "binary"]
    for record in measured(lambda name: RIGHT[name] ^ int(name.endswith("would"))):
        assert all(record.metrics.get(name, 0) in (0, 1) for name in binary)


def means(records: Sequence[Record]) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for name, value in record.metrics.items():
            found[name].append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def test_who_knows_is_right_in_both_and_every_metric_is_there() -> None:
    found = means(measured(RIGHT.__getitem__))
    assert set(found) == {metric.name for metric in CasePairs.metrics}
    assert [found[name] for name in TABLE] == [1, 0, 0, 0]
    assert found["balanced"] == found["necessity"] == found["sufficiency"] == 1
    assert found["factual"] == found["counterfactual"] == 1
    assert (found["calls"], found["tokens"]) == (4, 30), "of both questions"


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_answers_are_right_as_often_as_a_coin(constant: int) -> None:
    found = means(measured(lambda _: constant))
    assert found["balanced"] == pytest.approx(0.5)
    assert [found[name] for name in TABLE] == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(("wrong", "place"), [("would", "factual_only"), ("is", "counterfactual_only")])
def test_who_is_wrong_in_one_half_stands_in_its_cell(wrong: str, place: str) -> None:
    found = means(measured(lambda name: RIGHT[name] ^ int(name.endswith(wrong))))
    assert [name for name in TABLE if found[name]] == [place]
    assert (found["factual"], found["counterfactual"]) == ((1, 0) if wrong == "would" else (0, 1))


def test_who_is_wrong_in_both_is_in_neither() -> None:
    assert means(measured(lambda name: 1 - RIGHT[name]))["neither"] == 1


def test_what_cannot_be_read_is_wrong_and_balances_nothing() -> None:
    records = measured(lambda _: None)
    found = means(records)
    assert (found["neither"], found["balanced"], found["parsed"]) == (1, 0, 0)
    assert {record.error for record in records} == {"wrong format"}


def test_an_item_is_a_pair_and_a_limit_keeps_the_cells_even() -> None:
    items = CasePairs(each=96, limit=32).items(None)  # type: ignore[arg-type]
    assert len(items) == 32
    cells = [item.data["cell"] for item in items]
    assert all(cells.count(cell) == 4 for cell in set(cells))
    assert len(set(cells)) == 8
    assert set(items[0].data) == {*SIDES, "query", "cell"}


def test_a_model_in_memory_is_weighed() -> None:
    suite = CasePairs(each=4)
    records = suite.measure(load("debug", device="cpu"), suite.items(None))  # type: ignore[arg-type]
    assert all(sum(record.metrics[name] for name in TABLE) == 1 for record in records)
