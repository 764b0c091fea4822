"""Context-aware decoding: answer by what the context adds, not by what the model believes without it.

Idea      A question comes with its facts. What the model would answer to the bare question is prior knowledge; the
          facts may say otherwise. So the answer without the facts is subtracted from the answer with them.
Equation  score(answer) = (1 + a) log P(answer | context, question) - a log P(answer | question),      a = `strength`
          of choices: summed over the tokens of a choice; of a written answer: at every token (`lm.contrast`)
Bare      the question without its context: its last sentence that asks; of a start to be gone on with, its last line,
          and of a single line its last word ("because"), as Holtzman et al. 2021 do for COPA. The examples of a suite
          (few_shot) are not shown.
Source    Shi et al. 2023 (context-aware decoding); Holtzman et al. 2021 (domain-conditional mutual information, which
          orders choices as a → ∞ does). Written from the equations.
Example   [treatment]
          method = "infer.decode.context"
          strength = 0.5
Limits    strength = 0 asks once, and is the plain answer. A question of one sentence has no context: it gets the plain
          answer too, and says so. A written answer takes only tokens that are at least a tenth as likely as the
          likeliest. An address does not weigh, and shows no logits: the model has to be in memory. With the context a
          lie ("the sun is cold") is believed more: this is not a way to the truth, but to the text.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, final

from pydantic import Field

from butfor.data.adapt import ROOM, Asked, cloze, ways
from butfor.data.answers import read_answer
from butfor.data.question import Answer, Cloze, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import TOO_LONG, UNREAD
from butfor.lm.exchange import Look, Said, Say, Steps, Weigh
from butfor.lm.prompt import Prompt, rendered

if TYPE_CHECKING:
    from butfor.lm.world import LM

NO_CONTEXT = "the question has no context to take away"
NEXT = re.compile(r"(?<=[.!?…])(?<!Mr\.)(?<!Ms\.)(?<!Mrs\.)(?<!Dr\.)(?<!St\.)\s+|\n+")  # between sentences


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Answering):
    """Contrast the answer with the one that the question gets without its context."""

    worlds: ClassVar[tuple[str, ...]] = ("lm",)

    strength: Annotated[float, Field(ge=0)] = 0.5
    by: Literal["auto", "writing"] = "auto"
    room: Annotated[int, Field(ge=1)] = ROOM["plain"]  # new tokens of a written answer at most

    def steps(self, question: Question, seed: int) -> Steps[Answer]:  # noqa: ARG002
        """Weigh with and without the context, or write with the two contrasted at every token."""
        if self.by == "auto" and question.choices:
            return (yield from self._weighed(question))
        return (yield from self._written(question))

    def _weighed(self, question: Question) -> Steps[Answer]:
        form, bare = _likely(question), _bare(question) if self.strength else None
        asked = [form, bare] if bare is not None else [form]
        found = yield [Weigh(form.prompt, form.weighed) for form in asked]
        if any(not said.logprobs for said in found):
            return Answer(None, why=_why(found))
        with_it = found[0].logprobs
        scores = tuple(
            (1 + self.strength) * value - self.strength * alone if bare is not None else value
            for value, alone in zip(with_it, found[-1].logprobs, strict=True)
        )
        said = replace(found[0], logprobs=scores)
        choices = [question.choices[place] for place in form.order]
        steps = [Step(f"with the context likeliest: {choices[found[0].best]}", "model")]
        if bare is not None:
            steps.append(Step(f"without it likeliest: {choices[found[-1].best]}", "model"))
            steps.append(Step(f"what the context adds, {self.strength:g} times: {choices[said.best]}", "rule"))
        elif self.strength:
            steps.append(Step(NO_CONTEXT, "rule"))
        place = form.order[said.best]
        return Answer(place, question.choices[place], tuple(steps), shares=said.shares)

    def _written(self, question: Question) -> Steps[Answer]:
        form, bare = ways(question, "plain")["as it is"], _asking(question) if self.strength else None
        if bare is None:
            (said,) = yield [Say(form.prompt, self.room)]
        else:
            (said,) = yield [self._contrasted(form.prompt, bare.prompt)]
        if said.why:
            return Answer(None, why=_why([said]))
        read = read_answer(said.text, form.listed, question.match)
        place = form.order[read] if isinstance(read, int) and form.order else read
        told = "written against the answer without the context" if bare else NO_CONTEXT
        steps = (Step(said.text, "model"), *([Step(told, "rule")] if self.strength else []))
        return Answer(place, said.text, steps, (said.text,), why="" if place is not None else UNREAD)

    def _contrasted(self, prompt: Prompt, bare: Prompt) -> Look:
        def call(lm: LM) -> Said:
            from butfor.lm.contrast import contrasted
            from butfor.lm.tokens import encode

            texts = [rendered(lm, one, scoring=False) for one in (prompt, bare)]
            lengths = list(map(len, encode(lm, texts)))
            if lm.context is not None and max(lengths) + self.room >= lm.context:
                return Said(why="does not fit")
            (said,) = contrasted(lm, texts[:1], texts[1:], pull=self.strength, max_new_tokens=self.room)
            return Said(said, read=sum(lengths), written=len(encode(lm, [said])[0]))

        key = {"prompt": asdict(prompt), "bare": asdict(bare), "strength": self.strength, "room": self.room}
        return Look("context-aware decoding", key, call)


def asks(text: str) -> str:
    """The last sentence that asks, to the end; where none does, the last line; "" where nothing stands before it."""
    text = text.strip()
    starts = [0, *(hit.end() for hit in NEXT.finditer(text))]
    asking = [start for start, end in zip(starts, [*starts[1:], len(text)], strict=True) if "?" in text[start:end]]
    last = asking[-1] if asking else text.rfind("\n") + 1
    return text[last:].strip() if text[:last].strip() else ""


def _last(start: str) -> str:
    """The last line of a start; of a single line the last word; "" where nothing stands before it."""
    before, cut, last = start.rstrip().rpartition("\n")
    if not cut:
        before, _, last = last.rpartition(" ")
    return last if before.strip() else ""


def _likely(question: Question) -> Asked:
    return cloze(question) if question.cloze else ways(question, "plain")["as it is"]


def _bare(question: Question) -> Asked | None:
    """What is weighed without the context; None where there is none."""
    if question.cloze is None:
        return _asking(question)
    start = _last(question.cloze.start)
    return cloze(replace(question, cloze=Cloze(start, question.cloze.ends))) if start else None


def _asking(question: Question) -> Asked | None:
    text = asks(question.text)
    return ways(replace(question, text=text), "plain")["as it is"] if text else None


def _why(found: list[Said]) -> str:
    return TOO_LONG if any(said.why == "does not fit" for said in found) else found[0].why
