"""Axioms by length: does a model compose causes on graphs longer than those it learnt from, or read their order?

Groups    task     transitivity, d-separation
          length   how many nodes the graph has, 3 to 15
          told     forward: edge after edge along the line, causes before effects; reversed; shuffled
          shape    chain: all edges point one way; turned: some point back; branched: several effects or causes
          order    what "the name that is told first is the cause" answers: right or wrong
Metrics   accuracy, and the same over parts: chains (forward, 3 to 15 nodes), long (chains of 12 to 15), reversed,
          shuffled, turned (lines with edges turned round), branching, d_separation; against_order: those reversed and
          shuffled, what the order of names answers wrong. The null of all of them is chance, one half.
Draw      our own, held out: no premise stands on the training side of `butfor.data.axioms`. In each cell (task, told,
          shape, length) half of the answers are Yes. The order of names tells the answer on forward chains and tells
          the opposite on most pairs of reversed ones. Short shuffled chains often come out forward, so that there it
          is right for about 0.8 at 3 nodes, 0.7 at 4 and half from 5 on. In all other cells a No stands as often in the
          order of its pair as a Yes, so that the order is worth nothing.
Asked     as in the demonstrations: the premise, the question, and the likelier of " Yes" and " No".
          `proof = true`: the model writes on, greedily, and what it wrote before its first Yes or No stays as its own
          steps; Yes and No are weighed after them. Where it came to neither, they are weighed right after the question.
          proved: of the answers on transitivity, those that are right and led up to by the very proof that
          `butfor.data.axioms` would show.
Data      `side = "validation"`: another held-out part, to choose settings by.
Source    Vashishtha et al. 2024 for the task and its wording; `reason.axioms` asks the published questions.
Limits    A model that has never seen this form must take Yes or No as the likely word after the question mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.seeds import generator
from butfor.data.adapt import Asked
from butfor.data.axioms import (
    SIGNS,
    Demonstration,
    Order,
    Premise,
    Shape,
    drawn_premise,
    enough,
    separation,
    shown,
    transitivity,
)
from butfor.data.causal_axioms import edges
from butfor.data.question import Cloze, Question
from butfor.evaluate.questions import COMMON, Given, Questions
from butfor.evaluate.reason.gold import YES_NO, said
from butfor.evaluate.suite import Card, Item, Metric, Record

if TYPE_CHECKING:
    from numpy.random import Generator

LONG = 12  # nodes, from which on a chain is long
ENDS = (" Yes", " No")
VERDICT = re.compile(r" (?:Yes|No)\b")
ROOM = 48  # tokens that a proof may take: the longest of 15 nodes has some 45
CELLS: dict[str, tuple[str, Order, Shape, bool]] = {
    "chains": ("transitivity", "forward", "line", False),
    "reversed": ("transitivity", "reversed", "line", False),
    "shuffled": ("transitivity", "shuffled", "line", False),
    "turned": ("transitivity", "forward", "line", True),
    "branching": ("transitivity", "forward", "branched", False),
    "d_separation": ("d-separation", "forward", "line", True),
}
NOISE = 0.3  # share of the edges that point back, where some do


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AxiomLengths(Questions):
    """Transitivity and d-separation by length, order and shape."""

    card: ClassVar[Card] = Card(
        measures="transitivity and d-separation on graphs told edge by edge, 3 to 15 nodes, by order and shape",
        chance="0.5 (half of the answers are Yes in each cell)",
        source="our own draw; the task is that of Vashishtha et al. 2024",
        faults=(
            "on chains told forward the name that is told first is the cause: the group `order` and the other cells "
            "show whether more was learnt",
            "branched graphs are trees with some second causes; denser ones are not asked",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        *COMMON,
        *(
            Metric(name, "higher", "share", f"share answered right {about}", "binary", null="chance")
            for name, about in (
                ("chains", "on chains told forward"),
                ("long", f"on chains told forward of {LONG} nodes and more"),
                ("reversed", "on chains told from their end"),
                ("shuffled", "on chains told in any order"),
                ("turned", "on lines some of whose edges point back"),
                ("branching", "on branched graphs"),
                ("d_separation", "on d-separation"),
                (
                    "against_order",
                    "on chains told reversed or shuffled, where the name that is told first is not the cause",
                ),
                ("proved", "on transitivity with a proof written before that is right in every step"),
            )
        ),
    )
    only_named: ClassVar[str] = 'it is for models that were trained on axioms (corpus "axioms")'
    chunk: ClassVar[int] = 64

    lengths: tuple[int, ...] = tuple(range(3, 16))
    each: Annotated[int, Field(ge=2)] = 40  # questions in a cell of one length
    names: tuple[int, int] = (1, 3)  # characters of a name
    letters: int = len(SIGNS)  # different ones that names are made of
    proof: bool = False  # whether the model writes its steps before Yes and No are weighed
    side: Literal["test", "validation"] = "test"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.lengths or min(self.lengths) < 3:
            raise ValueError(f"lengths is a list of numbers of nodes, from 3 on, not {list(self.lengths)}")
        if not 1 <= self.names[0] <= self.names[1]:
            raise ValueError(f"names is [least, most] characters, not {list(self.names)}")
        enough(max(self.lengths), self.names, self.letters)

    def questions(self) -> Iterator[Question]:
        """Every cell at every length."""
        for cell in CELLS:
            for length in self.lengths:
                yield from self._cell(cell, length)

    def _cell(self, cell: str, length: int) -> Iterator[Question]:
        kind = CELLS[cell][0]
        rng = generator(self.seed, "axiom lengths", self.side, cell, length)
        for number in range(self.each):
            yes, of = number % 2 == 0, self._premise(cell, length, rng)
            asked = separation(of, rng, yes=yes) if kind == "d-separation" else transitivity(of, rng, yes=yes)
            yield _question(f"{cell}/{length}/{number + 1}", cell, of, asked)

    def _premise(self, cell: str, length: int, rng: Generator) -> Premise:
        """A graph of the cell; where it is no chain, some two of its nodes do not cause each other."""
        _, order, shape, turned = CELLS[cell]
        noise = NOISE if turned else 0.0
        while True:
            of = drawn_premise(length, self.names, shape, order, noise, self.side, rng, self.letters)
            if not (turned and of.total):
                return of

    def _weighed(self, world: Any, posed: Sequence[tuple[Question, Asked]]) -> list[Given]:
        """Yes and No, after what the model wrote of its own accord."""
        if self.proof:
            written = self._written(world, [form for _, form in posed])
            posed = [(question, _after(form, text)) for (question, form), text in zip(posed, written, strict=True)]
        return Questions._weighed(self, world, posed)

    @property
    def _room(self) -> int:
        return self.room or ROOM

    def _record(self, item: Item, question: Question, answers: Mapping[str, Given]) -> Record:
        record = Questions._record(self, item, question, answers)
        if not self.proof or question.group["task"] != "transitivity":
            return record
        proved = record.metrics["accuracy"] == 1 and answers["as it is"].asked == f" {question.text} {_proof(question)}"
        return replace(record, metrics={**record.metrics, "proved": float(proved)})

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """Accuracy over the parts that the question belongs to."""
        right = float(answered == question.answer)
        cell = question.id.partition("/")[0]
        parts = {cell: right}
        if cell == "chains" and int(question.group["length"]) >= LONG:
            parts["long"] = right
        if cell in ("reversed", "shuffled") and question.group["order"] == "wrong":
            parts["against_order"] = right
        return parts


def _question(name: str, cell: str, of: Premise, asked: Demonstration) -> Question:
    group = {
        "task": asked.kind,
        "length": str(len(of.graph.names)),
        "told": of.order,
        "shape": of.shape if of.shape == "branched" else "turned" if CELLS[cell][3] else "chain",
    }
    if asked.kind == "transitivity":
        first = of.graph.names.index(asked.a) < of.graph.names.index(asked.b)
        group["order"] = "right" if first == asked.yes else "wrong"
    text = f"{of.text} {asked.question}"
    return Question(
        id=name,
        text=text,
        choices=YES_NO,
        answer=said(asked.yes),
        group=group,
        cloze=Cloze(f" {text}", ENDS),
        shape=f"{cell} {group['length']}",
    )


def _after(form: Asked, text: str) -> Asked:
    """The same question with the steps that the model wrote before its Yes or No, if it came to one."""
    verdict = VERDICT.search(text)
    if verdict is None:
        return form
    return replace(form, prompt=replace(form.prompt, user=form.prompt.user + text[: verdict.start()]))


def _proof(question: Question) -> str:
    """The proof of a question on transitivity, worked out from its text."""
    told, _, what = question.text.rpartition(". ")
    _, a, _, b = what.removesuffix("?").split()
    return shown(edges(f"{told}."), a, b).rstrip()
