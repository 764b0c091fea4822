"""Decisions of ID against packages that also decide: antecedent, causaleffect and causalrl."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from butfor.core.errors import NotIdentified
from butfor.scm.graph import Graph
from butfor.scm.identification import Search
from tests.scm.brute import random_admg

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
