"""Minimal and smallest separators against all subsets."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np
import pytest

from butfor.scm.graph import Graph
from butfor.scm.graphs.separators import Cuts
from scm.brute import random_admg


def random_mask(rng: np.random.Generator, n: int, share: float) -> int:
    return sum(1 << i for i in range(n) if rng.random() < share)


def test_all_minimal_and_smallest_separators_are_those_among_all_subsets() -> None:
    rng = np.random.default_rng(0)
    some = none = 0
    for _ in range(4000):
        n = int(rng.integers(2, 8))
        graph = random_admg(n, rng, 0.6 * rng.random(), 0.4 * rng.random())
        order = rng.permutation(n)
        a, b = 1 << int(order[0]), 1 << int(order[1])
        if n > 4 and rng.random() < 0.3:
            a |= 1 << int(order[2])
            b |= 1 << int(order[3])
        rest = graph.all & ~a & ~b
        include = rest & random_mask(rng, n, 0.15)
        allowed = include | (rest & random_mask(rng, n, 0.8))
        good = [z for z in range(1 << n) if not z & ~allowed and not include & ~z and graph.separated_of(a, b, z)]
        minimal = sorted(z for z in good if not any(w != z and not w & ~z for w in good))
        cuts = Cuts.of(graph, a, b, include, allowed)
        found = list(cuts.minimal())
        assert sorted(found) == minimal, f"{graph}: {a} {b} {include} {allowed}"
        assert cuts.joined == (not minimal)
        if minimal:
            assert cuts.nearest_b() == found[0] and cuts.nearest_a() in minimal
            assert cuts.smallest() in minimal
            assert cuts.smallest().bit_count() == min(z.bit_count() for z in minimal)
        some, none = some + bool(minimal), none + (not minimal)
    assert min(some, none) > 1000


def test_what_touches_cannot_be_separated() -> None:
    cuts = Cuts.of(Graph.parse("A -> B"), 1, 2)
    assert cuts.joined and list(cuts.minimal()) == []
    for ask in (cuts.nearest_a, cuts.nearest_b, cuts.smallest):
        with pytest.raises(ValueError, match="nothing separates"):
            ask()


def ladder(k: int) -> Graph:
    """k paths of three nodes from A to B: 3^k minimal separators."""
    names = ["A", "B", *(f"{part}{i}" for i in range(k) for part in "pqr")]
    edges = [
        edge for i in range(k) for edge in [("A", f"p{i}"), (f"p{i}", f"q{i}"), (f"q{i}", f"r{i}"), (f"r{i}", "B")]
    ]
    return Graph(names, edges)


def test_the_first_of_exponentially_many_comes_at_once() -> None:
    graph = ladder(66)  # 200 nodes, 3^66 sets
    assert len(list(Cuts.of(ladder(5), 1, 2).minimal())) == 3**5
    begin = time.perf_counter()
    cuts = Cuts.of(graph, graph.set("A"), graph.set("B"))
    first = list(islice(cuts.minimal(), 20))
    assert time.perf_counter() - begin < 2
    assert len(set(first)) == 20 and all(z.bit_count() == 66 for z in first)
    assert set(graph.named(first[0])) == {f"r{i}" for i in range(66)}
    assert set(graph.named(cuts.nearest_a())) == {f"p{i}" for i in range(66)}


def test_no_delay_is_long() -> None:
    """Between two sets stand at most 2n searches, counted."""
    graph = ladder(12)
    n, calls = len(graph.names), [0]
    cuts = Cuts.of(graph, graph.set("A"), graph.set("B"))
    cut = Cuts._cut

    def counted(self: Cuts, side: int) -> tuple[int, int]:
        calls[0] += 1
        return cut(self, side)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cuts, "_cut", counted)
        before = 0
        for _ in islice(cuts.minimal(), 3000):
            assert calls[0] - before <= 2 * n
            before = calls[0]


def test_the_smallest_may_be_much_smaller_than_the_nearest() -> None:
    names = ["A", "B", "m", *(f"p{i}" for i in range(20)), *(f"r{i}" for i in range(20))]
    edges = [("A", f"p{i}") for i in range(20)] + [(f"p{i}", "m") for i in range(20)]
    graph = Graph(names, edges + [("m", f"r{i}") for i in range(20)] + [(f"r{i}", "B") for i in range(20)])
    cuts = Cuts.of(graph, 1, 2)
    assert graph.named(cuts.smallest()) == ("m",)
    assert cuts.nearest_a().bit_count() == cuts.nearest_b().bit_count() == 20
    assert len(list(cuts.minimal())) == 3
