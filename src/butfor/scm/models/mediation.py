"""Which way an effect goes: direct, indirect, along chosen paths; and for whom: the treated, the controls.

With x the treated and x' the control value, and the reference at the control:

    NDE = E[Y_{x, M_x'}] - E[Y_x']          X changes, the mediators M stay as x' would have them
    NIE = E[Y_{x', M_x}] - E[Y_x']          X stays, the mediators go where x would bring them
    TE  = NDE - NIE of the reverse change   = NDE + NIE with reference="treated", E[Y_x] - E[Y_{x, M_x'}]

A path-specific effect lets X's change travel along some paths only: on every other path the variables are read as the
reference value of X has them. All follow from the model itself (noise shared between worlds), so no assumption of
identification is needed.

Source    Pearl 2001 (direct and indirect effects); Avin, Shpitser & Pearl 2005 (path-specific effects).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from butfor.core.errors import QueryError
from butfor.scm.graph import Edge, Graph
from butfor.scm.models.event import is_event, read_conditions
from butfor.scm.models.model import SCM, Reference, World


def effect_among(model: SCM, x: str, y: str, treated: Any, control: Any, among: Any) -> float:
    """E[Y_treated - Y_control | X=among]."""
    worlds = model.parallel([World({x: treated}), World({x: control})], {x: among})
    return worlds.mean(y, 0) - worlds.mean(y, 1)


def natural_direct(
    model: SCM, x: str, y: str, mediators: Iterable[str] | None, treated: Any, control: Any, reference: Reference
) -> float:
    """E[Y_{x, M_r}] - E[Y_{x', M_r}], r the reference value of X."""
    first, last = (treated, control)
    return _split(model, x, y, mediators, first, _at(reference, treated, control)) - _split(
        model, x, y, mediators, last, _at(reference, treated, control)
    )


def natural_indirect(
    model: SCM, x: str, y: str, mediators: Iterable[str] | None, treated: Any, control: Any, reference: Reference
) -> float:
    """E[Y_{r, M_x}] - E[Y_{r, M_x'}], r the reference value of X."""
    held = _at(reference, treated, control)
    return _split(model, x, y, mediators, held, treated) - _split(model, x, y, mediators, held, control)


def path_specific(
    model: SCM, x: str, y: str, paths: str | Iterable[Sequence[str]], edges: Iterable[Edge], treated: Any,
    control: Any, reference: Reference,
) -> float:  # fmt: skip
    """What X's change does to Y through some paths, the others held at the reference; negative where it goes back."""
    graph, target = model.whole, _variable(y)
    start, end = (control, treated) if reference == "control" else (treated, control)
    _at(reference, treated, control)
    found, kept = _paths(paths), list(edges)
    if any(len(edge) != 2 for edge in kept):
        raise QueryError("edges are pairs, edges=[('X', 'M'), ('M', 'Y')]; paths are text, paths='X -> M -> Y'")
    if bool(found) == bool(kept):
        raise QueryError("say which way: paths='X -> M -> Y', or edges=[('X', 'M'), ('M', 'Y')]")
    if kept:
        _exist(graph, kept)
        others = {edge: 0 for edge in graph.edges if edge not in set(kept)}
        worlds, last = [World({x: start}), World({x: end}, others)], 1
    else:
        for path in found:
            _exist(graph, pairwise(path))
            if len(path) < 2 or path[0] != x or path[-1] != target:
                raise QueryError(f"the path {' -> '.join(path)} does not lead from {x} to {target}")
        worlds, last = _along(graph, x, target, set(found), start, end)
    parallel = model.parallel(worlds)
    change = parallel.mean(y, last) - parallel.mean(y, 0)
    return change if reference == "control" else -change


def _split(model: SCM, x: str, y: str, mediators: Iterable[str] | None, own: Any, theirs: Any) -> float:
    """E[Y_{own, M_theirs}]."""
    if own == theirs:
        return model.do({x: own}).mean(y)
    graph = model.whole
    target = graph.set(_variable(y))
    if mediators is None:
        between = graph.descendants_of(graph.set(x)) & graph.ancestors_of(target) & ~graph.set(x) & ~target
    else:
        between = graph.set(mediators)
        if between & (graph.set(x) | target):
            raise QueryError(f"{x} and {_variable(y)} cannot be mediators of their own effect")
    reads = {(a, b): 0 for a, b in graph.edges if between >> graph.at(a) & 1}
    return model.parallel([World({x: theirs}), World({x: own}, reads)]).mean(y, 1)


def _along(graph: Graph, x: str, y: str, paths: set[tuple[str, ...]], start: Any, end: Any) -> tuple[list[World], int]:
    """The worlds in which X's change reaches Y along `paths` alone, and the one to read Y in.

    A version of a variable is the set of path beginnings that end in it and carry the change. Version by version a
    world is made in which the variable's mechanism reads the right version of each of its causes.
    """
    worlds = [World({x: start}), World({x: end})]
    made: dict[tuple[str, frozenset[tuple[str, ...]]], int] = {(x, frozenset({(x,)})): 1}
    needed: dict[str, set[frozenset[tuple[str, ...]]]] = {y: {frozenset(paths)}}
    order = [graph.names[i] for i in graph.order]
    for name in reversed(order):
        for carried in needed.get(name, set()):
            for cause in graph.parents(name):
                above = frozenset(begin[:-1] for begin in carried if len(begin) > 1 and begin[-2] == cause)
                if above:
                    needed.setdefault(cause, set()).add(above)
    for name in order:
        if name == x:
            continue
        for carried in sorted(needed.get(name, set()), key=sorted):
            reads: dict[Edge, int] = {}
            for cause in graph.parents(name):
                above = frozenset(begin[:-1] for begin in carried if begin[-2] == cause)
                reads[cause, name] = made[cause, above] if above else 0
            made[name, carried] = len(worlds)
            worlds.append(World({}, reads))
    return worlds, made[y, frozenset(paths)]


def _paths(paths: str | Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    if not isinstance(paths, str):
        return [tuple(_names(path)) if isinstance(path, str) else tuple(path) for path in paths]
    return [tuple(_names(path)) for path in re.split(r"[;,\n]", paths) if path.strip()]


def _names(path: str) -> list[str]:
    return [name.strip() for name in path.split("->")]


def _exist(graph: Graph, edges: Iterable[Edge]) -> None:
    for a, b in edges:
        if not graph.pa[graph.at(b)] >> graph.at(a) & 1:
            raise QueryError(f"the model has no edge {a} -> {b}")


def _at(reference: Reference, treated: Any, control: Any) -> Any:
    if reference not in ("control", "treated"):
        raise QueryError(f"reference must be 'control' or 'treated', not {reference!r}")
    return control if reference == "control" else treated


def _variable(y: str) -> str:
    """The variable that an outcome is about: a name, or an event about one variable."""
    if not is_event(y):
        return y
    names = {condition.name for condition in read_conditions(y)}
    if len(names) > 1:
        raise QueryError(f"{y!r}: an effect along paths needs an outcome of one variable")
    return names.pop()
