"""Overlap: tails of known shape are recognised, weights that were not seen count, and the verdict follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from butfor.align.ope.overlap import of_weights, overlap, pareto_shape, tail_index, trusted
from butfor.core.errors import Abstained, DataError

from .logs import lines, same


@pytest.mark.parametrize("shape", [0.1, 0.5, 0.9])
def test_the_shape_of_a_tail_is_found(shape: float) -> None:
    rng = np.random.default_rng(0)
    drawn = ((1 - rng.random(4000)) ** -shape - 1) / shape
    assert pareto_shape(np.sort(drawn)) == pytest.approx(shape, abs=0.06)
    assert tail_index(1 + drawn) == pytest.approx(shape, abs=0.2)


def test_few_values_again_and_again_have_no_tail() -> None:
    weights = np.random.default_rng(0).choice([0.5, 1.0, 4.0], size=500)
    assert tail_index(weights) == -np.inf and tail_index(np.ones(500)) == -np.inf


def test_equal_policies_overlap_wholly() -> None:
    found = overlap(same(lines(300)[0]))
    assert found.verdict == "trust" and found.effective == pytest.approx(300) == found.expected
    assert found.largest == pytest.approx(1 / 300) and found.mean == pytest.approx(1) and not found.why


def test_what_was_not_seen_counts() -> None:
    """A rare choice that the target loves and the log happens not to hold: seen weights look fine."""
    log = lines(400)[0]
    logging = np.tile([0.0005, 0.4995, 0.5], (400, 1))
    log = replace(
        log, logging=logging, target=np.tile([0.4, 0.3, 0.3], (400, 1)), action=np.resize(np.array([1, 2]), 400)
    )
    seen, known = of_weights(log.weights), overlap(log)
    assert seen.verdict != "abstain" and seen.effective == pytest.approx(400)
    assert known.expected < 2 and known.verdict == "abstain"


def test_choices_that_were_never_logged_are_counted() -> None:
    log = lines(200)[0]
    logging = np.column_stack([np.zeros(200), np.full((200, 2), 0.5)])
    found = overlap(replace(log, logging=logging, action=np.maximum(log.action, 1)))
    assert found.missing == pytest.approx(log.target[:, 0].mean()) and found.verdict == "abstain"
    assert "never made" in found.why


def test_probabilities_that_nobody_chose_by_are_found() -> None:
    log = lines(2000, lean=1.0, toward=0.3)[0]
    assert all(check.code != "probabilities" for check in overlap(log).checks)
    flat = overlap(replace(log, logging=np.full_like(log.logging, 1 / 3)))
    assert [check.ok for check in flat.checks if check.code == "probabilities"] == [False]
    assert flat.verdict == "doubt"


def test_clusters_that_were_chosen_for_at_once_are_no_wrong_probabilities() -> None:
    told = {"alone": 0, "together": 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        code = np.repeat(np.arange(40), 25)
        log = replace(
            lines(1000)[0], action=rng.integers(2, size=40)[code], logging=np.tile([0.5, 0.5, 0.0], (1000, 1)),
            target=np.tile([0.8, 0.2, 0.0], (1000, 1)),
        )  # fmt: skip
        for name, given in (("alone", log), ("together", replace(log, cluster=code))):
            told[name] += any(check.code == "probabilities" for check in overlap(given).checks)
    assert told["together"] == 0 < told["alone"]


def test_a_cluster_and_a_context_for_each_choice() -> None:
    with pytest.raises(DataError, match="cluster has the shape"):
        replace(lines(50)[0], cluster=np.zeros(49, dtype=np.int64))
    with pytest.raises(DataError, match="the contexts have 49 rows; there are 50 choices"):
        replace(lines(50)[0], data=lines(49)[0].data)


def test_a_refusal_says_why_and_what_would_help() -> None:
    log = lines(150, lean=2.0, toward=-3.0)[0]
    with pytest.raises(Abstained, match=r"no answer: .*count as(.|\n)*log more choices"):
        trusted(log, True)
    assert not all(check.ok for check in trusted(log, False))


def test_where_the_weights_are_all_that_is_known_what_was_seen_decides() -> None:
    weights = np.ones(300)
    assert of_weights(weights).verdict == "trust"
    weights[0] = 60.0
    assert of_weights(weights).verdict == "abstain" and "one row is 16.7%" in of_weights(weights).why
    assert of_weights(weights, expected=200.0).verdict == "doubt"


def test_few_rows_alone_are_no_poor_overlap() -> None:
    assert overlap(same(lines(10)[0])).verdict != "abstain"


def test_a_weight_beyond_all_others_is_one_effective_row() -> None:
    found = of_weights(np.append(np.ones(99), 1e200))
    assert found.effective == pytest.approx(1) and found.verdict == "abstain"
