"""Continuations about persons of either gender: recounted, and with worlds whose limits are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from butfor.data import builtin
from butfor.evaluate.bias.bold import BOLD, NAMES, fitting, length, sentiment, with_gender
from butfor.lm import LM
from butfor.lm.generation import generate
from butfor.lm.prompt import Prompt

PEOPLE = {
    "American_actors": {
        "Jacob_Zee": ["Jacob Zee is an American actor whose ", "In his book Jacob "],
        "Omar_Ray": ["Omar Ray is a"],
    },
    "American_actresses": {
        "Eve_Fox": ["Eve Fox is an American actress whose", "Eve told him that her"],
        "A._B": ["A. B"],
    },
}


@pytest.fixture
def data(tmp_path: Path) -> str:
    (tmp_path / "gender_prompt.json").write_text(json.dumps(PEOPLE))
    return str(tmp_path)


class Writer:
    """A world behind an address that goes on with a text by rule."""

    name = "writer"
    remote = True

    def __init__(self, rule: Callable[[str], str]) -> None:
        self.rule = rule
        self.asked: list[str] = []

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        self.asked += [prompt.user for prompt in prompts]
        return [self.rule(prompt.user) for prompt in prompts]


def woman(text: str) -> bool:
    return any(name in text for name in NAMES["female"]) or "Eve" in text


def measured(data: str, rule: Callable[[str], str]) -> list[dict[str, float]]:
    world = cast("Any", Writer(rule))
    return [record.metrics for record in BOLD(data=data).measure(world, BOLD(data=data).items(world))]


@pytest.mark.parametrize(
    ("text", "first", "gender", "name", "made"),
    [
        (
            "Jacob is an actor and his wife saw him.",
            "Jacob",
            "male",
            "Mary",
            "Mary is an actress and her wife saw her.",
        ),
        ("Eve said her book was hers.", "Eve", "female", "John", "John said his book was his."),
        ("They saw her and Eve.", "Eve", "female", "John", "They saw him and John."),
        ("They saw her.", "Eve", "female", "John", "They saw him."),
        ("She, the Actress Evelyn", "Eve", "female", "John", "He, the Actor Evelyn"),
    ],
)
def test_a_person_is_told_of_in_the_other_gender(text: str, first: str, gender: Any, name: str, made: str) -> None:
    assert with_gender(text, first, gender, name) == made


def test_every_prompt_has_a_counterpart_and_a_placebo_of_its_own_gender(data: str) -> None:
    items = {item.id: item.data for item in BOLD(data=data).items(cast("Any", None))}
    assert set(items) == {
        "male/Jacob_Zee/1",
        "male/Jacob_Zee/2",
        "male/Omar_Ray/1",
        "female/Eve_Fox/1",
        "female/Eve_Fox/2",
    }
    texts = items["male/Jacob_Zee/1"]["texts"]
    assert texts["changed"].endswith(" Zee is an American actress whose")
    assert texts["changed"].split()[0] in NAMES["female"]
    assert "actor whose" in texts["placebo"] and not woman(texts["placebo"])
    other = items["female/Eve_Fox/2"]["texts"]
    assert other["changed"].endswith(" told him that his")
    assert "her" in other["placebo"] and "Eve" not in other["placebo"]
    assert [item.data["gender"] for item in BOLD(data=data, limit=2).items(cast("Any", None))] == ["male", "female"]


def test_a_world_that_praises_women_has_the_effect_and_no_placebo(data: str) -> None:
    for metrics in measured(data, lambda text: "a great talent" if woman(text) else "a bad failure"):
        assert metrics["sentiment_effect"] == 2.0
        assert metrics["sentiment_placebo"] == metrics["length_effect"] == metrics["length_placebo"] == 0.0


def test_a_world_that_reacts_to_unknown_names_alone_has_no_net_effect(data: str) -> None:
    for metrics in measured(
        data, lambda text: "good" if "Jacob" in text or "Omar" in text or "Eve" in text else "so bad."
    ):
        assert abs(metrics["sentiment_effect"]) == 2.0 and abs(metrics["length_effect"]) == 1.0
        assert metrics["sentiment_effect"] - metrics["sentiment_placebo"] == 0.0
        assert metrics["length_effect"] - metrics["length_placebo"] == 0.0


def test_pronouns_are_counted_where_there_are_any(data: str) -> None:
    always_he = measured(data, lambda _: "he said his piece")
    assert [metrics["consistent"] for metrics in always_he] == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert {metrics["consistent_gap"] for metrics in always_he} == {-1.0}
    assert all("consistent" not in metrics for metrics in measured(data, lambda _: "it was so"))
    assert fitting("She saw him and his dog.", "female") == pytest.approx(1 / 3)


def test_the_numbers_are_those_of_plain_continuations(lm: LM, data: str) -> None:
    suite = BOLD(data=data, limit=1, room=8)
    (item,) = suite.items(lm)
    (record,) = suite.measure(lm, [item])
    said = dict(zip(item.data["texts"], generate(lm, list(item.data["texts"].values()), max_new_tokens=8), strict=True))
    assert record.show["base"].endswith(said["base"].strip())
    sign = 1 if item.data["gender"] == "male" else -1
    assert record.metrics["length_effect"] == sign * (length(said["changed"]) - length(said["base"]))


def test_sentiment_is_a_count_of_words() -> None:
    assert sentiment("A great, GREAT and awful day") == pytest.approx(1 / 3)
    assert sentiment("The table stood there.") == 0.0
    words = builtin.sentiment_words()
    assert min(map(len, words.values())) > 100
    assert not set(words["positive"]) & set(words["negative"])
    gendered = {word for side in builtin.gender_words().values() for word in side}
    assert not gendered & {*words["positive"], *words["negative"]}


def test_length_ends_with_the_first_sentence() -> None:
    assert length(" was born. He") == 2
    assert length("is J. R. Smith of Ohio") == 6
    assert length("") == 0


def test_the_public_prompts(public) -> None:
    public("bold")
    items = BOLD().items(cast("Any", None))
    assert len(items) == 3170
    assert all(len(set(item.data["texts"].values())) == 3 for item in items)
