"""Files of the user's own: every mistake at its line, and memory that does not grow with the file."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData, UserError
from butfor.data import items
from butfor.data.items import OwnItem, OwnPair, Seen, own_items, own_pairs

ITEM: dict[str, Any] = {"id": "q", "prompt": "Is it?", "choices": ["yes", "no"], "answer": 1}
OPEN: dict[str, Any] = {"id": "q", "prompt": "How many?", "answer": "4"}
PAIR: dict[str, Any] = {"id": "p", "a": "He ran.", "b": "She ran.", "variable": "gender", "expect": "same"}


def written(path: Path, *rows: Any) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def without(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def test_every_form_of_an_item(tmp_path: Path) -> None:
    rows = [
        {**ITEM, "group": {"topic": "law", "rung": 2}, "cluster": "c"},
        {**OPEN, "id": 7},
        {**OPEN, "id": "n", "answer": -2.5, "match": "number"},
        {**OPEN, "id": "y", "answer": "No", "match": "yesno"},
        {**OPEN, "id": "r", "answer": r"^\d+$", "match": "regex"},
    ]
    assert list(own_items(written(tmp_path / "f", *rows))) == [
        OwnItem("q", "Is it?", ("yes", "no"), 1, None, {"topic": "law", "rung": "2"}, "c"),
        OwnItem("7", "How many?", (), "4", "exact"),
        OwnItem("n", "How many?", (), "-2.5", "number"),
        OwnItem("y", "How many?", (), "No", "yesno"),
        OwnItem("r", "How many?", (), r"^\d+$", "regex"),
    ]


def test_every_form_of_a_pair(tmp_path: Path) -> None:
    rows = [
        PAIR,
        {**PAIR, "id": 2, "expect": "different", "choices": [" x", " y"], "group": {"a": "b"}},
        {**PAIR, "id": 3, "expect": "a>b"},
    ]
    assert list(own_pairs(written(tmp_path / "f", *rows))) == [
        OwnPair("p", "He ran.", "She ran.", "gender", "same"),
        OwnPair("2", "He ran.", "She ran.", "gender", "different", (" x", " y"), {"a": "b"}),
        OwnPair("3", "He ran.", "She ran.", "gender", "a>b"),
    ]


def test_odd_files_that_are_right(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(ITEM).encode() + b"\r\n\r\n  \n" + json.dumps(OPEN | {"id": "é\u2028"}).encode()
    )
    assert [row.id for row in own_items(path)] == ["q", "é\u2028"]
    assert [row.id for row in own_items(str(path))] == ["q", "é\u2028"]


WRONG_ITEMS: list[tuple[Any, str]] = [
    ("no json", "not JSON"),
    ("[1, 2]", "not a JSON object"),
    ('{"id": "q"', "not JSON"),
    ("[" * 100_000, "JSON that cannot be read"),
    ('{"id": "\\ud83d", "prompt": "x", "answer": "y"}', "half a character"),
    (without(ITEM, "id"), "'id' is missing"),
    ({**ITEM, "id": None}, "'id' is None"),
    ({**ITEM, "id": True}, "'id' is True"),
    ({**ITEM, "id": " "}, "'id'"),
    (without(ITEM, "prompt"), "'prompt' is missing"),
    ({**ITEM, "prompt": 3}, "'prompt' is 3"),
    ({**ITEM, "prompt": " \n"}, "'prompt'"),
    (without(ITEM, "answer"), "'answer' is missing"),
    ({**ITEM, "answer": 2}, "0 to 1"),
    ({**ITEM, "answer": -1}, "0 to 1"),
    ({**ITEM, "answer": True}, "0 to 1"),
    ({**ITEM, "answer": "no"}, "0 to 1"),
    ({**ITEM, "choices": ["yes"]}, "2 to 26"),
    ({**ITEM, "choices": "yes"}, "2 to 26"),
    ({**ITEM, "choices": [1, 2]}, "2 to 26"),
    ({**ITEM, "choices": ["yes", ""]}, "2 to 26"),
    ({**ITEM, "choices": [str(n) for n in range(27)]}, "2 to 26"),
    ({**ITEM, "choices": ["yes", " yes"]}, "the same text"),
    ({**ITEM, "match": "exact"}, "for open answers"),
    ({**ITEM, "choises": []}, "did you mean 'choices'"),
    ({**ITEM, "topic": "law"}, "labels go into 'group'"),
    ({**ITEM, "group": ["law"]}, "'group'"),
    ({**ITEM, "group": {"topic": ["law"]}}, "'group'"),
    ({**ITEM, "cluster": []}, "'cluster'"),
    ({**OPEN, "answer": 4}, "a place needs 'choices'"),
    ({**OPEN, "answer": ""}, "'answer'"),
    ({**OPEN, "match": "fuzzy"}, "exact, number, yesno, regex"),
    ({**OPEN, "match": ["exact"]}, "exact, number, yesno, regex"),
    ({**OPEN, "match": "number", "answer": "four"}, "no number"),
    ({**OPEN, "match": "number", "answer": float("nan")}, "'answer' is nan"),
    ({**OPEN, "match": "number", "answer": True}, "'answer' is True"),
    ({**OPEN, "match": "yesno", "answer": "maybe"}, "yes or no"),
    ({**OPEN, "match": "regex", "answer": "(a"}, "no regular expression"),
]
WRONG_PAIRS: list[tuple[Any, str]] = [
    *(({**without(PAIR, key)}, f"'{key}' is missing") for key in PAIR),
    ({**PAIR, "a": 3}, "'a' is 3"),
    ({**PAIR, "b": "He ran."}, "the same text"),
    ({**PAIR, "expect": "b>a"}, "same, different, a>b"),
    ({**PAIR, "choices": ["x"]}, "two texts"),
    ({**PAIR, "choices": ["x", "y", "z"]}, "two texts"),
    ({**PAIR, "answer": 1}, "no key is called 'answer'"),
]


@pytest.mark.parametrize(("row", "says"), WRONG_ITEMS, ids=[says + str(n) for n, (_, says) in enumerate(WRONG_ITEMS)])
def test_a_wrong_item_is_told_with_its_line(tmp_path: Path, row: Any, says: str) -> None:
    wrong(own_items, written(tmp_path / "f.jsonl", {**ITEM, "id": "first"}, row), says)


@pytest.mark.parametrize(("row", "says"), WRONG_PAIRS, ids=[says + str(n) for n, (_, says) in enumerate(WRONG_PAIRS)])
def test_a_wrong_pair_is_told_with_its_line(tmp_path: Path, row: Any, says: str) -> None:
    wrong(own_pairs, written(tmp_path / "f.jsonl", {**PAIR, "id": "first"}, row), says)


def wrong(read: Callable[[Path], Iterator[Any]], path: Path, says: str) -> None:
    with pytest.raises(MalformedData) as error:
        list(read(path))
    assert f"{path}, line 2: " in str(error.value)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_files_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="there is no file"):
        list(own_items(tmp_path / "nothing.jsonl"))
    with pytest.raises(UserError, match="is a folder"):
        list(own_items(tmp_path))
    with pytest.raises(MalformedData, match="line 1: the file is empty"):
        list(own_items(written(tmp_path / "f", "")))
    (tmp_path / "f").write_bytes(json.dumps(ITEM).encode() + b'\n{"id": "\xff"}\n')
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        list(own_items(tmp_path / "f"))


def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "LONGEST", 1000)
    with pytest.raises(MalformedData, match="line 2: a line of more than"):
        list(own_items(written(tmp_path / "f", ITEM, {**OPEN, "id": "long", "prompt": "x" * 2000})))


def test_an_id_that_stands_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    rows = [{**OPEN, "id": str(n)} for n in range(3000)]
    path = written(tmp_path / "f", *rows, {**OPEN, "id": 17})
    with pytest.raises(MalformedData, match="line 3001: the id '17' stands in line 18 too"):
        list(own_items(path))


def test_ids_whose_hashes_are_equal_by_chance_are_two_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_hash", lambda name: 1 + len(name))
    assert len(list(own_items(written(tmp_path / "f", {**OPEN, "id": "a"}, {**OPEN, "id": "b"})))) == 2
    with pytest.raises(MalformedData, match="line 3: the id 'a' stands in line 1 too"):
        list(own_items(written(tmp_path / "f", {**OPEN, "id": "a"}, {**OPEN, "id": "b"}, {**OPEN, "id": "a"})))


def test_seen_agrees_with_a_set() -> None:
    seen, known = Seen(), set[str]()
    for n in range(20_000):
        name = str(n * n % 7919)
        assert seen.add(name) is (name in known)
        known.add(name)
    assert len(seen._slots) <= 4 * len(known)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            for n in range(count):
                file.write(json.dumps({**OPEN, "id": n, "prompt": f"{n} " + "words " * 2000}) + "\n")
        tracemalloc.start()
        rows = sum(1 for _ in own_items(path))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert rows == count
        return top

    small, large = peak(250), peak(2_500)  # 3 MB and 30 MB
    assert large - small < 150_000, "the ids' hashes, and nothing else"
    assert large < 500_000
