"""Read it again, or put it in your own words: two cheap ways of asking, as peers of dearer ones.

Ways      "twice"     the question stands in the prompt twice, so that its second reading sees all of the first
          "rephrase"  the model puts the question in its own words, and is asked with both
          Then it is asked as Direct does it, plainly or after reasoning (`way`).
Source    Xu et al. 2023 (re-reading); Deng et al. 2023 (rephrase and respond), worded by us.
Example   [treatment]
          method = "infer.prompt.reread"
          how = "twice"
Limits    A rephrasing may be another question; nothing checks it. Where it is empty, the question stands alone: Direct.
          A cloze is read twice as its start is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, final

from pydantic import Field

from butfor.data.adapt import Adaptation
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import Direct
from butfor.lm.exchange import Say, Steps
from butfor.lm.prompt import Prompt

AGAIN = "Read the question again:"
OWN = "In other words:"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reread(Answering):
    """Ask after a second reading, or after a rephrasing."""

    how: Literal["twice", "rephrase"] = "twice"
    way: Adaptation = "plain"
    room: Annotated[int, Field(ge=1)] = 96  # new tokens of a rephrasing, at most

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The answer to the question that stands there twice."""
        if self.how == "twice":
            asked, step = _twice(question), Step("the question, twice", "rule")
        else:
            (said,) = yield [Say(_own_words(question), self.room, stop="\n\n")]
            own = " ".join(said.text.split())
            asked, step = _beside(question, own) if own else question, Step(own, "model")
        answer = yield from Direct(way=self.way).steps(asked, seed)
        return replace(answer, derivation=(step, *answer.derivation))


def _twice(question: Question) -> Question:
    cloze = question.cloze and replace(question.cloze, start=f"{question.cloze.start}\n{question.cloze.start}")
    return replace(question, text=f"{question.text}\n\n{AGAIN}\n{question.text}", cloze=cloze)


def _beside(question: Question, own: str) -> Question:
    cloze = question.cloze and replace(question.cloze, start=f"{own}\n{question.cloze.start}")
    return replace(question, text=f"{question.text}\n\n{OWN} {own}", cloze=cloze)


def _own_words(question: Question) -> Prompt:
    return Prompt(f"{question.text}\n\nPut this question in your own words, in full. Do not answer it.")
