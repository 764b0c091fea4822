"""Counterfactually augmented reviews: a film review, and the same review edited by a person to say the opposite.

Format    tab-separated with a header: Sentiment (Positive, Negative), Text, batch_id; the two rows of a pair share
          their batch_id, the original first. A text with quotes is quoted, its quotes doubled.
Source    Kaushik, Hovy & Lipton 2020; the reviews are from IMDb (Maas et al. 2011).
Facts     `train_paired.tsv`: 1,707 pairs, 851 of them from Negative to Positive. The longer text of a pair has 14 to
          347 words (median 152). Three pairs have the same words twice, under opposite labels. 1,638 of 3,414 texts
          hold <br /> tags, which are read as spaces. Half of the revisions change more than 20 words.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines

FILE = "sentiment/combined/paired/train_paired.tsv"
COLUMNS = ["Sentiment", "Text", "batch_id"]
LABELS = ("Negative", "Positive")
TAG = re.compile(r"(?:<br\b\s*/?\s*>?\s*)+")  # one tag of the file is not closed


@dataclass(frozen=True, slots=True)
class Review:
    """One pair; `sentiment` is that of the original, the revised text has the other one."""

    id: str
    line: int
    sentiment: str
    original: str
    revised: str


def cad(path: str | Path | None = None) -> list[Review]:
    """The pairs, in the order of the file."""
    file = find("cad", FILE, path)
    rows = _rows(file)
    if not rows:
        raise MalformedData(file, 1, "no row in this file")
    found: list[Review] = []
    seen: set[str] = set()
    for at in range(0, len(rows), 2):
        line, (sentiment, text, batch) = rows[at]
        if at + 1 == len(rows) or rows[at + 1][1][2] != batch:
            raise MalformedData(file, line, f"batch_id {batch!r} has no second row after it")
        if batch in seen:
            raise MalformedData(file, line, f"batch_id {batch!r} stands in two places")
        seen.add(batch)
        other, revised, _ = rows[at + 1][1]
        if other == sentiment:
            raise MalformedData(file, rows[at + 1][0], f"both texts of batch_id {batch!r} are {sentiment}")
        found.append(Review(batch, line, sentiment, text, revised))
    return found


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    text = lines(file)
    reader = csv.reader((line + "\n" for line in text), delimiter="\t", strict=True)
    found: list[tuple[int, list[str]]] = []
    at = 1
    try:
        for row in reader:
            line, at = at, reader.line_num + 1
            if line == 1:
                if row != COLUMNS:
                    raise MalformedData(file, 1, f"the header is {row}, not {COLUMNS}")
            elif row:
                found.append((line, _checked(file, line, row)))
    except csv.Error as error:
        raise MalformedData(file, at, f"not tab-separated text ({error})") from error
    return found


def _checked(file: Path, line: int, row: list[str]) -> list[str]:
    if len(row) != len(COLUMNS):
        raise MalformedData(file, line, f"{len(row)} columns, not {len(COLUMNS)}")
    sentiment, text, batch = row[0], TAG.sub(" ", row[1]).strip(), row[2].strip()
    if sentiment not in LABELS:
        raise MalformedData(file, line, f"the sentiment is {sentiment!r}, not {' or '.join(LABELS)}")
    if not text or not batch:
        raise MalformedData(file, line, f"{'batch_id' if text else 'Text'} is empty")
    return [sentiment, text, batch]
