"""A world behind no address at all: it writes what a rule says, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from butfor.data.adapt import unpacked
from butfor.data.question import Question
from butfor.evaluate.suite import Item, Record
from butfor.lm.prompt import Prompt

Rule = Callable[[Question], str]


class Scripted:
    """Answers by `rule`, which sees the question whose text stands in the prompt."""

    name = "scripted"
    remote = True

    def __init__(self, questions: Sequence[Question], rule: Rule) -> None:
        self.questions, self.rule, self.asked = questions, rule, list[str]()

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        self.asked += [prompt.user for prompt in prompts]
        return [self.rule(next(q for q in self.questions if q.text in prompt.user)) for prompt in prompts]


def oracle(question: Question) -> str:
    return question.choices[int(question.answer)]


def contrary(question: Question) -> str:
    return question.choices[int(question.answer) - 1]


@cache
def items_of(suite: Any) -> list[Item]:
    """The items of a suite, made once."""
    return suite.items(None)


def measured(suite: Any, rule: Rule) -> list[Record]:
    """The suite's records where the world answers by `rule`."""
    items = items_of(suite)
    return suite.measure(Scripted([unpacked(item.data) for item in items], rule), items)


def mean(records: Sequence[Record], metric: str, **group: str) -> float:
    values = [
        record.metrics[metric]
        for record in records
        if metric in record.metrics and group.items() <= record.group.items()
    ]
    return sum(values) / len(values)
