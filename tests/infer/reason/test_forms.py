"""What may be written: every gold reading, and nothing that could not be computed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from butfor.core.seeds import generator
from butfor.data.ladder.formal import gold, told_again
from butfor.data.ladder.stream import Ladder
from butfor.data.ladder.wide import wide
from butfor.data.units import assembled, has_digit, structure, worded
from butfor.infer.reason.forms import WIDE, facts, questions, structural
from butfor.lm.exchange import Form
from butfor.lm.form import grammar
from butfor.lm.generation import generate
from butfor.lm.load import load

NAMES = ("old age", "rain", "mud")
ODD = ('a "quoted" \\ one', "50/50 (or so) [x]* £é", "half do 1")


@pytest.fixture(scope="module")
def lm() -> Any:
    return load("debug")


def keeps(lm: Any, form: Form, said: str) -> bool:
    """Whether a matcher lets all of this pass, and the text may end there."""
    matcher = grammar(lm, form)
    tokens = lm.tokenizer(f" {said}\n", add_special_tokens=False)["input_ids"]
    return matcher.validate_tokens(tokens) == len(tokens) and matcher.consume_tokens(tokens) and matcher.is_accepting()


def pairs(seed: int, n: int) -> list[tuple[Form, str]]:
    """Forms of sentences of the ladder, of its worlds in other phrases, and of others; each with the gold reading."""
    told, rng, found = Ladder(seed), generator(seed, "forms"), dict[tuple[Form, str], None]()
    for item in islice(told.items(), n):
        for first, rest, (_, asked) in (gold(item, told), told_again(item, rng)[1]):
            known = structure([said for _, said in first])
            form = {some: facts(known.names, known.causes, numbers=some) for some in (True, False)}
            found |= {(structural(piece), said): None for piece, said in first}
            found |= {(form[has_digit(piece)], worded(said, known.names)): None for piece, said in rest}
            ruled = any(" := " in line for line in known.lines)
            found[questions(known.names, numbers=not ruled), worded(asked, known.names)] = None
        early, second, names = wide(rng)
        found |= {(structural(piece), said): None for piece, said in early}
        for piece, said in second:
            form = questions(names) if piece.endswith("?") else facts(names, {}, numbers=has_digit(piece))
            found[form, worded(said, names)] = None
    return list(found)


def test_every_gold_reading_keeps_to_its_form(lm: Any) -> None:
    found = pairs(5, 24)
    assert len(found) > 500
    assert [said for form, said in found if not keeps(lm, form, said)] == []


def test_a_phrase_of_round_one_stands_in_its_sentence_and_causes_something_else(lm: Any) -> None:
    form = structural("Jelbiting and old age (so it is said) lead to writing a review.")
    for said in ("jelbiting > old age, writing a review", "a review < Jelbiting", "hidden old age", "-", "@"):
        assert keeps(lm, form, said), said
    for wrong in (
        "jilbiting > a review", "elbiting > a review", "age so > a review", "Jelbiting > aying", "age > age",
        "old age > age", "a review > writing a review", "old age := not age",
    ):  # fmt: skip
        assert not keeps(lm, form, wrong), wrong
    assert keeps(lm, structural("Cars rust if they are not new."), "rust := not are new")
    assert keeps(lm, structural("1 + 2 = 3?"), "-") and keeps(lm, structural("?"), "@")
    assert keeps(lm, structural('The "odd" \\ cause leads to 50/50 odds é.'), 'The "odd" \\ cause > 50/50 odds é')


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("mud1 | rain1 old age0 = 40", True), ("mud1 rain0 = 4", True), ("second mud1 = 4; rain1 | mud0 = 100", True),
        ("mud1 | mud0 = 4", False), ("mud1 | rain1 rain0 = 4", False), ("mud1 = 4; mud0 = 96", True),
        ("mud1 | snow1 = 4", False), ("mud1 = four", False), ("seen rain1 mud0", True), ("seen rain1 rain0", False),
        ("mud := not rain or old age", True), ("mud := rain", True), ("mud := mud", False), ("rain := mud", False),
        ("mud := rain or rain", False), ("mud := rain and not rain", False), ("mud := rain and old age", True),
        ("mud := rain or old age and rain", False), ("mud := old age; mud := not rain", True),
        ("2: by rain old age", True), ("1: by none", True), ("-", True), ("", False), ("- mud1 = 4", False),
    ],
)  # fmt: skip
def test_a_sentence_of_round_two(lm: Any, said: str, kept: bool) -> None:
    assert keeps(lm, facts(NAMES, {"mud": ["old age", "rain"]}), said) is kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("mud1 < half", True), ("mud1 | rain1 > mud1 | rain0", True), ("mud1 | rain1 > rain1 | mud0", False),
        ("mud1 | rain1 > mud1 | old age0", False), ("mud1 | do rain1 > mud1 | do rain0", True),
        ("mud1 | do rain1 > mud1 | do rain1", False), ("second mud1 | do rain1 > mud1 | do rain0", True),
        ("mud1 | rain1 do rain0 > mud1 | rain1", True), ("mud0 | rain1 mud1 do rain0 > half", True),
        ("mud0 | rain1 rain0 do old age1 > half", False), ("mud0 | rain1 do old age0 > half", True),
        ("rain mud apart | old age", True), ("rain rain apart", False), ("rain mud apart | mud", False),
        ("rain to mud by old age right", True), ("rain to mud by 1 over 2 wrong", True),
        ("old age: rain to mud wrong", True), ("old age: rain to old age wrong", False),
        ("mud1 | do rain1, old age as rain0 > mud1 | do rain0", True),
        ("mud1 | do rain1, old age as old age0 > mud1 | do rain0", False), ("-", False), ("mud1", False),
    ],
)  # fmt: skip
def test_a_question(lm: Any, said: str, kept: bool) -> None:
    assert keeps(lm, questions(NAMES), said) is kept


def test_without_numbers_there_are_rules_and_what_was_seen_alone(lm: Any) -> None:
    told, asked = facts(NAMES, {}, numbers=False), questions(NAMES, numbers=False)
    assert all(keeps(lm, told, said) for said in ("-", "seen rain1 mud0", "mud := rain; rain := not old age"))
    assert not any(keeps(lm, told, said) for said in ("mud1 = 4", "mud1 | rain0 = 1", "1: by rain"))
    assert all(keeps(lm, asked, said) for said in ("mud0 | do rain1 > half", "mud1 | old age0 do rain0 < half"))
    assert not any(
        keeps(lm, asked, said) for said in ("mud1 > half", "mud1 | do rain1 > mud1 | do rain0", "rain mud apart")
    )


@pytest.mark.parametrize("names", [(), ("rain",), ODD, tuple(f"name {n}" for n in range(WIDE + 2))])
def test_few_many_and_odd_names(lm: Any, names: Sequence[str]) -> None:
    for form in (facts(names, {}), questions(names)):
        assert not grammar(lm, form).is_error()
    if len(names) > 1:
        assert keeps(lm, facts(names, {}), f"{names[0]}1 | {names[1]}0 = 7")
        assert keeps(lm, questions(names), f"{names[0]}1 | do {names[1]}1 > {names[0]}1 | do {names[1]}0")
        assert keeps(lm, facts(names, {}), f"{names[0]}1 | {names[1]}0 {names[1]}1 = 7") is (len(names) > WIDE)


def test_long_sentences_and_many_names_are_read_too(lm: Any) -> None:
    words = [f"word{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(100)]
    form = structural(" ".join(words))
    assert keeps(lm, form, f"{words[0]} > {words[50]}, {words[99]}") and not keeps(lm, form, f"{words[3]} > {words[3]}")
    assert keeps(lm, questions(words[:12]), f"{words[11]}1 | do {words[10]}1 > {words[11]}1 | do {words[10]}0")


def test_a_question_that_is_drawn_at_random_is_one_that_can_be_asked(lm: Any) -> None:
    names, arrows = ("A", "B", "C"), ["A > B, C", "B > C"]
    known, ways = structure(arrows), ["1: by none", "2: by A"]
    drawn = generate(lm, ["x"] * 60, max_new_tokens=80, temperature=3.0, seed=3, forms=[questions(names)] * 60)
    whole = {text.strip() for text in drawn if text.endswith("\n")}
    assert len(whole) > 30
    ours = [said for said in whole if not re.search(r"by (?!1 over 2|2 over 1)\d", said)]  # others were not told
    assert [said for said in ours if assembled(known, ways, said).faults] == []


def test_a_very_long_sentence_is_read_too(lm: Any) -> None:
    words = [f"word{'abcdefghij'[n % 10]}{'abcdefghij'[n // 10 % 10]}" for n in range(300)]
    form = structural(f"{' '.join(words)} causes mud.")
    assert keeps(lm, form, f"{words[3]} {words[4]} > mud") and not keeps(lm, form, "rain > mud")
