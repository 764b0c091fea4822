"""e-CARE: which of two hypotheses is more plausibly the cause, or the effect, of a premise?

Format    JSON lines: index ("train-0"), premise, ask-for ("cause", "effect"), hypothesis1, hypothesis2, label (0, 1)
Source    Du et al. 2022; Waste-Wood/e-CARE, dataset/Causal_Reasoning
Facts     train.jsonl: 14,928 questions, 7,617 for the cause, the answer first in half; 53 questions stand in it twice.
          13,874 premises are distinct. The authors' dev.jsonl has the same format; 277 of its premises stand in train.
Limits    `part` names the file, "train" or "dev". The authors kept the answers of the test part back.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, objects

Part = Literal["train", "dev"]
TEXTS = ("index", "premise", "hypothesis1", "hypothesis2")


@dataclass(frozen=True, slots=True)
class ECare:
    """One question; `gold` is 0 or 1, the place of the right hypothesis in `choices`."""

    id: str
    asks_for: str
    premise: str
    choices: tuple[str, str]
    gold: int


def ecare(path: str | Path | None = None, part: Part = "train") -> list[ECare]:
    """The questions of one part, in the order of the file; `path` is the file or a folder that holds it."""
    file = find("ecare", f"Causal_Reasoning/{part}.jsonl", path)
    rows: list[ECare] = []
    seen: set[str] = set()
    for line, value in objects(file):
        row = _row(file, line, value)
        if row.id in seen:
            raise MalformedData(file, line, f"the index {row.id!r} stands twice")
        seen.add(row.id)
        rows.append(row)
    return rows


def _row(file: Path, line: int, row: dict[str, Any]) -> ECare:
    if missing := [key for key in (*TEXTS, "ask-for", "label") if key not in row]:
        raise MalformedData(file, line, f"no {' and no '.join(missing)}; a question of e-CARE has them")
    for key in TEXTS:
        if not isinstance(row[key], str) or not row[key].strip():
            raise MalformedData(file, line, f"{key} is {row[key]!r}, not a text")
    if row["ask-for"] not in ("cause", "effect"):
        raise MalformedData(file, line, f"ask-for is {row['ask-for']!r}, not 'cause' or 'effect'")
    if type(row["label"]) is not int or row["label"] not in (0, 1):
        raise MalformedData(file, line, f"label is {row['label']!r}, not 0 or 1")
    index, premise, first, second = (row[key].strip() for key in TEXTS)
    if first == second:
        raise MalformedData(file, line, "hypothesis1 and hypothesis2 are the same text")
    return ECare(index, row["ask-for"], premise, (first, second), row["label"])
