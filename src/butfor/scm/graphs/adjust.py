"""Which variables to adjust for, so that P(y | do(x)) = Σ_z P(y | x, z) P(z): tested, found, listed.

Z is valid for the effect of X on Y if and only if
  1. no member is an effect of a node (other than X) on a causal path from X to Y that meets X only at its start, and
  2. Z separates X and Y in the proper back-door graph: the graph without the first edge of each of those paths.
The older back-door rule asks for more: no member is an effect of X, and Z separates X and Y without X's outgoing edges.
Both are separation in a smaller graph among the variables that are left, so `separators.py` finds one set, a smallest
one, or all minimal ones. X and Y may be sets. Sets near Y come first: they tend to give the narrower intervals.

Source    Shpitser, VanderWeele & Robins 2010 (the criterion); van der Zander, Liśkiewicz & Textor 2019 (constructive
          form, mixed graphs); Pearl 1995 (back-door).
Limits    Effects that no adjustment gives may still be identified: `identify` finds every estimand there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from butfor.core.errors import NotIdentified, QueryError
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.paths import open_path
from butfor.scm.graphs.separators import Cuts

Names = str | Iterable[str]
Rule = Literal["general", "back-door"]


def adjustment_sets(
    graph: Graph, x: Names, y: Names, *, include: Names = (), forbid: Names = (), rule: Rule = "general"
) -> Iterator[frozenset[str]]:
    """Every minimal valid set that holds `include` and none of `forbid`, one after the other, the first at once."""
    cuts = _cuts(graph, x, y, include, forbid, rule)
    return (frozenset(graph.named(found)) for found in cuts.minimal())


def adjustment_set(
    graph: Graph,
    x: Names,
    y: Names,
    *,
    include: Names = (),
    forbid: Names = (),
    rule: Rule = "general",
    smallest: bool = False,
) -> frozenset[str]:
    """The minimal valid set nearest to `y`, or one with the fewest members; raises NotIdentified if there is none."""
    cuts = _cuts(graph, x, y, include, forbid, rule)
    if cuts.joined:
        fault = _hopeless(graph, x, y, include, forbid, rule)
        raise NotIdentified(
            f"no set of variables can be adjusted for: {fault}; try identify, front_door_set or instruments"
        )
    return frozenset(graph.named(cuts.smallest() if smallest else cuts.nearest_b()))


def is_adjustment_set(graph: Graph, x: Names, y: Names, given: Names, *, rule: Rule = "general") -> bool:
    """Does adjusting for `given` give the effect of `x` on `y`?"""
    return not adjustment_fault(graph, x, y, given, rule=rule)


def adjustment_fault(graph: Graph, x: Names, y: Names, given: Names, *, rule: Rule = "general") -> str:
    """What is wrong with adjusting for `given`, in one sentence; empty where nothing is."""
    start, goal = treatment_and_outcome(graph, x, y)
    chosen = graph.set(given)
    if chosen & (start | goal):
        return f"{_list(graph, chosen & (start | goal))} cannot be adjusted for: it is the treatment or the outcome"
    smaller, banned = _smaller(graph, start, goal, rule)
    if chosen & banned:
        return _banned(graph, chosen & banned, rule)
    path = open_path(smaller, start, goal, chosen)
    return f"{path} is open, and it is not causal" if path else ""


def proper_causal(graph: Graph, x: int, y: int) -> int:
    """The nodes, other than `x`, on the causal paths from `x` to `y` that meet `x` only at their start."""
    first = 0
    for i in bits(x):
        first |= graph.ch[i]
    return graph.descendants_of(first & ~x, ~x) & graph.ancestors_of(y, ~x)


def proper_back_door(graph: Graph, x: int, y: int) -> Graph:
    """The graph without the first edge of each of those causal paths."""
    causal = proper_causal(graph, x, y)
    return Graph.of(graph.names, [p & ~x if causal >> i & 1 else p for i, p in enumerate(graph.pa)], graph.bi)


def treatment_and_outcome(graph: Graph, x: Names, y: Names) -> tuple[int, int]:
    """Both as sets; they must be there and share no variable."""
    start, goal = graph.set(x), graph.set(y)
    if not start or not goal:
        raise QueryError("an effect needs a treatment and an outcome")
    if start & goal:
        raise QueryError(f"{_list(graph, start & goal)} is both treatment and outcome; the effect of what on what?")
    return start, goal


def bounded(graph: Graph, start: int, goal: int, include: Names, forbid: Names) -> tuple[int, int]:
    """What a set must hold and what it may hold at most."""
    needed, refused = graph.set(include), graph.set(forbid)
    if needed & (start | goal):
        raise QueryError(
            f"{_list(graph, needed & (start | goal))} is in `include`, and is the treatment or the outcome"
        )
    if needed & refused:
        raise QueryError(f"{_list(graph, needed & refused)} is both in `include` and in `forbid`; drop it from one")
    return needed, graph.all & ~refused & ~start & ~goal


def _cuts(graph: Graph, x: Names, y: Names, include: Names, forbid: Names, rule: Rule) -> Cuts:
    start, goal = treatment_and_outcome(graph, x, y)
    needed, allowed = bounded(graph, start, goal, include, forbid)
    smaller, banned = _smaller(graph, start, goal, rule)
    if needed & banned:
        raise QueryError(_banned(graph, needed & banned, rule) + "; drop it from `include`")
    return Cuts.of(smaller, start, goal, needed, allowed & ~banned)


def _hopeless(graph: Graph, x: Names, y: Names, include: Names, forbid: Names, rule: Rule) -> str:
    """Why no set will do: a path that is open, and one that the set of all that could help leaves or lays open."""
    start, goal = treatment_and_outcome(graph, x, y)
    needed, allowed = bounded(graph, start, goal, include, forbid)
    smaller, banned = _smaller(graph, start, goal, rule)
    widest = (smaller.ancestors_of(start | goal | needed) & allowed & ~banned) | needed
    bare, full = (open_path(smaller, start, goal, given) for given in (needed, widest))
    if bare in {"", full}:
        return f"{full} stays open whatever is held fixed"
    return f"{bare} is open, and once {_list(graph, widest)} are held fixed so is {full}"


def _smaller(graph: Graph, x: int, y: int, rule: Rule) -> tuple[Graph, int]:
    if rule == "back-door":
        return graph.without_out_of(x), graph.descendants_of(x)
    return proper_back_door(graph, x, y), graph.descendants_of(proper_causal(graph, x, y))


def _banned(graph: Graph, nodes: int, rule: Rule) -> str:
    if rule == "back-door":
        return f"{_list(graph, nodes)} cannot be adjusted for: it is an effect of the treatment"
    return f"{_list(graph, nodes)} cannot be adjusted for: it lies on a causal path or is an effect of one that does"


def _list(graph: Graph, nodes: int) -> str:
    return ", ".join(graph.named(nodes))
