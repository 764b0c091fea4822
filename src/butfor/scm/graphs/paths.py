"""A path as a person reads it: the shortest one that is open given a set, such as `X <- U -> Y`.

A path is open given Z if every collider on it is in Z or has an effect in Z, and no other node on it is in Z. The
shortest open walk never meets a node twice, so a breadth-first search over (node, way of arrival) finds a path.

Source    Pearl 1988; Richardson 2003 for graphs with bidirected edges.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.formats import quoted

State = tuple[int, bool]  # a node, and whether the path came in by an arrowhead


def open_path(graph: Graph, a: int, b: int, given: int = 0) -> str:
    """The shortest path between the sets `a` and `b` that is open given `given`; empty where all are blocked."""
    lit = graph.ancestors_of(given)
    return _shortest(graph, a & ~given, b, lambda state: _steps(graph, state, given, lit))


def causal_path(graph: Graph, a: int, b: int, without: int = 0) -> str:
    """The shortest directed path from `a` to `b` that avoids `without`; empty where there is none."""
    return _shortest(graph, a & ~without, b, lambda state: [("->", graph.ch[state[0]] & ~without)])


def _steps(graph: Graph, state: State, given: int, lit: int) -> list[tuple[str, int]]:
    i, head = state
    free, opened = not given >> i & 1, bool(lit >> i & 1)
    found = [("->", graph.ch[i])] if free else []
    if opened if head else free:
        found += [("<->", graph.bi[i]), ("<-", graph.pa[i] & ~given)]
    return found


def _shortest(graph: Graph, start: int, goal: int, steps: Callable[[State], list[tuple[str, int]]]) -> str:
    """The first path to a node of `goal`, breadth first; empty where there is none."""
    todo = deque[State]((i, False) for i in bits(start))
    came: dict[State, tuple[State, str] | None] = dict.fromkeys(todo)
    while todo:
        state = todo.popleft()
        if goal >> state[0] & 1:
            return _written(graph, state, came)
        for arrow, nodes in steps(state):
            for j in bits(nodes):
                new = (j, arrow != "<-")
                if new not in came:
                    came[new] = state, arrow
                    todo.append(new)
    return ""


def _written(graph: Graph, state: State, came: dict[State, tuple[State, str] | None]) -> str:
    words = [quoted(graph.names[state[0]])]
    while step := came[state]:
        state, arrow = step
        words += [arrow, quoted(graph.names[state[0]])]
    return " ".join(reversed(words))
