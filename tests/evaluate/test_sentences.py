"""Comparing sentences after their shared beginning is comparing the sentences."""

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
def test_the_question_puts_the_sentences_together_again(one: str, two: str) -> None:
    asked = question(Pair.of(one, two, "x"))
    assert [asked["prompt"] + choice for choice in asked["choices"]] == [one, two]
    assert all(asked["choices"]) and not asked["prompt"].endswith(" ")


@pytest.mark.parametrize(("one", "two"), PAIRS[:1] + PAIRS[2:4])
def test_the_difference_is_that_of_whole_sentences(lm: LM, loglik, one: str, two: str) -> None:
    (scored,) = score(lm, [question(Pair.of(one, two, "x"))])
    whole = loglik(lm, one[0], one[1:])[0] - loglik(lm, two[0], two[1:])[0]
    assert scored.logprobs[0] - scored.logprobs[1] == pytest.approx(whole, abs=1e-3)
