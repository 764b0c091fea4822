"""A model rewrites: what it is asked, what is read from its answer, and which sentences it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.data.counterfactual.made import Case
from butfor.data.counterfactual.rewrite import Example, Rewriter
from butfor.lm.contrast import contrasted
from butfor.lm.generation import generate
from butfor.lm.load import load
from butfor.lm.prompt import Prompt


class Endpoint:
    """What stands behind an address: answers by a table, and remembers what it was asked."""

    remote = True
    is_base = False
    name = "endpoint"

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: list[Prompt] = []

    def identity(self) -> dict[str, str]:
        return {"model": self.name}

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        self.asked += prompts
        return [self.answers.get(prompt.user, "") for prompt in prompts]


class Guide:
    """Finds good what says good."""

    values = ("Negative", "Positive")

    def identity(self) -> str:
        return "guide"

    def likely(self, texts: Sequence[str]) -> Any:
        return np.array([[0.1, 0.9] if "good" in text else [0.9, 0.1] for text in texts])

    def saliency(self, text: str, value: int) -> list[float]:
        raise NotImplementedError


CASE = Case("7", "The plot is bad. The cast is good! And?", "sentiment", "Negative", "Positive")
SHOWN = (Example("Dull.", "Negative", "Lively.", "Positive"), Example("Grand.", "Positive", "Poor.", "Negative"))


def rewriter(answers: dict[str, str], **knobs: Any) -> Rewriter:
    world: Any = Endpoint(answers)
    return Rewriter(world=world, **knobs)


def test_the_whole_text_goes_to_the_model_with_the_prompt_shown() -> None:
    maker = rewriter({CASE.text: 'Sure, here it is: "The plot is great."'}, examples=SHOWN)
    (draft,) = maker.make([CASE], 0)
    assert draft.text == "The plot is great."
    asked = maker.world.asked[0]  # pyright: ignore[reportAttributeAccessIssue]
    assert asked.shots == (("Dull.", "Lively."), ("Poor.", "Grand."))  # turned to the case's own direction
    assert "becomes positive instead of negative" in asked.system
    for part in (asked.system, "> Dull.", "< Lively.", CASE.text):
        assert part in draft.prompt


def test_sentence_by_sentence_the_rest_stands_where_it_stood() -> None:
    maker = rewriter({"The plot is bad.": "The plot is fine."}, unit="sentence", guide=Guide())
    (draft,) = maker.make([CASE], 0)
    assert draft.text == "The plot is fine. The cast is good! And?"
    asked = maker.world.asked  # pyright: ignore[reportAttributeAccessIssue]
    assert [prompt.user for prompt in asked] == ["The plot is bad."]  # the other is as wanted, and one is too short


def test_an_answer_of_nothing_is_told() -> None:
    (draft,) = rewriter({CASE.text: " \n"}).make([CASE], 0)
    assert (draft.text, draft.refused) == (CASE.text, "the model wrote nothing")


def test_a_model_in_memory_rewrites_and_a_draft_does_not_depend_on_its_neighbours() -> None:
    lm: Any = load("debug")
    cases = [CASE, Case("8", "One more bad sentence of words.", "sentiment", "Negative", "Positive")]
    knobs: dict[str, Any]
    for knobs in ({}, {"temperature": 1.0}, {"style": "lines", "examples": SHOWN, "pull": 1.0, "unit": "sentence"}):
        maker = Rewriter(world=lm, longest=4, instruction="{wanted}!", **knobs)
        both = maker.make(cases, 3)
        assert both == [*maker.make(cases[:1], 3), *maker.make(cases[1:], 3)]
    assert maker.prompt(CASE, "X Y Z", "Negative").user.endswith("Negative: X Y Z\nRewritten, Negative:")
    assert "Negative: Dull.\nRewritten, Negative: Dull.\n" in maker.prompt(CASE, "X", "Negative").user


def test_pull_zero_is_greedy_and_pull_leaves_what_both_prompts_say() -> None:
    lm: Any = load("debug")
    prompts = ["one prompt", "a second, longer prompt"]
    greedy = generate(lm, prompts, max_new_tokens=12)
    assert contrasted(lm, prompts, prompts[::-1], pull=0.0, max_new_tokens=12) == greedy
    assert contrasted(lm, prompts, prompts, pull=3.0, max_new_tokens=12) == greedy  # the same against itself cancels
    pulled = contrasted(lm, prompts, ["another", "xyz"], pull=5.0, max_new_tokens=12)
    assert pulled != greedy
    assert contrasted(lm, prompts[:1], ["another"], pull=5.0, max_new_tokens=12) == pulled[:1]
    with pytest.raises(UserError, match="a prompt against each prompt"):
        contrasted(lm, prompts, ["x"], pull=1.0, max_new_tokens=2)


def test_what_changes_drafts_changes_the_identity() -> None:
    base = rewriter({})
    other = [
        rewriter({}, examples=SHOWN), rewriter({}, unit="sentence"), rewriter({}, instruction="Make it {wanted}."),
    ]  # fmt: skip
    keys = [str(maker.identity()) for maker in (base, *other)]
    assert len(set(keys)) == 4 and str(rewriter({}).identity()) == keys[0]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"unit": "word"}, "unit is text or sentence"),
        ({"temperature": 1.0}, "an endpoint is asked greedily"),
        ({"pull": 1.0}, "an endpoint is asked greedily"),
        ({"style": "lines"}, "give some"),
        ({"guide": Guide()}, "set unit to 'sentence'"),
        ({"instruction": "{colour}"}, "and no others"),
        ({"longest": 0}, "longest ≥ 1"),
    ],
)
def test_knobs_that_cannot_be_are_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        rewriter({}, **knobs)
