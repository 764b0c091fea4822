"""e-CARE: which of two hypotheses is more plausibly the cause, or the effect, of a premise?

Asked     as COPA is: by likelihood the premise and "because" or "so", the hypotheses as ends; else with listed choices
Names     An end begins with a small letter, unless its first word is written with a capital within the sentences of the
          set more often than without, or is never seen there: "Tom", "I" and "Paris" stay as they are.
Source    Du et al. 2022 (ACL), MIT.
Limits    What can be fetched is the training part: a model may have been trained on it, and a level says less than a
          difference between models. `part = "dev"` reads the authors' dev.jsonl where the user has it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from butfor.data.ecare import ECare, Part, ecare
from butfor.evaluate.question import Cloze, Question
from butfor.evaluate.questions import Questions
from butfor.evaluate.reason.copa import ASKS, CONNECTOR
from butfor.evaluate.suite import Card

WITHIN = re.compile(r"(?<=[a-z,;] )[A-Za-z][A-Za-z'-]*")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ECARE(Questions):
    """e-CARE. `part`: "train" or "dev"; `data`: the path of the file or of the folder that holds it."""

    card: ClassVar[Card] = Card(
        measures="which of two hypotheses is more plausibly the cause, or the effect, of a premise",
        chance="0.5 (the answer stands first in half of the questions)",
        source="Du et al. 2022, e-CARE; Waste-Wood/e-CARE, MIT",
        faults=(
            "only the training part is fetched: models may have been trained on it",
            "277 premises of the development part stand in the training part too",
            "53 questions of the training part stand in it twice; the right hypothesis is the longer one in 0.53",
        ),
        published=(
            "development part, accuracy after training: BERT 0.755, RoBERTa 0.706, XLNet 0.756, GPT-2 0.704 "
            "(the authors' repository; not checked by us)",
        ),
    )

    part: Part = "train"
    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question of the part; those of one premise share a cluster."""
        rows = ecare(self.data, self.part)
        proper = _proper(rows)
        return (_question(row, proper) for row in rows)


def _question(row: ECare, proper: _Proper) -> Question:
    start = f"{row.premise.rstrip('.!? ')} {CONNECTOR[row.asks_for]}"
    first, second = (" " + proper.small(choice) for choice in row.choices)
    return Question(
        id=row.id,
        text=f"{row.premise}\n{ASKS[row.asks_for]}",
        choices=row.choices,
        answer=row.gold,
        group={"asks_for": row.asks_for},
        cluster=row.premise,
        cloze=Cloze(start, (first, second)),
        shape=row.asks_for,
    )


@dataclass(frozen=True, slots=True)
class _Proper:
    """How words are written within sentences: as they are seen there, with a capital or without."""

    capital: Counter[str]
    small_: Counter[str]

    def small(self, sentence: str) -> str:
        """The sentence as the end of another one."""
        word = re.split(r"[^A-Za-z'-]", sentence, maxsplit=1)[0]
        plain = word.lower()
        keep = self.capital[plain] >= self.small_[plain]
        return sentence if keep or not word else sentence[0].lower() + sentence[1:]


def _proper(rows: Iterable[ECare]) -> _Proper:
    seen = _Proper(Counter(), Counter())
    for row in rows:
        for text in (row.premise, *row.choices):
            for word in WITHIN.findall(text):
                (seen.small_ if word == word.lower() else seen.capital)[word.lower()] += 1
    return seen
