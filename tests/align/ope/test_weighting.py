"""Weights: limiting cases, agreement with loops, what clipping may hide, and when no answer is the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from butfor.align.ope.weighting import How, Weighting, estimate
from butfor.core.errors import Abstained, DataError
from butfor.scm.analyst import Analyst
from butfor.scm.policies import Answers

from .logs import lines, same

HOWS: tuple[How, ...] = ("ips", "snips", "clipped", "switch")


@pytest.mark.parametrize("how", HOWS)
def test_equal_policies_give_the_mean_outcome(how: How) -> None:
    log = same(lines(80)[0])
    assert estimate(log, how).estimate == pytest.approx(log.outcome.mean(), abs=1e-12)


@pytest.mark.parametrize("how", ["clipped", "switch"])
def test_a_clip_that_no_weight_reaches_is_ips_bit_for_bit(how: How) -> None:
    log = lines(200)[0]
    most = float((log.target / log.logging).max())
    found, plain = estimate(log, how, clip=most), estimate(log, "ips")
    assert (found.estimate, found.low, found.high) == (plain.estimate, plain.low, plain.high)


def test_each_is_what_its_equation_says() -> None:
    log = lines(60)[0]
    total = weight = cut = 0.0
    for i, action in enumerate(log.action):
        w = log.target[i, action] / log.logging[i, action]
        total, weight, cut = total + w * log.outcome[i], weight + w, cut + min(w, 1.5) * log.outcome[i]
    assert estimate(log, "ips", abstain=False).estimate == pytest.approx(total / 60)
    assert estimate(log, "snips", abstain=False).estimate == pytest.approx(total / weight)
    assert estimate(log, "clipped", clip=1.5).estimate == pytest.approx(cut / 60)


def test_snips_moves_with_the_outcomes() -> None:
    log = lines(300)[0]
    found, moved = (estimate(one, "snips") for one in (log, replace(log, outcome=log.outcome + 100)))
    assert moved.estimate == pytest.approx(found.estimate + 100)
    assert moved.high - moved.low == pytest.approx(found.high - found.low)


def test_the_interval_of_clipping_allows_for_all_that_clipping_may_hide() -> None:
    log, _ = lines(300)
    log = replace(log, outcome=np.ones(300))  # every policy is worth 1
    found = estimate(log, "clipped", clip=0.9)
    assert found.estimate < 0.99 and not found.excludes(1.0)
    assert [check.ok for check in found.checks if check.code == "clipped"] == [False]


def test_switch_leaves_large_weights_to_the_model() -> None:
    log, truth = lines(400, lean=1.0, toward=-0.8)
    found = estimate(log, "switch", clip=3.0)
    assert not found.excludes(truth)
    assert found.high - found.low < 0.8 * (estimate(log, "ips", abstain=False).high - found.low)


def test_poor_overlap_is_no_answer_unless_one_insists() -> None:
    log = lines(150, lean=2.0, toward=-3.0)[0]
    for how in ("ips", "snips"):
        with pytest.raises(Abstained, match=r"no answer: (.|\n)*abstain = false"):
            estimate(log, how)
        assert not estimate(log, how, abstain=False).ok


def test_what_it_cannot_take() -> None:
    log = lines(40)[0]
    with pytest.raises(DataError, match="cut at a positive number"):
        estimate(log, "clipped", clip=-1.0)
    texts = Answers(np.zeros(2, int), np.ones(2), np.ones(2), np.zeros(1, int), np.ones(1))
    with pytest.raises(DataError, match=r"align\.ope\.calibrated"):
        estimate(texts)
    never = replace(log, target=np.eye(3)[(log.action + 1) % 3])
    with pytest.raises(DataError, match="nothing of what was logged"):
        estimate(never, abstain=False)


def test_an_arm_values_policies_and_names_what_decides() -> None:
    log = lines(200)[0]
    analysts = [Weighting(how=how).model(Analyst(), np.random.default_rng(0)) for how in ("ips", "snips")]  # type: ignore[arg-type]
    assert analysts[0].value(log) == estimate(log, "ips")  # type: ignore[union-attr]
    assert analysts[0].fingerprint() != analysts[1].fingerprint() != Analyst().fingerprint()
    with pytest.raises(ValueError, match="clip does nothing to snips"):
        Weighting(how="snips", clip=3.0)


def test_what_hangs_together_widens_the_interval() -> None:
    log = lines(100)[0]
    four = {name: np.repeat(getattr(log, name), 4, axis=0) for name in ("action", "outcome", "logging", "target")}
    data = log.data.take(np.repeat(np.arange(100), 4))
    many = replace(log, data=data, **four)
    apart, together = (estimate(replace(many, cluster=c), "snips") for c in (None, np.repeat(np.arange(100), 4)))
    assert together.high - together.low > 1.8 * (apart.high - apart.low)
    assert together.low == pytest.approx(estimate(log, "snips", abstain=False).low)
