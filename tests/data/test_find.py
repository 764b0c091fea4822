"""A public set is found in one order of places, and a missing one names the command that brings it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find, lines, objects, parsed, watched

FILE = "data/rows.txt"


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_nothing_anywhere_names_the_command_and_the_variable(bare: Path) -> None:
    with pytest.raises(MissingData) as caught:
        find("winobias", FILE)
    message = str(caught.value)
    assert "run: butfor fetch winobias" in message and "BUTFOR_DATA" in message
    assert len(message.splitlines()) <= 5


def test_the_order_is_variable_then_cache_then_hugging_face(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = put(bare / "hf/hub/datasets--someone--wino_bias/snapshots/abc/rows.txt")
    assert find("winobias", FILE) == hub
    fetched = put(bare / "cache/data/winobias" / FILE)
    assert find("winobias", FILE) == fetched
    monkeypatch.setenv("BUTFOR_DATA", str(bare / "mine"))
    assert find("winobias", FILE) == fetched
    own = put(bare / "mine/winobias" / FILE)
    assert find("winobias", FILE) == own


def test_the_newest_snapshot_of_the_hub_is_taken(bare: Path) -> None:
    old = put(bare / "hf/hub/datasets--a--winobias/snapshots/1/data/rows.txt")
    new = put(bare / "hf/hub/datasets--a--winobias/snapshots/2/data/rows.txt")
    os.utime(old, (1, 1))
    assert find("winobias", FILE) == new


@pytest.mark.parametrize("where", ["data/rows.txt", "winobias/data/rows.txt", "rows.txt"])
def test_a_folder_may_hold_the_file_in_three_ways(bare: Path, where: str) -> None:
    put(bare / "elsewhere" / where)
    assert find("winobias", FILE, bare / "elsewhere") == bare / "elsewhere" / where


def test_a_given_path_is_taken_or_refused_and_never_replaced(bare: Path) -> None:
    put(bare / "cache/data/winobias" / FILE)
    own = put(bare / "own.txt")
    assert find("winobias", FILE, own) == own
    with pytest.raises(MissingData, match="does not exist"):
        find("winobias", FILE, bare / "nowhere.txt")
    (bare / "empty").mkdir()
    with pytest.raises(MissingData, match="does not hold data/rows"):
        find("winobias", FILE, bare / "empty")


def test_lines_of_a_file_from_any_system(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes("\ufeffone\r\ntwo\u2028still two\n\nfour\n".encode())
    assert lines(file) == ["one", "two\u2028still two", "", "four"]


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(b"one\ntwo\ncaf\xe9\n")
    with pytest.raises(MalformedData, match=r"line 3: not UTF-8"):
        lines(file)


def test_what_is_read_is_seen_by_whoever_watches(tmp_path: Path) -> None:
    file = put(tmp_path / "x.txt")
    with watched() as files:
        lines(file)
    assert files == {file}


@pytest.mark.parametrize("text", ["\\ud800", "\\uDC00 x", "\\udc00\\ud800", "\\ud83d\\ud83d\\ude00"])
def test_half_a_character_is_named_with_its_line(text: str) -> None:
    with pytest.raises(MalformedData, match=r"rows\.json, line 5: half a character"):
        parsed(Path("rows.json"), f'["fine \\ud83d\\ude00",\n"{text}"]', 4)


def test_whole_characters_and_written_backslashes_are_text() -> None:
    assert parsed(Path("x"), '["\\ud83d\\ude00", "\\\\ud800"]') == ["\U0001f600", "\\ud800"]


def test_the_objects_of_json_lines_have_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{"a": "ä"}\n', "utf-8")
    assert list(objects(file)) == [(1, {"a": 1}), (3, {"a": "ä"})]
    for text, reason in (("\n \n", "line 1: no row"), ('{"a": 1}\n[1]\n', "line 2: not a JSON object")):
        file.write_text(text)
        with pytest.raises(MalformedData, match=reason):
            list(objects(file))


def test_a_set_that_no_command_brings_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="'unknown-set' is not on this machine: it costs money\nbuy it") as caught:
        find("unknown-set", "rows.csv", unfetched=": it costs money\nbuy it")
    assert "butfor fetch" not in str(caught.value)
    with pytest.raises(MissingData, match="does not exist"):
        find("unknown-set", "rows.csv", tmp_path / "nowhere", unfetched=": it costs money\nbuy it")
