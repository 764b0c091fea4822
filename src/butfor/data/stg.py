"""Spurious Token Game: eight numbers about a person, three of which decide the risk; three more only move with those.

Equation  y = 1.2 Smoking + 0.7 Weight − Exercise;   Low Risk y < 2.7,  Middle Risk 2.7 ≤ y ≤ 7.2,  High Risk y > 7.2
          (in tenths, so that no rounding decides: 27 ≤ 12 S + 7 W − 10 E ≤ 72)
          iid: Yellow fingers = ⌊1.5 Smoking⌋, Clothing size = Weight, Hormones = ⌊0.5 Exercise⌋;   ood: drawn alone
Row       `as_row`: START, the values and the answer as one text to train on. Each "Name: value" is a span of that name,
          "Answer: High Risk" one named Risk; links lead from the three causes to it; only the risk is learnt.
Format    JSON lines: `input` ("Here is … cancer. Smoking: 8, Weight: 1, … Answer: "), `target` ("High Risk", …).
Source    Han et al. 2025 (CAT); `draw` is our own generator of the same game.
Facts     1,600 training rows, 400 iid, 400 ood. The published generator compares with one number where it means a
          range, so its Middle Risk is y = 2.7 alone: 6 of 1,600 rows, 1 of 400, none of 400. What should be Middle
          Risk is called Low there: 519 of the 1,600 rows, 145 and 134 of the 400s (counted by us). `draw` has it right.
Limits    The authors state no licence, so the set is not fetched: put it at $BUTFOR_DATA/cat_stg or give its path.
          In `draw` the spurious values keep their iid range when drawn alone: only their relation to the causes breaks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import MalformedData
from butfor.core.seeds import generator
from butfor.data.find import find, objects

if TYPE_CHECKING:
    from numpy.random import Generator

NAME = "cat_stg"
Split = Literal["train", "iid", "ood"]
FILES: dict[Split, str] = {
    "train": "STG/spurious_token_game_train3.jsonl",
    "iid": "STG/spurious_token_game_test3.jsonl",
    "ood": "STG/spurious_token_game_ood3_2.jsonl",
}
RISKS = ("Low Risk", "Middle Risk", "High Risk")
TENTHS = {"Smoking": 12, "Weight": 7, "Exercise": -10}  # of y, a unit of each cause
FOLLOWS = {"Yellow fingers": "Smoking", "Clothing size": "Weight", "Hormones": "Exercise"}
HALVES = {"Yellow fingers": 3, "Clothing size": 2, "Hormones": 1}  # value = halves · cause // 2
IRRELEVANT = ("Room size", "Certain gene")
NAMES = (*TENTHS, *FOLLOWS, *IRRELEVANT)
LEAST, MOST = 1, 10  # of every cause and every irrelevant value
START = "Here is the statistical data for a person. Please predict the probability of cancer."
ASK, EFFECT = "Answer:", "Risk"
TRAINED = 8000  # people in our own training split: of the 1,600 published ones a small model knows each by heart
PART = re.compile(r"([A-Z][a-z ]+): (-?\d+)")


@dataclass(frozen=True, slots=True)
class Person:
    """One row: the values in the order in which they are told, and the risk that goes with them."""

    id: str
    split: Split
    values: Mapping[str, int]
    risk: str


def true_risk(values: Mapping[str, int]) -> str:
    """The risk by the equation, which reads the three causes alone."""
    tenths = sum(weight * values[name] for name, weight in TENTHS.items())
    return RISKS[(tenths >= 27) + (tenths > 72)]


def bounds(name: str) -> tuple[int, int]:
    """The least and the greatest value that a variable takes together with its cause."""
    halves = HALVES.get(name, 2)
    return halves * LEAST // 2, halves * MOST // 2


def told(values: Mapping[str, int | str]) -> str:
    """The values in words, in their order."""
    return ", ".join(f"{name}: {value}" for name, value in values.items())


def draw(split: Split, count: int, rng: Generator) -> list[Person]:
    """New people: causes and irrelevant values uniform, the spurious ones by their causes or, in `ood`, alone."""
    found: list[Person] = []
    for number in range(1, count + 1):
        values = {name: int(rng.integers(LEAST, MOST + 1)) for name in (*TENTHS, *IRRELEVANT)}
        for name, cause in FOLLOWS.items():
            low, high = bounds(name)
            alone = int(rng.integers(low, high + 1))
            values[name] = alone if split == "ood" else HALVES[name] * values[cause] // 2
        order = {NAMES[place]: values[NAMES[place]] for place in rng.permutation(len(NAMES))}
        found.append(Person(f"{split}/{number}", split, order, true_risk(order)))
    return found


def drawn(split: Split, count: int, seed: int = 0) -> list[Person]:
    """People of our own draw; each split has a stream of its own, and more people begin with the same ones."""
    return draw(split, count, generator(seed, "spurious token game", split))


def asked(values: Mapping[str, int]) -> str:
    """What stands before the risk, in training and in a question."""
    return f"{START} {told(values)} {ASK}"


def as_row(person: Person) -> dict[str, Any]:
    """A person as a training row: the text, who is told where in it, and what causes what."""
    text, spans, at = f"{asked(person.values)} {person.risk}", [], len(START) + 1
    for name, value in person.values.items():
        size = len(told({name: value}))
        spans.append([at, at + size, name])
        at += size + len(", ")
    answer = len(text) - len(person.risk) - 1
    spans.append([answer - len(ASK), len(text), EFFECT])
    links = [[place, len(spans) - 1] for place, name in enumerate(person.values) if name in TENTHS]
    return {"text": text, "spans": spans, "links": links, "answer_at": answer}


def stg(split: Split, path: str | Path | None = None) -> list[Person]:
    """The published rows of a split, in the order of the file, with the risks that the file gives."""
    unfetched = (
        ", and its authors state no licence: it is not fetched\n"
        f"set BUTFOR_DATA to a folder that holds {NAME}/{FILES[split]}, or leave it out: the same game is drawn"
    )
    file = find(NAME, FILES[split], path, unfetched)
    return [_row(file, number, row, split) for number, row in objects(file)]


def _row(file: Path, number: int, found: dict[str, Any], split: Split) -> Person:
    for key in ("input", "target"):
        if not isinstance(found.get(key), str):
            raise MalformedData(file, number, f"{key} is missing, or no text")
    if found["target"] not in RISKS:
        raise MalformedData(file, number, f"the target is {found['target']!r}, not {', '.join(RISKS)}")
    body = found["input"].removeprefix(START).strip().removesuffix("Answer:").strip()
    parts = PART.findall(body)
    if told(dict(parts)) != body:
        raise MalformedData(file, number, f"the input is in another wording: {found['input'][:60]!r}")
    values = {name: int(value) for name, value in parts}
    if sorted(values) != sorted(NAMES):
        raise MalformedData(file, number, f"the input does not tell each of {', '.join(NAMES)} once")
    return Person(f"{split}/{number}", split, values, found["target"])
