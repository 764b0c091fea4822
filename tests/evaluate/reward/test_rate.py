"""RATE on rewards: two rewrites are right where one is not, whoever gives the reward."""

from __future__ import annotations

import re

import numpy as np
import pytest

from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.data.counterfactual.rate import rate as averaged
from butfor.data.preferences_told import POLITE
from butfor.evaluate.reward import rate
from butfor.lm import classifier
from butfor.lm.load import load

SAID = [with_it for _, with_it in POLITE[1]]


def shouts(text):
    """A reward that pays for polite words, and heeds what our rewriter mends."""
    return 1.0 * any(words in text for words in SAID) + 2.0 * len(re.findall("!|MEAL", text.replace("Meal", "MEAL!")))


def measured(monkeypatch, suite, reward):
    monkeypatch.setattr(rate, "rewards", lambda _, texts: np.array([reward(text) for text in texts], dtype=float))
    return suite.measure(None, suite.items(None))


def mean(records, name, before=None):
    return np.mean([r.metrics[name] for r in records if before in (None, r.group["before"])])


def test_two_rewrites_are_the_twin_and_one_is_not(monkeypatch):
    monkeypatch.setattr(rate, "SHORT_FORMS", (("Meal", "meal"),))
    records = measured(monkeypatch, rate.RewardRate(rows=60), shouts)
    assert mean(records, "rate_bias") == pytest.approx(0, abs=1e-12)
    assert mean(records, "rate") == mean(records, "twin") > 0
    for before, sign in (("polite", 1), ("neutral", -1)):
        assert sign * mean(records, "once_bias", before) > 0.5


@pytest.mark.parametrize("attribute", ["length", "agrees"])
def test_other_attributes(monkeypatch, attribute):
    records = measured(monkeypatch, rate.RewardRate(rows=30, attribute=attribute), lambda text: len(text.split()))
    assert mean(records, "rate") == pytest.approx(mean(records, "twin"))
    assert (mean(records, "rate") > 0) == (attribute == "length")


def test_the_means_are_those_of_rate(monkeypatch):
    suite = rate.RewardRate(rows=40)
    records = measured(monkeypatch, suite, shouts)
    told = {one.id: one for two in rate.pairs("reviews", 1) for one in (two.better, two.worse)}
    rows = [suite._row(told[record.item]) for record in records]
    found = averaged(
        rate.Hand(told), rows, "polite", rate.VALUES["polite"], lambda texts: [*map(shouts, texts)], seed=1
    )
    scale = np.std([shouts(row["text"]) for row in rows])
    assert found.ate.estimate == pytest.approx(mean(records, "rate") * scale)
    assert found.att.estimate == pytest.approx(mean(records, "rate", "polite") * scale)
    assert found.once.estimate == pytest.approx(mean(records, "once") * scale)


def test_sentiment_is_rewritten_by_rules_and_has_no_twin(monkeypatch):
    suite = rate.RewardRate(rows=20, attribute="sentiment")
    records = measured(monkeypatch, suite, len)
    assert {name for record in records for name in record.metrics} == {"rate", "once"}
    assert {record.group["before"] for record in records} == {"Positive", "Negative"}


def test_a_model_rewrites_and_its_drafts_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("BUTFOR_CACHE", str(tmp_path / "cache"))
    suite = rate.RewardRate(rows=12, rewriter="debug")
    items = suite.items(None)
    assert len(items) == 12 and all(item.data["there"] for item in items)
    assert items == suite.items(None)
    assert (tmp_path / "cache" / "rewrites" / "journal.jsonl").is_file()


def test_mending_twice_is_mending_once():
    once = rate.mended("It was SO LOUD!! We don't & won't... come back!")
    assert once == "It was SO loud. We do not and wo not. come back."
    assert rate.mended(once) == once


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sequence classifiers of one label and of three, drawn at random."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    lm, made = load("debug"), tmp_path_factory.mktemp("classifiers")
    for labels in (1, 3):
        config = LlamaConfig(
            vocab_size=lm.model.config.vocab_size, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
            num_attention_heads=2, num_labels=labels, pad_token_id=0,
        )  # fmt: skip
        LlamaForSequenceClassification(config).save_pretrained(made / str(labels))
        lm.tokenizer.save_pretrained(made / str(labels))
    lm.model.save_pretrained(made / "plain")
    lm.tokenizer.save_pretrained(made / "plain")
    assert AutoTokenizer.from_pretrained(made / "1")
    return made


def test_a_classifier_of_hugging_face_is_a_reward(folder):
    from transformers import pipeline

    world = load(f"classifier:{folder}/1")
    texts = ["good food", "a rather longer text about bad food", "bad"]
    found = world.worth(texts)
    asked = pipeline("text-classification", model=world.model, tokenizer=world.tokenizer, function_to_apply="none")
    assert found == pytest.approx([one["score"] for one in asked(texts)], abs=1e-5)
    assert rate.rewards(world, texts) == pytest.approx(found)
    suite = rate.RewardRate(rows=8)
    assert len(suite.measure(world, suite.items(world))) == 8


def test_log_odds_of_a_label_that_has_to_be_named(folder):
    world = load(f"classifier:{folder}/3#LABEL_1")
    shares = 1 / (1 + np.exp(-world.worth(["good food"])))
    others = [1 / (1 + np.exp(-load(f"classifier:{folder}/3#LABEL_{n}").worth(["good food"]))) for n in (0, 2)]
    assert shares + sum(others) == pytest.approx(1)
    assert world.fingerprint() != load(f"classifier:{folder}/3#LABEL_2").fingerprint()
    with pytest.raises(UnknownName, match="has 3 labels: name one"):
        load(f"classifier:{folder}/3")


def test_what_is_no_classifier_is_refused(folder):
    with pytest.raises(UserError, match="is no sequence classifier: it has no weights for"):
        load(f"classifier:{folder}/plain")
    with pytest.raises(UserError, match="names no classifier"):
        classifier.check("classifier:")
    with pytest.raises((UserError, MissingData)):
        classifier.check(f"classifier:{folder}/none")
