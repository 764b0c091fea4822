"""One graph for all texts: each keeps its law and numbers; a short training writes it into the first layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data.corpora import rows
from butfor.data.in_context import parents, replanted
from butfor.lm.load import load
from butfor.pretrain.corpus.latent_graph import LatentGraph
from butfor.train.batches import numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.method import touched
from butfor.train.standard import Standard

RNG = np.random.default_rng(0)


def test_rows_are_the_same_draws_under_another_graph() -> None:
    given = numbered(rows("in-context")[:50])
    found = LatentGraph().data(given, RNG)
    assert found == replanted(given, parents("tree")) and touched(LatentGraph()) == {"data"}
    assert [row["row"] for row in found] == list(range(50))
    assert LatentGraph(planted=1).data(given, RNG) != found != LatentGraph(graph="chain").data(given, RNG)
    with pytest.raises(UserError, match="in-context"):
        LatentGraph().data(rows("plain"), RNG)
    with pytest.raises(UserError, match="in-context"):
        LatentGraph().fits(rows("plain"))


def test_with_each_texts_own_graph_it_is_standard_training(tmp_path: Path) -> None:
    marks: list[str] = []
    for number, method in enumerate((Standard(), LatentGraph(graph="own"))):
        lm: Any = load("disentangled:2", seed=0)
        settings = TrainSettings(steps=3, batch_size=8, length=17, learning_rate=0.03)
        train(lm, rows("in-context")[:64], method, settings=settings, seed=0, folder=tmp_path / str(number))
        marks.append(lm.fingerprint())
    assert marks[0] == marks[1]


@pytest.mark.slow
def test_the_graph_is_written_into_the_first_layer(tmp_path: Path) -> None:
    from butfor.evaluate.first_layer import FirstLayer

    masses: list[float] = []
    for number, method in enumerate((Standard(), LatentGraph())):
        lm: Any = load("disentangled:2", seed=1)
        settings = TrainSettings(steps=300, batch_size=128, length=17, learning_rate=0.03, warmup=20)
        train(lm, rows("in-context"), method, settings=settings, seed=1, folder=tmp_path / str(number))
        suite = FirstLayer(texts=50)
        masses.append(float(np.mean([record.metrics["mass"] for record in suite.measure(lm, suite.items(lm))])))
    assert masses[1] > masses[0] + 0.3
