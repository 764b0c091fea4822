"""Axioms: transitivity and d-separation on small graphs that are told edge by edge.

Groups    kind       transitivity ("Does P cause Q?") or d-separation
          length     how many variables the graph has
          reversal   none: every told edge leads on from the one before it; some: an edge points back
          branching  line: no variable has more than two neighbours; branched: one has
          asked      forward: the question names the variable that is told first, first; backward: the other way
Source    Vashishtha et al. 2024, whose files were parsed and relabelled (see `butfor.data.causal_axioms`).
Limits    Names are random letters, so nothing can be known beforehand; into how many tokens they fall differs.
          153 premises (clusters) for 8,657 questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, final

from butfor.core.errors import GraphError, MalformedData
from butfor.data.causal_axioms import Asked, AxiomRow, asked, causal_axioms, edges
from butfor.data.question import Cloze, Question
from butfor.evaluate.questions import Questions
from butfor.evaluate.reason.gold import YES_NO, said
from butfor.evaluate.suite import Card
from butfor.scm.graph import Graph

Edges = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """A premise: its edges in the order in which they are told, and their graph."""

    name: str
    edges: Edges
    graph: Graph


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Axioms(Questions):
    """Axioms. `data`: the path of a file in this format, or the installed one."""

    card: ClassVar[Card] = Card(
        measures="transitivity and d-separation on graphs told edge by edge, by length, reversal and branching",
        chance="0.5 (yes: 0.495 of transitivity, 0.5 of d-separation)",
        source="Vashishtha et al. 2024, causal axioms; parsed from the authors' repository, which states no licence",
        faults=(
            "0 of 8,657 labels are wrong when recomputed: wrong rows and cyclic premises were dropped beforehand",
            "11 questions are on branched graphs; 68 premises tell one edge twice",
            "d-separation is asked on lines with reversals alone",
        ),
        published=(
            "a model of 67 million parameters trained on chains of 3 to 6 variables does as well as larger ones, or "
            "better (Vashishtha et al. 2024; not checked by us)",
        ),
    )

    long: ClassVar[int] = 2

    data: str | None = None
    bare: bool = False  # weigh " Yes" and " No" right after the question, as demonstrations are worded

    def questions(self) -> Iterator[Question]:
        """Every question under its premise."""
        rows = causal_axioms(self.data)
        told: dict[str, Told] = {}
        asked = (_question(row, _told(row, told)) for row in rows)
        return map(_bare, asked) if self.bare else asked


def _told(row: AxiomRow, known: dict[str, Told]) -> Told:
    """The row's premise as a graph, made once for all of its questions."""
    if row.premise not in known:
        try:
            found = edges(row.premise)
            graph = Graph(dict.fromkeys(name for edge in found for name in edge), found)
        except (ValueError, GraphError) as error:
            raise MalformedData(row.file, row.line, str(error)) from error
        known[row.premise] = Told(f"premise {len(known) + 1}", found, graph)
    return known[row.premise]


def _question(row: AxiomRow, premise: Told) -> Question:
    try:
        question = asked(row)
    except ValueError as error:
        raise MalformedData(row.file, row.line, str(error)) from error
    told = premise.edges
    order = list(dict.fromkeys(name for edge in told for name in edge))
    if unknown := [name for name in (question.a, question.b, *question.given) if name not in order]:
        raise MalformedData(row.file, row.line, f"{unknown[0]} does not stand in the premise")
    answer = said(row.label == "Yes")
    group = {
        "kind": row.task,
        "length": str(len(order)),
        "reversal": reversal(told),
        "branching": "branched" if branched(told) else "line",
    }
    if row.task == "transitivity":
        group["asked"] = "forward" if order.index(question.a) < order.index(question.b) else "backward"
    return Question(
        id=str(row.line),
        text=f"{row.premise}\n\n{row.question}",
        choices=YES_NO,
        answer=answer,
        group=group,
        cluster=premise.name,
        lures=_lures(row, question, premise.graph, answer),
        shape=f"{row.task} {group['length']} {group['reversal']} {group['branching']}",
    )


def _bare(question: Question) -> Question:
    return replace(question, cloze=Cloze(question.text.replace("\n\n", " "), (" Yes", " No")))


def reversal(told: Edges) -> str:
    """Whether every told edge begins where the one before it ended."""
    return "none" if all(before[1] == after[0] for before, after in pairwise(told)) else "some"


def branched(told: Edges) -> bool:
    """Whether a variable has more than two neighbours."""
    neighbours = Counter(name for edge in {frozenset(edge) for edge in told} for name in edge)
    return max(neighbours.values()) > 2


def _lures(row: AxiomRow, question: Asked, graph: Graph, answer: int) -> dict[str, int]:
    """The mistakes that lead to the wrong answer."""
    found: list[str] = []
    if row.task == "transitivity" and row.label == "No":
        if question.a in graph.descendants(question.b):
            found.append("reverses the direction")
        elif not graph.separated(question.a, question.b, ()):
            found.append("takes association for causation")
    elif row.task == "d-separation":
        alone = graph.separated(question.a, question.b, ())
        if alone and row.label == "No":
            found.append("conditions on a collider")
        elif alone != (row.label == "Yes"):
            found.append("ignores what is given")
    return dict.fromkeys(found, 1 - answer)
