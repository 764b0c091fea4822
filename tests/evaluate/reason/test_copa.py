"""COPA and Balanced COPA: two ends of a sentence judged by likelihood, or two choices by what is written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.evaluate.reason.choosing import Choosing, first_listed
from tests.evaluate.reason.scripted import contrary, mean, oracle

from butfor.data.cause_effect import end, start
from butfor.data.copa import Copa, copa
from butfor.data.find import find
from butfor.evaluate.reason.copa import COPA, BalancedCOPA
from butfor.evaluate.suite import Record
from butfor.lm import LM
from butfor.lm.scoring import Scored


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
        ends, gold = item.data["cloze"]["ends"], item.data["answer"]
        right, wrong = (loglik(lm, item.data["cloze"]["start"], ends[k])[0] for k in (gold, 1 - gold))
        assert record.metrics["margin"] == pytest.approx(right - wrong, abs=1e-3)
        assert record.metrics["accuracy"] == float(right > wrong)


def test_a_uniform_model_prefers_the_shorter_end(uniform: LM) -> None:
    suite = COPA()
    items = suite.items(uniform)
    for item, record in zip(items, suite.measure(uniform, items), strict=True):
        ends, gold = item.data["cloze"]["ends"], item.data["answer"]
        right, wrong = (len(ends[k]) for k in (gold, 1 - gold))
        assert record.metrics["margin"] == pytest.approx((wrong - right) * math.log(259), abs=1e-2)


def test_the_wrong_key_turns_the_sign(lm: LM) -> None:
    suite = COPA(limit=6)
    items = suite.items(lm)
    before = [r.metrics["margin"] for r in suite.measure(lm, items)]
    wrong = [replace(i, data={**i.data, "answer": 1 - i.data["answer"]}) for i in items]
    assert [-r.metrics["margin"] for r in suite.measure(lm, wrong)] == pytest.approx(before, abs=1e-3)


def test_public_questions(lm: LM, public) -> None:
    public("copa")
    assert len(COPA(data="copa").items(lm)) == 500
    some = COPA(data="copa", limit=100).items(lm)
    assert 30 <= Counter(item.data["answer"] for item in some)[0] <= 70


def test_a_mirrored_question_shares_the_cluster_of_its_original(lm: LM, public) -> None:
    public("copa_balanced")
    for suite in (COPA(data="copa_balanced"), BalancedCOPA()):
        clusters = Counter(item.cluster for item in suite.items(lm))
        assert len(clusters) == 500 and set(clusters.values()) == {2}


@pytest.mark.parametrize("limit", [4, 16, 32, 64])
def test_a_limit_keeps_what_is_asked_and_the_place_of_the_answer_in_balance(lm: LM, limit: int) -> None:
    kinds = Counter((i.data["group"]["asks_for"], i.data["answer"]) for i in COPA(limit=limit).items(lm))
    assert len(kinds) == 4 and set(kinds.values()) == {limit // 4}


@pytest.mark.parametrize("limit", [2, 99, 100, 501])
def test_a_limit_takes_a_question_with_its_mirror(lm: LM, public, limit: int) -> None:
    public("copa_balanced")
    clusters = Counter(item.cluster for item in BalancedCOPA(limit=limit).items(lm))
    assert len(clusters) == limit // 2 and set(clusters.values()) == {2}


@pytest.mark.parametrize(("rule", "accuracy", "sturdy"), [(oracle, 1, 1), (contrary, 0, 0), (first_listed, 0.5, 0)])
def test_behind_an_address_the_alternatives_are_listed(rule, accuracy: float, sturdy: float) -> None:
    suite = COPA(limit=16)
    items = suite.items(None)  # pyright: ignore[reportArgumentType]
    records = suite.measure(Choosing(suite, rule), items)  # pyright: ignore[reportArgumentType]
    assert mean(records, "accuracy") == accuracy and mean(records, "sturdy") == sturdy
    assert mean(records, "parsed") == 1 and "margin" not in records[0].metrics
    assert "What was the cause of this?" in records[0].show["asked"] or "What happened" in records[0].show["asked"]


ITEM = '<item id="{}" asks-for="cause" most-plausible-alternative="{}"><p>{}</p><a1>{}</a1><a2>{}</a2></item>\n'
PAIRS = (
    ITEM.format(1, 1, "The lamp went out.", "The power failed.", "A guest came in from the garden.")
    + ITEM.format(1001, 2, "The door opened.", "The power failed.", "A guest came in from the garden.")
    + ITEM.format(2, 2, "The soup was cold.", "It was salty.", "It had stood there for an hour.")
    + ITEM.format(1002, 1, "The cook was blamed.", "It was salty.", "It had stood there for an hour.")
)


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    file = tmp_path / "balanced.xml"
    file.write_text(f"<copa-corpus>\n{PAIRS}</copa-corpus>\n")
    return str(file)


def judged(monkeypatch: pytest.MonkeyPatch, suite: BalancedCOPA, likes: Callable[[str, str], float]) -> list[Record]:
    """The records where log P(end | start) is `likes(start, end)`."""

    def weigh(_: Any, asked: Any) -> list[Scored]:
        return [Scored([likes(prompt.user, end) for end in ends], [1] * len(ends)) for prompt, ends in asked]

    for module in ("butfor.evaluate.questions", "butfor.evaluate.reason.copa"):
        monkeypatch.setattr(f"{module}.weigh", weigh)
    world: Any = SimpleNamespace(remote=False, name="likes", context=None)
    return suite.measure(world, suite.items(world))


def test_who_goes_by_the_ends_alone_has_all_of_the_gap(pairs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    records = judged(monkeypatch, BalancedCOPA(data=pairs), lambda _, end: -len(end))
    assert [r.group["split"] for r in records] == ["easy", "hard", "hard", "easy"]
    assert mean(records, "accuracy") == 0.5 and mean(records, "both") == 0 and mean(records, "gap") == 1
    assert mean(records, "accuracy", split="easy") - mean(records, "accuracy", split="hard") == 1


@pytest.mark.parametrize("right", [1, -1])
def test_who_goes_by_the_premise_has_none_of_it(pairs: str, monkeypatch: pytest.MonkeyPatch, right: int) -> None:
    key = {start(row): end(row.choices[row.gold]) for row in copa(pairs)}
    records = judged(
        monkeypatch, BalancedCOPA(data=pairs), lambda begun, one: right * (9 * (key.get(begun) == one) - len(one) / 99)
    )
    assert mean(records, "both") == mean(records, "accuracy") == float(right > 0) and mean(records, "gap") == 0
    assert {r.group["split"] for r in records} == {"easy", "hard"}


def test_a_record_does_not_depend_on_what_it_is_asked_with(pairs: str, lm: LM) -> None:
    suite = BalancedCOPA(data=pairs)
    items = suite.items(lm)
    together = suite.measure(lm, items)
    alone = [suite.measure(lm, [item])[0] for item in items]
    for one, other in zip(together, alone, strict=True):
        assert one.metrics == pytest.approx(other.metrics, abs=1e-3) and one.group == other.group
    assert len(suite.measure(lm, items[:1])) == 1


def test_both_counted_from_the_authors_file(public) -> None:
    public("copa_balanced")
    suite = BalancedCOPA(limit=60)
    items = suite.items(None)  # pyright: ignore[reportArgumentType]
    records = suite.measure(Choosing(suite, first_listed), items)  # pyright: ignore[reportArgumentType]
    root = ElementTree.parse(find("copa_balanced", "balanced-copa-dev-all.xml")).getroot()
    first = {item.get("id"): item.get("most-plausible-alternative") == "1" for item in root.iter("item")}
    for record in records:
        other = str((int(record.item) + 1000) % 2000) if int(record.item) < 1000 else str(int(record.item) - 1000)
        assert record.metrics["accuracy"] == first[record.item]
        assert record.metrics["both"] == (first[record.item] and first[other])
        assert "gap" not in record.metrics and "split" not in record.group
