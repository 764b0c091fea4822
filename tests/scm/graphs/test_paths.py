"""Paths as a person reads them: open ones and causal ones, the shortest, against all paths written out."""

from __future__ import annotations

import numpy as np

from butfor.scm.graph import Graph
from butfor.scm.graphs.paths import causal_path, open_path
from scm.brute import random_admg
from scm.walks import Path, is_open, paths


def written(path: Path) -> str:
    return " ".join([path[0][1], *(f"{arrow} {name}" for arrow, name in path[1:])])


def test_an_open_path_is_one_of_the_shortest_that_are_open() -> None:
    rng = np.random.default_rng(0)
    answers = [0, 0]
    for _ in range(1500):
        graph = random_admg(int(rng.integers(2, 7)), rng, 0.4, 0.3)
        a, b, *rest = (str(name) for name in rng.permutation(list(graph.names)))
        given = {name for name in rest if rng.random() < 0.4}
        opened = [path for path in paths(graph, a, b) if is_open(graph, path, given)]
        found = open_path(graph, graph.set(a), graph.set(b), graph.set(given))
        shortest = min(map(len, opened), default=0)
        wanted = {written(path) for path in opened if len(path) == shortest} or {""}
        assert found in wanted, f"{graph}: {a} {b} given {given}"
        answers[bool(found)] += 1
    assert min(answers) > 200


def test_a_causal_path_is_one_of_the_shortest_directed_ones() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        graph = random_admg(6, rng, 0.4, 0.1)
        a, b, c, *_ = (str(name) for name in rng.permutation(list(graph.names)))
        directed = [p for p in paths(graph, a, b) if all(arrow == "->" for arrow, _ in p[1:])]
        directed = [p for p in directed if c not in {name for _, name in p}]
        shortest = min(map(len, directed), default=0)
        wanted = {written(path) for path in directed if len(path) == shortest} or {""}
        assert causal_path(graph, graph.set(a), graph.set(b), graph.set(c)) in wanted


def test_names_that_need_quotes_have_them() -> None:
    graph = Graph.parse('"blood pressure" <- age -> stroke')
    assert open_path(graph, 1, graph.set("stroke")) == '"blood pressure" <- age -> stroke'
