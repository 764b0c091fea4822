"""Classical searches as arms: they are the engine's, and an open direction counts half each way."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.registry import build, resolve
from butfor.pretrain.foundation.searches import GraphSearch
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns
from butfor.scm.discovery.run import discover


def data(normal: bool = True) -> Columns:
    rng = np.random.default_rng(1)
    draw = rng.standard_normal if normal else rng.standard_exponential
    a, b, e, f = draw((4, 500))
    c = a + b + 0.7 * e
    return Columns.read({"A": a, "B": b, "C": c, "D": c + f})


@pytest.mark.parametrize("algorithm", ["auto", "pc", "ges", "boss", "exact"])
def test_a_collider_and_what_follows_from_it(algorithm: str) -> None:
    world = GraphSearch(algorithm=algorithm).model(Analyst(), np.random.default_rng(0))  # type: ignore[arg-type]
    edges = world.discover(data())
    assert np.array_equal(edges, [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])


def test_lingam_reads_directions_from_noise() -> None:
    world = GraphSearch(algorithm="lingam").model(Analyst(), np.random.default_rng(0))
    both = world.discover(Columns.read({name: data(normal=False)[name] for name in "CD"}))
    assert both.tolist() == [[0, 1], [0, 0]]


def test_an_open_direction_is_half_an_edge_each_way() -> None:
    pair = Columns.read({name: data()[name] for name in "CD"})
    assert discover(pair, "pc", bootstraps=0).pattern.edges[0][1] == "--"
    world = GraphSearch(algorithm="pc").model(Analyst(), np.random.default_rng(0))
    assert world.discover(pair).tolist() == [[0, 0.5], [0.5, 0]]


def test_an_unknown_algorithm_is_named() -> None:
    made, problems = build(resolve("method", "pretrain.foundation.search"), {"algorithm": "magic"})
    assert made is None and "'auto', 'pc', 'ges'" in problems[0][1]


def test_the_algorithm_names_the_analyst() -> None:
    names = {GraphSearch(algorithm=a).model(Analyst(), np.random.default_rng(0)).fingerprint() for a in ("pc", "ges")}
    assert len(names) == 2
