"""TimeTravel: stories with two second sentences; all rows here are our own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find
from butfor.data.timetravel import rated, spaced, timetravel

ROW = {
    "story_id": "a",
    "premise": "Mia baked a cake.",
    "initial": "She forgot the sugar.",
    "counterfactual": "She remembered the sugar.",
    "original_ending": "It was bland. Nobody ate it. Mia was sad.",
    "edited_ending": "It was sweet.Everybody ate it.Mia was glad.<SEP>It was fine!Mia smiled.",
}
SECOND = ROW | {"story_id": "b"}
MARKS: dict[str, Any] = {name: {"plausibility": mark, "coherence": 1} for name, mark in (("x", 3), ("y", 2), ("z", 3))}
RATED = {key: value for key, value in ROW.items() if key != "edited_ending"} | {
    "id": "gen_0",
    "new_ending": "It was sweet.",
    "model": "human",
    "annotations": MARKS,
}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "dev_data.json"
    file.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("It rained.We left.", "It rained. We left."),
        ('He said "no".She left!Then? ok', 'He said "no". She left! Then? ok'),
        ("The U.S.A. has 3.5 miles.", "The U.S.A. has 3.5 miles."),
        (" some himselfThe team ", "some himselfThe team"),
    ],
)
def test_sentences_are_set_apart(text: str, told: str) -> None:
    assert spaced(text) == told


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = timetravel(write(tmp_path, ROW, SECOND))
    assert (first.id, first.story, second.id, first.writer, first.plausible) == ("a", "a", "b", "people", None)
    assert first.endings == ("It was sweet. Everybody ate it. Mia was glad.", "It was fine! Mia smiled.")
    (other,) = rated(write(tmp_path, json.dumps([RATED])))
    assert (other.id, other.story, other.endings, other.writer) == ("gen_0", "a", ("It was sweet.",), "human")
    assert other.plausible == pytest.approx(8 / 3)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("story\n", "not JSON"),
        (["a"], "not a JSON object"),
        ({key: value for key, value in SECOND.items() if key != "initial"}, "no initial"),
        (SECOND | {"premise": None}, "premise is None, not a text"),
        (SECOND | {"counterfactual": "  "}, "counterfactual is '  ', not a text"),
        (SECOND | {"edited_ending": "It was.<SEP> "}, "an edited ending is empty"),
        (ROW, "the story_id 'a' stands twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"dev_data\.json, line 2: .*{reason}"):
        timetravel(write(tmp_path, ROW, row))


def test_an_empty_file_and_another_encoding_are_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    with pytest.raises(MalformedData, match="line 1: no row"):
        timetravel(file)
    file.write_bytes(b"{\n\xff}")
    for read in (timetravel, rated):
        with pytest.raises(MalformedData, match="line 2: not UTF-8"):
            read(file)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({key: value for key, value in RATED.items() if key != "model"}, "no model"),
        (RATED | {"new_ending": ""}, "new_ending is '', not a text"),
        (RATED | {"annotations": {}}, "no annotations"),
        (RATED | {"annotations": MARKS | {"z": {"plausibility": 4}}}, "a plausibility is 4"),
        (RATED | {"annotations": MARKS | {"z": 3}}, "a plausibility is None"),
        (RATED, "the id 'gen_0' stands twice"),
    ],
)
def test_a_bad_rated_row_is_named(tmp_path: Path, row: object, reason: str) -> None:
    good = RATED | {"id": "gen_1"} if row is not RATED else RATED
    with pytest.raises(MalformedData, match=rf"line 3: .*{reason}"):
        rated(write(tmp_path, f"[\n{json.dumps(good)},\n{json.dumps(row)}\n]"))


def test_what_is_not_here_is_missing(bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch timetravel_rated"):
        rated()


def test_the_authors_files(public) -> None:
    public("timetravel")
    stories = timetravel()
    raw = [json.loads(line) for line in find("timetravel", "dev_data.json").read_text("utf-8").splitlines()]
    assert len(stories) == 1871 == sum(len(story.endings) == 3 for story in stories)
    for story, row in zip(stories, raw, strict=True):
        assert (story.id, story.original) == (row["story_id"], row["original_ending"].strip())
        assert "".join(story.endings).replace(" ", "") == row["edited_ending"].replace("<SEP>", "").replace(" ", "")
    assert sum(story.initial == story.counterfactual for story in stories) == 3
    others = rated()
    assert len(others) == 200 and set(Counter(story.story for story in others).values()) == {4}
    assert sum(story.original in story.endings for story in others) == 11
