"""Separation by its definition: every path written out. Nothing here uses the engine's searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from butfor.scm.graph import Graph

Path = list[tuple[str, str]]  # (arrow towards the node, node), the first with no arrow
BACK = {"->": "<-", "<-": "->", "<->": "<->"}


def steps(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in graph.names}
    for arrow, edges in (("->", graph.edges), ("<->", graph.confounded)):
        for a, b in edges:
            found[a].append((arrow, b))
            found[b].append((BACK[arrow], a))
    return found


def paths(graph: Graph, a: str, b: str) -> Iterator[Path]:
    """All paths that meet no node twice."""
    ways = steps(graph)
    todo: list[Path] = [[("", a)]]
    while todo:
        path = todo.pop()
        if path[-1][1] == b:
            yield path
            continue
        seen = {name for _, name in path}
        todo += [[*path, (arrow, name)] for arrow, name in ways[path[-1][1]] if name not in seen]


def effects(graph: Graph, name: str) -> set[str]:
    found, todo = {name}, [name]
    while todo:
        node = todo.pop()
        new = {b for a, b in graph.edges if a == node} - found
        found |= new
        todo += new
    return found


def is_open(graph: Graph, path: Path, given: set[str]) -> bool:
    for (came, name), (left, _) in pairwise(path[1:]):
        collider = came.endswith(">") and left.startswith("<")
        if collider != bool(effects(graph, name) & given if collider else name in given):
            return False
    return True


def separated(graph: Graph, a: Iterable[str], b: Iterable[str], given: Iterable[str] = ()) -> bool:
    chosen = set(given)
    return not any(is_open(graph, path, chosen) for x in a for y in b for path in paths(graph, x, y))
