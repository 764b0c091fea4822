"""Instruments against every ancestral conditioning set, against linear models in closed form, and textbook graphs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from butfor.core.errors import NotIdentified, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.graphs.instruments import candidates, instrument, instrument_fault, instruments
from scm.brute import random_admg
from scm.walks import effects, paths, separated


def valid(graph: Graph, z: str, x: str, y: str, given: set[str], direct: bool) -> bool:
    """The definition word by word."""
    causal = [p for p in paths(graph, x, y) if all(arrow == "->" for arrow, _ in p[1:])]
    causal = [p for p in causal if len(p) == 2] if direct else causal
    first = {p[1][1] for p in causal}
    on = {name for p in causal for _, name in p[1:]}
    cut = Graph(graph.names, [(a, b) for a, b in graph.edges if not (a == x and b in first)], graph.confounded)
    if any((given | {z}) & effects(graph, name) for name in on):
        return False
    return separated(cut, [z], [y], given) and not separated(cut, [z], [x], given)


@pytest.mark.parametrize("direct", [False, True])
def test_every_candidate_is_judged_as_the_definition_says(direct: bool) -> None:
    rng = np.random.default_rng(int(direct))
    some = none = missed = 0
    while some < 250:
        n = int(rng.integers(3, 7))
        graph = random_admg(n, rng, 0.2 + 0.3 * rng.random(), 0.35 * rng.random())
        x, y = (str(name) for name in rng.permutation(list(graph.names))[:2])
        if y not in (graph.children(x) if direct else graph.descendants(x)):
            continue
        forbid = {name for name in graph.names if name not in {x, y} and rng.random() < 0.15}
        judged = {each.name: each for each in candidates(graph, x, y, forbid=forbid, direct=direct)}
        assert set(judged) == set(graph.names) - {x, y} - forbid
        any_set = False
        for z, each in judged.items():
            rest = [name for name in graph.names if name not in {x, y, z} | forbid]
            sets = [{name for i, name in enumerate(rest) if k >> i & 1} for k in range(1 << len(rest))]
            good = [given for given in sets if valid(graph, z, x, y, given, direct)]
            for given in sets:
                assert (not instrument_fault(graph, z, x, y, given, direct=direct)) == (given in good)
            near = without(graph, x, y, direct).ancestors([y, z])
            ancestral = [given for given in good if given <= near]
            assert (not each.fault) == bool(ancestral), f"{graph}: {z} for {x} on {y}"
            if not each.fault:
                assert set(each.given) in good
                assert not any(given < each.given and separates(graph, z, x, y, given, direct) for given in sets)
            some, none = some + (not each.fault), none + bool(each.fault)
            missed += bool(good) and bool(each.fault)
            any_set |= bool(good)
        assert any_set == any(not each.fault for each in judged.values()), f"{graph}: {x} on {y}, without {forbid}"
    assert none > 250 and 10 * missed < none


def without(graph: Graph, x: str, y: str, direct: bool) -> Graph:
    first = {y} if direct else {b for b in graph.children(x) if y in graph.descendants(b)}
    return Graph(graph.names, [(a, b) for a, b in graph.edges if not (a == x and b in first)], graph.confounded)


def separates(graph: Graph, z: str, x: str, y: str, given: set[str], direct: bool) -> bool:
    return separated(without(graph, x, y, direct), [z], [y], given)


def covariances(graph: Graph, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The covariance of a random linear model with these edges, and its total effects [to, from]."""
    n = len(graph.names)
    weights, noise = np.zeros((n, n)), np.diag(rng.uniform(0.5, 1.5, n))
    for a, b in graph.edges:
        weights[graph.index[b], graph.index[a]] = rng.uniform(0.3, 1.2) * rng.choice([-1, 1])
    for a, b in graph.confounded:
        pull = np.zeros(n)
        pull[[graph.index[a], graph.index[b]]] = rng.uniform(0.4, 1.0, 2)
        noise += np.outer(pull, pull)
    total = np.linalg.inv(np.eye(n) - weights)
    return total @ noise @ total.T, total


def test_the_ratio_of_covariances_is_the_total_effect() -> None:
    rng = np.random.default_rng(2)
    used = 0
    while used < 200:
        graph = random_admg(6, rng, 0.4, 0.2)
        x, y = (str(name) for name in rng.permutation(list(graph.names))[:2])
        if y not in graph.descendants(x):
            continue
        for each in instruments(graph, x, y):
            cov, total = covariances(graph, rng)
            i, j, k = graph.index[each.name], graph.index[x], graph.index[y]
            w = [graph.index[name] for name in sorted(each.given)]
            left = cov[[i, j, k]][:, [i, j, k]]
            if w:
                left = left - cov[[i, j, k]][:, w] @ np.linalg.solve(cov[w][:, w], cov[w][:, [i, j, k]])
            assert abs(left[0, 1]) > 1e-9
            assert left[0, 2] / left[0, 1] == pytest.approx(total[k, j], abs=1e-7), f"{graph}: {each} for {x} on {y}"
            used += 1


