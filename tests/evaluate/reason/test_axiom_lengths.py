"""Axioms by length: balanced cells, held-out premises, right labels, and readers whose score is known beforehand."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import torch

from butfor.core.registry import build
from butfor.data.axioms import side
from butfor.data.causal_axioms import AxiomRow, asked, edges
from butfor.evaluate.question import Question
from butfor.evaluate.reason.axiom_lengths import CELLS, AxiomLengths
from butfor.evaluate.reason.axioms import Axioms
from butfor.evaluate.suite import Record
from butfor.scm.graph import Graph

from .scripted import mean, measured, oracle

SUITE = AxiomLengths(lengths=(3, 5, 8, 15), each=24)


def premise_of(question: Question) -> str:
    return question.text[: question.text.rindex(". ") + 1]


def read(question: Question) -> tuple[Graph, Any]:
    """The graph of a question, as its text tells it, and what is asked."""
    premise = premise_of(question)
    told = edges(premise)
    row: Any = AxiomRow(None, 0, question.group["task"], premise, question.text[len(premise) + 1 :], "Yes")  # type: ignore[arg-type]
    return Graph(dict.fromkeys(name for edge in told for name in edge), told), asked(row)


def by_order(question: Question) -> str:
    """The name that is told first is the cause."""
    names = question.text.replace(".", " ").split()
    words = question.text.split()
    a, b = (words[-3], words[-1].rstrip("?")) if question.group["task"] == "transitivity" else ("", "")
    return "yes" if a and names.index(a) < names.index(b) else "no"


def records(rule: Any) -> list[Record]:
    return measured(SUITE, rule)


def test_answers_follow_from_the_text() -> None:
    for question in SUITE.questions():
        graph, what = read(question)
        if question.group["task"] == "transitivity":
            right = what.b in graph.descendants(what.a) - {what.a}
        else:
            right = graph.separated(what.a, what.b, what.given)
        assert question.answer == (0 if right else 1)
        assert question.group["length"] == str(len(graph.names))


def test_half_of_each_cell_is_yes_and_no_premise_is_one_of_training() -> None:
    cells: dict[tuple[str, str], Counter[int]] = {}
    for question in SUITE.questions():
        cell, length, _ = question.id.split("/")
        cells.setdefault((cell, length), Counter())[int(question.answer)] += 1
        assert side(premise_of(question)) == "test"
    assert len(cells) == len(CELLS) * 4 and all(found == {0: 12, 1: 12} for found in cells.values())
    other = AxiomLengths(lengths=(5,), each=4, side="validation").questions()
    assert {side(premise_of(question)) for question in other} == {"validation"}


def test_a_constant_reader_gets_half_and_the_right_one_all() -> None:
    for rule, score in ((lambda _: "yes", 0.5), (lambda _: "no", 0.5), (oracle, 1.0)):
        found = records(rule)
        for metric in ("accuracy", *CELLS, "long"):
            assert mean(found, metric) == score, metric
        assert abs(mean(found, "against_order") - score) < 0.1


def test_a_reader_of_the_order_of_names_is_found_out() -> None:
    found = records(by_order)
    assert mean(found, "chains") == mean(found, "long") == 1.0
    assert mean(found, "against_order") == 0.0
    assert mean(found, "reversed") < 0.25
    for metric in ("shuffled", "turned", "branching"):
        assert 0.3 < mean(found, metric) < 0.7, metric
    right = [record.metrics["accuracy"] for record in found if record.group.get("order") == "right"]
    assert right and min(right) == 1.0


def test_a_coin_is_at_chance() -> None:
    coin = random.Random(0)
    assert abs(mean(records(lambda _: coin.choice(["yes", "no"])), "accuracy") - 0.5) < 0.1


def test_a_model_is_asked_in_the_words_of_the_demonstrations() -> None:
    from butfor.data.scratch import make

    lm = make("scratch:1x16,heads=1,tokens=bytes", seed=0, dtype=torch.float32, device=None)
    suite = AxiomLengths(lengths=(3,), each=2, limit=4)
    found = suite.measure(lm, suite.items(lm))
    assert len(found) == 4 and all({"accuracy", "margin", "chance"} <= record.metrics.keys() for record in found)
    assert all(record.show["asked"].endswith("?") for record in found)


def test_the_published_questions_can_be_asked_in_the_same_words(tmp_path: Any) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(
        '{"task": "transitivity", "premise": "P causes Q.", "question": "Does P cause Q?", "label": "Yes"}\n'
    )
    bare, plain = (next(iter(Axioms(data=str(file), bare=bare).questions())) for bare in (True, False))
    assert bare.cloze is not None and bare.cloze.start == "P causes Q. Does P cause Q?" and plain.cloze is None
    assert bare.text == plain.text and bare.cloze.ends == (" Yes", " No")


@pytest.mark.parametrize(
    ("knobs", "why"),
    [({"lengths": [2, 5]}, "from 3 on"), ({"lengths": []}, "lengths is a list"), ({"names": [3, 1]}, "names is")],
)
def test_wrong_knobs_name_the_fix(knobs: dict[str, Any], why: str) -> None:
    assert why in build(AxiomLengths, knobs)[1][0][1]
