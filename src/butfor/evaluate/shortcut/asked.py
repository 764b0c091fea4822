"""What a world answers to a question with listed answers: weighed where it tells probabilities, else read.

weighed   the log-probability of each answer after the prompt (each begins with a space); the likeliest is its answer
read      what it wrote, read by `answers`; no probabilities, and no answer where it cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, cast

from butfor.data.answers import read_answer
from butfor.evaluate.questions import By, cut
from butfor.lm.asking import answer_of, say, weigh, weighs
from butfor.lm.prompt import Prompt, plain, rendered

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat

Put = tuple[Prompt, tuple[str, ...]]
ROOM = 24  # new tokens at most


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; `logprobs` is empty where the world tells none."""

    best: int | None
    logprobs: tuple[float, ...]
    said: str
    asked: str

    def odds(self, one: int, other: int) -> float:
        """Log-odds of one answer over another."""
        return self.logprobs[one] - self.logprobs[other]

    def chosen(self, one: int) -> float:
        """Log-odds that this answer is chosen, over all others together."""
        rest = [value for place, value in enumerate(self.logprobs) if place != one]
        top = max(rest)
        return self.logprobs[one] - top - log(sum(exp(value - top) for value in rest))

    @property
    def shares(self) -> list[float]:
        """The probabilities of the answers, which sum to one."""
        return [1 / (1 + exp(min(-self.chosen(place), 700.0))) for place in range(len(self.logprobs))]


def answered(world: LM | Chat, put: Sequence[Put], by: By = "auto") -> list[Answered]:
    """The answer to each question, in order; a question that comes twice is asked once."""
    unique = list(dict.fromkeys(put))
    found = dict(zip(unique, _weighed(world, unique) if weighs(world, by) else _said(world, unique), strict=True))
    return [found[one] for one in put]


def _weighed(world: LM | Chat, put: Sequence[Put]) -> list[Answered]:
    scored = weigh(world, [(prompt, [f" {choice}" for choice in choices]) for prompt, choices in put])
    return [
        Answered(s.best, tuple(s.logprobs), choices[s.best], _asked(world, prompt, scoring=True))
        for (prompt, choices), s in zip(put, scored, strict=True)
    ]


def _said(world: LM | Chat, put: Sequence[Put]) -> list[Answered]:
    texts = say(world, [prompt for prompt, _ in put], max_new_tokens=ROOM)
    found: list[Answered] = []
    for (prompt, choices), said in zip(put, texts, strict=True):
        read = read_answer(answer_of(world, said), choices, "choice")
        found.append(Answered(read if isinstance(read, int) else None, (), said, _asked(world, prompt, scoring=False)))
    return found


def _asked(world: LM | Chat, prompt: Prompt, *, scoring: bool) -> str:
    remote = getattr(world, "remote", False)
    return cut(plain(prompt) if remote else rendered(cast("LM", world), prompt, scoring=scoring))
