"""MoCa: stories, a yes-or-no question about cause or about right and wrong, and how 25 people answered it.

Format    one JSON list of texts, each itself a JSON object: story, question, answer (the majority's, "Yes" or "No"),
          answer_dist ([share of yes, share of no]), transcribed_answer (of the paper that the story comes from),
          individual_votes, is_ambiguous, annotated_sentences: {text, annotation: [factor, level]}
Source    Nie et al. 2023; cicl-stanford/moca. It states no licence: butfor ships nothing of it and does not fetch it.
Facts     causal_dataset_v1.json: 144 questions; moral_dataset_v1.json: 62. 25 votes each. The majority is not what the
          source paper found in 46 causal and 18 moral questions. Every factor stands at most once in a story.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, parsed

Part = Literal["causal", "moral"]
PARTS: tuple[Part, ...] = ("causal", "moral")


@dataclass(frozen=True, slots=True)
class Judgement:
    """One question; `yes` is the share of people who said yes, `factors` what the story varies: factor → level."""

    id: str
    story: str
    question: str
    yes: float
    ambiguous: bool
    factors: Mapping[str, str]


def moca(path: str | Path | None = None, part: Part = "causal") -> list[Judgement]:
    """The questions of one part, in the order of the file; `path` is the file or a folder that holds it."""
    name = f"{part}_dataset_v1.json"
    unfetched = (
        ", and its authors state no licence: it is not fetched\n"
        f"put {name} of github.com/cicl-stanford/moca into moca/ of the folder that BUTFOR_DATA names"
    )
    file = find("moca", name, path, unfetched)
    return [_row(file, line, f"{part}/{number}", row) for number, (line, row) in enumerate(_rows(file), 1)]


def _rows(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects within the texts of the list, each with the line on which its text begins."""
    whole = "\n".join(lines(file))
    texts = parsed(file, whole)
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in cast("list[Any]", texts)):
        raise MalformedData(file, 1, "not a list of texts that are JSON objects")
    decoder, place, rows = json.JSONDecoder(), 0, list[tuple[int, dict[str, Any]]]()
    for text in cast("list[str]", texts):
        place = whole.index('"', place)
        line = whole.count("\n", 0, place) + 1
        value = parsed(file, text.replace("\n", " "), line)
        if not isinstance(value, dict):
            raise MalformedData(file, line, "not a JSON object within the text")
        rows.append((line, cast("dict[str, Any]", value)))
        place = decoder.raw_decode(whole, place)[1]
    return rows


def _row(file: Path, line: int, name: str, row: dict[str, Any]) -> Judgement:
    needed = ("story", "question", "answer", "answer_dist", "is_ambiguous", "annotated_sentences")
    if missing := [key for key in needed if key not in row]:
        raise MalformedData(file, line, f"no {' and no '.join(missing)}; a question of MoCa has them")
    for key in ("story", "question"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise MalformedData(file, line, f"{key} is {row[key]!r}, not a text")
    if type(row["is_ambiguous"]) is not bool:
        raise MalformedData(file, line, f"is_ambiguous is {row['is_ambiguous']!r}, not true or false")
    yes = _share(row["answer_dist"])
    if yes is None:
        raise MalformedData(file, line, f"answer_dist is {row['answer_dist']!r}, not two shares that add up to 1")
    if row["answer"] not in ("Yes", "No") or (row["answer"] == "Yes") != (yes > 0.5):
        raise MalformedData(file, line, f"answer is {row['answer']!r}, but {yes:g} of the people said yes")
    factors = _factors(file, line, row["annotated_sentences"])
    return Judgement(name, row["story"].strip(), row["question"].strip(), yes, row["is_ambiguous"], factors)


def _share(value: Any) -> float | None:
    """The share of yes, where `value` is a pair of shares."""
    if not isinstance(value, list) or len(cast("list[Any]", value)) != 2:
        return None
    pair = cast("list[Any]", value)
    if not all(type(share) in (int, float) and 0 <= share <= 1 for share in pair) or abs(sum(pair) - 1) > 1e-6:
        return None
    return float(pair[0])


def _factors(file: Path, line: int, value: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for sentence in cast("list[Any]", value) if isinstance(value, list) else [value]:
        pair = cast("dict[str, Any]", sentence).get("annotation") if isinstance(sentence, dict) else None
        texts = cast("list[Any]", pair) if isinstance(pair, list) else []
        if len(texts) != 2 or not all(isinstance(text, str) and text for text in texts):
            raise MalformedData(file, line, f"an annotation is {pair!r}, not [factor, level]")
        factor, level = texts
        if found.setdefault(factor, level) != level:
            raise MalformedData(file, line, f"the factor {factor!r} stands with two levels")
    return found
