"""Sentences are compared whole, all under one condition."""

from __future__ import annotations

import pytest

from butfor.data.pairs import Pair
from butfor.evaluate.sentences import question
from butfor.lm import LM, score

PAIRS = [
    ("The chief said that he lost his key.", "The chief said that she lost her key."),
    ("Old men drive slowly.", "Young men drive slowly."),
    ("It rained.", "It never rained."),
    ("It rained", "It rained all day"),
    ("Rain", "Rain fell"),
]


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_every_pair_is_two_whole_sentences_with_nothing_before_them(one: str, two: str) -> None:
    assert question(Pair.of(one, two, "x")) == {"prompt": "", "choices": [one, two]}


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_each_is_scored_whole_from_the_beginning_of_a_text(lm: LM, loglik, one: str, two: str) -> None:
    (scored,) = score(lm, [question(Pair.of(one, two, "x"))])
    assert scored.logprobs == pytest.approx([loglik(lm, "", one)[0], loglik(lm, "", two)[0]], abs=1e-3)
    assert scored.counts == [len(one), len(two)]  # a token is a byte
