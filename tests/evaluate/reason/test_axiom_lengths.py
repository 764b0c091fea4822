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
from butfor.data.question import Question
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


@pytest.mark.parametrize("proof", [False, True])
def test_a_model_is_asked_in_the_words_of_the_demonstrations(proof: bool) -> None:
    from butfor.data.scratch import make

    lm = make("scratch:1x16,heads=1,tokens=bytes", seed=0, dtype=torch.float32, device=None)
    suite = AxiomLengths(lengths=(3,), each=2, limit=4, proof=proof, room=4)
    found = suite.measure(lm, suite.items(lm))
    assert len(found) == 4 and all({"accuracy", "margin", "chance"} <= record.metrics.keys() for record in found)
    assert all(record.show["asked"].endswith("?") for record in found)


def written(suite: AxiomLengths, monkeypatch: pytest.MonkeyPatch, say: Any) -> dict[str, Record]:
    """The records of a model that writes what `say` makes of a question, and weighs Yes and No by `decide`."""
    from butfor.data.scratch import make
    from butfor.evaluate import questions as base

    lm = make("scratch:1x16,heads=1,tokens=bytes", seed=0, dtype=torch.float32, device=None)
    monkeypatch.setattr(base, "say", lambda _, prompts, max_new_tokens: [say(p.user)[:max_new_tokens] for p in prompts])
    monkeypatch.setattr(base, "weigh", lambda _, asked: [_after_steps(prompt.user) for prompt, _ in asked])
    return {record.item: record for record in suite.measure(lm, suite.items(lm))}


def _after_steps(text: str) -> Any:
    """Yes where the last name written is the cause that was asked for; without steps, Yes."""
    from butfor.lm.scoring import Scored

    question, _, steps = text.rpartition("? ") if "? " in text else (text, "", "")
    yes = not steps or steps.removesuffix(".").split()[-1] == question.split()[-3]
    return Scored([-0.1, -2.0] if yes else [-2.0, -0.1], [1, 1])


def searched(text: str) -> str:
    """The proof of a question, found by another way than that of the demonstrations' writer: an explicit stack."""
    told, what = text.strip().rsplit(". ", 1)
    _, a, _, b = what.removesuffix("?").split()
    above: dict[str, list[str]] = {}
    for cause, effect in edges(f"{told}."):
        above.setdefault(effect, []).append(cause)
    named, sentences, stack = {b}, [[b]], [b]
    while stack and stack[-1] != a:
        new = [cause for cause in above.get(stack[-1], []) if cause not in named]
        if not new:
            stack.pop()
        else:
            sentences += [[stack[-1]]] if sentences[-1][-1] != stack[-1] else []
            sentences[-1].append(new[0])
            named.add(new[0])
            stack.append(new[0])
    return " " + " ".join(" ".join(names) + "." for names in sentences)


def test_a_model_that_writes_right_proofs_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = AxiomLengths(lengths=(4, 15), each=8, proof=True, room=400)
    found = written(suite, monkeypatch, lambda text: f"{searched(text)} Yes. X" if "cause " in text else " No.")
    records = [record for record in found.values() if record.group["task"] == "transitivity"]
    assert len(records) == 80 and mean(records, "accuracy") == mean(records, "proved") == 1.0
    assert all("proved" not in record.metrics for record in found.values() if record not in records)


def test_the_answer_follows_the_steps_that_were_written_and_not_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = AxiomLengths(lengths=(5,), each=8, proof=True)
    found = list(written(suite, monkeypatch, lambda _: " wrong way. Yes.").values())
    assert all(record.show["asked"].endswith("? wrong way.") for record in found)
    assert mean(found, "accuracy") == 0.5 and mean(found, "proved") == 0.0


def test_without_a_yes_or_no_nothing_that_was_written_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = AxiomLengths(lengths=(5,), each=8, proof=True)
    found = list(written(suite, monkeypatch, lambda _: " No where and Nothing, on and on").values())
    stops = [record.show["asked"] for record in found]
    assert all(text.endswith("?") for text in stops)  # " No" as a word of its own is a verdict: nothing before it
    found = list(written(suite, monkeypatch, lambda _: " Nothing, on and on").values())
    assert all(record.show["asked"].endswith("?") for record in found) and mean(found, "accuracy") == 0.5


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
