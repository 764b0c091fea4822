"""Shortcut worlds: readers of the causes, of the mark, and of both get what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.data.corpora import rows
from butfor.data.shortcuts import CAUSES, HARVESTS, MARKS, reader
from butfor.evaluate.shortcut.worlds import SHARE, ShortcutWorlds
from butfor.lm import head
from butfor.lm.load import load


def measured(monkeypatch, read, suite=None):
    """The mean of every metric for a reader that gives the log-odds of a rich harvest."""

    def judged(world, texts, options, length):
        assert tuple(options) == HARVESTS
        return np.array([[0.0, read(text)] for text in texts])

    monkeypatch.setattr(head, "judged", judged)
    suite = suite or ShortcutWorlds()
    found = suite.measure(None, suite.items(None))
    return {m.name: np.mean([r.metrics[m.name] for r in found if m.name in r.metrics]) for m in suite.metrics}, found


def causes(text):
    return sum(
        (word in text) * (2 * level - 1) for sides in CAUSES.values() for level in (0, 1) for word in sides[level]
    )


def mark(text):
    return 1.0 if any(words in text for words in MARKS[1]) else -1.0


def test_a_reader_of_the_causes(monkeypatch):
    found, records = measured(monkeypatch, causes)
    for name in ("ood", "misled", "helped"):
        assert found[f"{name}_accuracy"] == pytest.approx(0.8025, abs=0.035)
    assert (found["pull"], found["push"]) == (0.0, 6.0)
    assert {record.error for record in records} >= {"", "other"}


def test_a_reader_of_the_mark(monkeypatch):
    found, records = measured(monkeypatch, mark, ShortcutWorlds(strength=0.95))
    assert (found["misled_accuracy"], found["helped_accuracy"]) == (0.0, 1.0)
    assert found["ood_accuracy"] == pytest.approx(0.5, abs=0.01)
    assert (found["pull"], found["push"]) == (2.0, 0.0)
    weights = [record.metrics[SHARE] for record in records]
    right = [record.metrics["iid_accuracy"] for record in records]
    assert np.average(right, weights=weights) == pytest.approx(0.95, abs=0.01)
    assert {record.error for record in records} == {"", "follows the mark"}


def test_the_best_reader_of_training(monkeypatch):
    wanted = reader(0.9)
    found, _ = measured(
        monkeypatch, lambda text: {1: 1.1, 3: 3.2}[abs(causes(text))] * np.sign(causes(text)) + 2.2 * mark(text)
    )
    for name in ("ood", "misled", "helped"):
        assert found[f"{name}_accuracy"] == pytest.approx(wanted[name], abs=0.035)


def test_items_are_new_balanced_and_the_same_for_every_strength():
    items = ShortcutWorlds(rows=200).items(None)
    assert len(items) == 200
    known = {row["text"] for strength in ("0.5", "0.99") for row in rows(f"shortcuts/{strength}")}
    assert not any(text in known for item in items for name, text in item.data["texts"].items() if "mark" in name)
    assert items == ShortcutWorlds(rows=200, strength=0.99).items(None)
    helped = sum(item.data["mark"] == item.data["label"] for item in items)
    assert abs(helped - 100) <= 2
    assert len(ShortcutWorlds(limit=20).items(None)) == 20
    assert ShortcutWorlds(rows=200, seed=2).items(None) != items


def test_a_decoder_is_asked_by_its_options():
    suite = ShortcutWorlds(rows=4)
    found = suite.measure(load("debug"), suite.items(None))
    assert all(np.isfinite(list(record.metrics.values())).all() for record in found)
