"""ID against packages that also identify: antecedent, causaleffect and causalrl.

Decisions must agree with all three. causaleffect's expressions are read into ours, and both are evaluated in a random
world: two formulae may look different and be the same function, so it is their values that must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import NotIdentified
from butfor.scm.graph import Graph
from butfor.scm.questions.expression import Node, P, Ratio, product, total
from butfor.scm.questions.identification import Search

from .brute import random_admg, random_world

pytestmark = pytest.mark.peer


def ours(graph: Graph, x: str, y: str) -> bool:
    try:
        Search(graph).effect(graph.set(y), graph.set(x))
    except NotIdentified:
        return False
    return True


def antecedent(graph: Graph, x: str, y: str) -> bool:
    peer = pytest.importorskip("antecedent")
    admg = peer.Admg.from_edges(list(graph.names), graph.edges, graph.confounded)
    try:
        found = peer.identify(graph=admg, query=peer.AverageEffect(x, y))
    except Exception as error:
        assert "identif" in str(error).lower()
        return False
    return found.verdict == "identified"


def causaleffect(graph: Graph, x: str, y: str) -> bool:
    peer = pytest.importorskip("causaleffect")
    edges = [f"{a}->{b}" for a, b in graph.edges] + [f"{a}<->{b}" for a, b in graph.confounded]
    found = peer.ID({y}, {x}, peer.createGraph(edges))
    return getattr(found, "hedge", None) is None


def causalrl(graph: Graph, x: str, y: str) -> bool:
    peer = pytest.importorskip("causalrl")
    return bool(peer.is_identifiable(peer.CausalGraph(graph.edges, graph.confounded, list(graph.names)), x, y))


@pytest.mark.parametrize("theirs", [antecedent, causaleffect, causalrl])
def test_decisions_agree(theirs: Callable[[Graph, str, str], bool]) -> None:
    rng = np.random.default_rng(17)
    seen = {True: 0, False: 0}
    for _ in range(300):
        graph = random_admg(int(rng.integers(3, 7)), rng, 0.5, 0.3)
        touched = [name for name in graph.names if graph.parents(name) | graph.children(name)]
        if len(touched) < len(graph.names):
            continue
        x, y = rng.choice(graph.names, 2, replace=False)
        if y not in graph.descendants(x):
            continue
        mine = ours(graph, x, y)
        seen[mine] += 1
        assert mine == theirs(graph, x, y), (graph, x, y)
    assert min(seen.values()) > 20


def read(theirs: Any) -> Node:
    """causaleffect's expression as one of ours."""
    body = product(map(read, theirs._children)) if theirs._recursive else P(tuple(theirs._var), tuple(theirs._cond))
    body = total(sorted(theirs._sumset), body)
    return Ratio(body, read(theirs._divisor)) if theirs._fraction else body


def test_formulae_agree() -> None:
    peer = pytest.importorskip("causaleffect")
    rng = np.random.default_rng(23)
    compared = 0
    for _ in range(400):
        graph = random_admg(int(rng.integers(3, 6)), rng, 0.6, 0.3)
        if any(not graph.parents(name) | graph.children(name) for name in graph.names):
            continue
        x, y = map(str, rng.choice(graph.names, 2, replace=False))
        edges = [f"{a}->{b}" for a, b in graph.edges] + [f"{a}<->{b}" for a, b in graph.confounded]
        found = peer.ID({y}, {x}, peer.createGraph(edges))
        if found.hedge is not None:
            continue
        world = random_world(graph, rng)
        mine = Search(graph).conditional(graph.set(y), graph.set(x), 0).table(world)
        theirs = read(found).table(world)
        for levels in np.ndindex(2, 2):
            values = dict(zip((x, y), map(int, levels), strict=True))
            ours_, theirs_ = mine.at(values).values, theirs.at(values).values
            assert np.allclose(ours_, ours_.ravel()[0], atol=1e-10)
            assert np.allclose(theirs_, ours_.ravel()[0], atol=1e-10), (graph, x, y)
        compared += 1
    assert compared > 100
