"""The control: who knows the names goes by them, who goes by the list goes by places, and rows are followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.infer.discover.oracle import ITEM, knows, study
from tests.infer.scripted import Script

from butfor.data.drawn import Task
from butfor.infer.discover.bfs import BFS
from butfor.infer.discover.drawing import Drawing
from butfor.infer.discover.pairwise import Pairwise
from butfor.infer.discover.recite import Control, controlled, moved
from butfor.lm.exchange import converse
from butfor.scm.columns import Columns
from butfor.scm.graph import Graph

TRUTH = Graph.parse("a -> b; b -> c; c -> d; d -> e; a -> f")


def control(method: Drawing, reply: Any, data: Columns | None = None) -> Control:
    script: Any = Script(reply)
    task = Task("t", study(TRUTH), data)
    ((drawn, _),) = converse(script, [method.drawing(task, 0)])
    ((found, cost),) = converse(script, [controlled(method, task, drawn, 0)])
    assert cost.calls == 2 * drawn.asked
    return found


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_everything_moves(n: int) -> None:
    for seed in range(20):
        found = moved(n, seed)
        assert sorted(found) == list(range(n)) and all(place != at for at, place in enumerate(found))


def test_who_knows_the_names_goes_with_them() -> None:
    for method in (Pairwise(), BFS()):
        found = control(method, knows(TRUTH))
        assert found.names.f1 == 1 and found.places.f1 < 1 and found.nameless.found == 0


def test_who_goes_by_the_list_goes_with_the_places() -> None:
    found = control(Pairwise(asks=1), lambda ask: [9.0, 0.0, 0.0])  # the first one named causes the other, always
    assert found.places.f1 == found.nameless.f1 == 1 and found.names.f1 < 1


def test_who_follows_the_rows_goes_with_the_places() -> None:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {}
    for name in TRUTH.order:
        label = TRUTH.names[name]
        values[label] = sum((values[cause] for cause in TRUTH.parents(label)), np.zeros(300)) + rng.normal(size=300)
    data = Columns({name: values[name] for name in TRUTH.names})

    def strongest(ask: Any) -> str:  # names the one that is told to go with it most
        lines = [line for line in ask.prompt.user.splitlines() if ITEM.match(line) and "correlation" in line]
        if not lines:
            return '{"answer": []}'
        best = max(lines, key=lambda line: abs(float(line.rpartition("correlation ")[2].rstrip(")"))))
        return f'{{"answer": [{best.partition(".")[0]}]}}'

    found = control(BFS(correlations=True), strongest, data)
    assert found.places.f1 > 0.7 > found.names.f1 and found.nameless.f1 > 0.7
