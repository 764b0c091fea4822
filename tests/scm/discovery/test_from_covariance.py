"""Graphs from covariances, against planted ones, a plain regression, and andrey-core on rows with that covariance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from butfor.core.errors import DataError
from butfor.scm.columns import Floats
from butfor.scm.discovery.agreement import shd
from butfor.scm.discovery.from_attention import attention_of, causal, covariance, pattern, solved, strengths
from butfor.scm.discovery.from_covariance import given_past, given_rest, partial, pc
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Pattern, cpdag

GRAPHS = 60


def planted(rng: np.random.Generator, n: int, *, ordered: bool) -> tuple[Floats, Floats, Graph]:
    """Weights G[effect, cause], noise and graph; no weight is small, so the partial correlations are not either."""
    order = np.arange(n) if ordered else rng.permutation(n)
    weights = np.zeros((n, n))
    for a, b in combinations(range(n), 2):
        if rng.random() < 1.8 / n:
            weights[order[b], order[a]] = rng.uniform(0.4, 1.5)
    names = [f"t{i}" for i in range(n)]
    edges = [(names[i], names[j]) for j, i in np.argwhere(weights)]
    return weights, rng.uniform(0.5, 2.0, n), Graph(names, edges)


def implied(weights: Floats, noise: Floats) -> Floats:
    root = np.linalg.inv(np.eye(len(weights)) - weights) @ np.diag(noise)
    return root @ root.T


def test_the_class_of_a_planted_graph_comes_out_of_its_attention() -> None:
    rng = np.random.default_rng(0)
    for _ in range(GRAPHS):
        weights, noise, graph = planted(rng, int(rng.integers(3, 9)), ordered=False)
        attention = attention_of(weights, noise)
        known = graph if causal(attention) else cpdag(graph)  # by chance the order of the columns is one of causes
        assert shd(known, pattern(attention, graph.names)) == 0


def test_a_decoders_attention_gives_its_graph_and_its_weights_back() -> None:
    rng = np.random.default_rng(1)
    for _ in range(GRAPHS):
        weights, noise, graph = planted(rng, int(rng.integers(2, 12)), ordered=True)
        attention = attention_of(weights, noise)
        assert attention.sum(1) == pytest.approx(1)
        g, scale = solved(attention)
        rows = noise / scale  # what softmax divided by
        assert g == pytest.approx(weights * rows[None, :] / rows[:, None], abs=1e-9)
        assert shd(graph, pattern(attention, graph.names)) == 0
        assert ((strengths(attention) > 1e-8) == (weights != 0)).all()


def test_softmax_does_not_change_the_correlations() -> None:
    rng = np.random.default_rng(2)
    weights, noise, _ = planted(rng, 7, ordered=True)
    whole, scaled = implied(weights, noise), covariance(attention_of(weights, noise))
    roots = [np.sqrt(np.outer(c.diagonal(), c.diagonal())) for c in (whole, scaled)]
    assert whole / roots[0] == pytest.approx(scaled / roots[1])


def test_more_columns_of_values_bring_the_graph_closer() -> None:
    rng = np.random.default_rng(3)
    errors: dict[int, list[int]] = {15: [], 60: [], 2000: []}
    for _ in range(12):
        weights, noise, graph = planted(rng, 7, ordered=True)
        attention = attention_of(weights, noise)
        for n, found in errors.items():
            seen = attention @ rng.normal(size=(7, n))
            found.append(shd(graph, pc(seen @ seen.T, graph.names, rows=n, alpha=0.001, ordered=True)))
    means = [float(np.mean(found)) for found in errors.values()]
    assert means[0] > means[1] > means[2] and means[2] < 0.5


def test_partial_correlations_are_those_of_residuals() -> None:
    rng = np.random.default_rng(4)
    data = rng.normal(size=(50, 5)) @ rng.normal(size=(5, 5))
    data -= data.mean(0)
    corr = np.corrcoef(data.T)

    def residual(j: int, given: list[int]) -> Floats:
        return data[:, j] - data[:, given] @ np.linalg.lstsq(data[:, given], data[:, j], rcond=None)[0]

    for i, j, given in ((0, 1, [2]), (3, 4, [0, 1, 2])):
        assert partial(corr, i, j, given) == pytest.approx(np.corrcoef(residual(i, given), residual(j, given))[0, 1])
    assert partial(corr, 0, 3) == corr[0, 3]
    past, rest = given_past(data.T @ data), given_rest(data.T @ data)
    assert past[3, 1] == pytest.approx(partial(corr, 1, 3, [0, 2])) and not np.triu(past).any()
    assert rest[3, 1] == pytest.approx(partial(corr, 1, 3, [0, 2, 4])) and rest == pytest.approx(rest.T)


def test_it_agrees_with_andrey_core_on_rows_with_that_covariance() -> None:
    andrey = pytest.importorskip("andrey")
    rng = np.random.default_rng(5)
    for _ in range(4):
        weights, noise, graph = planted(rng, 6, ordered=False)
        rows = np.linalg.qr(rng.normal(size=(400, 7)))[0]
        rows -= rows.mean(0)
        white = np.linalg.qr(rows)[0][:, :6]  # uncorrelated, and of mean zero
        data = white @ np.linalg.cholesky(implied(weights, noise)).T
        theirs = andrey.pc(data, alpha=0.01, indep_test="fisherz").structure.to_numpy().T.astype(np.int8)
        ours = pc(data.T @ data / 399, graph.names, rows=400, alpha=0.01)
        assert (Pattern(graph.names, theirs).skeleton == ours.skeleton).all()


def test_contradicting_colliders_stay_undirected() -> None:
    corr = np.full((3, 3), 0.0) + np.eye(3)
    assert not pc(corr, "abc").edges
    chain = np.array([[1, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 1]])
    assert str(pc(chain, "abc")) == "a -- b; b -- c"
    collider = np.array([[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]])
    assert str(pc(collider, "abc")) == "a -> c; b -> c"


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros((2, 3)), "square matrix"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "variance above zero"),
        (np.ones((2, 2)), "no inverse"),
    ],
)
def test_what_is_no_covariance_is_refused_in_a_line(matrix: Floats, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        pc(matrix, ["a", "b"])
    assert "\n" not in str(caught.value)


def test_attention_without_a_diagonal_needs_own() -> None:
    copies = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    with pytest.raises(DataError, match="token 1 does not look at itself"):
        solved(copies)
    g, _ = solved(copies, own=0.5)
    assert g[1, 0] > 0 and g[2, 1] > 0 and g[2, 0] < 0  # a copy of a copy leaves the first out: the paths cancel
    with pytest.raises(DataError, match="looks ahead"):
        solved(np.full((2, 2), 0.5))
    with pytest.raises(DataError, match="own is a share"):
        solved(copies, own=1.0)
    with pytest.raises(DataError, match="shares"):
        solved(-copies)
