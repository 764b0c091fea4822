"""policy.judged: the worlds are what they say, and records tell who knows and who does not."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.align.ope.calibrated import Calibrated
from butfor.align.ope.text_weights import TextWeights
from butfor.data.judged_reviews import FLATTERY, POLICIES, computed, judged_reviews, log
from butfor.evaluate.policy.judged import CASES, PolicyJudged
from butfor.scm.analyst import Analyst
from butfor.train.method import Method


def arm(method: Method) -> Analyst:
    return method.model(Analyst(), np.random.default_rng(0))  # type: ignore[return-value]


def test_the_shipped_numbers_are_what_the_page_says() -> None:
    reviews = judged_reviews()
    assert reviews.stars.shape == (100, 5, 5) and set(np.unique(reviews.stars)) == {1, 2, 3, 4, 5}
    values = {name: round(reviews.value(name), 3) for name in POLICIES}
    assert values == {"same": 3.482, "near": 3.554, "far": 3.604, "farther": 3.644, "angry": 3.298}
    square = {name: (reviews.chances(name) ** 2 / reviews.chances("same")).sum(1).mean() for name in POLICIES}
    assert {name: round(100 / one) for name, one in square.items()} == {
        "same": 100, "near": 93, "far": 69, "farther": 4, "angry": 68,
    }  # fmt: skip
    assert np.corrcoef(reviews.judge.ravel(), reviews.stars.mean(-1).ravel())[0, 1] == pytest.approx(0.77, abs=0.005)


def test_a_log_is_drawn_from_the_policies_that_it_names() -> None:
    given = log("far", prompts=20_000, labels=20_000, own=20_000)
    assert given.outcome.mean() == pytest.approx(judged_reviews().value("same"), abs=0.03)
    assert given.fresh_outcome is not None and given.ratio is not None
    assert given.fresh_outcome.mean() == pytest.approx(judged_reviews().value("far"), abs=0.03)
    assert np.exp(given.ratio).mean() == pytest.approx(1, abs=0.03)
    assert (log("same").ratio == 0).all()
    flattered = log("far", "flattered", prompts=20_000)
    assert flattered.fresh.mean() - given.fresh.mean() == pytest.approx(FLATTERY, abs=0.03)


def test_a_record_a_log_and_the_first_labels_a_random_sample() -> None:
    suite = PolicyJudged(repeats=1, prompts=200)
    items = suite.items(Analyst())
    assert len(items) == len(CASES) * len(POLICIES) == len({item.id for item in items})
    records = suite.measure(arm(Calibrated()), items[:2])
    assert [record.item for record in records] == [item.id for item in items[:2]]
    assert records[0].group == {"case": "few", "policy": "same"} and records[0].metrics["answered"] == 1
    assert suite.measure(arm(Calibrated()), items[:2]) == records
    assert np.isfinite(log("far", labels=40).outcome).sum() == 40


def test_weights_abstain_where_they_cannot_know() -> None:
    suite = PolicyJudged(repeats=1, cases=("many",), policies=("near", "farther"))
    near, farther = suite.measure(arm(TextWeights()), suite.items(Analyst()))
    assert near.metrics["answered"] == 1 and near.metrics["covered"] == 1
    assert farther.metrics["answered"] == 0 and farther.error == "abstained" and "error" not in farther.metrics


def test_a_mistake_in_a_knob() -> None:
    with pytest.raises(ValueError, match="cases: more is none of few"):
        PolicyJudged(cases=("more",))
    with pytest.raises(ValueError, match="policies names one or more"):
        PolicyJudged(policies=())


@pytest.mark.slow
def test_the_numbers_can_be_made_again() -> None:
    from butfor.data.cebab import cebab
    from butfor.lm import LM
    from butfor.lm.load import load

    reviews, lm = judged_reviews(), load("smollm2-135m")
    assert isinstance(lm, LM)
    texts = {review.id: review.text for review in cebab("dev")}
    found = computed(lm, [texts[name] for name in reviews.ids[:5]])
    judge, plain, warm = (np.array(part) for part in zip(*found, strict=True))
    assert 1 + 4 / (1 + np.exp(-judge)) == pytest.approx(reviews.judge[0], abs=0.01)
    assert plain == pytest.approx(reviews.plain[0], abs=0.01)
    assert warm == pytest.approx(reviews.warm[0], abs=0.01)
