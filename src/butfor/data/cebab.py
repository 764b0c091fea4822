"""CEBaB: short restaurant reviews, and the same reviews edited in one concept: food, service, ambiance or noise.

Format    a JSON list; of each object this reads id, original_id, is_original, edit_type, edit_goal, description (the
          text), review_majority ("1" to "5" or "no majority") and <concept>_aspect_majority: Positive, Negative,
          unknown, "no majority", or "" where nobody was asked. The last two are read as unknown.
Source    Abraham et al. 2022, version 1.1; CC-BY-4.0. The files come in a zip archive.
Facts     dev.json: 1,673 reviews, 272 originals, 1,401 edits, at most 51 words (median 18). train_exclusive.json: 1,755
          reviews with one of every family of edits. In 156 edits of dev.json the majority label is not the goal that
          the editor was given, and in 102 of those the concept's label did not change at all. Three edits have the
          text of their original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, listed

NAME = "cebab"
Split = Literal["train", "dev", "test"]
FILES: dict[Split, str] = {
    "train": "CEBaB-v1.1/train_exclusive.json",
    "dev": "CEBaB-v1.1/dev.json",
    "test": "CEBaB-v1.1/test.json",
}
CONCEPTS = ("food", "service", "ambiance", "noise")
VALUES = ("Negative", "unknown", "Positive")  # in the order of what they do to a rating
NOBODY = ("", "no majority")
STARS = ("1", "2", "3", "4", "5")


@dataclass(frozen=True, slots=True)
class RestaurantReview:
    """One text; `concept` is what was edited, "" in an original; `stars` is 0 where the raters had no majority."""

    id: str
    line: int
    family: str
    concept: str
    goal: str
    text: str
    stars: int
    values: Mapping[str, str]


def cebab(split: Split, path: str | Path | None = None) -> list[RestaurantReview]:
    """The reviews of a split, in the order of the file."""
    unfetched = (
        "; its authors publish it as a zip archive\n"
        f"unpack CEBaB-v1.1.zip of github.com/CEBaBing/CEBaB, and set BUTFOR_DATA to the folder that holds "
        f"{NAME}/{FILES[split]}"
    )
    file = find(NAME, FILES[split], path, unfetched)
    found: list[RestaurantReview] = []
    seen: set[str] = set()
    for line, row in listed(file):
        review = _row(file, line, row)
        if review.id in seen:
            raise MalformedData(file, line, f"the id {review.id!r} stands twice")
        seen.add(review.id)
        found.append(review)
    return found


def rated(split: Split = "train") -> list[dict[str, Any]]:
    """The reviews whose raters agree on the stars, as rows to learn these from; each concept is a column."""
    options = [f" {star}" for star in STARS]
    return [
        {"id": f"cebab/{split}/{review.id}", "text": review.text, "label": review.stars - 1, "options": options}
        | dict(review.values)
        for review in cebab(split)
        if review.stars
    ]


def _row(file: Path, line: int, row: dict[str, Any]) -> RestaurantReview:
    for key in ("id", "original_id", "description", "review_majority"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise MalformedData(file, line, f"{key} is missing, empty or no text")
    if not isinstance(row.get("is_original"), bool):
        raise MalformedData(file, line, "is_original is missing, or neither true nor false")
    concept, goal = row.get("edit_type"), row.get("edit_goal")
    if row["is_original"]:
        concept = goal = ""
    elif concept not in CONCEPTS:
        raise MalformedData(file, line, f"edit_type is {concept!r}, not {', '.join(CONCEPTS)}")
    elif goal not in VALUES:
        raise MalformedData(file, line, f"edit_goal is {goal!r}, not {', '.join(VALUES)}")
    if row["review_majority"] not in (*STARS, "no majority"):
        raise MalformedData(file, line, f"review_majority is {row['review_majority']!r}, not 1 to 5 or 'no majority'")
    values: dict[str, str] = {}
    for name in CONCEPTS:
        value = row.get(f"{name}_aspect_majority")
        if value not in (*VALUES, *NOBODY):
            raise MalformedData(file, line, f"{name}_aspect_majority is {value!r}, not {', '.join(VALUES)}")
        values[name] = "unknown" if value in NOBODY else value
    stars = int(row["review_majority"]) if row["review_majority"] in STARS else 0
    return RestaurantReview(
        row["id"], line, row["original_id"], concept, goal, row["description"].strip(), stars, values
    )
