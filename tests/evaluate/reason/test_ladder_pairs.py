"""Pairs of the ladder: a world that knows scores one, constant answers a half, and each score judges what it says."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from butfor.evaluate.reason import ladder_pairs
from butfor.evaluate.reason.ladder_pairs import LadderPairs
from butfor.lm.load import load

MADE = LadderPairs(told="short", each=96)


def scores(monkeypatch, answer):
    """Means of all metrics where `answer(right, counterfactual)` is said, as 1 or 0 for yes or no."""
    items = MADE.items(None)
    known = {}
    for split in ladder_pairs.TESTED:
        for pair in ladder_pairs._drawn(split, "short", 96, 1):
            for place, text in enumerate(pair.texts):
                right = (pair.factual, pair.counterfactual)[place]
                known[text] = answer(right, pair.factual, place == 1)
    monkeypatch.setattr(
        ladder_pairs, "judged", lambda _, texts, *__: np.array([[known[t], 1 - known[t]] for t in texts])
    )
    found = defaultdict(list)
    for record in MADE.measure(None, items):
        for name, value in record.metrics.items():
            found[name].append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def test_who_knows_is_right_throughout_and_every_metric_is_there(monkeypatch):
    found = scores(monkeypatch, lambda right, *_: right)
    assert set(found) == {metric.name for metric in MADE.metrics}
    assert set(found.values()) == {1.0}


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_answers_are_worth_chance(monkeypatch, constant):
    found = scores(monkeypatch, lambda *_: constant)
    assert all(value == pytest.approx(0.25 if name == "both" else 0.5, abs=0.04) for name, value in found.items())


def test_who_answers_what_would_be_by_what_is_has_the_facts_and_no_difference(monkeypatch):
    found = scores(monkeypatch, lambda _, factual, __: factual)
    assert found["factual"] == 1.0
    for name in ("counterfactual", "balanced", "necessity", "sufficiency", "unseen_queries", "unseen_graphs", "both"):
        assert found[name] == pytest.approx(0.5, abs=0.04)


def test_a_model_answers_and_a_limit_takes_every_split():
    limited = LadderPairs(told="story", each=16, limit=12, length=200)
    items = limited.items(None)
    assert {item.data["split"] for item in items} == set(ladder_pairs.TESTED)
    records = limited.measure(load("debug"), items)
    assert [record.item for record in records] == [item.id for item in items]
    assert all(set(record.metrics.values()) <= {0.0, 1.0} for record in records)


def test_pairs_of_one_world_are_a_cluster():
    items = {item.id: item.cluster for item in MADE.items(None)}
    worlds = {
        pair.id: repr(pair.world.tables) for s in ladder_pairs.TESTED for pair in ladder_pairs._drawn(s, "short", 96, 1)
    }
    assert len(set(items.values())) == len(set(worlds.values())) == len({(items[name], worlds[name]) for name in items})
    assert len(set(items.values())) < len(items)
