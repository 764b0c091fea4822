"""Patterns, and classes of DAGs against all DAGs over four and five nodes grouped by the independences they imply."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import chain, combinations, pairwise, product

import numpy as np
import pytest

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern, cpdag, dag_of, dags_of, matrix_of, meek, sets_of
from scm.brute import random_admg


@cache
def all_dags(n: int) -> list[Graph]:
    names, found = "ABCDE"[:n], []
    pairs = list(combinations(names, 2))
    for kinds in product((0, 1, 2), repeat=len(pairs)):
        edges = [pair[:: 1 if kind == 1 else -1] for pair, kind in zip(pairs, kinds, strict=True) if kind]
        try:
            found.append(Graph(names, edges))
        except GraphError:
            continue
    return found


def independences(graph: Graph) -> tuple[bool, ...]:
    """One answer for each pair and each set of the others."""
    names = graph.names
    found = []
    for a, b in combinations(names, 2):
        others = [name for name in names if name not in {a, b}]
        found += [
            graph.separated(a, b, given)
            for given in chain.from_iterable(combinations(others, k) for k in range(len(others) + 1))
        ]
    return tuple(found)


@cache
def classes(n: int) -> list[list[Graph]]:
    found: dict[tuple[bool, ...], list[Graph]] = defaultdict(list)
    for graph in all_dags(n):
        found[independences(graph)].append(graph)
    return list(found.values())


def union(members: list[Graph]) -> Pattern:
    """An arrowhead where all members have it, else a tail."""
    arrows = np.array([Pattern.from_graph(graph).directed for graph in members])
    joined = arrows[0] | arrows[0].T
    return Pattern(members[0].names, np.where(arrows.all(0), 2, 1) * joined)


def test_the_classes_over_four_nodes() -> None:
    assert (len(all_dags(4)), len(classes(4))) == (543, 185)  # known counts
    for members in classes(4):
        wanted = union(members)
        for graph in members:
            assert cpdag(graph) == wanted
        assert dag_of(wanted) in members
        found = list(dags_of(wanted))
        assert len(found) == len(members) and set(found) == set(members)


@pytest.mark.slow
def test_the_classes_over_five_nodes() -> None:
    assert len(all_dags(5)) == 29281
    by_class: dict[Pattern, list[Graph]] = defaultdict(list)
    for graph in all_dags(5):
        by_class[cpdag(graph)].append(graph)
    assert len(by_class) == 8782
    for pattern, members in by_class.items():
        assert set(dags_of(pattern)) == set(members) and union(members) == pattern


def test_what_is_known_about_directions_is_spread_as_far_as_it_goes() -> None:
    rng = np.random.default_rng(0)
    checked = 0
    for members in classes(4):
        marks = cpdag(members[0]).marks.copy()
        truth = members[int(rng.integers(len(members)))]
        for a, b in truth.edges:
            if rng.random() < 0.3:
                marks[truth.index[a], truth.index[b]] = 2
        known = Pattern(truth.names, marks)
        left = [graph for graph in members if not (known.directed & ~Pattern.from_graph(graph).directed).any()]
        assert meek(known) == union(left)
        assert set(dags_of(known)) == set(left)
        checked += len(left) > 1
    assert checked > 30


def test_random_larger_dags_stay_in_their_class() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        graph = random_admg(10, rng, 0.3, 0.0)
        pattern = cpdag(graph)
        other = dag_of(pattern)
        assert cpdag(other) == pattern and meek(pattern) == pattern
        assert (pattern.skeleton == Pattern.from_graph(graph).skeleton).all()


def test_a_long_chain_has_a_class_of_its_length() -> None:
    names = [f"v{i}" for i in range(60)]
    chain_ = Graph(names, pairwise(names))
    members = list(dags_of(cpdag(chain_)))
    assert len(members) == len(set(members)) == 60 and chain_ in members


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("A -- B -- C -- D -- A", "no DAG has these edges"),
        ("A -> B -> C -> A", "among A, B, C"),
        ("A -> B -- C <- D", "no DAG has these edges"),
        ("A o-> B", "A o-> B: a class of DAGs has the edges -> and -- only"),
        ("A <-> B", "-> and -- only"),
    ],
)
def test_a_pattern_without_members_is_refused(pattern: str, told: str) -> None:
    for ask in (dag_of, lambda each: list(dags_of(each))):
        with pytest.raises(GraphError, match=told):
            ask(Pattern.parse(pattern))


def test_latent_causes_have_no_cpdag() -> None:
    with pytest.raises(GraphError, match=r"A <-> B: only a DAG has a CPDAG.*ancestral.pag"):
        cpdag(Graph.parse("A <-> B"))


def test_marks_and_edges() -> None:
    pattern = Pattern.parse("A -- B; C o-> A; B <-> D; C -> D; D o-o E; A o- E")
    assert pattern.edges == [
        ("A", "--", "B"),
        ("C", "o->", "A"),
        ("A", "o-", "E"),
        ("B", "<->", "D"),
        ("C", "->", "D"),
        ("D", "o-o", "E"),
    ]
    assert (pattern.arrow("A", "C"), pattern.arrow("C", "A"), pattern.arrow("A", "D")) == ("<-o", "o->", "")
    assert pattern.marks[pattern.at("C"), pattern.at("D")] == 2 and pattern.marks[pattern.at("D"), pattern.at("C")] == 1
    assert Pattern.parse(str(pattern)) == pattern and eval(repr(pattern)) == pattern
    assert hash(Pattern.parse("A -> B; C")) == hash(Pattern.parse("C; B <- A"))
    assert Pattern.parse("A -> B") != Pattern.parse("A <- B") and Pattern.parse("A") != "A"


def test_a_pattern_and_a_graph() -> None:
    graph = Graph.parse("X -> Y; Y <-> Z")
    assert Pattern.from_graph(graph).to_graph() == graph
    with pytest.raises(GraphError, match="A -- B has no direction; choose a member with dag_of or dags_of"):
        Pattern.parse("A -- B").to_graph()
    with pytest.raises(GraphError, match="joined twice"):
        Pattern.from_graph(Graph.parse("X -> Y; X <-> Y"))


def test_bad_marks_are_refused() -> None:
    for names, marks, told in (
        ("AA", np.zeros((2, 2)), "twice in the pattern: A"),
        ("AB", np.zeros((3, 3)), r"2 variables need marks of shape \(2, 2\)"),
        ("AB", [[0, 4], [1, 0]], "a mark is 0"),
        ("AB", [[0, 1], [0, 0]], "between A and B needs a mark at each"),
        ("AB", [[1, 0], [0, 0]], "between A and A"),
    ):
        with pytest.raises(GraphError, match=told):
            Pattern(tuple(names), np.array(marks))
    with pytest.raises(GraphError, match=r"A => B: unknown arrow; the arrows are -- ->"):
        Pattern.of("AB", [("A", "=>", "B")])
    with pytest.raises(UnknownName):
        Pattern.of("AB", [("A", "->", "Q")])
    with pytest.raises(ValueError, match="read-only"):
        Pattern.parse("A -> B").marks[0, 1] = 1


def test_sets_and_matrices() -> None:
    matrix = np.random.default_rng(0).random((19, 19)) < 0.4
    assert (matrix_of(sets_of(matrix)) == matrix).all()
    assert matrix_of([]).shape == (0, 0)
