"""Does a model draw from what the names mean, from where they stand, or from what it is told? The same study thrice.

as it is   the names where they stand
shuffled   names and meanings change places in the list; rows, where there are any, stay in their places
renamed    V1, V2, … and no meaning

names      F1 of edges by name, as it is against shuffled: 1 where the graph goes with the names
places     F1 of edges by place, as it is against shuffled: 1 where it goes with the places, or with the rows
nameless   F1 of edges by place, as it is against renamed: how much is said without any meaning

Read       Without rows, knowledge shows as `names` near 1, the others near what two random graphs share. With rows that
           are told (`bfs` with correlations, `prior`), one that reasons follows them: `places` rises. A graph that goes
           with the names against the rows is recited.
Limits     Recited knowledge may be right. Two graphs without an edge agree in full, and say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from butfor.core.seeds import derive, generator
from butfor.data.drawn import Drawn, Task
from butfor.data.variables import Study, Variable
from butfor.infer.discover.drawing import Drawing
from butfor.lm.exchange import Steps
from butfor.scm.columns import Columns
from butfor.scm.discovery.agreement import Overlap
from butfor.scm.graphs.equivalence import Pattern


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """How far the graph goes with names, with places, and without names."""

    names: Overlap
    places: Overlap
    nameless: Overlap
    shuffled: Drawn
    renamed: Drawn


def controlled(method: Drawing, task: Task, drawn: Drawn, seed: int) -> Steps[Control]:
    """Draw again with shuffled and with no names; `drawn` is the graph as it is."""
    names = task.study.names
    to = moved(len(names), seed)
    variables = tuple(task.study.variables[at] for at in to)
    shuffled = Task(
        f"{task.id}/shuffled", replace(task.study, variables=variables), _under(task.data, names, variables)
    )
    bare = tuple(Variable(f"V{at}") for at in range(1, len(names) + 1))
    renamed = Task(f"{task.id}/renamed", Study(bare), _under(task.data, names, bare))
    other = yield from method.drawing(shuffled, derive(seed, "shuffled"))
    blank = yield from method.drawing(renamed, derive(seed, "renamed"))
    return Control(
        overlap(edges_of(drawn.pattern), edges_of(other.pattern)),
        overlap(_placed(drawn), _placed(other)),
        overlap(_placed(drawn), _placed(blank)),
        other,
        blank,
    )


def moved(count: int, seed: int) -> list[int]:
    """A permutation without a fixed point: each variable takes the place of the next one of a random circle."""
    circle = generator(seed, "places").permutation(count).tolist()
    found = [0] * count
    for at, place in enumerate(circle):
        found[place] = circle[at - 1]
    return found


def overlap(first: set[tuple[str, str]], second: set[tuple[str, str]]) -> Overlap:
    """What two sets of edges share; an edge without a direction stands in them both ways."""
    return Overlap(len(first & second), len(second), len(first))


def edges_of(pattern: Pattern) -> set[tuple[str, str]]:
    """The edges of a pattern; one without a direction both ways."""
    found: set[tuple[str, str]] = set()
    for a, arrow, b in pattern.edges:
        found |= {(a, b)} if arrow == "->" else {(b, a)} if arrow == "<-" else {(a, b), (b, a)}
    return found


def _placed(drawn: Drawn) -> set[tuple[str, str]]:
    """The edges by the places of their ends."""
    place = {name: str(at) for at, name in enumerate(drawn.names)}
    return {(place[a], place[b]) for a, b in edges_of(drawn.pattern)}


def _under(data: Columns | None, names: tuple[str, ...], variables: tuple[Variable, ...]) -> Columns | None:
    """The rows under other names: each column stays in its place."""
    if data is None:
        return None
    return Columns({new.name: data[old] for old, new in zip(names, variables, strict=True)})
