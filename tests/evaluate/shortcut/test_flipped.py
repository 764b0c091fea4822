"""Flipped: a reader of opinions and a reader of the writer get what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.data.reviews import OPINIONS, VERDICTS, WRITERS
from butfor.evaluate.shortcut import flipped
from butfor.evaluate.shortcut.asked import Answered
from butfor.evaluate.shortcut.flipped import Flipped, asked, twin


def measured(monkeypatch, read, suite=None):
    """The mean of every metric for a reader that gives the log-odds of "good"."""

    def answered(world, put, by):
        assert by == "likelihood"
        scores = [read(prompt.user) for prompt, _ in put]
        return [
            Answered(int(s > 0), (-s / 2, s / 2), VERDICTS[int(s > 0)], prompt.user)
            for s, (prompt, _) in zip(scores, put, strict=True)
        ]

    monkeypatch.setattr(flipped, "answered", answered)
    suite = suite or Flipped()
    found = suite.measure(None, suite.items(None))
    return {m.name: np.mean([r.metrics[m.name] for r in found if m.name in r.metrics]) for m in suite.metrics}


def opinions(text):
    return (
        sum((word in text.replace(",", "").split()) * (2 * side - 1) for side in (0, 1) for word in OPINIONS[side])
        * 1.1
    )


def writer(text):
    return 2.0 if text.split()[0] in WRITERS[1] else -2.0


def test_a_reader_of_opinions_alone(monkeypatch):
    found = measured(monkeypatch, lambda text: opinions(text.replace(".", "")))
    assert found["iid_accuracy"] == pytest.approx(0.844, abs=0.05)
    assert found["flipped_accuracy"] == pytest.approx(0.844, abs=0.05)
    assert found["pull"] == 0


def test_a_reader_of_the_writer_alone(monkeypatch):
    found = measured(monkeypatch, writer)
    assert found["iid_accuracy"] == pytest.approx(0.9, abs=0.05)
    assert found["flipped_accuracy"] == pytest.approx(0.1, abs=0.05)
    assert found["pull"] == pytest.approx(4.0)


def test_a_twin_differs_in_the_writer_alone():
    for item in Flipped(rows=50).items(None):
        one, other = asked(item.data).split(), twin(item.data).split()
        assert [n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b] == [0, one.index("found") - 1]


def test_items_are_balanced_under_a_limit_and_new():
    items = Flipped(limit=40).items(None)
    assert len(items) == 40
    assert sum(item.data["split"] == "iid" for item in items) == 20
    assert Flipped(seed=2).items(None) != Flipped().items(None)
