"""CRASS: what would have happened if? The consequence of a changed premise, among three or four.

Asked     the premise and the question; the answers in the order of Kıcıman et al. 2023
Groups    type     possible: the right answer tells a consequence; impossible: it is that this cannot be;
                   unchanged: nothing would have happened
Source    Frohberg & Binder 2022; files and order of Kıcıman et al. 2023 (MIT).
Limits    Common sense more than calculation. Questions on one premise share a cluster. Chance is a third, a quarter
          in the 44 questions with four answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from butfor.data.crass import CrassRow, crass
from butfor.data.question import Question
from butfor.evaluate.questions import Questions
from butfor.evaluate.suite import Card

NOT_POSSIBLE = re.compile(r"that is not possible", re.IGNORECASE)
NOTHING = re.compile(r"nothing (?:special )?would have happened", re.IGNORECASE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CRASS(Questions):
    """CRASS. `data`: the folder that holds the files, or the installed one."""

    card: ClassVar[Card] = Card(
        measures="choosing what would have happened, had an everyday premise been otherwise",
        chance="0.320 (a third; a quarter in 44 of 274 questions)",
        source="Frohberg & Binder 2022, CRASS; files of Kıcıman et al. 2023 (amit-sharma/chatgpt-causality-pairs), MIT",
        faults=(
            "the place of the right answer is not balanced: A 78, B 95, C 87, D 14",
            "one question stands twice (111 and 114); four end in a full stop; a few cells "
            "end in a space (they are stripped)",
            "'That is not possible.' is offered in 239 questions and right in 16",
        ),
        published=("GPT-4: 0.92, 20 points above the best before it (Kıcıman et al. 2023; not checked by us)",),
    )
    long: ClassVar[int] = 3

    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question with its answers."""
        return (_question(row) for row in crass(self.data))


def _question(row: CrassRow) -> Question:
    lures = {
        name: place
        for name, pattern in (("calls it impossible", NOT_POSSIBLE), ("sees no change", NOTHING))
        for place, choice in enumerate(row.choices)
        if pattern.search(choice) and place != row.gold
    }
    return Question(
        id=row.id,
        text=f"{row.premise} {row.question}",
        choices=row.choices,
        answer=row.gold,
        group={"type": _type(row.choices[row.gold]), "choices": str(len(row.choices))},
        cluster=row.premise,
        lures=lures,
        shape=str(len(row.choices)),
    )


def _type(right: str) -> str:
    if NOT_POSSIBLE.search(right):
        return "impossible"
    return "unchanged" if NOTHING.search(right) else "possible"
