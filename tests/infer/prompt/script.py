"""A model that follows a script: what a test says that it says, with everything that it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from butfor.data.question import Answer, Question
from butfor.infer.answering import Answering
from butfor.lm.exchange import Ask, Said, Say, Weigh, converse


@dataclass
class Script:
    """`says` and `weighs` answer one ask each."""

    says: Callable[[Say], str] = lambda ask: ""
    weighs: Callable[[Weigh], Sequence[float] | None] = lambda ask: None
    asked: list[Ask] = field(default_factory=list)

    def __call__(self, asks: Sequence[Ask]) -> list[Said]:
        self.asked += asks
        return [self._said(ask) for ask in asks]

    def answer(self, method: Answering, question: Question, seed: int = 0) -> Answer:
        ((answer, cost),) = converse(self, [method.steps(question.blind(), seed)])  # type: ignore[arg-type]
        return replace(answer, cost=cost)

    def _said(self, ask: Ask) -> Said:
        if isinstance(ask, Say):
            return Said(self.says(ask), read=10, written=5)
        assert isinstance(ask, Weigh)
        found = self.weighs(ask)
        return Said(why="an address weighs nothing") if found is None else Said(logprobs=tuple(found), read=10)


YES_NO = Question("q", "Does the lamp light up?", ("yes", "no"), 0)
SHOTS = (
    Question("s1", "Does fire make smoke?", ("yes", "no"), 0),
    Question("s2", "Does smoke make fire?", ("yes", "no"), 1),
)
