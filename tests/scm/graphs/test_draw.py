"""Drawings: what must be seen is there, once, at the right place, and nothing covers anything."""

from __future__ import annotations

import math
import re
import time
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.curves import between, crossing, flat, leaves, onwards, point, reverse, through
from butfor.scm.graphs.draw import svg
from butfor.scm.graphs.equivalence import Pattern
from butfor.scm.graphs.layout import Rows, acyclic, layout, spaced
from scm.brute import random_admg

NS = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


def read(text: str) -> tuple[dict[str, Box], dict[str, ElementTree.Element]]:
    """The boxes of the nodes and the groups of the edges, by title."""
    root = ElementTree.fromstring(text)
    nodes: dict[str, Box] = {}
    edges: dict[str, ElementTree.Element] = {}
    for group in root.iter(f"{NS}g"):
        title = group.findtext(f"{NS}title") or ""
        if group.get("class") == "node":
            box = group.find(f"{NS}rect")
            assert box is not None
            x, y, w, h = (float(box.get(key, "")) for key in ("x", "y", "width", "height"))
            nodes[title] = (x, y, x + w, y + h)
        else:
            edges[title] = group
    return nodes, edges


def ends(edge: ElementTree.Element) -> tuple[tuple[float, float], tuple[float, float]]:
    path = next(p for p in edge.iter(f"{NS}path") if p.get("class") != "head")
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d", ""))]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def gap(spot: tuple[float, float], box: Box) -> float:
    return math.hypot(max(box[0] - spot[0], 0, spot[0] - box[2]), max(box[1] - spot[1], 0, spot[1] - box[3]))


def wide_graph(n: int, seed: int) -> Graph:
    rng = np.random.default_rng(seed)
    names = [f"variable_{i}" for i in range(n)]
    edges = {(names[int(rng.integers(max(0, j - 20), j))], names[j]) for j in range(1, n) for _ in range(2)}
    return Graph(names, sorted(edges), [(names[2], names[9]), (names[5], names[40])])


@pytest.mark.parametrize("seed", range(6))
def test_everything_is_there_and_nothing_covers_anything(seed: int) -> None:
    graph = random_admg(9, np.random.default_rng(seed), 0.25, 0.12) if seed < 5 else wide_graph(60, 0)
    nodes, edges = read(svg(graph))
    assert set(nodes) == set(graph.names)
    arrows = [(a, "->", b) for a, b in graph.edges] + [(a, "<->", b) for a, b in graph.confounded]
    assert set(edges) == {" ".join(each) for each in arrows}
    for one, two in combinations(nodes.values(), 2):
        assert one[2] < two[0] or two[2] < one[0] or one[3] < two[1] or two[3] < one[1]
    for a, arrow, b in arrows:
        group = edges[f"{a} {arrow} {b}"]
        start, stop = ends(group)
        assert gap(start, nodes[a]) < 12 and gap(stop, nodes[b]) < 12
        assert len([p for p in group.iter(f"{NS}path") if p.get("class") == "head"]) == arrow.count("<") + arrow.count(
            ">"
        )
        assert ("hidden" in group.get("class", "")) == (arrow == "<->")
        if arrow == "->":
            assert nodes[a][3] < nodes[b][1], "causes stand above effects"
    box = [float(number) for number in ElementTree.fromstring(svg(graph)).get("viewBox", "").split()]
    for left, top, right, bottom in nodes.values():
        assert box[0] < left and box[1] < top and right < box[0] + box[2] and bottom < box[1] + box[3]


def test_marks_of_patterns() -> None:
    pattern = Pattern.parse("A o-> B; B -- C; C o-o D; E <-> A; D o- E; C -> E")
    _, edges = read(svg(pattern))
    counts = {
        title: (
            len([p for p in group.iter(f"{NS}path") if p.get("class") == "head"]),
            len(list(group.iter(f"{NS}circle"))),
        )
        for title, group in edges.items()
    }
    assert counts == {
        "A o-> B": (1, 1),
        "B -- C": (0, 0),
        "C o-o D": (0, 2),
        "A <-> E": (2, 0),
        "D o- E": (0, 1),
        "C -> E": (1, 0),
    }


def test_a_pattern_with_a_cycle_is_drawn_all_the_same() -> None:
    nodes, edges = read(svg(Pattern.parse("A -> B -> C -> A; C -- D")))
    assert len(nodes) == 4 and len(edges) == 4


def test_weights_and_labels() -> None:
    graph = Graph.parse("A -> B -> C; A <-> B")
    text = svg(graph, {("A", "B"): 0.25, ("C", "B"): 1.0}, {("B", "C"): "< sure >"})
    _, edges = read(text)
    assert edges["A -> B 0.25"].get("opacity") == "0.4"
    assert edges["B -> C < sure >"].get("opacity") is None and "A <-> B" in edges
    assert text.count('class="told"') == 2 and "&lt; sure &gt;" in text
    for weights, told in (
        ({("A", "C"): 0.5}, "A and C have a weight or a label, but no edge joins them"),
        ({("A", "B"): 1.5}, "the weight of the edge between A and B is 1.5; weights lie between 0 and 1"),
        ({("A", "B"): math.nan}, "weights lie between 0 and 1"),
    ):
        with pytest.raises(GraphError, match=told):
            svg(graph, weights)
    with pytest.raises(UnknownName, match="'Q'"):
        svg(graph, labels={("A", "Q"): "x"})


