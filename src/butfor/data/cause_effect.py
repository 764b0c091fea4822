"""COPA and e-CARE as rows to choose from, and the questions that no training sees.

Row       {"text": "The ice was gone because", "options": [" rain came.", " Tom saw it."], "label": 0, "asks_for"}
Told      the same with its right end in the text: {"text": "The ice was gone because rain came.", "answer_at": 24}
Held out  every question whose key hashes below the set's share; the key is the number of a question of COPA (its mirror
          in Balanced COPA has the same), and the premise of a question of e-CARE, so that no premise is on both sides.
          COPA: 200 of 500 or so; e-CARE: a tenth. Neither has a test part with answers that can be fetched.
Ends      begin with a small letter. COPA: unless the word is I. e-CARE: unless the first word is written with a capital
          within the sentences of the set at least as often as without: "Tom", "I" and "Paris" stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from butfor.core.errors import MissingData
from butfor.data.copa import FILES, Copa, copa
from butfor.data.ecare import ECare, ecare
from butfor.data.find import find

CONNECTOR = {"cause": "because", "effect": "so"}
MIRRORED = 1000  # Balanced COPA numbers the mirror of question n as 1000 + n
WITHIN = re.compile(r"(?<=[a-z,;] )[A-Za-z][A-Za-z'-]*")
SHARES = {"copa": 0.4, "ecare": 0.1}  # of the questions that are held out

Row = dict[str, Any]


def start(question: Copa | ECare) -> str:
    """The premise and the connector, without a space at the end."""
    return f"{question.premise.rstrip('.!? ')} {CONNECTOR[question.asks_for]}"


def end(choice: str) -> str:
    """An alternative of COPA as the end of a sentence: a leading space, the first letter small unless the word is I."""
    first = choice.split(maxsplit=1)[0]
    keep = first == "I" or first.startswith("I'")
    return " " + (choice if keep else choice[0].lower() + choice[1:])


def original(name: str) -> str:
    """The number of a question of COPA, or of the question that this one is the mirror of."""
    return str(int(name) - MIRRORED) if name.isdecimal() and int(name) > MIRRORED else name


def held_out(question: Copa | ECare) -> bool:
    """Whether no corpus of ours trains on this question."""
    name, key = ("ecare", question.premise) if isinstance(question, ECare) else ("copa", original(question.id))
    number = int.from_bytes(hashlib.blake2b(f"{name} {key}".encode(), digest_size=8).digest(), "big")
    return number < SHARES[name] * 2**64


@dataclass(frozen=True, slots=True)
class Proper:
    """How words are written within sentences: as they are seen there, with a capital or without."""

    capital: Counter[str]
    small: Counter[str]

    @classmethod
    def of(cls, rows: Iterable[ECare]) -> Proper:
        """What the texts of these questions tell."""
        seen = cls(Counter(), Counter())
        for row in rows:
            for text in (row.premise, *row.choices):
                for word in WITHIN.findall(text):
                    (seen.small if word == word.lower() else seen.capital)[word.lower()] += 1
        return seen

    def end(self, choice: str) -> str:
        """A hypothesis of e-CARE as the end of a sentence, with a leading space."""
        word = re.split(r"[^A-Za-z'-]", choice, maxsplit=1)[0]
        plain = word.lower()
        keep = not word or self.capital[plain] >= self.small[plain]
        return " " + (choice if keep else choice[0].lower() + choice[1:])


def copa_rows() -> list[Row]:
    """The questions of COPA that are not held out."""
    with suppress(MissingData):  # whoever trains on COPA has seen half of Balanced COPA's questions
        find("copa_balanced", FILES["copa_balanced"])
    return [_row("copa", question, end) for question in copa() if not held_out(question)]


def ecare_rows() -> list[Row]:
    """The questions of e-CARE that are not held out."""
    questions = ecare()
    proper = Proper.of(questions)
    return [_row("ecare", question, proper.end) for question in questions if not held_out(question)]


def told(rows: Iterable[Row]) -> list[Row]:
    """The same rows with the right end in the text, which is all that is learnt."""
    return [
        {
            "id": row["id"].replace("/", "-told/", 1),
            "text": row["text"] + row["options"][row["label"]],
            "answer_at": len(row["text"]),
            "asks_for": row["asks_for"],
            "group": row["group"],
        }
        for row in rows
    ]


def _row(name: str, question: Copa | ECare, ended: Callable[[str], str]) -> Row:
    return {
        "id": f"{name}/{question.id}",
        "group": question.premise,
        "text": start(question),
        "options": [ended(choice) for choice in question.choices],
        "label": question.gold,
        "asks_for": question.asks_for,
    }
