"""Graphs read from attention and attention on parents, with planted attention in place of a model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from butfor.core.errors import UserError
from butfor.data.in_context import LENGTH, ROOT, parents
from butfor.evaluate.first_layer import FirstLayer
from butfor.evaluate.token_graph import TokenGraphs, area, by_distance, dealt, ordered
from butfor.lm.attentions import Attention
from butfor.lm.load import load
from butfor.scm.discovery.from_attention import attention_of

TREE = parents("tree")


def planted(texts: Any, weights: NDArray[np.float64], repeat: int = 1) -> list[Attention]:
    """The same attention for every text, in one layer, whatever the model."""
    found = np.repeat(weights[None, None].astype(np.float32), repeat, axis=0)
    size = len(weights)
    spots = tuple((at, at + 1) for at in range(size))
    return [Attention(tuple(range(size)), spots, found) for _ in texts]


def tree(strength: float) -> NDArray[np.float64]:
    """A = (I − G)⁻¹ Λ for the planted tree; the answer's place stands behind it, alone."""
    g = np.zeros((LENGTH + 1, LENGTH + 1))
    for at in range(LENGTH):
        if TREE[at] != ROOT:
            g[at, TREE[at]] = strength
    return attention_of(g, np.ones(LENGTH + 1))


def test_a_planted_graph_is_read_without_error(monkeypatch: pytest.MonkeyPatch) -> None:
    lm: Any = load("disentangled:1")
    monkeypatch.setattr("butfor.lm.attentions.attentions", lambda _, texts, **__: planted(texts, tree(1.0)))
    suite = TokenGraphs(limit=2, own=0.0, draws=1e6)
    items = suite.items(lm)
    assert [item.id for item in items] == [f"{item.cluster}/layer 0" for item in items] and len(items) == 2
    for record in suite.measure(lm, items):
        assert record.metrics["graph"] == 1 and record.metrics["f1"] == 1 and record.metrics["shd"] == 0
        assert record.metrics["looks"] < 1  # total effects tie grandparents too
        assert record.metrics["shuffled"] < 0.7 and record.metrics["distance"] < 0.9
        assert record.group == {"layer": "0"}


def test_even_attention_knows_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    even = np.tril(np.ones((LENGTH + 1, LENGTH + 1)))
    even /= even.sum(1, keepdims=True)
    lm: Any = load("disentangled:1")
    monkeypatch.setattr("butfor.lm.attentions.attentions", lambda _, texts, **__: planted(texts, even))
    [record] = TokenGraphs(limit=1).measure(lm, TokenGraphs(limit=1).items(lm))
    assert record.metrics["f1"] == pytest.approx(record.metrics["shuffled"])
    copies = np.eye(LENGTH + 1, k=-1)
    copies[0, 0] = 1
    monkeypatch.setattr("butfor.lm.attentions.attentions", lambda _, texts, **__: planted(texts, copies))
    [record] = TokenGraphs(limit=1, own=0.0).measure(lm, TokenGraphs(limit=1).items(lm))
    assert "graph" not in record.metrics and record.metrics["looks"] >= 0  # singular: nothing is read


def test_both_suites_run_on_a_model() -> None:
    lm: Any = load("disentangled:2,heads=2")
    for suite in (TokenGraphs(limit=2, shuffles=1), FirstLayer(texts=4)):
        items = suite.items(lm)
        records = suite.measure(lm, items)
        assert [record.item for record in records] == [item.id for item in items]
        names = {metric.name for metric in suite.metrics}
        assert all(
            set(record.metrics) <= names and np.isfinite(list(record.metrics.values())).all() for record in records
        )


