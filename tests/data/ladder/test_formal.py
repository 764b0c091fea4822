"""Gold readings: the engine, given one, comes to the item's answer; the corpus leaves out what it says it does."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from butfor.data import corpora
from butfor.data.computed import compute
from butfor.data.ladder import formal
from butfor.data.ladder.formal import KINDS_OUT, STORIES_OUT, gold, reading, trained
from butfor.data.ladder.stream import Ladder
from butfor.data.ladder.wide import wide
from butfor.data.reading import read, show
from butfor.data.units import assembled, structure


def right(item: dict[str, Any], told: Ladder) -> bool:
    found = compute(reading(item, told))
    return found.yes is not None and (0 if found.yes else 1) == item["answer"]


def test_the_gold_reading_answers_every_kind() -> None:
    told = Ladder(3)
    items = list(islice(told.items(), 42))
    assert len({item["group"]["query"] for item in items}) > 15
    assert [item["id"] for item in items if not right(item, told)] == []


@pytest.mark.slow
def test_the_gold_reading_answers_two_thousand_items() -> None:
    told = Ladder(4)
    assert [item["id"] for item in islice(told.items(), 2000) if not right(item, told)] == []


def test_a_gold_reading_is_a_text_of_the_language() -> None:
    told = Ladder(3)
    for item in islice(told.items(), 12):
        found = reading(item, told)
        assert show(read(show(found))) == show(found)


def test_pieces_stand_in_the_text() -> None:
    told = Ladder(3)
    for item in islice(told.items(), 12):
        first, rest, (question, _) = gold(item, told)
        joined = " ".join(item["prompt"].split())
        assert all(piece in joined for piece, _ in (*first, *rest)) and joined.endswith(question)


def test_the_corpus_leaves_out_kinds_and_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    for item, _ in islice(trained(), 40):
        assert item["group"]["query"] not in KINDS_OUT and item["spec"]["story"] not in STORIES_OUT
    monkeypatch.setattr(formal, "ROWS", 12)
    formal.corpus.cache_clear()
    found = corpora.rows("ladder-reading")
    formal.corpus.cache_clear()
    assert len(found) == 12 and len({row["id"] for row in found}) == 12
    for row in found:
        assert row["text"][: row["answer_at"]].endswith("\n=") and row["text"].endswith("\n")


def test_a_text_names_the_variables_once_and_reads_one_piece_after_the_other() -> None:
    (row,) = formal._texts([("4% age.", "A1 = 4"), ("Why?", "A1 > half")], ("age",), "x")
    assert row["text"] == "age\n4% age.\n= age1 = 4\nWhy?\n= age1 > half\n"
    assert [row["text"][begin:end] for begin, end, _ in row["spans"]] == [" age1 = 4\n", " age1 > half\n"]


def test_other_words_have_readings_without_a_fault() -> None:
    from butfor.core.seeds import generator

    rng = generator(1, "wide")
    for _ in range(60):
        first, second, names = wide(rng)
        found = structure([said for _, said in first])
        assert not found.faults and {name.lower() for name in found.names} == {name.lower() for name in names}
        for piece, said in second:
            question = piece.endswith("?")
            ways = ["1: by none", "2: by none"]
            parsed = assembled(found, ways if question else [said], said if question else "A1 > half")
            unnamed = [fault for fault in parsed.faults if "cycle" not in str(fault)]
            assert not unnamed, (piece, said, unnamed)
