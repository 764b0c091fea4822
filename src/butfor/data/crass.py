"""CRASS: what would have happened if? One right answer among three or four.

Format    two CSV files. The authors' (`;` between cells): PCTID, Premise, QCC (the question), CorrectAnswer, Answer1,
          Answer2, and PossibleAnswer3 in some rows. Kıcıman et al.'s `prompts.csv`: qid, prompt, groundtruth; it gives
          the answers an order ("A: …", "B: …", between tabs) and names the letter of the right one.
Source    Frohberg & Binder 2022; Kıcıman et al. 2023 (amit-sharma/chatgpt-causality-pairs, MIT).
Facts     274 questions, 44 with four answers; the right one is A 78, B 95, C 87, D 14 times; 255 premises.
Limits    The order is read, never drawn. Where the two files disagree on the answers or on the right one, the row is
          refused; they agree in all 274.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from butfor.core.errors import MalformedData
from butfor.data.find import find
from butfor.data.table import table

NAME, MAIN, ORDER = "kiciman", "crass-cf/CRASS_FTM_main_data_set.csv", "crass-cf/prompts.csv"
COLUMNS = ("PCTID", "Premise", "QCC", "CorrectAnswer", "Answer1", "Answer2", "PossibleAnswer3")
LISTED = re.compile(r"\t([A-D]): (.*?)(?=\t)")


@dataclass(frozen=True, slots=True)
class CrassRow:
    """One question; `gold` is the place of the right answer in `choices`."""

    id: str
    premise: str
    question: str
    choices: tuple[str, ...]
    gold: int


def crass(path: str | Path | None = None) -> list[CrassRow]:
    """The questions, in the order of the authors' file; `path` is the folder that holds both files."""
    main, order = find(NAME, MAIN, path), find(NAME, ORDER, path)
    listed: dict[str, tuple[int, dict[str, str]]] = {}
    for line, row in table(order, ("qid", "prompt", "groundtruth")):
        if row["qid"] in listed:
            raise MalformedData(order, line, f"the qid {row['qid']} stands twice")
        listed[row["qid"]] = line, row
    rows: dict[str, CrassRow] = {}
    for line, row in table(main, COLUMNS, ";"):
        if row["PCTID"] in rows:
            raise MalformedData(main, line, f"the PCTID {row['PCTID']} stands twice")
        if row["PCTID"] not in listed:
            raise MalformedData(main, line, f"the PCTID {row['PCTID']} has no row in {order}")
        rows[row["PCTID"]] = _row(main, line, row, order, *listed[row["PCTID"]])
    return list(rows.values())


def _row(main: Path, line: int, row: dict[str, str], order: Path, there: int, told: dict[str, str]) -> CrassRow:
    if empty := [name for name in COLUMNS[:-1] if not row[name]]:
        raise MalformedData(main, line, f"{empty[0]} is empty")
    given = [row[name] for name in COLUMNS[3:] if row[name]]
    if len(set(given)) < len(given):
        raise MalformedData(main, line, "two of the answers are the same text")
    answers = {letter: text.strip() for letter, text in LISTED.findall(told["prompt"])}
    if sorted(answers.values()) != sorted(given):
        raise MalformedData(order, there, f"the answers of the prompt are not those of {main.name}, line {line}")
    if told["groundtruth"] not in answers:
        raise MalformedData(order, there, f"the groundtruth {told['groundtruth']!r} is none of {', '.join(answers)}")
    if answers[told["groundtruth"]] != row["CorrectAnswer"]:
        raise MalformedData(order, there, f"the groundtruth is another answer than that of {main.name}, line {line}")
    choices = tuple(answers.values())
    return CrassRow(row["PCTID"], row["Premise"], row["QCC"], choices, choices.index(row["CorrectAnswer"]))
