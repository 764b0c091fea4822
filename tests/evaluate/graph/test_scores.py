"""Scores of probabilities of edges, against counts by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.evaluate.graph.scores import METRICS, auprc, auroc, cyclic, decided, reliability, scored, shd

TRUTH = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=float)


def test_a_perfect_answer() -> None:
    found = scored(TRUTH, TRUTH)
    assert (found["auroc"], found["auprc"], found["f1"], found["orientation"]) == (1, 1, 1, 1)
    assert (found["shd"], found["brier"], found["calibration"], found["cyclic"]) == (0, 0, 0, 0)
    assert set(found) == {metric.name for metric in METRICS} - {"answered"}


def test_the_empty_graph_is_every_null() -> None:
    found = scored(np.zeros((3, 3)), TRUTH)
    assert found["auroc"] == 0.5 and found["orientation"] == 0.5 and found["f1"] == 0
    assert found["shd"] == found["shd_empty"] == pytest.approx(2 / 3)
    assert found["brier"] == found["density"] == found["auprc"] == pytest.approx(2 / 6)


def test_half_edges_reversed_and_extra_ones() -> None:
    open_ended = np.array([[0, 0.5, 0], [0.5, 0, 1], [0, 0, 0]])
    assert shd(open_ended, TRUTH) == pytest.approx(0.5 / 3)
    assert scored(open_ended, TRUTH)["f1"] == pytest.approx(2 * 1.5 / 4)
    assert scored(open_ended, TRUTH)["orientation"] == 0.75
    assert shd(TRUTH.T, TRUTH) == pytest.approx(2 / 3)
    extra = np.array([[0, 0, 0.5], [0, 0, 0], [0.5, 0, 0]])
    assert shd(extra, TRUTH) == 1
    unsure = np.array([[0, 0.3, 0.2], [0.25, 0, 0.4], [0.2, 0, 0]])  # joined at 0.55; not at 0.4
    assert decided(unsure).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_ranks_against_all_pairs() -> None:
    rng = np.random.default_rng(0)
    p, truth = rng.integers(5, size=40) / 4, (rng.random(40) < 0.3).astype(float)
    wins = [np.sign(a - b) / 2 + 0.5 for a in p[truth == 1] for b in p[truth == 0]]
    assert auroc(p, truth) == pytest.approx(np.mean(wins))
    precisions = [truth[p >= a].mean() for a in p[truth == 1]]
    assert auprc(p, truth) == pytest.approx(np.mean(precisions))


def test_what_has_no_meaning_is_absent() -> None:
    nothing = scored(np.full((3, 3), 0.2), np.zeros((3, 3)))
    assert not {"auroc", "auprc", "f1", "orientation"} & set(nothing) and nothing["calibration"] == pytest.approx(0.2)


def test_cycles() -> None:
    ring = np.roll(np.eye(4), 1, axis=1)
    assert cyclic(ring) and not cyclic(np.triu(np.ones((4, 4)), 1)) and not cyclic(0.5 * (ring + ring.T))
    assert scored(0.9 * ring, np.triu(np.ones((4, 4)), 1))["cyclic"] == 1


def test_reliability() -> None:
    p = np.array([0.05, 0.02, 0.55, 1.0])
    assert reliability(p, np.array([0, 0, 1, 1]), 10) == [
        (pytest.approx(0.035), 0.0, 2), (0.55, 1.0, 1), (1.0, 1.0, 1)
    ]  # fmt: skip
