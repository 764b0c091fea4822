"""Graphs: separation against written-out paths and networkx, projection, kin, what is refused."""

from __future__ import annotations

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph, bits

from .brute import random_admg
from .walks import effects, separated


def chosen(rng: np.random.Generator, names: tuple[str, ...]) -> tuple[list[str], list[str], list[str]]:
    """Two sets to separate and one to separate them by."""
    order = [names[i] for i in rng.permutation(len(names))]
    a, b = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    a, b = (a, b) if a + b < len(names) else (1, 1)
    return order[:a], order[a : a + b], [name for name in order[a + b :] if rng.random() < 0.4]


def test_m_separation_is_what_its_definition_says() -> None:
    rng = np.random.default_rng(0)
    answers = [0, 0]
    for _ in range(2500):
        graph = random_admg(int(rng.integers(2, 7)), rng, 0.4, 0.3)
        a, b, given = chosen(rng, graph.names)
        answer = graph.separated(a, b, given)
        assert answer == separated(graph, a, b, given), f"{graph}: {a} {b} given {given}"
        answers[answer] += 1
    assert min(answers) > 300


def test_d_separation_agrees_with_networkx() -> None:
    rng = np.random.default_rng(1)
    for _ in range(2000):
        graph = random_admg(int(rng.integers(2, 9)), rng, 0.35, 0.0)
        a, b, given = chosen(rng, graph.names)
        theirs = nx.is_d_separator(graph.to_networkx(), set(a), set(b), set(given))
        assert graph.separated(a, b, given) == theirs


def test_a_bidirected_edge_is_a_latent_common_cause() -> None:
    rng = np.random.default_rng(2)
    for _ in range(800):
        graph = random_admg(int(rng.integers(2, 7)), rng, 0.35, 0.35)
        a, b, given = chosen(rng, graph.names)
        theirs = nx.is_d_separator(graph.to_networkx(), set(a), set(b), set(given))
        assert graph.separated(a, b, given) == theirs


def test_projection_keeps_separations_and_causes() -> None:
    rng = np.random.default_rng(3)
    for _ in range(800):
        graph = random_admg(int(rng.integers(3, 9)), rng, 0.3, 0.15)
        latent = [name for name in graph.names if rng.random() < 0.35][: len(graph.names) - 2]
        small = graph.projected(latent)
        assert small.names == tuple(name for name in graph.names if name not in latent)
        a, b, given = chosen(rng, small.names)
        assert small.separated(a, b, given) == graph.separated(a, b, given), f"{graph} without {latent}"
        for name in small.names:
            assert small.descendants(name) == graph.descendants(name) - set(latent)


def test_a_latent_that_is_a_leaf_leaves_nothing_behind() -> None:
    assert Graph.parse("X -> Y; X -> L; Y -> L").projected("L") == Graph.parse("X -> Y")
    assert Graph.parse("X -> L -> Y; L -> Z").projected("L") == Graph.parse("X -> Y; X -> Z; Y <-> Z")
    assert Graph.parse("L -> X; L -> Y").projected("L") == Graph.parse("X <-> Y")
    assert Graph.parse("A <-> L -> Y").projected("L") == Graph.parse("A <-> Y")
    assert Graph.parse("L1 -> L2 -> X; L1 -> Y").projected(["L1", "L2"]) == Graph.parse("X <-> Y")


def test_two_nodes_are_joined_in_the_moral_graph_where_all_others_cannot_separate_them() -> None:
    rng = np.random.default_rng(4)
    for _ in range(400):
        graph = random_admg(int(rng.integers(2, 7)), rng, 0.35, 0.25)
        near = graph.moral()
        for a, b in combinations(graph.names, 2):
            others = [name for name in graph.names if name not in {a, b}]
            assert (b in near[a]) == (a in near[b]) == (not separated(graph, [a], [b], others))


def test_kin_and_districts() -> None:
    graph = Graph.parse("A -> B -> C; D -> C; A <-> C; D <-> C; E")
    assert graph.parents("C") == {"B", "D"}
    assert graph.children("A") == {"B"}
    assert graph.ancestors("C") == {"A", "B", "C", "D"}
    assert graph.ancestors(["B", "E"]) == {"A", "B", "E"}
    assert graph.descendants("A") == {"A", "B", "C"} == effects(graph, "A")
    assert {frozenset(part) for part in graph.c_components()} == {frozenset("ACD"), frozenset("B"), frozenset("E")}
    assert graph.sorted(graph.all) == ("A", "B", "D", "C", "E")
    assert [list(bits(row)) for row in graph.before] == [[], [0], [0, 1, 3], [0, 1], [0, 1, 2, 3]]


def test_surgery() -> None:
    graph = Graph.parse("Z -> X -> Y; X <-> Y; Z <-> X")
    assert graph.do("X") == Graph.parse("Z; X -> Y")
    assert graph.without_out_of(graph.set("X")) == Graph.parse("Z -> X; X <-> Y; Z <-> X")
    assert graph.over(["X", "Z"]) == Graph.parse("Z -> X; Z <-> X")
    assert graph.over(["Y", "X"]) == Graph.parse("X -> Y; X <-> Y")


def test_the_order_puts_causes_first_and_keeps_the_order_of_names_among_equals() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        graph = random_admg(7, rng, 0.4, 0.1)
        place = {graph.names[i]: k for k, i in enumerate(graph.order)}
        assert all(place[a] < place[b] for a, b in graph.edges)
    assert Graph("CBA").sorted(7) == ("C", "B", "A")


def test_equality_does_not_depend_on_the_order_of_anything() -> None:
    one, two = Graph.parse("A -> B; B <-> C; D"), Graph.parse("D; C <-> B; A -> B")
    assert one == two and hash(one) == hash(two) and one.names != two.names
    assert one != Graph.parse("A -> B; B <-> C") and one != Graph.parse("B -> A; B <-> C; D") and one != "A"


def test_a_graph_prints_as_it_is_read() -> None:
    graph = Graph(["blood pressure", 'a "b"', "x\\y", "z.1", "é"], [("blood pressure", "é")], [("x\\y", "z.1")])
    assert Graph.parse(str(graph)) == graph
    assert repr(Graph.parse("X -> Y; Z")) == "Graph.parse('X -> Y; Z')"


def test_a_cycle_is_named() -> None:
    with pytest.raises(GraphError, match=r"cycle: (A -> B -> C -> A|B -> C -> A -> B|C -> A -> B -> C)"):
        Graph.parse("Z -> A -> B -> C -> A; C -> D")
    with pytest.raises(GraphError, match="cause itself"):
        Graph.parse("A -> A")
    with pytest.raises(GraphError, match="two different variables"):
        Graph.parse("A <-> A")


def test_a_variable_twice_or_unknown() -> None:
    with pytest.raises(GraphError, match="twice in the graph: B"):
        Graph(["A", "B", "B"])
    graph = Graph.parse("smoking -> tar")
    with pytest.raises(UnknownName, match="did you mean 'smoking'"):
        graph.set("smokin")
    with pytest.raises(UnknownName, match="unknown variable 'Q'"):
        Graph("AB", [("A", "Q")])
    with pytest.raises(GraphError, match="must not share"):
        graph.separated("tar", "smoking", ["tar"])


def test_a_thousand_nodes_are_answered_at_once() -> None:
    names = [f"v{i}" for i in range(1000)]
    graph = Graph(names, pairwise(names), list(zip(names, names[7:], strict=False)))
    assert not graph.separated("v0", "v999")
    assert graph.separated("v0", "v1", []) is False
    assert len(graph.projected(names[1:999:2]).names) == 501
