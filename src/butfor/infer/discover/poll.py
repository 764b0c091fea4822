"""Ask the same question in several ways, and take the mean: how sure is the model, beyond order and wording?

Ways      `asks` of them: the choices shifted in a circle and then also reversed, so that every choice stands at every
          letter equally often after as many asks as there are choices; the wordings in turn.
Equation  share of a choice = mean over the ways of P(choice | way), softmax over the choices weighed; where a model
          only writes, the mean over the readable answers of 1[answer = choice], drawn at `temperature`.
Source    Zheng et al. 2024 (choices shifted in a circle); wordings in turn are ours.
Limits    asks = 1 is the plain question: weighed, or written greedily. A model that answers by the letter, whatever the
          letter says, gets equal shares from as many asks as there are choices, and is taken to know nothing.
Example   [treatment]
          method = "infer.discover.poll"
          asks = 6
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, final

import numpy as np
from pydantic import Field

from butfor.core.seeds import derive
from butfor.data.adapt import ROOM, Asked, ways
from butfor.data.answers import read_answer
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.lm.exchange import Said, Say, Steps, Weigh

Asks = Annotated[int, Field(ge=1, le=60)]
By = Literal["auto", "writing"]
UNREAD = "no answer could be read"
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Votes:
    """What the ways came to: the share of every choice, how many were asked, and how many could not be read."""

    shares: tuple[float, ...]  # all equal where nothing could be read
    asked: int
    unread: int
    texts: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Poll(Answering):
    """Ask a question of choices in `asks` ways, and answer with the choice of the largest share."""

    asks: Asks = 3
    temperature: Annotated[float, Field(ge=0)] = 0.7  # of written answers, where there are several
    by: By = "auto"

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The mean of all ways."""
        if not question.choices:
            return Answer(None, why="the question has no choices, and a poll is one of choices")
        forms = [
            form(question.text, question.choices, way, reworded=way % 2 > 0, like=question) for way in range(self.asks)
        ]
        votes = yield from polled(forms, seed, temperature=self.temperature, by=self.by)
        best = max(range(len(votes.shares)), key=lambda place: votes.shares[place])
        if votes.unread == votes.asked or votes.shares.count(votes.shares[best]) > 1:
            why = UNREAD if votes.unread == votes.asked else "the choices are equally likely over all ways of asking"
            return Answer(None, samples=votes.texts, shares=votes.shares, why=why)
        told = question.choices[best]
        steps = (
            Step(f"{told}: {votes.shares[best]:.2f} of {votes.asked - votes.unread} answers", "model"),
            Step("the largest share is taken", "rule"),
        )
        return Answer(best, told, steps, votes.texts, votes.shares)


def form(text: str, choices: Sequence[str], way: int, *, reworded: bool, like: Question | None = None) -> Asked:
    """The question with its choices in the order of the `way`-th asking."""
    order = orders(len(choices))[way % (2 * len(choices))]
    listed = tuple(choices[place] for place in order)
    question = replace(like, choices=listed, cloze=None) if like else Question("", text, listed)
    return replace(ways(question, "plain")["reworded" if reworded else "as it is"], order=order)


def orders(count: int) -> list[tuple[int, ...]]:
    """The choices shifted in a circle, then the same backwards: each stands at each place equally often."""
    shifted = [tuple((start + step) % count for step in range(count)) for start in range(count)]
    return shifted + [order[::-1] for order in shifted]


def polled(forms: Sequence[Asked], seed: int, *, temperature: float, by: By = "auto") -> Steps[Votes]:
    """Put all forms of one question, in one round, and average; written where choices cannot be weighed."""
    weighed: list[Said] = []
    if by == "auto":
        weighed = yield [Weigh(asked.prompt, asked.weighed) for asked in forms]
        if any(said.logprobs for said in weighed):
            found = [_softmax(said, asked) for said, asked in zip(weighed, forms, strict=True) if said.logprobs]
            return _mean(found, len(forms), ())
    warm = temperature if len(forms) > 1 else 0.0
    said = yield [
        Say(asked.prompt, ROOM["plain"], warm, derive(seed, "way", number)) for number, asked in enumerate(forms)
    ]
    read = [read_answer(one.text, asked.listed, "choice") for one, asked in zip(said, forms, strict=True)]
    found = [
        tuple(float(asked.order[place] == at) for at in range(len(asked.order)))
        for place, asked in zip(read, forms, strict=True)
        if isinstance(place, int)
    ]
    return _mean(found, len(forms), tuple(one.text for one in said), len(forms[0].order))


def _softmax(said: Said, asked: Asked) -> tuple[float, ...]:
    """Probabilities of the choices in the question's own order."""
    placed = dict(zip(asked.order, said.shares, strict=True))
    return tuple(placed[place] for place in range(len(placed)))


def _mean(found: Sequence[tuple[float, ...]], asked: int, texts: tuple[str, ...], count: int = 0) -> Votes:
    if not found:
        return Votes((1 / count,) * count, asked, asked, texts)
    mean = np.mean(found, axis=0)
    mean[np.abs(mean - mean.max()) < SAME] = mean.max()  # rounding decides nothing
    return Votes(tuple(mean.tolist()), asked, asked - len(found), texts)
