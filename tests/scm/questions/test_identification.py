"""ID and IDC against enumeration, and their refusals against the seven lines of the algorithm written again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np
import pytest
from numpy.random import Generator

from butfor.core.errors import NotIdentified
from butfor.scm.graph import Graph
from butfor.scm.questions.identification import Search
from scm.brute import random_admg, random_world

Names = frozenset[str]


def answer(graph: Graph, y: Names, x: Names, z: Names = frozenset()):
    return Search(graph).conditional(graph.set(y), graph.set(x), graph.set(z))


def decided(graph: Graph, y: Names, x: Names, seen: Names | None = None) -> bool:
    """Is P(y | do(x)) identified? Shpitser and Pearl's ID, line by line, on networks of names."""
    v = frozenset(graph.names) if seen is None else seen
    if not x:
        return True
    g = graph.over([name for name in graph.names if name in v])
    if (causes := g.ancestors(y)) != v:
        return decided(graph, y, x & causes, causes)
    if more := (v - x) - g.do(x).ancestors(y):
        return decided(graph, y, x | more, v)
    parts = [frozenset(part) for part in g.over([name for name in g.names if name not in x]).c_components()]
    if len(parts) > 1:
        return all(decided(graph, part, v - part, v) for part in parts)
    (part,) = parts
    whole = [frozenset(district) for district in g.c_components()]
    if len(whole) == 1:
        return False
    if part in whole:
        return True
    (bigger,) = [district for district in whole if part < district]
    return decided(graph, y, x & bigger, bigger)


def questions(seed: int, cases: int, sizes: tuple[int, ...]):
    """Random graphs with disjoint random sets y, x and z."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        graph = random_admg(int(rng.choice(sizes)), rng, rng.uniform(0.2, 0.8), rng.uniform(0.0, 0.5))
        role = rng.choice(4, size=len(graph.names), p=[0.35, 0.3, 0.15, 0.2])
        if rng.random() < 0.5:  # one cause, one effect: where Verma's and the napkin's free variables come from
            role[:] = 3
            role[rng.choice(len(role), 2, replace=False)] = 0, 1
        y, x, z = (frozenset(name for name, k in zip(graph.names, role, strict=True) if k == part) for part in range(3))
        if y and x:
            yield rng, graph, y, x, z


def napkins(seed: int, cases: int):
    """The napkin and Verma's graph with random variables and edges around them: estimands with free variables."""
    rng = np.random.default_rng(seed)
    for _ in range(cases):
        base, x, y = [
            ("R -> W -> X -> Y; R <-> X; R <-> Y", "X", "Y"),
            ("A -> B -> C -> Y; B <-> Y; A <-> C; A <-> Y", "C", "Y"),
            ("W -> X -> Y; V -> W; V <-> X; V <-> U; U <-> Y", "X", "Y"),
        ][int(rng.integers(3))]
        graph = Graph.parse(base)
        order = [*graph.sorted(graph.all), "K", "L"]
        pairs = [pair for pair in combinations(order, 2) if rng.random() < 0.08 or ("K" in pair and rng.random() < 0.3)]
        both = [pair for pair in combinations(order, 2) if rng.random() < 0.04]
        graph = Graph([*graph.names, "K", "L"], [*graph.edges, *pairs], [*graph.confounded, *both])
        yield rng, graph, frozenset(y), frozenset(x), frozenset[str]()


def check(cases: Iterable[tuple[Generator, Graph, Names, Names, Names]], levels: int = 2) -> tuple[int, int, int]:
    """(identified, refused, with free variables besides) over random cases; the value is the truth everywhere."""
    right = refused = loose = 0
    for rng, graph, y, x, z in cases:
        try:
            estimand = answer(graph, y, x, z)
        except NotIdentified:
            refused += 1
            continue
        right += 1
        world = random_world(graph, rng, levels)
        names = sorted(y) + sorted(x) + sorted(z)
        truth = world.after(set(x), names)
        truth = truth / truth.sum(axis=tuple(range(len(y))), keepdims=True)
        table = estimand.table(world)
        extra = [name for name in table.names if name not in names]
        loose += bool(extra)
        absent = [name for name in names if name not in table.names]
        found = table.over([*extra, *(name for name in names if name not in absent)])
        for name in absent:
            found = np.expand_dims(found, len(extra) + names.index(name))
        assert np.allclose(found, truth, rtol=0, atol=1e-10), (graph, y, x, z, str(estimand))
        whole = np.broadcast_to(found, (*found.shape[: len(extra)], *truth.shape))
        sums = whole.sum(axis=tuple(range(len(extra), len(extra) + len(y))))
        assert np.allclose(sums, 1, rtol=0, atol=1e-10)
    return right, refused, loose


