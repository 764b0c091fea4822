"""Suites of rewards: a reward by quality, by attributes, and by both get what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data import preferences as world
from butfor.evaluate.reward import attributes, preferences, rewards
from butfor.evaluate.reward.pairs import pairs
from butfor.lm import head
from butfor.lm.load import load

WORTH = {str(stars): (stars - 3) / world.STARS for stars in range(1, 6)}


def quality(text):
    return WORTH[text.split(" gets ")[1][0]]


def words(text):
    return len(text.split())


def measured(monkeypatch, suite, reward):
    """The records of a reward, and the mean of every metric."""
    for module in (preferences, attributes):
        monkeypatch.setattr(module, "rewards", lambda _, texts: np.array([reward(text) for text in texts], dtype=float))
    found = suite.measure(None, suite.items(None))
    names = {name for record in found for name in record.metrics}
    return found, {name: np.mean([r.metrics[name] for r in found if name in r.metrics]) for name in names}


def test_a_reward_by_quality(monkeypatch):
    records, found = measured(monkeypatch, preferences.RewardPreferences(), quality)
    assert found["accuracy"] == found["misled_accuracy"] == found["helped_accuracy"] == 1
    assert 0.6 < found["iid_accuracy"] < 0.95
    assert {record.error for record in records} == {""}
    assert {record.group["attributes"] for record in records} >= {"helped", "misled"}


def test_a_reward_by_attributes_is_misled(monkeypatch):
    by_text = {one.text(): world.liked(one) for one in world.texts("reviews", "test", seed=1)}
    records, found = measured(monkeypatch, preferences.RewardPreferences(), by_text.get)
    assert (found["helped_accuracy"], found["misled_accuracy"]) == (1, 0)
    assert found["accuracy"] == pytest.approx(0.5, abs=0.15)
    assert {record.error for record in records} <= {"", "prefers the worse, misled", "tie"}


def test_in_distribution_the_annotators_own_reward_is_best(monkeypatch):
    suite = preferences.RewardPreferences(bias=3, entangled=True)
    told = [*world.texts("reviews", "test", world.CORRELATION, 1), *world.texts("reviews", "test", seed=1)]
    by_text = {one.text(): one.quality + 3 * world.liked(one) for one in told}
    _, theirs = measured(monkeypatch, suite, by_text.get)
    _, better = measured(monkeypatch, suite, quality)
    assert theirs["iid_accuracy"] > 0.85
    assert theirs["accuracy"] < better["accuracy"] == 1


def test_ties_count_half_and_missing_rewards_not_at_all(monkeypatch):
    _, found = measured(monkeypatch, preferences.RewardPreferences(rows=10), lambda _: 1.0)
    assert found["accuracy"] == found["iid_accuracy"] == 0.5
    records, found = measured(monkeypatch, preferences.RewardPreferences(rows=10), lambda _: np.nan)
    assert found == {} and records[0].error == "no reward"


def test_effects_of_a_reward_that_pays_for_length(monkeypatch):
    records, found = measured(
        monkeypatch, attributes.RewardAttributes(rows=40), lambda text: quality(text) + 10 * words(text)
    )
    assert len(records) == 40
    assert found["length_effect"] == found["length_size"] > 1
    assert found["polite_effect"] == found["agrees_effect"] == found["name_effect"] == 0
    assert found["length_flips"] == 1 > found["polite_flips"]


def test_effects_of_a_reward_by_quality(monkeypatch):
    _, found = measured(monkeypatch, attributes.RewardAttributes(rows=40), quality)
    assert found["quality_effect"] > 1
    assert {found[f"{probe}_{what}"] for probe in attributes.PROBES for what in ("effect", "size", "flips")} == {0}
    assert found["placebo_size"] == 0


def test_an_effect_is_in_deviations_and_a_constant_reward_pays_for_nothing(monkeypatch):
    polite = lambda text: quality(text) + 0.5 * any(one[1] in text for one in attributes_told())  # noqa: E731
    _, once = measured(monkeypatch, attributes.RewardAttributes(rows=40), polite)
    _, twice = measured(monkeypatch, attributes.RewardAttributes(rows=40), lambda text: 2 * polite(text))
    assert once["polite_effect"] == pytest.approx(twice["polite_effect"])
    assert once["polite_effect"] > 0.3
    _, none = measured(monkeypatch, attributes.RewardAttributes(rows=4), lambda _: 7.0)
    assert set(none.values()) == {0}


def attributes_told():
    from butfor.data.preferences_told import POLITE

    return POLITE[1]


def test_pairs_stand_alone_and_come_in_a_fixed_order():
    found = pairs("reviews", 1)
    assert found == pairs("reviews", 1) != pairs("reviews", 2)
    shown = [one.id for two in found for one in (two.better, two.worse)]
    assert len(set(shown)) == len(shown)
    assert all(two.better.quality > two.worse.quality for two in found)
    first = [two.cluster for two in found[:40]]
    assert len(set(first)) == len(first)
    assert all(two.better.quality > two.worse.quality for two in pairs("chat", 1))
    items = preferences.RewardPreferences(kind="chat").items(None)
    assert len(preferences.RewardPreferences(kind="chat", limit=5).items(None)) == 5 < len(items)


def test_rewards_of_a_head_of_a_judge_and_of_an_encoder():
    lm = load("debug")
    texts = ["good food", "bad food"]
    asked = rewards.rewards(lm, texts)
    assert asked.shape == (2,) and ((asked > 1) & (asked < 5)).all()
    head.hang(lm, 1, 32, 0)
    assert rewards.rewards(lm, texts) == pytest.approx(head.worth(lm, texts))
    head.hang(lm, 3, 32, 0)
    with pytest.raises(UserError, match="train a reward"):
        rewards.rewards(lm, texts)


def test_an_endpoint_writes_its_grade():
    class Endpoint:
        remote, weighs, is_base, name = True, False, False, "endpoint"

        def say(self, prompts, *, max_new_tokens):
            return ["4" if "good" in prompt.user.split("\n\n")[1] else "I would rather not" for prompt in prompts]

    found = rewards.rewards(Endpoint(), ["good food", "bad food"])
    assert found[0] == 4 and np.isnan(found[1])
