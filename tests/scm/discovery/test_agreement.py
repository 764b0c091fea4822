"""Distances between graphs: hand-counted cases, and SID against the effects themselves in random linear models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from butfor.core.errors import GraphError
from butfor.scm.discovery.agreement import arrows, shd, sid, sid_bounds, skeleton
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern, cpdag, dags_of

NAMES = tuple("abcdef")


def random_dag(n: int, rng: np.random.Generator, density: float = 0.5) -> Graph:
    order = rng.permutation(n)
    edges = [
        (NAMES[order[i]], NAMES[order[j]]) for i, j in itertools.combinations(range(n), 2) if rng.random() < density
    ]
    return Graph(NAMES[:n], edges)


def sid_by_effects(truth: Graph, found: Graph, rng: np.random.Generator) -> int:
    """Count the pairs whose adjusted mean and variance under do(i = 1) are not those of the model."""
    n = len(truth.names)
    weights = np.zeros((n, n))
    for a, b in truth.edges:
        weights[truth.at(a), truth.at(b)] = rng.uniform(0.5, 1.5) * rng.choice([-1, 1])
    spread = np.diag(rng.uniform(0.5, 2, n))
    out = np.linalg.inv(np.eye(n) - weights)
    covariance = out.T @ spread @ out
    wrong = 0
    for i, name in enumerate(truth.names):
        cut = weights.copy()
        cut[:, i] = 0
        after, left = np.linalg.inv(np.eye(n) - cut), spread.copy()
        left[i, i] = 0
        variance = after.T @ left @ after
        z = [truth.at(each) for each in found.parents(name)]
        for j in range(n):
            if j == i:
                continue
            if j in z:
                mean, var = 0.0, covariance[j, j]
            else:
                given = [i, *z]
                slopes = np.linalg.solve(covariance[np.ix_(given, given)], covariance[given, j])
                mean = slopes[0]
                rest = covariance[j, j] - slopes @ covariance[given, j]
                var = rest + slopes[1:] @ covariance[np.ix_(z, z)] @ slopes[1:]
            wrong += abs(mean - after[i, j]) > 1e-9 or abs(var - variance[j, j]) > 1e-9
    return wrong


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_sid_counts_the_effects_that_are_wrong(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(60):
        truth, found = random_dag(n, rng), random_dag(n, rng)
        assert sid(truth, found) == sid_by_effects(truth, found, rng), f"{truth} | {found}"


def test_sid_of_all_pairs_of_dags_over_three_variables() -> None:
    rng = np.random.default_rng(0)
    pairs = list(itertools.combinations("abc", 2))
    graphs = list[Graph]()
    for ways in itertools.product((None, 0, 1), repeat=3):
        edges = [pair if way == 0 else pair[::-1] for pair, way in zip(pairs, ways, strict=True) if way is not None]
        try:
            graphs.append(Graph("abc", edges))
        except GraphError:
            continue
    assert len(graphs) == 25
    for truth, found in itertools.product(graphs, graphs):
        assert sid(truth, found) == sid_by_effects(truth, found, rng)


def test_the_published_example() -> None:
    """Peters & Bühlmann 2015, figure 1: one has too many edges and is never wrong, one turns an edge and mostly is."""
    names = ("X1", "X2", "Y1", "Y2", "Y3")
    into_y = [(x, y) for x in ("X1", "X2") for y in ("Y1", "Y2", "Y3")]
    truth = Graph(names, [("X1", "X2"), *into_y])
    more = Graph(names, [("X1", "X2"), *into_y, ("Y1", "Y2")])
    turned = Graph(names, [("X2", "X1"), *into_y])
    assert (shd(truth, more), sid(truth, more)) == (1, 0)
    assert (shd(truth, turned), sid(truth, turned)) == (1, 8)


def test_sid_has_no_error_where_the_found_graph_holds_the_true_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        truth = random_dag(5, rng)
        order = truth.sorted(truth.all)
        assert sid(truth, truth) == 0
        assert sid(truth, Graph(order, list(itertools.combinations(order, 2)))) == 0


def test_bounds_are_the_extremes_over_the_members() -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        truth, found = random_dag(5, rng), cpdag(random_dag(5, rng, 0.4))
        each = [sid(truth, member) for member in dags_of(found)]
        assert sid_bounds(truth, found) == (min(each), max(each))
    assert sid_bounds(truth, cpdag(truth))[0] == 0


def test_bounds_of_a_class_that_knowledge_directs_further() -> None:
    truth = Graph.parse("a -> b -> c -> d")
    half = Pattern.parse("a -- b; b -> c; c -> d")
    each = [sid(truth, member) for member in dags_of(half)]
    assert len(each) == 2 and sid_bounds(truth, half) == (min(each), max(each))


def test_shd_by_hand() -> None:
    truth = Graph.parse("a -> b -> c; d")
    assert shd(truth, truth) == 0
    assert shd(truth, Graph.parse("a -> b <- c; d")) == 1
    assert shd(truth, Graph.parse("a -> b <- c; d"), reversal=2) == 2
    assert shd(truth, Graph.parse("a -> b; c; d -> c")) == 2
    assert shd(truth, Pattern.parse("a -- b; b -> c; d"), reversal=2) == 1
    assert shd(cpdag(truth), Pattern.parse("c -- b; b -- a; d")) == 0  # names in another order
    assert shd(Pattern.parse("a o-> b"), Pattern.parse("a <-> b")) == 1


def test_precision_recall_and_f1() -> None:
    truth, found = Graph.parse("a -> b -> c -> d"), Graph.parse("a -> b <- c; a -> d")
    assert (skeleton(truth, found).shared, skeleton(truth, found).found, skeleton(truth, found).true) == (2, 3, 3)
    assert arrows(truth, found).shared == 1
    assert arrows(truth, found).precision == pytest.approx(1 / 3)
    half = arrows(truth, Pattern.parse("a -> b; b -- c; c -- d"))
    assert (half.precision, half.recall, half.f1) == (1.0, pytest.approx(1 / 3), pytest.approx(0.5))
    assert str(half) == "precision 1.00, recall 0.33, F1 0.50"
    none = skeleton(Graph("ab"), Graph("ab"))
    assert (none.precision, none.recall, none.f1) == (1.0, 1.0, 1.0)


def test_refusals() -> None:
    with pytest.raises(GraphError, match="different variables: c"):
        shd(Graph("ab"), Graph("abc"))
    with pytest.raises(GraphError, match="SID is defined for DAGs"):
        sid(Graph.parse("a <-> b"), Graph.parse("a -> b"))