def test_textbook_graphs() -> None:
    plain = Graph.parse("Z -> X -> Y; X <-> Y")
    assert [(each.name, each.given) for each in instruments(plain, "X", "Y")] == [("Z", frozenset())]
    conditional = Graph.parse("Z -> X -> Y; X <-> Y; W -> Z; W -> Y")
    assert instrument(conditional, "X", "Y") == instruments(conditional, "X", "Y")[0]
    assert (instrument(conditional, "X", "Y").name, instrument(conditional, "X", "Y").given) == ("Z", {"W"})
    assert instrument_fault(conditional, "Z", "X", "Y") == "it reaches Y by Z <- W -> Y"
    proxy = Graph.parse("Z <-> X; X -> Y; X <-> Y")  # an instrument need not cause the treatment
    assert instrument(proxy, "X", "Y").name == "Z"
    through = Graph.parse("Z -> X -> M -> Y; X <-> Y")
    assert instrument(through, "X", "Y").given == frozenset()


def test_the_direct_effect_needs_the_other_paths_blocked() -> None:
    graph = Graph.parse("Z -> X -> Y; X -> M -> Y")
    assert (instrument(graph, "X", "Y").name, instrument(graph, "X", "Y").given) == ("Z", frozenset())
    assert (instrument(graph, "X", "Y", direct=True).name, instrument(graph, "X", "Y", direct=True).given) == (
        "Z",
        {"M"},
    )


def test_an_effect_of_the_treatment_that_is_held_fixed_opens_the_way_through_it() -> None:
    graph = Graph.parse("Z -> X -> Y; X -> M -> Y; X <-> Y")
    assert instrument_fault(graph, "Z", "X", "Y", "M", direct=True) == "it reaches Y by Z -> X <-> Y"


def test_why_a_candidate_is_none() -> None:
    graph = Graph.parse("A -> X -> M -> Y; X <-> Y; A -> Y; B -> Y; M -> L; C")
    faults = {each.name: each.fault for each in candidates(graph, "X", "Y")}
    assert faults == {
        "A": "it reaches Y by A -> Y, whatever is held fixed",
        "M": "it is an effect of what X does on its way to Y",
        "B": "it reaches Y by B -> Y, whatever is held fixed",
        "L": "it is an effect of what X does on its way to Y",
        "C": "it does not move X",
    }
    with pytest.raises(NotIdentified, match=r"no variable is an instrument for the effect of X on Y \(A: it reaches Y"):
        instrument(graph, "X", "Y")
    assert instrument_fault(graph, "A", "X", "Y", ["L"]).startswith("L is an effect of what X does")
    assert "must be different variables" in instrument_fault(graph, "A", "X", "Y", ["A"])
    with pytest.raises(NotIdentified, match="no variable is an instrument"):
        instrument(Graph.parse("X -> Y"), "X", "Y")


def test_questions_without_an_effect_are_refused() -> None:
    with pytest.raises(QueryError, match="X has no effect on Y in this graph"):
        instruments(Graph.parse("Y -> X; Z -> X"), "X", "Y")
    with pytest.raises(QueryError, match="no direct effect"):
        instruments(Graph.parse("X -> M -> Y"), "X", "Y", direct=True)
    with pytest.raises(UnknownName):
        instruments(Graph.parse("X -> Y"), "X", "Q")


def test_a_thousand_nodes() -> None:
    names = ["X", "Y", *(f"z{i}" for i in range(499)), *(f"w{i}" for i in range(499))]
    edges = [("X", "Y"), *((f"z{i}", "X") for i in range(499)), *((f"w{i}", f"z{i}") for i in range(499))]
    graph = Graph(names, [*edges, *((f"w{i}", "Y") for i in range(0, 499, 2))], [("X", "Y")])
    begin = time.perf_counter()
    found = candidates(graph, "X", "Y")
    assert time.perf_counter() - begin < 20
    good = {each.name: each.given for each in found if not each.fault}
    assert good["z0"] == {"w0"} and good["z1"] == frozenset() and good["w1"] == frozenset() and "w0" not in good