def test_labels_do_not_cover_nodes_or_each_other() -> None:
    graph = random_admg(10, np.random.default_rng(3), 0.25, 0.0)
    text = svg(graph, dict.fromkeys(graph.edges, 0.87))
    nodes, _ = read(text)
    root = ElementTree.fromstring(text)
    told = [each for each in root.iter(f"{NS}text") if each.get("class") == "told"]
    spots = [(float(each.get("x", "")), float(each.get("y", "")) - 4) for each in told]
    assert len(spots) == len(graph.edges)
    assert all(gap(spot, box) > 0 for spot in spots for box in nodes.values())
    assert all(abs(a[0] - b[0]) > 15 or abs(a[1] - b[1]) > 9 for a, b in combinations(spots, 2))


@given(st.lists(st.text(min_size=1, max_size=70), min_size=1, max_size=6, unique=True))
def test_any_name_gives_sound_xml(names: list[str]) -> None:
    graph = Graph(names, pairwise(names))
    root = ElementTree.fromstring(svg(graph))
    assert len([each for each in root.iter(f"{NS}g") if each.get("class") == "node"]) == len(names)


def test_names_cannot_break_out_of_the_drawing() -> None:
    nodes, _ = read(svg(Graph(['<script>alert("1")</script>', "a & b"], [("a & b", '<script>alert("1")</script>')])))
    assert set(nodes) == {'<script>alert("1")</script>', "a & b"}
    assert "<script" not in svg(Graph(["<script>"]))


def test_long_names_are_broken_and_cut() -> None:
    text = svg(Graph(["systolic blood pressure_after.six_weeks of treatment with a placebo"]))
    rows = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert len(rows) == 3 and rows[0] == "systolic blood" and rows[2].endswith("…")
    assert "with a placebo</title>" in text


def test_the_same_graph_gives_the_same_bytes_and_needs_nothing_from_outside() -> None:
    graph = wide_graph(60, 0)
    text = svg(graph)
    assert text == svg(Graph(graph.names, graph.edges, graph.confounded))
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"href|url\(|@import|<script|https?://(?!www\.w3\.org/2000/svg)", text)


def test_sixty_nodes_are_drawn_at_once() -> None:
    graph = wide_graph(60, 3)
    begin = time.perf_counter()
    svg(graph)
    assert time.perf_counter() - begin < 5


def test_small_drawings() -> None:
    assert read(svg(Graph([]))) == ({}, {})
    assert len(read(svg(Graph("A")))[0]) == 1
    nodes, _ = read(svg(Graph.parse("A; B; C -> D")))
    assert nodes["A"][1] > nodes["D"][3], "what has no edge stands below"


def crossings(graph: Graph) -> int:
    index = graph.index
    down = [(index[a], index[b]) for a, b in graph.edges]
    found = layout([(40.0, 30.0)] * len(graph.names), down)
    lines = [(pair, [found.at[pair[0]], *found.bends[pair], found.at[pair[1]]]) for pair in down]
    return sum(
        crossing(a, b, c, d)
        for (p, one), (q, two) in combinations(lines, 2)
        if not set(p) & set(q)
        for a, b in pairwise(one)
        for c, d in pairwise(two)
    )


def test_trees_are_drawn_without_crossings_and_others_with_few() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = 14
        names = [f"v{i}" for i in rng.permutation(n)]
        tree = Graph(names, [(names[int(rng.integers(max(0, j - 4), j))], names[j]) for j in range(1, n)])
        assert crossings(tree) == 0, str(tree)
    assert crossings(Graph.parse("A -> D, E; B -> E, F; C -> F, D")) == 2  # a ring of six: no two rows do better
    assert crossings(Graph.parse("A -> Z; B -> Y; C -> X; D -> W")) == 0


def test_crossings_are_counted_right() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        pairs = [(i, 5 + j) for i in range(5) for j in range(5) if rng.random() < 0.4]
        rows = Rows.of(10, {i: i // 5 for i in range(10)}, pairs, [])
        brute = sum(
            (rows.place[a] - rows.place[c]) * (rows.place[b] - rows.place[d]) < 0
            for (a, b), (c, d) in combinations(pairs, 2)
        )
        assert rows.crossings() == brute
        rows.arrange()
        assert rows.crossings() <= brute


def test_places_are_the_nearest_that_keep_their_distance() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        aims, weight, room = rng.normal(size=4) * 3, rng.uniform(0.5, 3, 4), rng.uniform(0.2, 2, 3)
        found = np.array(spaced(list(aims), list(weight), list(room)))
        assert (np.diff(found) >= room - 1e-9).all()
        cost = (weight * (found - aims) ** 2).sum()
        for _ in range(200):
            other = found + rng.normal(size=4) * 0.3
            if (np.diff(other) >= room).all():
                assert (weight * (other - aims) ** 2).sum() >= cost - 1e-9


def test_turning_edges_leaves_no_cycle_and_touches_strong_ones_last() -> None:
    assert acyclic(3, [(0, 1), (1, 2)], [(2, 0)]) == [(0, 1), (1, 2), (0, 2)]
    for strong in ([(0, 1), (1, 2), (2, 0)], [(2, 1), (1, 0)]):
        assert Graph("ABC", [("ABC"[a], "ABC"[b]) for a, b in acyclic(3, strong, [(0, 2)])])


def test_curves() -> None:
    path = through([(0, 0), (10, 40), (-5, 90)])
    assert point(path, 1) == (10, 40) and point(path, 2) == (-5, 90)
    part = between(path, 0.3, 1.6)
    assert np.allclose(flat(part, 8)[0], point(path, 0.3)) and np.allclose(flat(part, 8)[-1], point(path, 1.6))
    assert np.allclose(point(part, 0.5), point(path, 0.65))
    assert np.allclose(point(reverse(path), 0.25), point(path, 1.75))
    s = leaves(path, (-20, -15, 20, 15), 2)
    assert point(path, s)[1] == pytest.approx(17, abs=0.1)
    assert math.dist(point(path, s), point(path, onwards(path, s, 9))) == pytest.approx(9, abs=0.1)
