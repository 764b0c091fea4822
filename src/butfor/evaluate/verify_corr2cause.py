"""Corr2Cause's labels, recomputed: all graphs that fit the premise, and in how many of them the claim is true.

The premise gives every independence among its variables, so it fixes a Markov equivalence class, if any graph fits:
    joined      two variables that no stated set makes independent
    collider    a – c – b, a and b not joined: c is in no set that makes a and b independent
    the class   every orientation of the joined pairs without a cycle and with these colliders alone; the premise fits
                if one member's d-separations are exactly the stated ones (then those of all are)
A claim is entailed if it is true in all members, contradicted if in none, neutral else.

Claims    directly affects        an edge
          through some mediator   a directed path of two edges or more
          together cause          a common child                  (by another reading: a common descendant)
          cause both              a common parent                 (by another reading: a common ancestor)
Source    Jin et al. 2024; Verma & Pearl 1990 (equivalence).
Limits    Faithfulness is assumed, as the set does. A premise that no graph fits, or that is worded in another way, is
          counted as unread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

from butfor.core.errors import GraphError
from butfor.data.corr2cause import (
    Claim,
    Corr2CauseRow,
    Independence,
    Premise,
    Relation,
    claim,
    corr2cause,
    statements,
)
from butfor.evaluate.verification import Reading, Verdict, Verification
from butfor.scm.graph import Edge, Graph

WHY: dict[Relation, str] = {
    "entailment": "the claim is true in every graph that fits",
    "contradiction": "the claim is true in no graph that fits",
    "neutral": "the claim is true in some graphs that fit, not in others",
}
Holds = Callable[[Graph, Claim], bool]


def verify_corr2cause(paths: Iterable[str | Path] = ()) -> Verification:
    """Every label of these files, or of the installed one, recomputed."""
    rows = [row for path in list(paths) or [None] for row in corr2cause(path)]
    known: dict[str, list[Graph]] = {}
    verdicts = tuple(_verdict(row, known) for row in rows)
    files = tuple(dict.fromkeys(row.file.name for row in rows))
    sizes = sorted(len(found) for found in known.values() if found)
    notes = [f"{len(sizes)} premises, with {sizes[0]} to {sizes[-1]} graphs each" if sizes else "no premise was read"]
    classes = Counter(f"gold {verdict.gold}, but {verdict.why}" for verdict in verdicts if verdict.state == "wrong")
    notes += [f"{n} wrong: {text}" for text, n in classes.most_common()]
    if off := sum(verdict.off for verdict in verdicts):
        notes.append(f"{off} published shares of graphs are not the exact ones")
    return Verification("corr2cause", files, verdicts, _readings(rows, verdicts, known), tuple(notes))


def _verdict(row: Corr2CauseRow, known: dict[str, list[Graph]]) -> Verdict:
    kind, ours, state, why, way, share = "", "", "agree", "", tuple[str, ...](), None
    try:
        said = claim(row.hypothesis)
        kind = said.template
        graphs = _class(row.premise, known)
        members = [graph for graph in graphs if holds(graph, said)]
        share = len(members) / len(graphs)
        ours = relation(share)
        if ours != row.relation:
            state, why = "wrong", WHY[ours]
            way = _told(graphs, members)
    except (ValueError, GraphError) as error:
        kind, state, why = kind or "unread", "unread", str(error)
    return Verdict(
        file=row.file.name,
        line=row.line,
        id=row.id,
        kind=kind,
        question=row.hypothesis,
        gold=row.relation,
        ours=ours,
        state=state,  # pyright: ignore[reportArgumentType]
        why=why,
        published=float(row.share) if row.share else None,
        exact=share,
        off=bool(row.share) and share is not None and f"{share:.2f}" != row.share,
        enumeration=way,
    )


def relation(share: float) -> Relation:
    """What follows from a claim that is true in this share of the graphs."""
    return "entailment" if share == 1 else "contradiction" if share == 0 else "neutral"


def _told(graphs: list[Graph], members: list[Graph], most: int = 8) -> tuple[str, ...]:
    rows = [f"{'true ' if graph in members else 'false'} in  {graph}" for graph in graphs[:most]]
    rows += [f"… and {len(graphs) - most} more graphs"] if len(graphs) > most else []
    return (f"true in {len(members)} of the {len(graphs)} graphs that fit the premise", *rows)


def _class(premise: str, known: dict[str, list[Graph]]) -> list[Graph]:
    if premise not in known:
        known[premise] = members_of(statements(premise))
    if not known[premise]:
        raise ValueError("no acyclic graph has exactly these independences")
    return known[premise]


def holds(graph: Graph, said: Claim) -> bool:
    """Is the claim true in this graph?"""
    a, b = said.a, said.b
    match said.template:
        case "parent":
            return a in graph.parents(b)
        case "through a mediator":
            return bool(graph.children(a) & (graph.ancestors(b) - {b}))
        case "common effect":
            return bool(graph.children(a) & graph.children(b))
        case "common cause":
            return bool(graph.parents(a) & graph.parents(b))


def _holds_far(graph: Graph, said: Claim) -> bool:
    a, b = said.a, said.b
    match said.template:
        case "through a mediator":
            return a in graph.ancestors(b) - graph.parents(b) - {b}
        case "common effect":
            return bool((graph.descendants(a) - {a}) & (graph.descendants(b) - {b}))
        case "common cause":
            return bool((graph.ancestors(a) - {a}) & (graph.ancestors(b) - {b}))
        case _:
            return holds(graph, said)


def _readings(
    rows: list[Corr2CauseRow], verdicts: tuple[Verdict, ...], known: dict[str, list[Graph]]
) -> tuple[Reading, ...]:
    texts = {
        "through a mediator": "an ancestor that is not a parent",
        "common effect": "a common descendant, not a common child",
        "common cause": "a common ancestor, not a common parent",
    }
    found: list[Reading] = []
    for kind, text in texts.items():
        chosen = [row for row, v in zip(rows, verdicts, strict=True) if v.kind == kind and v.state != "unread"]
        wrong = sum(_by(row, known[row.premise], _holds_far) != row.relation for row in chosen)
        found.append(Reading(kind, text, len(chosen), wrong))
    return tuple(reading for reading in found if reading.n)


def _by(row: Corr2CauseRow, graphs: list[Graph], rule: Holds) -> Relation:
    said = claim(row.hypothesis)
    return relation(sum(rule(graph, said) for graph in graphs) / len(graphs))


def members_of(premise: Premise) -> list[Graph]:
    """All acyclic graphs whose d-separations are exactly the stated independences; none if there is no such graph."""
    names, cut = premise.names, dict[frozenset[str], list[frozenset[str]]]()
    for pair, given in premise.independent:
        cut.setdefault(pair, []).append(given)
    joined = [pair for pair in combinations(names, 2) if frozenset(pair) not in cut]
    colliders = {
        (a, c, b)
        for c in names
        for a, b in combinations(names, 2)
        if c not in (a, b) and frozenset((a, b)) in cut
        if _joined(cut, a, c) and _joined(cut, b, c) and not any(c in given for given in cut[frozenset((a, b))])
    }
    found = [graph for graph in _oriented(names, joined) if _colliders(graph) == colliders]
    return found if found and separations(found[0]) == premise.independent else []


def _joined(cut: dict[frozenset[str], list[frozenset[str]]], a: str, b: str) -> bool:
    return frozenset((a, b)) not in cut


def _oriented(names: tuple[str, ...], joined: list[Edge]) -> Iterator[Graph]:
    """Every acyclic orientation of the joined pairs."""

    def grow(place: int, edges: list[Edge], below: dict[str, set[str]]) -> Iterator[list[Edge]]:
        if place == len(joined):
            yield edges
            return
        for a, b in (joined[place], joined[place][::-1]):
            if a in below[b]:
                continue  # b leads to a already
            reach = {name: after | below[b] if a in after else after for name, after in below.items()}
            yield from grow(place + 1, [*edges, (a, b)], reach)

    for edges in grow(0, [], {name: {name} for name in names}):
        yield Graph(names, edges)


def _colliders(graph: Graph) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for c in graph.names:
        above = [name for name in graph.names if name in graph.parents(c)]
        for a, b in combinations(above, 2):
            if a not in graph.parents(b) and b not in graph.parents(a):
                found.add((a, c, b))
    return found


def separations(graph: Graph) -> frozenset[Independence]:
    """Every d-separation of two variables in a graph, given every set of others."""
    found: set[Independence] = set()
    for a, b in combinations(graph.names, 2):
        others = [name for name in graph.names if name not in (a, b)]
        for size in range(len(others) + 1):
            for given in combinations(others, size):
                if graph.separated(a, b, given):
                    found.add((frozenset((a, b)), frozenset(given)))
    return frozenset(found)
