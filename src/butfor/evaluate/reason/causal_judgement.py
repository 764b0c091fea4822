"""Causal judgement: would a typical person say that it caused it, that it was done on purpose?

Asked     the story and its question, under the heading that the authors give it
Groups    query    cause or intention;  gold   faulty where the same story also stands with the other answer
Source    Suzgun et al. 2022 (BIG-bench hard), MIT; lm-evaluation-harness has the set as bbh causal_judgement.
Limits    Right is what most people said. Variants of one story share a cluster (see `families`): 187 questions in 55 of
          them make wide intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from butfor.data.bbh import Judgement, causal_judgement
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason.families import families
from butfor.evaluate.reason.gold import ACCURACY_SOUND, FAULTY, SOUND, YES_NO, said, without_faulty
from butfor.evaluate.suite import Card, Metric

HEADING = "How would a typical person answer the following question about causation?"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausalJudgement(Questions):
    """BIG-bench hard, causal judgement. `data`: the path of the authors' file, or the installed one."""

    card: ClassVar[Card] = Card(
        measures="agreement with what most people say caused an event, or was intended, in 187 stories",
        chance="0.5 (97 yes, 90 no)",
        source="Suzgun et al. 2022, BIG-bench hard, MIT",
        faults=(
            "two stories stand twice, each time once with yes and once with no (examples 33 and 120, 37 and 105): no "
            "answerer gets more than 185 of 187 right; accuracy_sound leaves the four out",
            "46 of the questions are about intention, not about causes",
        ),
        published=(
            "average human rater: 0.696; Codex, three shots: 0.636 answering at once, 0.540 with chain of thought "
            "(Suzgun et al. 2022; not checked by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (*COMMON, ACCURACY_SOUND)
    long: ClassVar[int] = 4

    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every story with its question."""
        rows = causal_judgement(self.data)
        told = families([row.story for row in rows])
        return (_question(row, family) for row, family in zip(rows, told, strict=True))

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """The score without the contradicted stories."""
        return without_faulty(question, answered)


def _question(row: Judgement, family: str) -> Question:
    asked = row.story.rpartition(". ")[2].lower()
    return Question(
        id=str(row.number),
        text=f"{HEADING}\n\n{row.story}",
        choices=YES_NO,
        answer=said(row.answer == "Yes"),
        group={
            "query": "intention" if "intention" in asked else "cause",
            "gold": FAULTY if row.contradicted else SOUND,
        },
        cluster=family,
    )
