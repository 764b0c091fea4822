"""The baselines: asked once, after reasoning, many times, and for so many tokens."""

from __future__ import annotations

from typing import Any

import pytest

from butfor.core.errors import UserError
from butfor.core.registry import build
from butfor.data.adapt import CUE, ROOM, STEPS
from butfor.data.question import Cloze, Question
from butfor.infer.prompt.direct import TOO_LONG, UNREAD, Direct
from butfor.lm.exchange import Cost, Said, Say, Weigh
from infer.scripted import answered

YESNO = Question("1", "Is rain wet?", ("yes", "no"))
LETTERS = Question("2", "A glass fell. What then?", ("It broke.", "It sang."))
OPEN = Question("3", "How many legs has a cow?", (), match="number")
ENDS = Question("4", "", ("wet", "dry"), cloze=Cloze("Rain makes streets", (" wet.", " dry.")))
SHOTS = (Question("5", "Is fire cold?", ("yes", "no"), 1), Question("6", "Is ice cold?", ("yes", "no"), 0))


def drawn(*texts: str) -> Any:
    """Says the texts in their order, and then the last one again."""
    left = list(texts)
    return lambda _ask: left.pop(0) if len(left) > 1 else left[0]


def test_one_weighing_where_choices_can_be_weighed() -> None:
    answer, script = answered(Direct(), YESNO, lambda _: (-2.0, -1.0))
    assert (answer.read, answer.said, answer.cost) == (1, "no", Cost(1, 10, 0))
    assert answer.shares == pytest.approx((0.2689, 0.7311), abs=1e-4)
    assert [step.by for step in answer.derivation] == ["model"]
    (ask,) = script.asked
    assert ask == Weigh(ask.prompt, (" yes", " no"))
    assert ask.prompt.user == "Is rain wet?\nAnswer with one of: yes, no."


def test_one_writing_where_they_cannot() -> None:
    reply = lambda ask: Said(why="an address weighs nothing") if isinstance(ask, Weigh) else "B. It sang."  # noqa: E731
    answer, script = answered(Direct(), LETTERS, reply)
    assert (answer.read, answer.said, answer.cost.calls) == (1, "B. It sang.", 1)
    assert script.asked[1].room == ROOM["plain"]
    assert script.asked[1].temperature == 0


@pytest.mark.parametrize(
    ("method", "question"),
    [(Direct(by="writing"), YESNO), (Direct(way="cot"), YESNO), (Direct(draws=3), YESNO), (Direct(), OPEN)],
    ids=["by writing", "reasoning", "draws", "open"],
)
def test_what_is_written_from_the_start(method: Direct, question: Question) -> None:
    _, script = answered(method, question, lambda _: "4 yes")
    assert all(isinstance(ask, Say) for ask in script.asked)


def test_a_cloze_is_weighed_as_a_text_to_go_on_with() -> None:
    answer, script = answered(Direct(), ENDS, lambda _: (-1.0, -2.0))
    assert (answer.read, script.asked[0].choices) == (0, (" wet.", " dry."))
    assert script.asked[0].prompt.raw


def test_each_way_asks_in_its_own_words() -> None:
    prompts = {}
    for way in ("plain", "few_shot", "cot", "causal_cot"):
        question = Question("1", "Is rain wet?", ("yes", "no"), shots=SHOTS)
        _, script = answered(Direct(way=way, by="writing"), question, lambda _: "The answer is yes.")
        prompts[way] = script.asked[0].prompt
        assert script.asked[0].room == ROOM[way]
    assert len({prompt.user for prompt in prompts.values()}) == 3, "examples are turns, and not part of the question"
    assert [len(prompt.shots) for prompt in prompts.values()] == [0, 2, 0, 0]
    assert STEPS in prompts["causal_cot"].user
    assert CUE in prompts["cot"].start


def test_few_shot_without_examples_says_how_to_get_them() -> None:
    with pytest.raises(UserError, match="set adapt = 'few_shot' for the suite"):
        answered(Direct(way="few_shot"), YESNO, lambda _: "yes")


def test_the_most_frequent_of_the_draws_is_taken_and_the_first_of_equals() -> None:
    answer, script = answered(Direct(draws=4), YESNO, drawn("no.", "yes.", "what?", "yes."))
    assert (answer.read, answer.shares, answer.said) == (0, (0.5, 0.25), "yes.")
    assert answer.samples == ("no.", "yes.", "what?", "yes.")
    assert answer.derivation[-1].text == "2 of 4 drawn answers say so"
    assert script.rounds == [4]
    assert len({ask.seed for ask in script.asked}) == 4
    tie, _ = answered(Direct(draws=2), YESNO, drawn("no.", "yes."))
    assert tie.read == 1


def test_one_draw_is_the_greedy_answer_and_more_draws_hold_the_fewer() -> None:
    one, script = answered(Direct(draws=1, by="writing"), YESNO, lambda _: "yes")
    assert (script.asked[0].temperature, one.shares) == (0, (1.0, 0.0))
    seeds = [[ask.seed for ask in answered(Direct(draws=n), YESNO, lambda _: "yes")[1].asked] for n in (3, 5)]
    assert seeds[1][:3] == seeds[0]
    spent = answered(Direct(tokens=45), YESNO, lambda _: "yes")[1]
    assert [ask.seed for ask in spent.asked] == seeds[0], "a budget draws what a number draws"


@pytest.mark.parametrize(("tokens", "calls"), [(1, 1), (15, 1), (29, 1), (30, 2), (45, 3), (100, 6)])
def test_a_budget_is_spent_and_not_overdrawn(tokens: int, calls: int) -> None:
    """An answer here costs 15 tokens; the first is asked for whatever the budget."""
    answer, script = answered(Direct(tokens=tokens), YESNO, lambda _: "yes")
    assert (len(script.asked), answer.cost.calls) == (calls, calls)
    assert answer.cost.read + answer.cost.written <= max(tokens, 15)


def test_a_server_that_tells_no_tokens_is_asked_once() -> None:
    answer, _ = answered(Direct(tokens=100), YESNO, lambda _: Said("yes"))
    assert (answer.read, answer.cost) == (0, Cost(1, 0, 0))


def test_what_cannot_be_read_is_none_and_says_why() -> None:
    answer, _ = answered(Direct(draws=3), YESNO, lambda _: "What a question!")
    assert (answer.read, answer.why, len(answer.samples)) == (None, UNREAD, 3)
    assert answer.shares == ()


@pytest.mark.parametrize("method", [Direct(), Direct(way="cot"), Direct(draws=3), Direct(tokens=50)])
def test_a_question_that_does_not_fit_is_not_asked_twice(method: Direct) -> None:
    answer, script = answered(method, YESNO, lambda _: Said(why="does not fit"))
    assert (answer.read, answer.why, answer.cost, script.rounds) == (None, TOO_LONG, Cost(), [method.draws])


def test_open_answers_are_voted_on_too() -> None:
    answer, _ = answered(Direct(draws=3), OPEN, drawn("4", "5", "4"))
    assert (answer.read, answer.shares) == ("4", ())


def test_knobs_that_contradict_each_other() -> None:
    assert "set one of them" in build(Direct, {"draws": 2, "tokens": 100})[1][0][1]
