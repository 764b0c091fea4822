"""The exact posterior against every DAG, one by one; the best DAG; rules and beliefs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from butfor.core.errors import DataError, GraphError, SpecError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.discovery.climb import climb, matrix_of
from butfor.scm.discovery.posterior import best_dag, edge_logs, exact, families, posterior
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.scores import score_of
from butfor.scm.graph import Graph


def dags(n: int) -> Iterator[list[int]]:
    pairs = list(itertools.combinations(range(n), 2))
    for choice in itertools.product(range(3), repeat=len(pairs)):
        parents = [0] * n
        for (i, j), way in zip(pairs, choice, strict=True):
            if way == 1:
                parents[j] |= 1 << i
            elif way == 2:
                parents[i] |= 1 << j
        try:
            Graph.of(tuple("abcdef"[:n]), parents, [0] * n).order  # noqa: B018
        except GraphError:
            continue
        yield parents


def world(d: int, n: int, seed: int, density: float = 0.5) -> Columns:
    rng = np.random.default_rng(seed)
    weights = np.triu((rng.random((d, d)) < density) * rng.uniform(0.3, 1, (d, d)), 1)
    x = rng.normal(size=(n, d))
    for j in range(d):
        x[:, j] += x @ weights[:, j]
    return Columns.read({name: x[:, i] for i, name in enumerate("abcdefghijklm"[:d])})


PRIORS = [
    None,
    {"beliefs": {"a -> b": 0.9, "d -> c": 0.2}},
    {"required": ["b -> a"], "forbidden": ["c -> d", "a -- d"], "beliefs": {"a -> c": 0.7}},
    {"tiers": [["d"], ["b", "c"], ["a"]]},
]


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("rows", [25, 3000])
def test_against_enumeration(prior: dict[str, object] | None, rows: int) -> None:
    data = world(4, rows, rows)
    rules = Prior.read(prior).rules(data.names)
    score = score_of(data, ())
    totals, edges = list[float](), list[np.ndarray]()
    for parents in dags(4):
        there = matrix_of(parents)
        if not (there & rules.forbidden).any() and not (rules.required & ~there).any():
            totals.append(score.total(parents) + rules.odds[there].sum())
            edges.append(there)
    logs = np.array(totals)
    z = np.logaddexp.reduce(logs)
    expected = np.einsum("k,kij->ij", np.exp(logs - z), np.array(edges, dtype=float))
    found = posterior(data, prior)
    assert np.abs(found.edges - expected).max() < 1e-10
    assert found.evidence == pytest.approx(z, abs=1e-8)
    assert found.best_log == pytest.approx(logs.max(), abs=1e-8)
    assert score.total(found.best.pa) + rules.odds[matrix_of(found.best.pa)].sum() == pytest.approx(logs.max())


def test_without_data_every_dag_weighs_the_same() -> None:
    for n, count in ((1, 1), (2, 3), (3, 25), (4, 543), (5, 29281), (8, 783702329343)):
        flat = np.zeros((n, 1 << n))
        for j in range(n):
            flat[j, np.arange(1 << n) >> j & 1 == 1] = -np.inf
        assert edge_logs(flat)[-1] == pytest.approx(np.log(count), abs=1e-9)


def test_peaked_evidence_neither_overflows_nor_cancels() -> None:
    data = world(7, 20000, 3)
    found = posterior(data)
    both = found.edges + found.edges.T
    assert np.isfinite(found.edges).all() and both.max() <= 1 + 1e-9
    assert found.best_log <= found.evidence + 1e-9
    for a, b in found.best.edges:
        assert found.adjacent(a, b) > 0.5


def test_the_best_dag_is_the_best_of_climbs() -> None:
    for seed in range(20):
        data = world(5, 100, seed)
        score = score_of(data, ())
        rules = Prior().rules(data.names)
        best = best_dag(families(score, rules))[1]
        assert climb(score, rules, [0] * 5)[1] <= best + 1e-8


def test_discrete_columns() -> None:
    rng = np.random.default_rng(0)
    a = rng.random(500) < 0.5
    b = np.where(rng.random(500) < 0.9, a, ~a)
    c = rng.random(500) < 0.3
    found = posterior({"a": a, "b": b, "c": c})
    assert found.adjacent("a", "b") > 0.99 and found.adjacent("a", "c") < 0.2
    assert found.edge("a", "b") == pytest.approx(found.edge("b", "a"), rel=0.2)  # one class: only c's edges differ


def test_refusals() -> None:
    with pytest.raises(DataError, match="at most 12 variables, not 13"):
        posterior(world(13, 60, 0))
    with pytest.raises(UnknownName, match="unknown variable"):
        posterior(world(3, 60, 0), {"required": ["aa -> b"]})
    with pytest.raises(SpecError, match="cycle"):
        posterior(world(3, 60, 0), {"required": ["a -> b", "b -> c", "c -> a"]})


def test_exact_of_a_score_takes_rules() -> None:
    data = world(4, 200, 5)
    rules = Prior.read({"forbidden": ["a -- b"]}).rules(data.names)
    assert exact(score_of(data, ()), rules).adjacent("a", "b") == 0.0
