"""Front-door sets: mediators Z that carry the whole effect, each step of which is unconfounded.

    P(y | do(x)) = Σ_z P(z | x) Σ_x' P(y | x', z) P(x')

Z is a front-door set for the effect of X on Y if and only if
  1. every causal path from X to Y meets Z,
  2. no back-door path from X to Z is open (X and Z are separated without the edges out of X), and
  3. X blocks every back-door path from Z to Y (Z and Y are separated given X without the edges out of Z).
Taking a node out of Z only opens paths in 3, so dropping every node that fails ends in the largest set that meets 2
and 3; a front-door set exists if and only if that one meets 1 and holds what must be in it. With this answer to "is
there one?", leaving nodes out and taking them in, one after the other, meets no dead end: all sets are listed with
polynomial delay, minimal ones among them, the first of which is minimal.

Source    Pearl 1995; Jeong, Tian & Bareinboim 2022 (finding and listing); Wienöbst, van der Zander & Liśkiewicz 2024.
Limits    The list holds all sets, not the minimal ones alone: no listing of those with polynomial delay is known to us.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from butfor.core.errors import NotIdentified
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.adjust import Names, bounded, proper_causal, treatment_and_outcome
from butfor.scm.graphs.paths import causal_path, open_path


def front_door_sets(
    graph: Graph, x: Names, y: Names, *, include: Names = (), forbid: Names = ()
) -> Iterator[frozenset[str]]:
    """Every front-door set that holds `include` and none of `forbid`; the first one is minimal."""
    start, goal = treatment_and_outcome(graph, x, y)
    needed, allowed = bounded(graph, start, goal, include, forbid)
    return (frozenset(graph.named(found)) for found in _listed(graph, start, goal, needed, allowed))


def front_door_set(graph: Graph, x: Names, y: Names, *, include: Names = (), forbid: Names = ()) -> frozenset[str]:
    """A minimal front-door set; raises NotIdentified if there is none, with the condition that fails."""
    for found in front_door_sets(graph, x, y, include=include, forbid=forbid):
        return found
    start, goal = treatment_and_outcome(graph, x, y)
    needed, allowed = bounded(graph, start, goal, include, forbid)
    largest = _largest(graph, start, goal, allowed)
    reasons = [_fault(graph, start, goal, largest | needed)]
    for i in islice(bits(proper_causal(graph, start, goal) & allowed & ~largest & ~needed), 2):
        reasons.append(f"{graph.names[i]} cannot be one: {_fault(graph, start, goal, largest | 1 << i)}")
    raise NotIdentified(f"no set of variables is a front door: {'; '.join(reasons)}; try identify")


def is_front_door_set(graph: Graph, x: Names, y: Names, through: Names) -> bool:
    """Is `through` a front-door set for the effect of `x` on `y`?"""
    return not front_door_fault(graph, x, y, through)


def front_door_fault(graph: Graph, x: Names, y: Names, through: Names) -> str:
    """Which condition fails for `through`, in one sentence; empty where none does."""
    start, goal = treatment_and_outcome(graph, x, y)
    chosen = graph.set(through)
    if chosen & (start | goal):
        shared = ", ".join(graph.named(chosen & (start | goal)))
        return f"{shared} is the treatment or the outcome, and cannot stand between them"
    return _fault(graph, start, goal, chosen)


def _fault(graph: Graph, x: int, y: int, through: int) -> str:
    """The first condition that fails: 2, then 3, then 1."""
    if path := open_path(graph.without_out_of(x), x, through):
        return f"the back-door path {path} from treatment to mediator is open"
    if path := open_path(graph.without_out_of(through), through, y, x):
        return f"the back-door path {path} from mediator to outcome is open given the treatment"
    if path := causal_path(graph, x, y, through):
        return f"the causal path {path} meets no mediator"
    return ""


def _listed(graph: Graph, x: int, y: int, needed: int, allowed: int) -> Iterator[int]:
    largest = _largest(graph, x, y, allowed)
    todo = [(needed, largest)] if _good(graph, x, y, needed, largest) else []
    while todo:
        needed, largest = todo.pop()
        free = largest & ~needed
        if not free:
            yield largest
            continue
        low = free & -free
        todo.append((needed | low, largest))
        fewer = _largest(graph, x, y, largest & ~low)
        if _good(graph, x, y, needed, fewer):
            todo.append((needed, fewer))


def _good(graph: Graph, x: int, y: int, needed: int, found: int) -> bool:
    return not needed & ~found and not graph.descendants_of(x, ~found) & y


def _largest(graph: Graph, x: int, y: int, allowed: int) -> int:
    """The largest set within `allowed` that meets conditions 2 and 3."""
    found = allowed & ~graph.without_out_of(x).reached_of(x, 0)
    while True:
        bad = found & graph.without_out_of(found).reached_of(y, x)
        if not bad:
            return found
        found &= ~bad
