"""A score without the faulty answers, and what every suite of this folder's contract holds to."""

from __future__ import annotations

import pytest

from butfor.core.errors import MissingData
from butfor.core.registry import BUILT_IN, resolve
from butfor.data.question import Question
from butfor.evaluate.reason.gold import without_faulty

from .scripted import items_of

OURS = ("cladder", "corr2cause", "axioms", "calm", "causal_judgement", "crass", "vignettes")


@pytest.mark.parametrize(
    ("gold", "found"), [({"gold": "sound"}, {"accuracy_sound": 1.0}), ({"gold": "faulty"}, {}), ({}, {})]
)
def test_faulty_and_unlabelled_questions_are_left_out(gold: dict[str, str], found: dict[str, float]) -> None:
    question = Question("1", "Is it?", ("yes", "no"), 1, group=gold)
    assert without_faulty(question, 1) == found
    assert without_faulty(question, None) == dict.fromkeys(found, 0.0)


@pytest.mark.parametrize("name", OURS)
def test_every_suite_is_named_has_a_card_and_tells_what_is_missing(name: str, bare) -> None:
    suite = resolve("suite", f"reason.{name}")
    assert f"reason.{name}" in BUILT_IN["suite"]
    card = suite.card  # type: ignore[attr-defined]
    assert card.measures and card.chance and card.source and card.faults and card.published
    with pytest.raises(MissingData):
        suite().ready()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OURS)
def test_questions_are_whole(name: str, public) -> None:
    public("kiciman")
    parts = {"cladder": {"part": "det"}, "calm": {"part": "exp_away"}}
    items = items_of(resolve("suite", f"reason.{name}")(limit=30, **parts.get(name, {})))
    assert 24 <= len(items) <= 30
    for item in items:
        text = item.data["text"]
        assert text == text.strip() and "  " not in text and text.count("?") >= 1
        assert 0 <= item.data["answer"] < len(item.data["choices"]) and item.cluster
        assert all(place != item.data["answer"] for place in item.data["lures"].values())
