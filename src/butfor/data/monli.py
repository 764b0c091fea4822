"""MoNLI: does one sentence entail another that differs in one noun, plainly and under a negation?

Format    JSON lines: sentence1, sentence2, gold_label (entailment, neutral), depth (how far up from sentence1_lex to
          sentence2_lex in WordNet; negative: down), sentence1_lex, sentence2_lex. Two files: without and with a "not".
Source    Geiger, Richardson & Potts 2020; the sentences are from SNLI.
Facts     pmonli 1,476 rows, nmonli_train 1,002; labels balanced, every pair in both directions; by construction the
          label is the sign of the depth, reversed under negation: a model that reads the nouns alone is right on one
          file and wrong on the other. 4 and 8 rows stand twice (they are kept, and say the same). In 234 and 127 rows
          the sentences differ in more than a literal swap of the nouns (capitals, articles).
Limits    The authors state no licence, so the set is not fetched: put it at $BUTFOR_DATA/monli or give its path.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from butfor.core.errors import MalformedData
from butfor.data.find import find, objects

NAME = "monli"
Polarity = Literal["plain", "negated"]
FILES: dict[Polarity, str] = {"plain": "pmonli.jsonl", "negated": "nmonli_train.jsonl"}
LABELS = ("entailment", "neutral")
TEXTS = ("sentence1", "sentence2", "sentence1_lex", "sentence2_lex")


@dataclass(frozen=True, slots=True)
class MonliRow:
    """One pair of sentences; `depth` > 0: the second noun is the more general one."""

    id: str
    polarity: Polarity
    premise: str
    hypothesis: str
    nouns: tuple[str, str]
    depth: int
    label: str


def monli(polarity: Polarity, path: str | Path | None = None) -> list[MonliRow]:
    """The rows of one file, in its order."""
    unfetched = (
        ", and its authors state no licence: it is not fetched\n"
        f"give the path of a folder that holds {FILES[polarity]}, or set BUTFOR_DATA to the folder above {NAME}/"
    )
    file = find(NAME, FILES[polarity], path, unfetched)
    return [_row(file, number, row, polarity) for number, row in objects(file)]


def _row(file: Path, number: int, found: dict[str, Any], polarity: Polarity) -> MonliRow:
    for key in TEXTS:
        if not isinstance(found.get(key), str) or not found[key].strip():
            raise MalformedData(file, number, f"{key} is missing, empty or no text")
    depth, label = found.get("depth"), found.get("gold_label")
    if not isinstance(depth, int) or isinstance(depth, bool) or depth == 0:
        raise MalformedData(file, number, f"the depth is {depth!r}, not a whole number other than 0")
    if label not in LABELS:
        raise MalformedData(file, number, f"gold_label is {label!r}, not {' or '.join(LABELS)}")
    if label != LABELS[(depth > 0) == (polarity == "negated")]:
        raise MalformedData(file, number, f"gold_label {label!r} is not what depth {depth} means, {polarity}")
    premise, hypothesis, first, second = (found[key].strip() for key in TEXTS)
    return MonliRow(f"{polarity}/{number}", polarity, premise, hypothesis, (first, second), depth, label)
