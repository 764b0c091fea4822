"""A world behind an address that chooses by a rule, for suites whose items carry more than their question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.evaluate.reason.scripted import Rule, Scripted

from butfor.data.question import Question
from butfor.lm.prompt import Prompt


def first_listed(question: Question) -> str:
    """Whatever is asked, the first of the listed choices."""
    return "A"


class Choosing(Scripted):
    """Finds the question by its text and its choices."""

    def __init__(self, suite: Any, rule: Rule) -> None:
        super().__init__(list(suite.questions()), rule)

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        return [self.rule(self._meant(prompt.user)) for prompt in prompts]

    def _meant(self, text: str) -> Question:
        return next(q for q in self.questions if q.text in text and all(choice in text for choice in q.choices))
