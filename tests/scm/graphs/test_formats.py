"""Graphs as text: what is read, what is refused and how, and that writing then reading changes nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern
from butfor.scm.graphs.formats import from_networkx, parse_edges, parse_text, to_json
from scm.brute import random_admg

XMY = Graph(["X", "M", "Y"], [("X", "M"), ("M", "Y")], [("X", "Y")])


@pytest.mark.parametrize(
    "text",
    [
        "X -> M -> Y; X <-> Y",
        "X->M->Y;X<->Y",
        "X -> M\nM -> Y\nX <-> Y",
        "  X --> M ; \t Y <- M ;; Y <---> X;",
        "# smoking\nX -> M -> Y # tar; not read\n\n X ↔ Y",
        "X → M; Y ← M; X<->Y",
        '"X" -> M -> "Y"; X <-> Y\r\n',
    ],
)
def test_one_graph_written_in_many_ways(text: str) -> None:
    assert Graph.parse(text) == XMY


def test_lists_stand_for_each_member() -> None:
    assert parse_text("A, B -> C, D") == (
        ["A", "B", "C", "D"],
        [("A", "C"), ("A", "D"), ("B", "C"), ("B", "D")],
        [],
    )
    assert Graph.parse("A, B -> C <-> D, E").confounded == [("C", "D"), ("C", "E")]
    assert Graph.parse("A, B, C").names == ("A", "B", "C")
    assert Graph.parse("").names == ()


def test_names() -> None:
    graph = Graph.parse('v.1_b -> "blood pressure"; 7up; "a \\"b\\""; größe')
    assert graph.names == ("v.1_b", "blood pressure", "7up", 'a "b"', "größe")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A -> B; X -> -> Y", r"'X -> -> Y': a name is missing before '-> Y'"),
        ("X ->\nY -> Z", "'X ->': a name is missing at its end"),
        ("-> Y", "a name is missing before '-> Y'"),
        ("X Y", "'X Y': an arrow or a separator"),
        ("X => Y", "'X => Y': an arrow"),
        ("X -> Y,", "'X -> Y,': a name is missing at its end"),
        ("X -- Y", r"X -- Y: a causal graph says which way; write X -> Y, Y -> X or X <-> Y"),
        ("X - Y", "X -- Y: a causal graph says which way"),
        ("X o-> Y", "X o-> Y: a causal graph says which way"),
        ("blood-pressure -> Y", "needs quotes"),
        ('"X -> Y', "a name is missing"),
        ('"" -> Y', "a name is missing"),
        ("X -> Y!", "before '!'"),
    ],
)
def test_a_mistake_names_the_part_and_the_fix(text: str, told: str) -> None:
    with pytest.raises(GraphError, match=told):
        Graph.parse(text)


def test_arrows_of_patterns_and_names_that_begin_or_end_like_one() -> None:
    assert parse_edges("A o-> B o-o C -- D <-o E -o F; o -> oo; A --order; foo->B")[1] == [
        ("A", "o->", "B"),
        ("B", "o-o", "C"),
        ("C", "--", "D"),
        ("D", "<-o", "E"),
        ("E", "-o", "F"),
        ("o", "->", "oo"),
        ("A", "--", "order"),
        ("foo", "->", "B"),
    ]


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=6)


@given(st.lists(NAME, min_size=2, max_size=6, unique=True), st.data())
def test_every_format_reads_what_it_writes(names: list[str], data: st.DataObject) -> None:
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    graph = Graph(names, *(data.draw(st.lists(st.sampled_from(pairs), unique=True)) for _ in range(2)))
    assert Graph.parse(str(graph)) == graph
    assert Graph.from_dot(graph.to_dot()) == graph
    assert Graph.read(to_json(graph)) == graph
    assert Graph.read(graph.to_dot()) == graph
    assert Graph.from_networkx(graph.to_networkx()) == graph


@given(st.text(st.sampled_from('XYo <>-;,"#\n→[]{}=\\/*'), max_size=20))
def test_any_text_is_a_graph_or_a_graph_error(text: str) -> None:
    for read in (Graph.parse, Pattern.parse, lambda part: Graph.from_dot(f"digraph {{{part}}}")):
        with suppress(GraphError):
            read(text)


DOT = """
strict digraph "G" { // a comment with -> in it
  rankdir=LR; node [shape=box]; /* X -> Q */
  X -> M [label="a -> b"];
  # another
  M -> {Y Z};
  subgraph cluster_1 { edge [dir=both]; X -> Y }
  "a b":port -> X;
  Z -> M2 [dir=back]
}
"""


def test_dot() -> None:
    read = Graph.from_dot(DOT)
    assert read == Graph.parse('X -> M -> Y, Z; X <-> Y; "a b" -> X; M2 -> Z')
    assert Graph.read(DOT) == read


def test_dagitty_and_latent_nodes() -> None:
    text = 'dag { X [exposure,pos="0.1,-2"] Y [outcome] U [latent] U -> {X Y} X -> Y Z <-> X }'
    assert Graph.read(text) == Graph.parse("X -> Y; X <-> Y; Z <-> X")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("digraph { a -- b }", "a -- b has no direction"),
        ("digraph { a -> b [dir=none] }", "no direction"),
        ("digraph { a -> }", "a node is missing before '}'"),
        ("digraph { a -> b", "'}' is missing before the end"),
        ("digraph { a -> b [x=1 }", "an attribute or ']' is missing"),
        ("digraph { a@b -> c }", "line 1: cannot read '@'"),
        ("digraph { a -> b } digraph { c }", "stands behind the graph"),
        ("flowchart { a -> b }", "'digraph' is missing"),
    ],
)
def test_mistakes_in_dot(text: str, told: str) -> None:
    with pytest.raises(GraphError, match=told):
        Graph.from_dot(text)


def test_networkx() -> None:
    theirs = nx.DiGraph([(1, 2), ("U", 1), ("U", 2)])
    assert Graph.from_networkx(theirs, latent=["U"]) == Graph.parse("1 -> 2; 1 <-> 2")
    theirs.add_node("U", latent=True)
    assert Graph.from_networkx(theirs) == Graph.parse("1 -> 2; 1 <-> 2")
    assert from_networkx(nx.MultiDiGraph([("a", "b"), ("a", "b")]))[0] == ["a", "b"]
    with pytest.raises(UnknownName, match="'V'"):
        Graph.from_networkx(theirs, latent=["V"])
    with pytest.raises(GraphError, match="undirected"):
        Graph.from_networkx(nx.Graph([("a", "b")]))
    taken = Graph(["A", "B", "U(A, B)"], [("U(A, B)", "A")], [("A", "B")])
    assert Graph.from_networkx(taken.to_networkx()) == taken


def test_a_graph_from_a_file(tmp_path: Path) -> None:
    for suffix, text in ((".txt", str(XMY)), (".dot", XMY.to_dot()), (".gv", XMY.to_dot()), (".json", to_json(XMY))):
        path = tmp_path / f"graph{suffix}"
        path.write_text("\ufeff" + text, encoding="utf-8")
        assert Graph.read(path) == Graph.read(str(path)) == XMY
    (tmp_path / "graph.csv").write_text("X -> Y")
    for source, told in (
        ("missing.dot", "missing.dot does not exist"),
        (tmp_path / "missing.txt", "does not exist"),
        (tmp_path / "graph.csv", "a graph is read from .bif, .dot, .gv, .json, .txt"),
        ('{"nodes": []}', "a graph in JSON is"),
        ('{"names": ["X"], "edges": [["X", "--", "Y"]]}', "says which way"),
    ):
        with pytest.raises(GraphError, match=told):
            Graph.read(source)


def test_what_discovery_writes_is_read_where_every_edge_has_a_direction() -> None:
    told = '{"names": ["X", "Y"], "pattern": [["X", "%s", "Y"]], "edges": [{"a": "X", "b": "Y"}]}'
    assert Graph.read(told % "->") == Graph.parse("X -> Y")
    with pytest.raises(GraphError, match="X -- Y: a causal graph says which way"):
        Graph.read(told % "--")


def test_random_graphs_go_through_every_format() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        graph = random_admg(6, rng)
        for text in (str(graph), graph.to_dot(), to_json(graph)):
            assert Graph.read(text) == graph