def test_the_mass_is_that_on_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    perfect = np.zeros((LENGTH, LENGTH))
    perfect[np.arange(LENGTH), np.maximum(TREE[:LENGTH], 0)] = 1
    lm: Any = load("disentangled:1")
    monkeypatch.setattr("butfor.lm.attentions.attentions", lambda _, texts, **__: planted(texts, perfect))
    suite = FirstLayer(texts=3)
    for record in suite.measure(lm, suite.items(lm)):
        assert record.metrics["mass"] == record.metrics["found"] == 1
        assert record.metrics["uniform"] == pytest.approx(np.mean([1 / (i + 1) for i in range(1, LENGTH - 1)]))
        assert record.metrics["excess"] == pytest.approx(record.metrics["loss"] - record.metrics["best"])
    other = FirstLayer(texts=3, graph="chain").measure(lm, FirstLayer(texts=3, graph="chain").items(lm))
    assert other[0].metrics["mass"] < 0.5


def test_an_untrained_model_looks_everywhere_alike() -> None:
    lm: Any = load("disentangled:2")
    suite = FirstLayer(texts=5)
    for record in suite.measure(lm, suite.items(lm)):
        assert record.metrics["mass"] == pytest.approx(record.metrics["uniform"], abs=0.02)


def test_area_distance_and_dealing() -> None:
    pairs = np.tril(np.ones((4, 4), dtype=bool), -1)
    truth = np.zeros((4, 4), dtype=bool)
    truth[2, 0] = truth[3, 2] = True
    weights = np.arange(16.0).reshape(4, 4)
    wins = [(a > b) + 0.5 * (a == b) for a in weights[truth] for b in weights[pairs & ~truth]]
    assert area(weights, truth, pairs) == pytest.approx(np.mean(wins))
    assert area(np.ones((4, 4)), truth, pairs) == 0.5
    flat = by_distance(weights)
    assert flat[1, 0] == flat[2, 1] == pytest.approx((4 + 9 + 14) / 3) and flat[0, 3] == 3
    mixed = dealt(weights, pairs, np.random.default_rng(0))
    assert (mixed.diagonal() == weights.diagonal()).all() and np.sort(mixed, 1).tolist() == np.sort(weights, 1).tolist()


def test_spans_are_put_in_the_order_of_the_text() -> None:
    row = {"id": "a", "text": "Risk: 3. Age: 4", "spans": [[9, 15, "Age"], [0, 7, "Risk"]], "links": [[0, 1]]}
    assert ordered(row) == {
        "id": "a",
        "text": row["text"],
        "spans": [[0, 7, "Risk"], [9, 15, "Age"]],
        "links": [[1, 0]],
    }
    with pytest.raises(UserError, match="no row of 'plain' has spans"):
        TokenGraphs(corpus="plain").ready()


def test_marks_that_do_not_fit_cost_one_line(tmp_path: Path) -> None:
    text, spans = "Age: 4, Risk: 3, Sex: 1", [[0, 6, "Age"], [8, 15, "Risk"], [17, 23, "Sex"]]
    wrong = {
        "two places in spans": {"links": [[0, 9]]},
        "does not lie inside": {"spans": [[0, 900, "Age"], *spans[1:]]},
        "a span is": {"spans": ["Age", *spans[1:]]},
        "some pairs untied": {"links": [[1, 1]]},
    }
    file = tmp_path / "rows.jsonl"
    for told, part in wrong.items():
        file.write_text(json.dumps({"text": text, "spans": spans, "links": [[0, 1]], **part}))
        with pytest.raises(UserError, match=told) as caught:
            TokenGraphs(corpus=str(file)).ready()
        assert "\n" not in str(caught.value)
    file.write_text(json.dumps({"text": text, "spans": spans, "links": [[0, 1], [1, 0], [2, 2], [1, 2]]}))
    TokenGraphs(corpus=str(file)).ready()


def test_letters_must_be_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    lm: Any = load("disentangled:1")
    merged = Attention((1, 2), ((0, 2), (2, LENGTH)), np.full((1, 1, 2, 2), 0.5, dtype=np.float32))
    monkeypatch.setattr("butfor.lm.attentions.attentions", lambda _, texts, **__: [merged for _ in texts])
    with pytest.raises(UserError, match="several letters as one token"):
        FirstLayer(texts=1).measure(lm, FirstLayer(texts=1).items(lm))
