"""The suite of the ladder: its limits for worlds whose answers are known, one world a mistake among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import pytest

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.data.ladder import KINDS, SENSES, ladder, misled
from butfor.data.question import Question
from butfor.evaluate.ladder import FOOLED, VerifiedLadder
from butfor.evaluate.suite import Record
from butfor.lm.prompt import Prompt

SUITE = VerifiedLadder(n=252, by="generation")
Rule = Callable[[Question], int]


@cache
def questions() -> dict[str, Question]:
    """By what is asked."""
    return {question.text: question for question in SUITE.questions()}


class Scripted:
    """Writes the choice that a rule picks for the question in the prompt."""

    name = "scripted"
    remote = True

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        return [self.said(prompt.user) for prompt in prompts]

    def said(self, asked: str) -> str:
        question = questions()[asked.rpartition("\n")[0]]
        return question.choices[self.rule(question)]


def measured(rule: Rule) -> list[Record]:
    world = Scripted(rule)
    return SUITE.measure(world, SUITE.items(world))  # pyright: ignore[reportArgumentType]


def mean(records: Sequence[Record], metric: str) -> float:
    values = [record.metrics[metric] for record in records if metric in record.metrics]
    return sum(values) / len(values)


def gold(question: Question) -> int:
    return int(question.answer)


@cache
def mistaken(mistake: str) -> list[Record]:
    """The records of who makes a mistake wherever there is one to make."""
    return measured(lambda question: question.lures.get(mistake, gold(question)))


def test_the_questions_are_those_of_the_generator() -> None:
    for item, question in zip(ladder(30, 0), SUITE.questions(), strict=False):
        assert (item["id"], item["prompt"], item["answer"]) == (question.id, question.text, question.answer)
        assert item["lures"] == question.lures
        assert question.group["rung"] == str(KINDS[question.group["query"]].rung)


def test_who_is_always_right_and_who_always_errs() -> None:
    right, wrong = measured(gold), measured(lambda question: 1 - gold(question))
    assert (mean(right, "accuracy"), mean(wrong, "accuracy")) == (1.0, 0.0)
    for metric in FOOLED.values():
        assert (mean(right, metric), mean(wrong, metric)) == (0.0, 1.0)
    assert {record.error for record in right} == {""}


def test_who_always_says_yes_is_at_chance_in_every_kind_and_sense() -> None:
    records = measured(lambda _: 0)
    assert mean(records, "accuracy") == 0.5
    for kind in KINDS:
        for sense in SENSES:
            part = [r for r in records if (r.group["query"], r.group["sense"]) == (kind, sense)]
            assert mean(part, "accuracy") == 0.5


@pytest.mark.parametrize("mistake", sorted(FOOLED))
def test_who_makes_one_mistake_throughout_is_told_by_it(mistake: str) -> None:
    records = mistaken(mistake)
    assert mean(records, FOOLED[mistake]) == 1.0
    wrong = {record.item: record for record in records if record.error}
    alone = 0
    for question in questions().values():
        fooling = [kind for kind, place in question.lures.items() if place != question.answer]
        assert (question.id in wrong) == (mistake in fooling)
        if question.id in wrong:
            assert wrong[question.id].error == fooling[0]  # the first that fits
            alone += fooling == [mistake]
    assert alone > 1
    named = Counter(record.error for record in wrong.values())
    assert named[mistake] == max(named.values())
    others = [m for m in FOOLED if m != mistake]
    assert all(mean(records, FOOLED[other]) < 0.75 for other in others)


def test_the_table_of_mistakes_is_what_the_scripted_worlds_score() -> None:
    table = misled({"group": q.group, "answer": q.answer, "lures": q.lures} for q in questions().values())
    for mistake in FOOLED:
        records = mistaken(mistake)
        for kind, row in table.items():
            if mistake in row:
                of = {q.id for q in questions().values() if q.group["query"] == kind and mistake in q.lures}
                right = sum(record.metrics["accuracy"] for record in records if record.item in of)
                assert (right, len(of)) == row[mistake]


def test_a_limit_keeps_kinds_senses_and_answers_balanced() -> None:
    items = VerifiedLadder(n=252, limit=126).items(Scripted(gold))  # pyright: ignore[reportArgumentType]
    count = Counter((item.data["group"]["query"], item.data["group"]["sense"], item.data["answer"]) for item in items)
    assert set(count.values()) == {1}
    assert len(count) == 126


def test_the_knobs() -> None:
    assert resolve("suite", "reason.ladder") is VerifiedLadder
    made, problems = build(VerifiedLadder, {"seed": 3, "n": 4, "kinds": ["ate"], "senses": ["anti"], "nodes": [4, 4]})
    assert not problems
    assert {(q.group["query"], q.group["sense"], q.group["nodes"]) for q in made.questions()} == {("ate", "anti", "4")}
    made.ready()
    with pytest.raises(UserError, match="did you mean"):
        VerifiedLadder(kinds=("aet",)).ready()
    with pytest.raises(UserError, match="within 3-8"):
        VerifiedLadder(nodes=(2, 4)).ready()
