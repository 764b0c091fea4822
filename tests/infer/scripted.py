"""Exchanges whose answers a test decides: a function of the ask, or a world behind an address that writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from butfor.data.question import Answer, Question
from butfor.infer.answering import Answering
from butfor.lm.exchange import Ask, Form, Said
from butfor.lm.prompt import Prompt

Reply = str | Sequence[float] | Said


class Script:
    """An exchange: `reply` says a text to what is written, log-probabilities to what is weighed, or all of a `Said`."""

    def __init__(self, reply: Callable[[Any], Reply]) -> None:
        self.reply = reply
        self.asked: list[Any] = []
        self.rounds: list[int] = []

    def __call__(self, asks: Sequence[Ask]) -> list[Said]:
        self.asked += asks
        self.rounds.append(len(asks))
        return [self._said(self.reply(ask)) for ask in asks]

    @staticmethod
    def _said(reply: Reply) -> Said:
        if isinstance(reply, Said):
            return reply
        if isinstance(reply, str):
            return Said(reply, read=10, written=5)
        return Said(logprobs=tuple(reply), read=10)


def answered(
    method: Answering, question: Question, reply: Callable[[Any], Reply], *, seed: int = 0
) -> tuple[Answer, Script]:
    """The answer of a method, and what it asked for it."""
    script = Script(reply)
    (answer,) = method.through(script, [question], seed=seed)  # type: ignore[arg-type]
    return answer, script


class Remote:
    """A world behind an address: it writes, greedily or drawn, what a function of the prompt and the seed says."""

    remote: ClassVar[bool] = True
    kind: ClassVar[str] = "chat"
    answers: Any = None

    def __init__(self, writes: Callable[[Prompt, int], str], name: str = "remote") -> None:
        self.writes, self.name = writes, name
        self.asked: list[tuple[Prompt, int, Form | None]] = []
        self.calls = 0

    def identity(self) -> dict[str, str]:
        return {"model": self.name}

    def write(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
        stop: str = "",
        forms: Sequence[Form | None] = (),
    ) -> list[tuple[str, int, int]]:
        assert max_new_tokens > 0
        self.calls += 1
        drawn = list(seeds) if temperature else [0] * len(prompts)
        held = list(forms) or [None] * len(prompts)
        self.asked += list(zip(prompts, drawn, held, strict=True))
        texts = [self.writes(prompt, seed) for prompt, seed in zip(prompts, drawn, strict=True)]
        return [(text.partition(stop)[0] if stop else text, 10, 5) for text in texts]
