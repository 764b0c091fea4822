"""CausalCoT in turns: six steps of causal reasoning, each asked for by itself, then the answer.

Steps     1 the graph   2 the kind of question   3 the quantity in symbols   4 the numbers that are given
          5 the quantity in terms of them   6 the computation;  then the answer, after all six
Idea      In one prompt (`Direct(way="causal_cot")`) a small model skips steps or never comes to an end. Here each step
          has its own turn and its own room, and what was said before stands above it as a conversation.
Asked     The last turn weighs the choices where the model tells log-probabilities, else it is written and read.
Source    Jin et al. 2023 (the six steps), worded by us.
Example   [treatment]
          method = "infer.reason.causal_cot"
Limits    Seven calls, each of which reads all that was said before: some six times the tokens of the one-prompt form.
          Steps that do not fit into the model's context any more are left out; the answer is asked for all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, final

from pydantic import Field

from butfor.data.adapt import Asked, ways
from butfor.data.answers import read_answer
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import TOO_LONG, UNREAD, likeliest
from butfor.lm.exchange import Say, Steps, Weigh
from butfor.lm.prompt import Prompt

TURNS = (
    "Step 1. Write down the causal graph that the text describes: one arrow a line, cause -> effect.",
    "Step 2. What kind of question is it: about what is seen, about what is done, or about what would have been? Name "
    "the quantity that it asks for.",
    "Step 3. Write that quantity in symbols, with do() for everything that is set from outside.",
    "Step 4. Write down every probability that the text gives, in the same symbols.",
    "Step 5. Rewrite the quantity, by the graph, so that it uses these probabilities alone.",
    "Step 6. Put the numbers in. What does it come to?",
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausalCoT(Answering):
    """Six steps of causal reasoning, a turn each, before the answer."""

    room: Annotated[int, Field(ge=1)] = 80  # new tokens of each step at most
    temperature: Annotated[float, Field(ge=0)] = 0.0

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """Six turns, and the answer."""
        turns: list[tuple[str, str]] = []
        for number, turn in enumerate(TURNS):
            ask = f"{question.text.strip()}\n\n{turn}" if not turns else turn
            said = (yield [Say(Prompt(ask, shots=tuple(turns)), self.room, self.temperature, seed + number)])[0]
            if said.why:
                break
            turns.append((ask, said.text.strip()))
        done = tuple(Step(f"{ask.rsplit(chr(10), 1)[-1]}\n{said}", "model") for ask, said in turns)
        form = ways(question, "plain")["as it is"]
        asked = form.prompt if not turns else replace(form.prompt, user=_last(form, question), shots=tuple(turns))
        answer = yield from self._answered(question, replace(form, prompt=asked))
        return replace(answer, derivation=(*done, *answer.derivation), samples=tuple(said for _, said in turns))

    def _answered(self, question: Question, form: Asked) -> Steps[Answer]:
        """Weigh the choices, or write and read."""
        if question.choices:
            (said,) = yield [Weigh(form.prompt, form.weighed)]
            if said.logprobs:
                return likeliest(question, form, said)
            if said.why == "does not fit":
                return Answer(None, why=TOO_LONG)
        (said,) = yield [Say(form.prompt, 48)]
        if said.why:
            return Answer(None, why=TOO_LONG)
        read = read_answer(said.text, question.choices, question.match)
        return Answer(read, said.text, (Step(said.text, "model"),), why=UNREAD if read is None else "")


def _last(form: Asked, question: Question) -> str:
    """The instruction of the plain form without the text, which stands above already."""
    return form.prompt.user.removeprefix(question.text.strip()).strip() or "What is the answer?"
