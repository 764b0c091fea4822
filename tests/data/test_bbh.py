"""Causal judgement in the authors' JSON; the stories here are our own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.bbh import causal_judgement

HEAD = "How would a typical person answer each of the following questions about causation?\n"
STORY = "Ann left the gate open.\nThe goat left. Did Ann cause the goat to leave?"
OPTIONS = "\nOptions:\n- Yes\n- No"
ROW = {"input": HEAD + STORY + OPTIONS, "target": "Yes"}
OTHER = {"input": HEAD + "Rain fell. Did Bo make it rain?" + OPTIONS, "target": "No"}


def write(folder: Path, content: Any) -> Path:
    file = folder / "causal_judgement.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")
    return file


def test_heading_and_options_are_taken_off(tmp_path: Path) -> None:
    first, second = causal_judgement(write(tmp_path, {"canary": "x", "examples": [ROW, OTHER]}))
    assert (first.number, first.story, first.answer, first.contradicted) == (1, STORY, "Yes", False)
    assert (second.number, second.story, second.answer) == (2, "Rain fell. Did Bo make it rain?", "No")


def test_a_story_with_both_answers_is_told(tmp_path: Path) -> None:
    rows = causal_judgement(write(tmp_path, {"examples": [ROW, OTHER, ROW | {"target": "No"}, OTHER]}))
    assert [row.contradicted for row in rows] == [True, False, True, False]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ([ROW], "no list of examples"),
        ({"rows": [ROW]}, "no list of examples"),
        ({"examples": []}, "no list of examples"),
        ({"examples": {"1": ROW}}, "no list of examples"),
        ({"examples": [ROW, "x"]}, "example 2 has no text in input and target"),
        ({"examples": [{"input": ROW["input"]}]}, "example 1 has no text in input and target"),
        ({"examples": [ROW | {"target": True}]}, "example 1 has no text in input and target"),
        ({"examples": [ROW | {"target": "yes"}]}, "example 1: the target is 'yes'"),
        ({"examples": [ROW | {"input": STORY}]}, "example 1 is no question with the options"),
        ({"examples": [ROW | {"input": HEAD + "It rained." + OPTIONS}]}, "example 1 is no question"),
        ({"examples": [ROW | {"input": HEAD + STORY + "\nOptions:\n- valid\n- invalid"}]}, "example 1 is no question"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"causal_judgement\.json, line \d+: .*{reason}"):
        causal_judgement(write(tmp_path, content))


def test_another_encoding_or_none_at_all(tmp_path: Path, bare: Path) -> None:
    (tmp_path / "causal_judgement.json").write_bytes(b'{"examples": "\xff"}')
    with pytest.raises(MalformedData, match="not UTF-8"):
        causal_judgement(tmp_path)
    with pytest.raises(MissingData, match="butfor fetch bbh"):
        causal_judgement()


def test_the_authors_file(public) -> None:
    public("bbh")
    rows = causal_judgement()
    assert (len(rows), sum(row.answer == "Yes" for row in rows)) == (187, 97)
    assert [row.number for row in rows if row.contradicted] == [33, 37, 105, 120]
    assert all(row.story.endswith("?") and "Options" not in row.story for row in rows)
