"""From shares to a graph: the largest share decides, cycles lose their least firm edge, equal shares say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.data.drawn import as_shares, decided, without_cycles
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern

ABC = ("a", "b", "c")


def shares(**given: float) -> np.ndarray:
    found = np.zeros((3, 3))
    for edge, share in given.items():
        found[ABC.index(edge[0]), ABC.index(edge[1])] = share
    return found


def test_the_largest_of_the_three_shares_decides() -> None:
    graph, refused = decided(ABC, shares(ab=0.5, ba=0.2, bc=0.3, cb=0.3, ac=0.4, ca=0.1))
    assert graph.edges == [("a", "b")] and refused == ()


def test_equal_shares_say_nothing() -> None:
    assert decided(ABC, (1 - np.eye(3)) / 3)[0].edges == []
    assert decided(ABC, shares(ab=0.5, ba=0.5))[0].edges == []


@pytest.mark.parametrize(("weak", "left"), [("ab", "bc ca"), ("bc", "ab ca"), ("ca", "ab bc")])
def test_a_ring_loses_its_least_firm_edge(weak: str, left: str) -> None:
    ring = {"ab": 0.9, "bc": 0.9, "ca": 0.9} | {weak: 0.6}
    graph, refused = decided(ABC, shares(**ring))
    assert {a + b for a, b in graph.edges} == set(left.split()) and refused == ((weak[0], weak[1]),)


def test_no_order_of_edges_gives_a_cycle() -> None:
    rng = np.random.default_rng(0)
    for n in (2, 5, 9):
        names = [str(at) for at in range(n)]
        for _ in range(20):
            every = [(a, b) for a in names for b in names if a != b]
            edges = [every[at] for at in rng.permutation(len(every))]
            graph, refused = without_cycles(names, edges)
            assert len(graph.edges) == n * (n - 1) // 2 and len(graph.edges) + len(refused) == len(edges)
            for edge in refused:
                assert edge[0] in graph.descendants(edge[1])


def test_a_pattern_as_shares() -> None:
    pattern = Pattern.parse("c -> a; a -- b")
    assert as_shares(ABC, pattern).tolist() == [[0, 0.5, 0], [0.5, 0, 0], [1, 0, 0]]
    graph = Graph(ABC, [("a", "b")])
    assert decided(ABC, as_shares(ABC, Pattern.from_graph(graph)))[0].edges == graph.edges
