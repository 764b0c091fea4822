"""Front-door sets against the criterion on written-out paths, all subsets, and numbers."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from butfor.core.errors import NotIdentified, QueryError
from butfor.scm.graph import Graph
from butfor.scm.graphs.frontdoor import front_door_fault, front_door_set, front_door_sets, is_front_door_set
from scm.brute import random_admg, random_world
from scm.walks import is_open, paths


def valid(graph: Graph, x: list[str], y: list[str], z: set[str]) -> bool:
    """The three conditions on written-out paths."""
    one = all(
        {name for _, name in path} & z
        for a in x
        for b in y
        for path in paths(graph, a, b)
        if all(arrow == "->" for arrow, _ in path[1:])
    )
    cut = Graph(graph.names, [edge for edge in graph.edges if edge[0] not in x], graph.confounded)
    two = not any(is_open(cut, path, set()) for a in x for m in z for path in paths(cut, a, m))
    cut = Graph(graph.names, [edge for edge in graph.edges if edge[0] not in z], graph.confounded)
    three = not any(is_open(cut, path, set(x)) for m in z for b in y for path in paths(cut, m, b))
    return one and two and three


def test_every_set_is_judged_and_listed_as_the_criterion_says() -> None:
    rng = np.random.default_rng(0)
    some = none = 0
    for _ in range(700):
        n = int(rng.integers(3, 7))
        graph = random_admg(n, rng, 0.55 * rng.random(), 0.3 * rng.random())
        order = [graph.names[i] for i in rng.permutation(n)]
        x, y = (order[:2], [order[2]]) if n > 4 and rng.random() < 0.3 else (order[:1], [order[1]])
        rest = [name for name in order if name not in {*x, *y}]
        subsets = [frozenset(name for i, name in enumerate(rest) if k >> i & 1) for k in range(1 << len(rest))]
        good = {z for z in subsets if valid(graph, x, y, set(z))}
        for z in subsets:
            assert is_front_door_set(graph, x, y, z) == (z in good), f"{graph}: {x} {y} through {set(z)}"
        include = {name for name in rest if rng.random() < 0.15}
        forbid = {name for name in rest if rng.random() < 0.15} - include
        fit = {z for z in good if include <= z and not z & forbid}
        found = list(front_door_sets(graph, x, y, include=include, forbid=forbid))
        assert len(found) == len(fit) and set(found) == fit
        if fit:
            first = front_door_set(graph, x, y, include=include, forbid=forbid)
            assert first == found[0] and not any(z < first for z in fit)
        else:
            with pytest.raises(NotIdentified, match=r"no set of variables is a front door: .+; try identify"):
                front_door_set(graph, x, y, include=include, forbid=forbid)
        some, none = some + bool(fit), none + (not fit)
    assert min(some, none) > 150


def test_the_formula_gives_the_effect() -> None:
    rng = np.random.default_rng(1)
    used = 0
    while used < 60:
        graph = random_admg(5, rng, 0.4, 0.2)
        x, y = (str(name) for name in rng.permutation(list(graph.names))[:2])
        if y not in graph.descendants(x):
            continue
        for z in islice(front_door_sets(graph, x, y), 3):
            world, through = random_world(graph, rng), sorted(z)
            joint = world.joint([x, *through, y])
            inner = tuple(range(1, 1 + len(through)))
            p_x = joint.sum(axis=(*inner, joint.ndim - 1))
            p_z = joint.sum(axis=-1) / p_x.reshape(-1, *[1] * len(through))  # [x, z]
            p_y = joint / joint.sum(axis=-1, keepdims=True)  # [x, z, y]
            mixed = np.tensordot(p_x, p_y, axes=(0, 0))  # [z, y]
            found = np.tensordot(p_z, mixed, axes=(inner, tuple(range(len(through)))))
            assert np.allclose(found, world.after({x}, [x, y]), atol=1e-10), f"{graph}: {x} {y} through {through}"
            used += 1


def test_textbook_graphs() -> None:
    assert list(front_door_sets(Graph.parse("X -> M -> Y; X <-> Y"), "X", "Y")) == [{"M"}]
    two = Graph.parse("X -> A -> Y; X -> B -> Y; A -> B; X <-> Y")
    assert list(front_door_sets(two, "X", "Y")) == [{"A", "B"}]
    chain = Graph.parse("X -> A -> B -> Y; X <-> Y")
    assert set(front_door_sets(chain, "X", "Y")) == {frozenset("A"), frozenset("B"), frozenset("AB")}
    assert front_door_set(chain, "X", "Y", forbid="B") == {"A"}
    assert front_door_set(chain, "X", "Y", include="B") == {"B"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("X -> M -> Y; X <-> Y; M <-> Y", r"M cannot be one: the back-door path M <-> Y .* given the treatment"),
        ("X -> M -> Y; X <-> Y; X <-> M", r"M cannot be one: the back-door path X <-> M from treatment"),
        ("X -> M -> Y; X -> Y; X <-> Y", "the causal path X -> Y meets no mediator"),
    ],
)
def test_why_there_is_none(text: str, told: str) -> None:
    with pytest.raises(NotIdentified, match=told):
        front_door_set(Graph.parse(text), "X", "Y")


def test_what_cannot_be_a_mediator() -> None:
    graph = Graph.parse("X -> M -> Y; X <-> Y")
    assert front_door_fault(graph, "X", "Y", "M") == ""
    assert front_door_fault(graph, "X", "Y", []) == "the causal path X -> M -> Y meets no mediator"
    assert "cannot stand between" in front_door_fault(graph, "X", "Y", ["M", "Y"])
    with pytest.raises(QueryError, match="both treatment and outcome"):
        front_door_set(graph, "X", "X")


def test_the_first_of_exponentially_many_sets_comes_at_once() -> None:
    k = 66
    names = ["X", "Y", *(f"{part}{i}" for i in range(k) for part in "pqr")]
    edges = [
        edge for i in range(k) for edge in [("X", f"p{i}"), (f"p{i}", f"q{i}"), (f"q{i}", f"r{i}"), (f"r{i}", "Y")]
    ]
    graph = Graph(names, edges, [("X", "Y")])
    begin = time.perf_counter()
    found = list(islice(front_door_sets(graph, "X", "Y"), 5))
    assert time.perf_counter() - begin < 5
    assert len(set(found)) == 5 and len(found[0]) == k
