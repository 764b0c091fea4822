"""Causal axioms: transitivity and d-separation, asked about small graphs that are told edge by edge.

Format    JSON lines, plain or packed by gzip: `task` (transitivity, d-separation), `premise` ("P causes Q. Q causes
          R."), `question` ("Does P cause R?", "Are P and R d-separated given {Q}?"), `label` (Yes, No).
Source    Vashishtha et al. 2024, whose files were parsed into one JSON object a line (labels recomputed, wrong rows and
          cyclic premises dropped).
Facts     8,657 rows: 6,157 on transitivity, 2,500 on d-separation; graphs of 7 to 11 nodes.
Limits    The authors state no licence, so the set is not fetched: put it at $BUTFOR_DATA/causal_axioms or give its
          path. A sentence in another wording is left to whoever reads the row: `edges`, `asked`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from butfor.core.errors import MalformedData, MissingData
from butfor.data.find import find, lines, parsed, saw

NAME, FILE = "causal_axioms", "dev.jsonl.gz"
Task = Literal["transitivity", "d-separation"]
CAUSES = re.compile(r"(\S+) causes (\S+)")
DOES = re.compile(r"Does (\S+) cause (\S+)\?")
ARE = re.compile(r"Are (\S+) and (\S+) d-separated(?: given \{([^{}]*)\})?\?")


@dataclass(frozen=True, slots=True)
class AxiomRow:
    """One question on one graph."""

    file: Path
    line: int
    task: Task
    premise: str
    question: str
    label: Literal["Yes", "No"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks: does `a` cause `b`; or are they separated given `given`?"""

    a: str
    b: str
    given: tuple[str, ...] = ()


def causal_axioms(path: str | Path | None = None) -> list[AxiomRow]:
    """The rows, in the order of the file."""
    try:
        file = find(NAME, FILE, path)
    except MissingData as error:
        if path is not None:
            raise
        raise MissingData(
            f"the data set {NAME!r} is not on this machine, and its authors state no licence: it is not fetched\n"
            f"give the path of a file, or set BUTFOR_DATA to a folder that holds {NAME}/{FILE}"
        ) from error
    rows = [_row(file, number, line) for number, line in enumerate(_lines(file), 1) if line.strip()]
    if not rows:
        raise MalformedData(file, 1, "no row in this file")
    return rows


def _lines(file: Path) -> list[str]:
    if file.suffix != ".gz":
        return lines(file)
    try:
        return gzip.decompress(saw(file).read_bytes()).decode("utf-8-sig").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise MalformedData(file, 1, f"this is no text packed by gzip ({error})") from error


def _row(file: Path, number: int, text: str) -> AxiomRow:
    row = parsed(file, text, number)
    if not isinstance(row, dict):
        raise MalformedData(file, number, "not a JSON object")
    found = cast("dict[str, Any]", row)
    missing = [key for key in ("task", "premise", "question", "label") if not isinstance(found.get(key), str)]
    if missing:
        raise MalformedData(file, number, f"no {' and no '.join(missing)}; this is no row of {NAME}")
    if found["task"] not in ("transitivity", "d-separation"):
        raise MalformedData(file, number, f"the task {found['task']!r} is neither transitivity nor d-separation")
    if found["label"] not in ("Yes", "No"):
        raise MalformedData(file, number, f"the label is {found['label']!r}, not 'Yes' or 'No'")
    return AxiomRow(file, number, found["task"], found["premise"].strip(), found["question"].strip(), found["label"])


def edges(premise: str) -> list[tuple[str, str]]:
    """The edges that a premise tells; ValueError names a sentence in another wording."""
    found: list[tuple[str, str]] = []
    for sentence in re.split(r"\.\s+", premise.removesuffix(".")):
        told = CAUSES.fullmatch(sentence)
        if not told:
            raise ValueError(f"a sentence of the premise is in another wording: {sentence[:60]!r}")
        found.append((told[1], told[2]))
    return found


def asked(row: AxiomRow) -> Asked:
    """What the question asks; ValueError if it is in another wording."""
    if row.task == "transitivity" and (told := DOES.fullmatch(row.question)):
        return Asked(told[1], told[2])
    if row.task == "d-separation" and (told := ARE.fullmatch(row.question)):
        return Asked(told[1], told[2], tuple(name.strip() for name in (told[3] or "").split(",") if name.strip()))
    raise ValueError(f"the question is in another wording: {row.question[:60]!r}")
