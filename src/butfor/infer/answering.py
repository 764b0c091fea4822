"""A method of inference: how it answers one question, asked of whatever model, in memory or behind an address.

    FrontDoor(chains=8).answer(lm, Question("1", "Does rain make streets wet?", ("yes", "no")))

steps     what a concrete method writes: a generator that yields rounds of asks (`lm.exchange`), is sent what came back,
          and returns its answer. It never sees the model, so that the same lines run on every kind of it, are replayed
          from a transcript, and are answered in batches; nor the right answer.
seed      decides all that is drawn, question by question: the order of the questions and the batch do not.
As an arm `model` puts the method in the place of the model's own answers; suites of questions ask there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from butfor.core.seeds import derive
from butfor.data.question import Answer, Question
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange, Steps, converse
from butfor.train.method import Method

if TYPE_CHECKING:
    import numpy as np

    from butfor.lm.chat import Chat
    from butfor.lm.world import LM


class Answering(Method):
    """A method that answers questions and changes no weight."""

    __slots__ = ()
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """Answer one question: yield what is to be asked, be sent what came back, return the answer."""
        raise NotImplementedError

    def answer(
        self, lm: LM | Chat | None, question: Question, *, seed: int = 0, memory: Memory | None = None
    ) -> Answer:
        """The answer to one question; without a model, from the memory alone."""
        return self.answers(lm, [question], seed=seed, memory=memory)[0]

    def answers(
        self, lm: LM | Chat | None, questions: Sequence[Question], *, seed: int = 0, memory: Memory | None = None
    ) -> list[Answer]:
        """The answers to many questions, in step."""
        return self.through(Exchange(lm, memory), questions, seed=seed)

    def through(self, exchange: Exchange, questions: Sequence[Question], *, seed: int = 0) -> list[Answer]:
        """The answers to many questions, in step, of whoever stands behind the exchange."""
        runs = [self.steps(question.blind(), derive(seed, "answer", question.id)) for question in questions]
        return [replace(answer, cost=cost) for answer, cost in converse(exchange, runs)]

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        """The same world, in whose place this method answers."""
        seed = int(rng.integers(2**62))
        bare = replace(world, answers=None) if world.kind == "lm" else world  # the world that the method asks
        world.answers = lambda questions: self.answers(bare, questions, seed=seed)
        return world
