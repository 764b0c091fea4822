"""A method that draws a causal graph by asking a model: what all of them share, and the question about a pair.

    Pairwise(asks=3).draw(lm, [Task("clinic", Study.read("clinic.toml"))])

drawing   what a concrete method writes: a generator that yields asks (`lm.exchange`) and returns the graph. It sees the
          names, what they mean, and rows where there are any; never the true graph, nor the model.
As an arm `model` gives the world two faculties: graphs are drawn by the method, and a question of choices (a Tübingen
          pair) is answered by a poll of as many ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from butfor.core.seeds import derive
from butfor.data.drawn import Drawn, Task, decided
from butfor.data.question import Answer, Question
from butfor.data.variables import Study, Variable, quoted
from butfor.infer.answering import Answering
from butfor.infer.discover.order import ordered
from butfor.infer.discover.poll import By, Poll, Votes, form, polled
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange, Steps, converse, in_step
from butfor.scm.graphs.equivalence import Pattern

if TYPE_CHECKING:
    from butfor.data.adapt import Asked
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM
    from butfor.scm.columns import Floats

WORDINGS = (
    ("Which of these is more likely?", "{a} causes {b}.", "{b} causes {a}.", "Neither of the two causes the other."),
    (
        "What would happen if one of the two were changed from outside?",
        "Changing {a} would change {b}.",
        "Changing {b} would change {a}.",
        "Changing either would leave the other as it is.",
    ),
    (
        "How are the two related?",
        "{a} is a cause, and {b} is its effect.",
        "{b} is a cause, and {a} is its effect.",
        "They do not affect each other.",
    ),
)


class Drawing(Answering):
    """A method that draws graphs."""

    __slots__ = ()
    asks: int
    temperature: float
    by: By

    def drawing(self, task: Task, seed: int) -> Steps[Drawn]:
        """Draw one graph: yield what is to be asked, be sent what came back, return the graph."""
        raise NotImplementedError

    def draw(
        self, lm: LM | Chat | None, tasks: Sequence[Task], *, seed: int = 0, memory: Memory | None = None
    ) -> list[Drawn]:
        """The graphs of many tasks, in step; without a model, from the memory alone."""
        runs = [self.drawing(task, derive(seed, "draw", task.id)) for task in tasks]
        return [replace(drawn, cost=cost) for drawn, cost in converse(Exchange(lm, memory), runs)]

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """A question of choices is asked in as many ways as a pair is."""
        return Poll(asks=self.asks, temperature=self.temperature, by=self.by).steps(question, seed)

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        """The same world, in whose place this method draws graphs and answers; what was said once is remembered."""
        seed, memory = int(rng.integers(2**62)), Memory(None)
        bare = replace(world, answers=None, discovers=None) if world.kind == "lm" else world
        world.answers = lambda questions: self.answers(bare, questions, seed=seed, memory=memory)
        world.discovers = lambda tasks: self.draw(bare, tasks, seed=seed, memory=memory)
        return world


def pair_forms(study: Study, a: Variable, b: Variable, asks: int, told: str = "") -> list[Asked]:
    """Does a cause b, b cause a, or neither? In `asks` ways: other wordings, other orders, the other one named first.

    Whatever is asked, the choices are read in the order a -> b, b -> a, neither.
    """
    return [_pair_form(study, a, b, way, told) for way in range(asks)]


def _pair_form(study: Study, a: Variable, b: Variable, way: int, told: str) -> Asked:
    question, *choices = WORDINGS[(way + way // len(WORDINGS)) % len(WORDINGS)]
    named = [choice.format(a=_name(a), b=_name(b)) for choice in choices]
    pair = (b, a) if way % 2 else (a, b)
    lines = [f"A study of {study.about}."] if study.about else []
    lines += ["Two of its variables:", *(f"- {one.told}" for one in pair), *([told] if told else []), question]
    return form("\n".join(lines), named, way, reworded=way % 2 > 0)


def _name(variable: Variable) -> str:
    """The name as it is put into a sentence; braces in it are no places to fill."""
    return quoted(variable.name)


def ask_pair(
    study: Study, a: Variable, b: Variable, seed: int, *, asks: int, temperature: float, by: By, told: str = ""
) -> Steps[Votes]:
    """The shares of a -> b, b -> a and neither."""
    return polled(pair_forms(study, a, b, asks, told), seed, temperature=temperature, by=by)


def together(runs: Sequence[Steps[Votes]]) -> Steps[list[Votes]]:
    """Several polls in step."""
    found = yield from in_step(runs)
    return [votes for votes, _ in found]


def drawn(task: Task, shares: Floats, votes: Sequence[Votes]) -> Drawn:
    """The graph that the shares decide for."""
    names = task.study.names
    graph, refused = decided(names, shares)
    order = tuple(names[at] for at in ordered(shares))
    asked, unread = sum(one.asked for one in votes), sum(one.unread for one in votes)
    return Drawn(names, shares, Pattern.from_graph(graph), refused, order, asked, unread)
