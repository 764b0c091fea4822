"""The plain way: the question, and the answer at once, or after examples, or after steps of reasoning.

Asked     as `data/adapt.py` words it: plain, with examples (`few_shot`), "think step by step" (`cot`), or after the six
          steps of CausalCoT (`causal_cot`). Without reasoning, log P(choice | prompt) is weighed where the model tells
          it, else the written answer is read; `by = "writing"` always reads.
Drawn     `draws` > 1: that many answers are drawn at `temperature`, and the most frequent one is taken
          (self-consistency); a tie goes to the one that was drawn first. `tokens`: draw until as many tokens have been
          read and written instead: the peer of a method at equal cost.
Source    Wang et al. 2023 (self-consistency); Jin et al. 2023 (CausalCoT), worded by us.
Example   [control]
          method = "infer.prompt.direct"
          way = "cot"
          draws = 8
Limits    draws = 1 and by = "auto" give what a suite asks by itself, plain or with examples: the same prompt, the same
          answer. After reasoning a suite weighs the choices; here the written answer is read. `tokens` needs a server
          that tells its tokens: of one that does not, one answer is drawn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.data.adapt import ROOM, Adaptation, Asked, cloze, ways
from butfor.data.answers import read_answer
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.lm.exchange import Cost, Said, Say, Steps, Weigh

TOO_LONG = "the question is longer than the model can read"
UNREAD = "no answer could be read from what was written"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Direct(Answering):
    """Ask the question: at once, after examples, or after reasoning; once, or many times."""

    way: Adaptation = "plain"
    draws: Annotated[int, Field(ge=1)] = 1
    temperature: Annotated[float, Field(ge=0)] = 0.7  # of the draws, where there are several
    tokens: Annotated[int, Field(ge=0)] = 0  # draw until so many tokens were spent; 0: `draws` decides
    by: Literal["auto", "writing"] = "auto"
    room: Annotated[int, Field(ge=1)] | None = None  # new tokens at most; None: by `way`

    def __post_init__(self) -> None:
        if self.tokens and self.draws > 1:
            raise ValueError("draws and tokens both say how often to ask; set one of them")

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """Weigh or write; of several written answers the most frequent one."""
        shots = self._shots(question)
        form = ways(question, self.way, shots)["as it is"]
        if not self._many and self.by == "auto" and self.way in ("plain", "few_shot") and question.choices:
            weighed = cloze(question, shots) if question.cloze else form
            (said,) = yield [Weigh(weighed.prompt, weighed.weighed)]
            if said.logprobs:
                return likeliest(question, weighed, said)
            if said.why == "does not fit":
                return Answer(None, why=TOO_LONG)
        texts = yield from self._written(form, seed)
        read = [_read(text, form, question) for text in texts]
        known = [place for place in read if place is not None]
        if not known:
            return Answer(None, "\n".join(texts[:1]), samples=tuple(texts), why=UNREAD if texts else TOO_LONG)
        votes = Counter(known)
        chosen, _ = votes.most_common(1)[0]
        shares = tuple(votes[place] / len(texts) for place in range(len(question.choices)))
        said = texts[read.index(chosen)]
        steps = (Step(said, "model"),)
        if len(texts) > 1:
            steps += (Step(f"{votes[chosen]} of {len(texts)} drawn answers say so", "rule"),)
        return Answer(chosen, said, steps, tuple(texts), shares)

    @property
    def _many(self) -> bool:
        return self.draws > 1 or self.tokens > 0

    def _shots(self, question: Question) -> tuple[Question, ...]:
        if self.way != "few_shot":  # a suite that brings examples brings them to every arm
            return ()
        if not question.shots:
            raise UserError("way = 'few_shot' needs examples: set adapt = 'few_shot' for the suite")
        return question.shots

    def _written(self, form: Asked, seed: int) -> Steps[list[str]]:
        """All that is written: once, so many times, or for so many tokens."""
        temperature = self.temperature if self._many else 0.0
        texts: list[str] = []
        spent = Cost()
        while True:
            count = 1 if self.tokens else self.draws
            asks = [
                Say(form.prompt, self.room or ROOM[self.way], temperature, derive(seed, "draw", len(texts) + n))
                for n in range(count)
            ]
            found = yield asks
            texts += [said.text for said in found if not said.why]
            spent += Cost(len(found), sum(said.read for said in found), sum(said.written for said in found))
            last = spent.read + spent.written
            if not self.tokens or not last or last + last / len(texts) > self.tokens:
                return texts


def likeliest(question: Question, form: Asked, said: Said) -> Answer:
    """The answer where the choices were weighed, listed in the question's own order."""
    place = form.order[said.best]
    told = question.choices[place]
    return Answer(place, told, (Step(f"likeliest choice: {told}", "model"),), shares=said.shares)


def _read(said: str, form: Asked, question: Question) -> int | str | None:
    """The place of the choice in the question, or the open answer."""
    read = read_answer(said, form.listed, question.match)
    return form.order[read] if isinstance(read, int) and form.order else read
