"""A poll: every choice at every letter, the mean of the ways, and a model of letters that is taken to know nothing."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from tests.infer.scripted import answered

from butfor.data.question import Question
from butfor.infer.discover.poll import Poll, form, orders
from butfor.lm.exchange import Said, Say, Weigh

PAIR = Question("p", "Which one?", ("The sun warms the stone.", "The stone warms the sun."), 0)
THREE = Question("t", "Which one?", ("red paint", "blue paint", "green paint"), 1)


def line(ask: Weigh | Say, words: str) -> int:
    """The letter at which a choice stands."""
    lines = [text for text in ask.prompt.user.splitlines() if text[1:3] == ". "]
    return next(at for at, text in enumerate(lines) if words in text)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_choice_stands_at_every_letter_equally_often(count: int) -> None:
    found = orders(count)
    assert len(found) == len(set(found)) * (2 if count == 2 else 1) == 2 * count
    for part in (found[:count], found[count:]):
        for place in range(count):
            assert sorted(order[place] for order in part) == list(range(count))


def test_one_way_is_the_plain_question_in_one_call() -> None:
    answer, script = answered(Poll(asks=1), PAIR, lambda ask: [1.0, 0.0])
    assert (answer.read, answer.cost.calls) == (0, 1) and isinstance(script.asked[0], Weigh)
    assert script.asked[0].prompt == form(PAIR.text, PAIR.choices, 0, reworded=False).prompt
    assert answer.shares[0] == pytest.approx(math.e / (1 + math.e))


def test_the_shares_are_means_of_softmaxes_in_the_question_s_own_order() -> None:
    answer, _ = answered(Poll(asks=6), THREE, lambda ask: [math.log(3) * (at == line(ask, "blue")) for at in range(3)])
    assert answer.read == 1 and answer.cost.calls == 6
    assert answer.shares == pytest.approx((0.2, 0.6, 0.2))
    assert [step.by for step in answer.derivation] == ["model", "rule"]


def test_a_model_of_letters_knows_nothing() -> None:
    answer, _ = answered(Poll(asks=3), THREE, lambda ask: [5.0, 0.0, 0.0])
    assert answer.read is None and "equally likely" in answer.why
    once, _ = answered(Poll(asks=1), THREE, lambda ask: [5.0, 0.0, 0.0])
    assert once.read == 0


def test_written_answers_are_drawn_with_seeds_of_their_own_and_unread_ones_left_out() -> None:
    def reply(ask: Weigh | Say) -> str | Said:
        if isinstance(ask, Weigh):
            return Said(why="an address weighs nothing")
        return "I cannot say." if line(ask, "red") == 0 else "ABC"[line(ask, "green")]

    answer, script = answered(Poll(asks=6), THREE, reply, seed=3)
    said = [ask for ask in script.asked if isinstance(ask, Say)]
    assert answer.read == 2 and answer.shares == (0, 0, 1) and answer.cost.calls == 6
    assert len({ask.seed for ask in said}) == 6 and {ask.temperature for ask in said} == {0.7}
    again, twice = answered(Poll(asks=6), THREE, reply, seed=3)
    assert again == answer and [ask.seed for ask in twice.asked[6:]] == [ask.seed for ask in said]


def test_nothing_readable_is_no_answer() -> None:
    answer, _ = answered(Poll(asks=4, by="writing"), PAIR, lambda ask: "]" * 10_000)
    assert answer.read is None and answer.why == "no answer could be read" and answer.shares == (0.5, 0.5)
    none, _ = answered(Poll(), Question("o", "What?"), lambda ask: "")
    assert none.read is None and "has no choices" in none.why and none.cost.calls == 0


def test_the_wordings_take_turns() -> None:
    _, script = answered(Poll(asks=4), PAIR, lambda ask: [1.0, 0.0])
    ends = Counter(ask.prompt.user.splitlines()[-1] for ask in script.asked)
    assert sorted(ends.values()) == [2, 2]
