"""The ascent against the exact optimum; it keeps rules and never falls."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.scm.columns import Columns
from butfor.scm.discovery.climb import climb, matrix_of
from butfor.scm.discovery.posterior import best_dag, families
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.scores import score_of
from butfor.scm.graph import Graph


def world(d: int, n: int, seed: int) -> Columns:
    rng = np.random.default_rng(seed)
    weights = np.triu((rng.random((d, d)) < 0.35) * rng.uniform(0.4, 1, (d, d)), 1)
    x = rng.normal(size=(n, d))
    for j in range(d):
        x[:, j] += x @ weights[:, j]
    order = rng.permutation(d)
    return Columns.read({f"V{i}": x[:, k] for i, k in enumerate(order)})


def knowledge(d: int, seed: int) -> Prior:
    rng = np.random.default_rng([seed, 7])
    order = rng.permutation(d)
    edges = [(f"V{order[i]}", f"V{order[j]}") for i in range(d) for j in range(i + 1, d)]
    picked = rng.permutation(len(edges))
    return Prior(
        required=tuple(edges[k] for k in picked[:2]),
        forbidden=tuple(edges[k][::-1] for k in picked[2:5]),
        beliefs={edges[k]: float(rng.uniform(0.05, 0.95)) for k in picked[5:]},
    )


@pytest.mark.parametrize("seed", range(12))
def test_rules_are_kept_and_the_optimum_is_not_passed(seed: int) -> None:
    data = world(6, 300, seed)
    rules = knowledge(6, seed).rules(data.names)
    score = score_of(data, ())
    parents, total = climb(score, rules, rules.bare)
    there = matrix_of(parents)
    assert (there | ~rules.required).all() and not (there & rules.forbidden).any()
    Graph.of(data.names, parents, [0] * 6).order  # noqa: B018  no cycle
    assert total == pytest.approx(score.total(parents) + rules.odds[there].sum())
    assert score.total(rules.bare) + rules.odds[matrix_of(rules.bare)].sum() <= total
    assert total <= best_dag(families(score, rules))[1] + 1e-8


def test_from_the_best_graph_of_the_data_it_mostly_reaches_the_best_with_beliefs() -> None:
    reached = 0
    for seed in range(40):
        data = world(6, 300, 100 + seed)
        rules = knowledge(6, seed).rules(data.names)
        score = score_of(data, ())
        flat = Prior(required=knowledge(6, seed).required, forbidden=knowledge(6, seed).forbidden).rules(data.names)
        start, _ = best_dag(families(score, flat))
        reached += climb(score, rules, start)[1] > best_dag(families(score, rules))[1] - 1e-6
    assert reached >= 30


def test_it_turns_an_edge_in_one_move() -> None:
    data = world(2, 200, 0)
    score = score_of(data, ())
    rules = Prior(beliefs={("V1", "V0"): 0.9}).rules(data.names)
    if score.total([0, 1]) > score.total([0, 0]):
        assert climb(score, rules, [0, 1])[0] == (2, 0)
