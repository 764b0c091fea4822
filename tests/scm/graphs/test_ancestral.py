"""MAGs against all separating sets, PAGs against every MAG of the class, found by enumeration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain, combinations, product

import numpy as np
import pytest

from butfor.core.errors import GraphError
from butfor.scm.graph import Graph
from butfor.scm.graphs.ancestral import equivalent, mag, pag
from butfor.scm.graphs.equivalence import Pattern, cpdag
from scm.brute import random_admg

END = {">": ">", "<": "<", "=": "<>"}


def givens(graph: Graph, a: str, b: str) -> Iterable[tuple[str, ...]]:
    others = [name for name in graph.names if name not in {a, b}]
    return chain.from_iterable(combinations(others, k) for k in range(len(others) + 1))


def independences(graph: Graph) -> tuple[bool, ...]:
    return tuple(graph.separated(a, b, given) for a, b in combinations(graph.names, 2) for given in givens(graph, a, b))


def is_mag(graph: Graph) -> bool:
    """Ancestral: no `<->` to a cause. Maximal: what is not joined can be separated."""
    if any(a in graph.ancestors(b) or b in graph.ancestors(a) for a, b in graph.confounded):
        return False
    joined = {frozenset(pair) for pair in graph.edges + graph.confounded}
    return all(
        frozenset((a, b)) in joined or any(graph.separated(a, b, given) for given in givens(graph, a, b))
        for a, b in combinations(graph.names, 2)
    )


def mags_of(names: tuple[str, ...], kinds: dict[tuple[str, str], str]) -> list[Graph]:
    """The MAG with these kinds of edges, if it is one."""
    directed = [pair if kind == ">" else pair[::-1] for pair, kind in kinds.items() if kind in "<>"]
    try:
        graph = Graph(names, directed, [pair for pair, kind in kinds.items() if kind == "="])
    except GraphError:
        return []
    return [graph] if is_mag(graph) else []


def shared(members: list[Graph]) -> Pattern:
    """The marks that all members share; circles elsewhere."""
    marks = np.array([Pattern.from_graph(graph).marks for graph in members])
    return Pattern(members[0].names, np.where((marks == marks[0]).all(0), marks[0], 3))


def test_a_mag_joins_what_nothing_separates_and_implies_the_same_independences() -> None:
    rng = np.random.default_rng(0)
    for _ in range(400):
        graph = random_admg(int(rng.integers(2, 6)), rng, 0.4, 0.35)
        found = mag(graph)
        for a, b in combinations(graph.names, 2):
            apart = any(graph.separated(a, b, given) for given in givens(graph, a, b))
            up, down = a in graph.ancestors(b), b in graph.ancestors(a)
            assert found.arrow(a, b) == ("" if apart else "->" if up else "<-" if down else "<->"), str(graph)
        assert independences(found.to_graph()) == independences(graph)
        assert is_mag(found.to_graph()) and mag(found.to_graph()) == found


def test_the_pag_of_every_mag_over_four_nodes() -> None:
    names = tuple("ABCD")
    found: dict[tuple[bool, ...], list[Graph]] = defaultdict(list)
    for kinds in product(".<>=", repeat=6):
        for graph in mags_of(names, dict(zip(combinations(names, 2), kinds, strict=True))):
            found[independences(graph)].append(graph)
    assert sum(map(len, found.values())) > 1500
    for members in found.values():
        wanted = shared(members)
        for graph in members[:: max(1, len(members) // 4)]:
            assert pag(graph) == wanted, str(graph)


def colliders(names: tuple[str, ...], into: set[tuple[str, str]], joined: set[frozenset[str]]) -> set[tuple[str, ...]]:
    return {
        (a, b, c)
        for b in names
        for a, c in combinations(names, 2)
        if (a, b) in into and (c, b) in into and frozenset((a, c)) not in joined
    }


def shares_its_class(truth: Pattern) -> None:
    """The PAG of a MAG against all MAGs with its joined pairs, its unshielded colliders and its independences."""
    pairs = [(a, b) for a, _, b in truth.edges]
    joined = {frozenset(pair) for pair in pairs}
    heads = {(a, b) for a in truth.names for b in truth.names if truth.arrow(a, b).endswith(">")}
    wanted, members = independences(truth.to_graph()), list[Graph]()
    for kinds in product("<>=", repeat=len(pairs)):
        into = {(a, b) if end == ">" else (b, a) for (a, b), k in zip(pairs, kinds, strict=True) for end in END[k]}
        if colliders(truth.names, into, joined) == colliders(truth.names, heads, joined):
            found = mags_of(truth.names, dict(zip(pairs, kinds, strict=True)))
            members += [graph for graph in found if independences(graph) == wanted]
    assert pag(truth) == shared(members), str(truth)


def against_the_class(seed: int, count: int, most_edges: int) -> None:
    rng = np.random.default_rng(seed)
    done = 0
    while done < count:
        truth = mag(random_admg(int(rng.integers(5, 7)), rng, 0.25 + 0.2 * rng.random(), 0.25 * rng.random()))
        if 4 <= len(truth.edges) <= most_edges:
            shares_its_class(truth)
            done += 1


@pytest.mark.parametrize(
    "text",
    [
        "A -> B; C -> A; E -> A; D -> B; E -> B; D -> C; E -> C; E -> D",  # R10
        pytest.param(  # R8
            "B -> A -> C; A -> F; B -> C; B <-> D; B <-> E; D -> C; C <-> E; F -> C; G -> E; F <-> G",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_pag_where_a_rare_rule_decides(text: str) -> None:
    shares_its_class(Pattern.parse(text))


def test_the_pag_of_larger_mags() -> None:
    against_the_class(seed=0, count=12, most_edges=6)


@pytest.mark.slow
def test_the_pag_of_many_larger_mags() -> None:
    against_the_class(seed=1, count=150, most_edges=8)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A -> B -> C", "A o-o B o-o C"),
        ("A -> C <- B", "A o-> C <-o B"),
        ("A -> C <- B; C -> D", "A o-> C <-o B; C -> D"),
        ("A -> B; B <-> C; D -> C", "A o-> B <-> C <-o D"),
        ("A -> B <-> C -> D; B -> D", "A o-> B <-o C -> D; B -> D"),  # a discriminating path: a tail
        ("A -> B <-> C <-> D; B -> D", "A o-> B <-> C <-> D; B -> D"),  # and a head
        ("X <-> Y", "X o-o Y"),
    ],
)
def test_known_classes(text: str, wanted: str) -> None:
    assert pag(Graph.parse(text)) == Pattern.parse(wanted)


def test_an_uncovered_path_gives_a_tail() -> None:
    """R9 and R10: A is a cause of D by every way in which the circles can be read."""
    nine = Graph.parse("A -> B -> C -> D; A -> D; E -> D")
    assert pag(nine).arrow("A", "D") == "->"
    ten = Graph.parse("A -> B -> D; A -> C -> D; A -> D; F -> B; G -> C")
    assert pag(ten).arrow("A", "D") == "->"


def test_without_latent_causes_a_pag_says_no_more_than_the_cpdag() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        graph = random_admg(7, rng, 0.35, 0.0)
        circles, tails = pag(graph), cpdag(graph)
        assert (circles.skeleton == tails.skeleton).all()
        assert not ((circles.marks == 2) & (tails.marks == 1) & (tails.marks.T == 2)).any()  # no head at a known cause
        assert not ((circles.marks == 1) & (tails.marks == 2)).any()


def test_equivalence_is_equality_of_what_is_implied() -> None:
    rng = np.random.default_rng(3)
    answers = [0, 0]
    for _ in range(1500):
        graph = random_admg(4, rng, 0.4, 0.2 * rng.integers(0, 2))
        other = random_admg(4, rng, 0.4, 0.2 * rng.integers(0, 2))
        answer = equivalent(graph, other)
        assert answer == (independences(graph) == independences(other))
        answers[answer] += 1
    assert min(answers) > 8
    assert equivalent(Graph.parse("A -> B"), Graph.parse("A <-> B"))
    with pytest.raises(GraphError, match="same variables compare: C"):
        equivalent(Graph.parse("A -> B"), Graph.parse("A -> B; C"))


def test_only_ancestral_graphs_have_a_class() -> None:
    with pytest.raises(GraphError, match="A -- B: an ancestral graph has the edges -> and <-> only"):
        pag(Pattern.parse("A -- B"))


def test_a_hundred_nodes() -> None:
    graph = random_admg(100, np.random.default_rng(0), 0.03, 0.005)
    found = pag(graph)
    assert (found.skeleton == mag(graph).skeleton).all()
