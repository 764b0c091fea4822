"""BIG-bench hard, causal judgement: what would a typical person say caused it?

Format    the authors' JSON: {"examples": [{"input", "target"}, …]}. Every input is the same heading, a story that ends
          in a question, and "Options:\n- Yes\n- No"; the heading and the options are taken off here.
Source    Suzgun et al. 2022 (MIT); the stories are from the literature on causal judgement, collected in BIG-bench.
Facts     187 questions, 97 yes. Two stories stand twice, once with each answer (examples 33 and 120, 37 and 105).
Limits    The answers are people's majority judgements, not consequences of a definition of cause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, parsed

NAME, FILE = "bbh", "causal_judgement.json"
INPUT = re.compile(
    r"How would a typical person answer each of the following questions about causation\?\n"
    r"(?P<story>.+\?)\nOptions:\n- Yes\n- No\s*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One story with its question; `contradicted` where it also stands with the other answer."""

    number: int
    story: str
    answer: Literal["Yes", "No"]
    contradicted: bool


def causal_judgement(path: str | Path | None = None) -> list[Judgement]:
    """The questions, in the order of the file."""
    file = find(NAME, FILE, path)
    text = "\n".join(lines(file))
    whole = parsed(file, text)
    examples: Any = cast("dict[str, Any]", whole).get("examples") if isinstance(whole, dict) else None
    if not isinstance(examples, list) or not examples:
        raise MalformedData(file, 1, "no list of examples; this is no task of BIG-bench hard")
    rows = [_row(file, number, row) for number, row in enumerate(cast("list[Any]", examples), 1)]
    told: dict[str, set[str]] = {}
    for story, answer in rows:
        told.setdefault(story, set()).add(answer)
    return [
        Judgement(number, story, answer, len(told[story]) > 1)  # pyright: ignore[reportArgumentType]
        for number, (story, answer) in enumerate(rows, 1)
    ]


def _row(file: Path, number: int, row: Any) -> tuple[str, str]:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("input", "target")):
        raise MalformedData(file, 1, f"example {number} has no text in input and target")
    told = INPUT.fullmatch(row["input"])
    if not told:
        raise MalformedData(file, 1, f"example {number} is no question with the options Yes and No")
    if row["target"] not in ("Yes", "No"):
        raise MalformedData(file, 1, f"example {number}: the target is {row['target']!r}, not 'Yes' or 'No'")
    return told["story"].strip(), row["target"]
