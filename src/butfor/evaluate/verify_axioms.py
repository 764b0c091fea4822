"""The labels of causal_axioms, recomputed from the graph that each premise tells.

transitivity     Yes if there is a directed path from the first variable to the second
d-separation     Yes if the given set blocks every path between the two (`Graph.separated`)
unread           the wording is another one, the graph has a cycle, or a variable is not in it

Source    Vashishtha et al. 2024.
Limits    "P causes Q" is read as an edge, and what is not told as no edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from butfor.core.errors import GraphError, UnknownName
from butfor.data.causal_axioms import AxiomRow, asked, causal_axioms, edges
from butfor.evaluate.verification import Verdict, Verification
from butfor.scm.graph import Graph


def verify_axioms(paths: Iterable[str | Path] = ()) -> Verification:
    """Every label of these files, or of the installed one, recomputed."""
    rows = [row for path in list(paths) or [None] for row in causal_axioms(path)]
    graphs: dict[str, Graph] = {}
    verdicts = tuple(_verdict(row, graphs) for row in rows)
    files = tuple(dict.fromkeys(row.file.name for row in rows))
    return Verification("causal_axioms", files, verdicts, (), (f"{len(graphs)} different graphs",))


def _verdict(row: AxiomRow, graphs: dict[str, Graph]) -> Verdict:
    try:
        if row.premise not in graphs:
            told = edges(row.premise)
            graphs[row.premise] = Graph(dict.fromkeys(name for edge in told for name in edge), told)
        yes, way = _answer(row, graphs[row.premise])
    except (ValueError, GraphError, UnknownName) as error:
        return _made(row, "", "unread", str(error))
    ours = "Yes" if yes else "No"
    if ours == row.label:
        return _made(row, ours, "agree")
    return _made(row, ours, "wrong", "the graph says otherwise", (f"graph: {graphs[row.premise]}", way))


def _made(row: AxiomRow, ours: str, state: str, why: str = "", way: tuple[str, ...] = ()) -> Verdict:
    return Verdict(
        file=row.file.name,
        line=row.line,
        id=str(row.line),
        kind=row.task,
        question=row.question,
        gold=row.label,
        ours=ours,
        state=state,  # pyright: ignore[reportArgumentType]
        why=why,
        enumeration=way,
    )


def _answer(row: AxiomRow, graph: Graph) -> tuple[bool, str]:
    question = asked(row)
    a, b, given = question.a, question.b, question.given
    if row.task == "transitivity":
        after = graph.sorted(graph.descendants_of(graph.set(a)))
        return graph.at(b) != graph.at(a) and b in after, f"{a} and its effects: {', '.join(after)}"
    reached = graph.sorted(graph.reached_of(graph.set(a), graph.set(given)))
    return graph.separated(a, b, given), f"open paths lead from {a} to: {', '.join(reached)}"
