"""Counterfactually augmented reviews: a film review, and the same review edited by a person to say the opposite.

Format    tab-separated with a header: Sentiment (Positive, Negative), Text, batch_id; the two rows of a pair share
          their batch_id, the original first. A text with quotes is quoted, its quotes doubled. Held-out originals
          (orig/) and revisions (new/) stand in files of their own, without batch_id and in different orders: a
          revision belongs to the original of the other label whose words it shares most, and no other original's.
Corpus    "cad": the originals of the training file, options " bad" and " good", the revision beside each as "pair".
Source    Kaushik, Hovy & Lipton 2020; the reviews are from IMDb (Maas et al. 2011).
Facts     `train_paired.tsv`: 1,707 pairs, 851 of them from Negative to Positive. The longer text of a pair has 14 to
          347 words (median 152). Three pairs have the same words twice, under opposite labels. 1,638 of 3,414 texts
          hold <br /> tags, which are read as spaces. Half of the revisions change more than 20 words.
          `dev.tsv`: 245 originals and 245 revisions, matched one to one; one original stands in the training file too.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines

FILE = "sentiment/combined/paired/train_paired.tsv"
COLUMNS = ["Sentiment", "Text", "batch_id"]
LABELS = ("Negative", "Positive")
OPTIONS = (" bad", " good")  # what a label is in words, for a model that goes on with a text
HELD = "3011"  # the batch_id of a training pair whose original stands in dev.tsv too
HELD_OUT = {"original": "sentiment/orig", "revised": "sentiment/new"}
Split = Literal["dev", "test"]
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


def held_out(split: Split = "dev", path: str | Path | None = None) -> list[Review]:
    """The pairs of a held-out split, in the order of its originals; `path` is a folder that holds the set."""
    files = {side: find("cad", f"{folder}/{split}.tsv", path) for side, folder in HELD_OUT.items()}
    originals, revisions = (_rows(file, COLUMNS[:2]) for file in files.values())
    bags = [frozenset(text.lower().split()) for _, (_, text) in revisions]
    found: list[Review] = []
    taken: dict[int, int] = {}  # place of a revision → line of its original
    for number, (line, (sentiment, text)) in enumerate(originals):
        words = frozenset(text.lower().split())
        others = [at for at, (_, (other, _)) in enumerate(revisions) if other != sentiment]
        best = max(others, key=lambda at: _shared(words, bags[at]), default=-1)
        if best < 0 or best in taken:
            raise MalformedData(files["original"], line, "no revision of the other sentiment is this review's own")
        taken[best] = line
        found.append(Review(f"{split}/{number}", line, sentiment, text, revisions[best][1][1]))
    return found


def corpus() -> list[dict[str, Any]]:
    """The corpus "cad", without three pairs of the same words under opposite labels, and one that is held out."""
    return [
        {
            "id": f"cad/{pair.id}",
            **(row := labelled(pair.original, LABELS.index(pair.sentiment))),
            "beside": {"pair": labelled(pair.revised, 1 - row["label"])},
        }
        for pair in cad()
        if pair.id != HELD and pair.original.split() != pair.revised.split()
    ]


def labelled(text: str, label: int) -> dict[str, Any]:
    """A review as a training row: what it says is bad (0) or good (1)."""
    return {"text": text, "label": label, "options": list(OPTIONS)}


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))


def _rows(file: Path, columns: list[str] = COLUMNS) -> list[tuple[int, list[str]]]:
    text = lines(file)
    reader = csv.reader((line + "\n" for line in text), delimiter="\t", strict=True)
    found: list[tuple[int, list[str]]] = []
    at = 1
    try:
        for row in reader:
            line, at = at, reader.line_num + 1
            if line == 1:
                if row != columns:
                    raise MalformedData(file, 1, f"the header is {row}, not {columns}")
            elif row:
                found.append((line, _checked(file, line, row, columns)))
    except csv.Error as error:
        raise MalformedData(file, at, f"not tab-separated text ({error})") from error
    if not found:
        raise MalformedData(file, 1, "no row in this file")
    return found


def _checked(file: Path, line: int, row: list[str], columns: list[str]) -> list[str]:
    if len(row) != len(columns):
        raise MalformedData(file, line, f"{len(row)} columns, not {len(columns)}")
    values = [row[0], TAG.sub(" ", row[1]).strip(), *(value.strip() for value in row[2:])]
    if values[0] not in LABELS:
        raise MalformedData(file, line, f"the sentiment is {values[0]!r}, not {' or '.join(LABELS)}")
    for name, value in zip(columns, values, strict=True):
        if not value:
            raise MalformedData(file, line, f"{name} is empty")
    return values
