"""COPA: two ends of a sentence, judged by likelihood."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from butfor.data.copa import Copa
from butfor.evaluate.reason.copa import COPA, end, start
from butfor.lm import LM


def test_premise_and_connector_make_a_beginning() -> None:
    assert start(Copa("1", "cause", "The bread burned.", ("x", "y"), 0)) == "The bread burned because"
    assert start(Copa("1", "effect", "Did it burn? ", ("x", "y"), 0)) == "Did it burn so"


@pytest.mark.parametrize(
    ("choice", "text"),
    [("The oven was hot.", " the oven was hot."), ("I left.", " I left."), ("I'm late.", " I'm late.")],
)
def test_an_alternative_becomes_an_end(choice: str, text: str) -> None:
    assert end(choice) == text


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM, loglik) -> None:
    suite = COPA(limit=6)
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        right, wrong = (
            loglik(lm, item.data["prompt"], item.data["choices"][k])[0]
            for k in (item.data["gold"], 1 - item.data["gold"])
        )
        assert record.metrics["margin"] == pytest.approx(right - wrong, abs=1e-3)
        assert record.metrics["accuracy"] == float(right > wrong)


def test_a_uniform_model_prefers_the_shorter_end(uniform: LM) -> None:
    suite = COPA()
    items = suite.items(uniform)
    for item, record in zip(items, suite.measure(uniform, items), strict=True):
        right, wrong = (len(item.data["choices"][k]) for k in (item.data["gold"], 1 - item.data["gold"]))
        assert record.metrics["margin"] == pytest.approx((wrong - right) * math.log(259), abs=1e-2)


def test_the_place_of_the_answer_does_not_matter_and_the_wrong_key_turns_the_sign(lm: LM) -> None:
    suite = COPA(limit=6)
    items = suite.items(lm)
    before = [r.metrics["margin"] for r in suite.measure(lm, items)]
    moved = [replace(i, data={**i.data, "choices": i.data["choices"][::-1], "gold": 1 - i.data["gold"]}) for i in items]
    assert [r.metrics["margin"] for r in suite.measure(lm, moved)] == pytest.approx(before, abs=1e-3)
    wrong = [replace(i, data={**i.data, "gold": 1 - i.data["gold"]}) for i in items]
    assert [-r.metrics["margin"] for r in suite.measure(lm, wrong)] == pytest.approx(before, abs=1e-3)


def test_public_questions(lm: LM, public) -> None:
    public("copa")
    assert len(COPA(data="copa").items(lm)) == 500
    some = COPA(data="copa", limit=100).items(lm)
    assert 30 <= Counter(item.data["gold"] for item in some)[0] <= 70


def test_a_mirrored_question_shares_the_cluster_of_its_original(lm: LM, public) -> None:
    public("copa_balanced")
    clusters = Counter(item.cluster for item in COPA(data="copa_balanced").items(lm))
    assert len(clusters) == 500 and set(clusters.values()) == {2}


@pytest.mark.parametrize("limit", [4, 16, 32, 64])
def test_a_limit_keeps_what_is_asked_and_the_place_of_the_answer_in_balance(lm: LM, limit: int) -> None:
    kinds = Counter((item.data["asks_for"], item.data["gold"]) for item in COPA(limit=limit).items(lm))
    assert len(kinds) == 4 and set(kinds.values()) == {limit // 4}


@pytest.mark.parametrize("limit", [2, 99, 100, 501])
def test_a_limit_takes_a_question_with_its_mirror(lm: LM, public, limit: int) -> None:
    public("copa_balanced")
    clusters = Counter(item.cluster for item in COPA(data="copa_balanced", limit=limit).items(lm))
    assert len(clusters) == limit // 2 and set(clusters.values()) == {2}
