"""Vignettes of actual causation: is it a necessary cause of the event, is it a sufficient one?

Format    Kıcıman et al.'s CSV: action, event, input ("Input: " and the story), type, necessary, sufficient (Yes, No).
Source    Kıcıman et al. 2023 (amit-sharma/chatgpt-causality-pairs, MIT); the stories are from Kueffner 2021, who
          collects those of the philosophical literature.
Facts     15 stories of nine types; necessary: 5 yes; sufficient: 9 yes. Five of the sufficient cells end in a space.
Limits    Small, and about definitions on which authors differ: read it as a description.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.crass import NAME
from butfor.data.find import find
from butfor.data.table import table

FILE = "actual-causality/data.csv"
COLUMNS = ("action", "event", "input", "type", "necessary", "sufficient")


@dataclass(frozen=True, slots=True)
class Vignette:
    """One story; `number` counts from zero, as the authors' `pair_id` does."""

    number: int
    action: str
    event: str
    story: str
    type: str
    necessary: bool
    sufficient: bool


def vignettes(path: str | Path | None = None) -> list[Vignette]:
    """The stories, in the order of the file."""
    file = find(NAME, FILE, path)
    return [_row(file, line, number, row) for number, (line, row) in enumerate(table(file, COLUMNS))]


def _row(file: Path, line: int, number: int, row: dict[str, str]) -> Vignette:
    story = row["input"].removeprefix("Input:").strip()
    if empty := [name for name in COLUMNS if not (story if name == "input" else row[name])]:
        raise MalformedData(file, line, f"{empty[0]} is empty")
    for name in ("necessary", "sufficient"):
        if row[name] not in ("Yes", "No"):
            raise MalformedData(file, line, f"{name} is {row[name]!r}, not 'Yes' or 'No'")
    answers = (row[name] == "Yes" for name in ("necessary", "sufficient"))
    return Vignette(number, row["action"], row["event"], story, row["type"], *answers)