def test_every_estimand_is_the_truth() -> None:
    right, refused, _ = check(questions(20261121, 3000, (2, 3, 4, 5, 6)))
    assert right > 1000
    assert refused > 200


def test_variables_of_several_values() -> None:
    right, _, _ = check(questions(7, 300, (3, 4)), 3)
    assert right > 100


def test_free_variables_do_not_move_the_answer() -> None:
    _, _, loose = check(napkins(3, 600))
    assert loose > 50


@pytest.mark.slow
def test_every_estimand_is_the_truth_on_larger_graphs() -> None:
    right, refused, _ = check(questions(4, 20000, (4, 5, 6, 7)))
    assert min(right, refused) > 2000
    _, _, loose = check(napkins(5, 6000), 3)
    assert loose > 500


def test_what_is_refused_is_what_the_algorithm_refuses() -> None:
    seen = {True: 0, False: 0}
    for _, graph, y, x, _ in questions(11, 3000, (2, 3, 4, 5, 6)):
        identified = True
        try:
            answer(graph, y, x)
        except NotIdentified as error:
            identified = False
            assert error.hedge is not None
            district, wanted = error.hedge
            inside = graph.over([name for name in graph.names if name in district])
            assert wanted < district
            assert district & x
            assert not wanted & x
            assert len(inside.c_components()) == 1
            assert inside.ancestors(wanted) == district
        assert identified == decided(graph, y, x), (graph, y, x)
        seen[identified] += 1
    assert min(seen.values()) > 200


def test_conditional_questions_are_refused_only_where_no_exchange_helps() -> None:
    """IDC: P(y | do(x), z) is identified iff P(y, z' | do(x')) is, z' what is left after all exchanges (rule 2)."""
    for _, graph, y, x, z in questions(5, 1500, (3, 4, 5)):
        if not z:
            continue
        options = [frozenset(part) for size in range(len(z) + 1) for part in combinations(sorted(z), size)]
        possible = False
        for moved in options:
            cut = graph.do(x).without_out_of(graph.set(moved)) if moved else graph.do(x)
            if moved and not cut.separated_of(graph.set(y), graph.set(moved), graph.set(x | (z - moved))):
                continue
            possible = possible or decided(graph, y | (z - moved), x | moved)
        try:
            answer(graph, y, x, z)
        except NotIdentified:
            assert not possible, (graph, y, x, z)
        else:
            assert possible, (graph, y, x, z)


@pytest.mark.parametrize(
    ("text", "x", "y", "written"),
    [
        ("X -> M -> Y", "X", "Y", "Σ_M P(M | X) P(Y | M)"),
        ("X -> M -> Y; X <-> Y", "X", "Y", "Σ_M P(M | X) Σ_X' P(X') P(Y | X', M)"),
        ("Z -> X -> Y; Z -> Y", "X", "Y", "Σ_Z P(Z) P(Y | Z, X)"),
        ("R -> W -> X -> Y; R <-> X; R <-> Y", "X", "Y", "[Σ_R P(R) P(X, Y | R, W)] / [Σ_R P(R) P(X | R, W)]"),
        ("X -> Y; Y -> Z", "X", "Y", "P(Y | X)"),
        ("Y -> X", "X", "Y", "P(Y)"),
    ],
)
def test_textbook_estimands(text: str, x: str, y: str, written: str) -> None:
    assert str(answer(Graph.parse(text), frozenset([y]), frozenset([x]))) == written


@pytest.mark.parametrize(
    "text", ["X -> Y; X <-> Y", "Z -> X -> Y; X <-> Y", "X -> Z -> Y; X <-> Z", "X -> Y; X <-> Z; Z <-> Y; Z -> X"]
)
def test_textbook_graphs_that_answer_nothing(text: str) -> None:
    with pytest.raises(NotIdentified, match="same data and differ"):
        answer(Graph.parse(text), frozenset("Y"), frozenset("X"))


def test_a_hedge_is_part_of_the_derivation() -> None:
    graph = Graph.parse("X -> Y; X <-> Y")
    search = Search(graph)
    with pytest.raises(NotIdentified):
        search.effect(graph.set("Y"), graph.set("X"))
    assert search.steps[-1].text(graph) == "hedge: X, Y and Y cannot be told apart"
