"""TimeTravel: five-sentence stories, and how each would have ended had its second sentence been another.

Format    dev_data.json: JSON lines with story_id, premise, initial (the second sentence), counterfactual (another
          second sentence), original_ending, edited_ending (three people's edits of it, between "<SEP>").
          human_annotated_200.json: one list; new_ending and its writer (`model`: three models or "human"),
          `annotations`: three readers' marks from 1 to 3 for plausibility, coherence and structure.
Source    Qin et al. 2019 (TimeTravel); both files: daavidliu/CounterfactualTodorov
Spaces    Sentences of the edited endings are joined without a space ("…all day.At the end…"). It is put back between a
          full stop, question or exclamation mark and a capital letter: likelihoods would punish its absence. Where a
          writer left out the full stop as well ("…some himselfThe team…"), the text is kept as it is.
Facts     dev_data.json: 1,871 stories with three edits each; a space is put back in 5,554 of the 5,613 edits, a stop is
          missing in 234. human_annotated_200.json: 50 stories, four endings each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, cast

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find, listed, objects

EDITS, RATED = "dev_data.json", "human_annotated_200.json"
TEXTS = ("story_id", "premise", "initial", "counterfactual", "original_ending")
JOINED = re.compile(r"(?<=[a-z0-9\"')][.!?])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Story:
    """One story. `endings`: how it ends after `counterfactual`; `original`: after `initial`."""

    id: str
    story: str  # shared by all endings of one story
    premise: str
    initial: str
    counterfactual: str
    original: str
    endings: tuple[str, ...]
    writer: str = "people"
    plausible: float | None = None  # mean of the readers' marks, 1 to 3


def timetravel(path: str | Path | None = None) -> list[Story]:
    """The stories with people's edits, in the order of the file."""
    file = find("timetravel", EDITS, path)
    stories: list[Story] = []
    seen: set[str] = set()
    for line, row in objects(file):
        texts = _texts(file, line, row, (*TEXTS, "edited_ending"))
        endings = tuple(spaced(ending) for ending in texts[-1].split("<SEP>"))
        if not all(endings):
            raise MalformedData(file, line, "an edited ending is empty")
        if texts[0] in seen:
            raise MalformedData(file, line, f"the story_id {texts[0]!r} stands twice")
        seen.add(texts[0])
        name, premise, initial, counterfactual, original, _ = texts
        stories.append(Story(name, name, premise, initial, counterfactual, original, endings))
    return stories


def rated(path: str | Path | None = None) -> list[Story]:
    """The stories whose one new ending was written by a model or a person and judged by readers."""
    try:
        file = find("timetravel", RATED, path)
    except MissingData:
        if path is not None:
            raise
        file = find("timetravel_rated", RATED)  # where `butfor fetch` puts it: another folder of the repository
    stories: list[Story] = []
    seen: set[str] = set()
    for line, row in listed(file):
        name, writer, ending, *texts = _texts(file, line, row, ("id", "model", "new_ending", *TEXTS))
        story, premise, initial, counterfactual, original = texts
        if name in seen:
            raise MalformedData(file, line, f"the id {name!r} stands twice")
        seen.add(name)
        marks, endings = _marks(file, line, row), (spaced(ending),)
        stories.append(Story(name, story, premise, initial, counterfactual, original, endings, writer, mean(marks)))
    return stories


def spaced(text: str) -> str:
    """The text with a space between its sentences."""
    return JOINED.sub(" ", text.strip())


def _texts(file: Path, line: int, row: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    if missing := [key for key in keys if key not in row]:
        raise MalformedData(file, line, f"no {' and no '.join(missing)}; a story of this file has them")
    for key in keys:
        if not isinstance(row[key], str) or not row[key].strip():
            raise MalformedData(file, line, f"{key} is {row[key]!r}, not a text")
    return [row[key].strip() for key in keys]


def _marks(file: Path, line: int, row: dict[str, Any]) -> list[int]:
    readers = row.get("annotations")
    if not isinstance(readers, dict) or not readers:
        raise MalformedData(file, line, "no annotations: one reader or more")
    marks = [
        cast("dict[str, Any]", reader).get("plausibility") if isinstance(reader, dict) else None
        for reader in cast("dict[str, Any]", readers).values()
    ]
    for mark in marks:
        if type(mark) is not int or mark not in (1, 2, 3):
            raise MalformedData(file, line, f"a plausibility is {mark!r}, not 1, 2 or 3")
    return cast("list[int]", marks)
