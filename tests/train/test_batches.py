"""The batches: same order in every arm, exact budgets, versions that take turns, rows that cannot be used."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.core.errors import UserError
from butfor.lm.load import load
from butfor.train.batches import Batches, batches, numbered, visits

ROWS = [{"text": "x" * (2 + 7 * n % 23)} for n in range(30)]


@pytest.fixture(scope="module")
def tokenizer():
    return load("debug").tokenizer


def plan(tokenizer, rows=ROWS, **changes) -> Batches:
    return batches(numbered(rows), tokenizer, **{"seed": 3, "batch_size": 4, "length": 16, "steps": 5, **changes})


def test_a_pass_visits_every_row_once_and_the_next_in_another_order():
    first, second = list(islice(visits(range(50), 1), 50)), list(islice(visits(range(50), 1), 50, 100))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != list(islice(visits(range(50), 2), 50))


def test_order_depends_on_the_number_of_a_row_not_on_its_place():
    numbers = [5, 9, 2, 7, 0, 3]
    one = [numbers[place] for place in islice(visits(numbers, 4), 18)]
    other = [sorted(numbers)[place] for place in islice(visits(sorted(numbers), 4), 18)]
    assert one == other


def test_a_dropped_or_added_row_leaves_the_order_of_the_others():
    whole = list(islice(visits(range(40), 8), 40))
    fewer = [place + (place >= 11) for place in islice(visits([n for n in range(40) if n != 11], 8), 39)]
    assert fewer == [n for n in whole if n != 11]
    assert [n for n in islice(visits(range(41), 8), 41) if n != 40] == whole


def test_versions_of_a_row_take_turns_in_its_slot():
    numbers = [0, 1, 2, 3, 4, 5] * 2  # place p and p + 6 are versions of row p
    places = list(islice(visits(numbers, 5), 12))
    assert [numbers[place] for place in places] == list(islice(visits(range(6), 5), 12))
    assert sorted(places) == list(range(12))  # two passes show both versions of every row
    assert 0 < sum(place > 5 for place in places[:6]) < 6


def test_rows_without_a_number_are_new_rows(tokenizer):
    made = batches([*numbered(ROWS[:3]), {"text": "new"}], tokenizer, seed=0, batch_size=4, length=9, steps=1)
    assert sorted(row["row"] for row in made.rows) == [0, 1, 2, 3]


@settings(deadline=None, max_examples=60)
@given(
    budget=st.integers(2, 400),
    batch_size=st.integers(1, 7),
    length=st.integers(2, 20),
    sizes=st.lists(st.integers(2, 30), min_size=1, max_size=12),
)
def test_a_token_budget_is_met_exactly(tokenizer, budget, batch_size, length, sizes):
    rows = [{"text": "y" * size} for size in sizes]
    made = plan(tokenizer, rows, steps=None, tokens=budget, batch_size=batch_size, length=length)
    assert sum(made.tokens) == budget
    assert sum(int(made[step]["attention_mask"].sum()) for step in range(len(made))) == budget
    for step in range(len(made)):  # something is predicted in every batch: no loss is a mean over nothing
        assert (made[step]["labels"][:, 1:] != -100).any()


def test_a_step_budget_is_met_exactly(tokenizer):
    made = plan(tokenizer, steps=11, batch_size=3)
    assert len(made) == 11
    assert all(len(batch) == 3 for batch in made.plan)


def test_labels_are_the_tokens_and_padding_counts_for_nothing(tokenizer):
    made = plan(tokenizer)
    batch = made[0]
    inside = batch["attention_mask"] == 1
    assert (batch["labels"][inside] == batch["input_ids"][inside]).all()
    assert (batch["labels"][~inside] == -100).all()
    assert batch["input_ids"].shape[1] <= 16
    assert made.positions[0] == batch["input_ids"].numel()


def test_long_rows_are_cut_and_counted(tokenizer):
    made = plan(tokenizer, [{"text": "a" * 50}, {"text": "b" * 5}], length=10, steps=4)
    assert made.cut == 1
    assert {size for batch in made.plan for _, size in batch} == {10, 5}


def test_rows_are_cut_at_the_end_whatever_the_tokenizer_would_do():
    tokenizer = load("debug").tokenizer
    rows = [{"text": "".join(chr(97 + n % 26) for n in range(50))}]
    plain = plan(tokenizer, rows, length=10)
    tokenizer.truncation_side = "left"
    made = plan(tokenizer, rows, length=10)
    assert made.content == plain.content and made.cut == 1
    assert tokenizer.decode(made[0]["input_ids"][0]) == "abcdefghij"


def test_numeric_columns_ride_along(tokenizer):
    rows = [{**row, "bin": n % 3, "weight": n / 2, "from": "me"} for n, row in enumerate(ROWS)]
    batch = plan(tokenizer, rows)[0]
    assert set(batch) == {"input_ids", "attention_mask", "labels", "row", "bin", "weight", "step"}
    assert (batch["bin"] == batch["row"] % 3).all()


def test_hashes_name_what_is_fed(tokenizer):
    same, order, text = (
        plan(tokenizer),
        plan(tokenizer, seed=4),
        plan(tokenizer, [{"text": r["text"] + "z"} for r in ROWS]),
    )
    assert (same.hash, same.content) == (plan(tokenizer).hash, plan(tokenizer).content)
    assert order.hash != same.hash
    assert text.hash == same.hash
    assert text.content != same.content
    weighed = [{**row, "w": 1.0} for row in ROWS]
    assert plan(tokenizer, weighed).content != same.content


def test_empty_rows_are_passed_over(tokenizer):
    made = plan(tokenizer, [{"text": ""}, {"text": "a"}, {"text": "abc"}], steps=3)
    assert {made.rows[place]["text"] for batch in made.plan for place, _ in batch} == {"abc"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no rows"),
        ([{"txt": "a"}], "has no text"),
        ([{"text": "a"}, {"text": ""}], "two tokens"),
        ([{"text": "abc", "labels": 1}], "'labels'"),
        ([{"text": "abc", "bin": 1}, {"text": "abc"}], "'bin' is a number on 1 of 2"),
        ([{"text": "abc", "w": float("nan")}], "'w' is nan on row 1 .counted from 1."),
        ([{"text": "abc", "w": 2**70}], "'w' is 1180591620717411303424 on row 1 "),
    ],
)
def test_rows_that_cannot_be_used_are_named(tokenizer, rows, words):
    with pytest.raises(UserError, match=words):
        plan(tokenizer, rows)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "row 1 .counted from 1. has no two options"),
        ({"options": ["x", "x"]}, "two of them alike; give options"),
        ({"options": ["x", "y"], "label": 2}, "the label 2 and 2 options"),
    ],
)
def test_answers_that_no_choice_can_be_made_of_are_refused(tokenizer, given, problem):
    with pytest.raises(UserError, match=problem):
        plan(tokenizer, [{"text": "a", **given}], objective="choice")
    with pytest.raises(UserError, match=r"row 1 .counted from 1. has no two options"):  # and so are those beside a row
        beside = {"pair": {"text": "b"}}
        plan(tokenizer, [{"text": "a", "options": ["x", "y"], "beside": beside}], objective="choice")
