"""The value of a policy is that of its probabilities among the four replies."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.data.outcomes import FIT, MOOD, REPLIES
from butfor.evaluate.policy.value import PolicyValue
from butfor.lm.load import load
from butfor.lm.scoring import Scored, score


def test_values_are_those_of_the_world_for_seen_and_unseen_reviews():
    lm, suite = load("debug"), PolicyValue(limit=12)
    items = suite.items(lm)
    assert {item.data["kind"] for item in items} == {"seen", "unseen"}
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        prompt = f"{item.data['body']} - {item.data['stars']} stars. Reply:"
        told = np.array(score(lm, [{"prompt": prompt, "choices": list(REPLIES)}])[0].logprobs)
        policy = np.exp(told) / np.exp(told).sum()
        fit = np.array(FIT[MOOD[item.data["stars"]]])
        assert record.metrics["value"] == pytest.approx(policy @ fit)
        assert record.metrics["gap"] == pytest.approx(fit.max() - policy @ fit)
        assert record.metrics["best_reply"] == float(fit[told.argmax()] == fit.max())
        assert record.metrics["listed"] == pytest.approx(np.exp(told).sum())
        assert 0.2 < record.metrics["logged"] < 0.7


def test_a_policy_that_all_but_never_gives_a_reply_still_chooses_among_them(monkeypatch):
    lm, suite = load("debug"), PolicyValue(limit=2)
    told = np.array([-2000.0, -2000.0 - np.log(3), -3000.0, -3000.0])
    scored = Scored(told.tolist(), [1] * 4)
    monkeypatch.setattr("butfor.lm.scoring.score", lambda _, asked: [scored] * len(asked))
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        fit = FIT[MOOD[item.data["stars"]]]
        assert record.metrics["value"] == pytest.approx(0.75 * fit[0] + 0.25 * fit[1])
        assert record.metrics["listed"] == record.metrics["voucher"] == 0


def test_a_larger_limit_holds_a_smaller_one_and_both_kinds_alike():
    lm = load("debug")
    few, many = ({item.id: item for item in PolicyValue(limit=n).items(lm)} for n in (40, 100))
    assert few.keys() <= many.keys()
    assert abs(sum(item.data["kind"] == "seen" for item in many.values()) - 50) < 10
