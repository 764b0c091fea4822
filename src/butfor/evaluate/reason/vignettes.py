"""Vignettes: is it a necessary cause, is it a sufficient cause, of what happened?

Asked     the story, and one of two questions with the word explained in a sentence:
          necessary    had the rest been the same, the event would not have happened without it
          sufficient   it would have brought the event about without any other cause
Groups    query   necessary, sufficient;  type   the kind of story (late preemption, switch, …)
Source    Kıcıman et al. 2023 (MIT), after Kueffner 2021.
Limits    30 questions on 15 stories (clusters): read the two numbers as a description, never as a difference between
          models. Authors differ on some of the answers; the published ones are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from butfor.data.question import Question
from butfor.data.vignettes import Vignette, vignettes
from butfor.evaluate.questions import Questions
from butfor.evaluate.reason.gold import YES_NO, said
from butfor.evaluate.suite import Card

MEANS = {
    "necessary": "A necessary cause is one without which the event would not have happened, all else being as it was.",
    "sufficient": "A sufficient cause is one that would have brought about the event even without any other cause.",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Vignettes(Questions):
    """Vignettes of actual causation. `data`: the folder that holds the file, or the installed one."""

    card: ClassVar[Card] = Card(
        measures="whether necessary and sufficient causes are told apart in 15 stories of the literature",
        chance="0.5 (necessary: 5 of 15 yes; sufficient: 9 of 15 yes)",
        source="Kıcıman et al. 2023 (amit-sharma/chatgpt-causality-pairs), MIT; stories after Kueffner 2021",
        faults=(
            "always no is right in 16 of 30 (0.533)",
            "five cells end in a space (they are stripped); stories keep the authors' abbreviations (AF, WS)",
            "the published prompts explain neither word; ours do, and story 12 does not fit: its necessary is yes, "
            "though another order to the same end had been given",
        ),
        published=("GPT-4: 0.86 over both questions (Kıcıman et al. 2023; not checked by us)",),
    )

    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Both questions on every story."""
        return (_question(row, query) for row in vignettes(self.data) for query in MEANS)


def _question(row: Vignette, query: str) -> Question:
    yes = row.necessary if query == "necessary" else row.sufficient
    other = row.sufficient if query == "necessary" else row.necessary
    answer = said(yes)
    return Question(
        id=f"{row.number}-{query}",
        text=f"{row.story}\n\n{MEANS[query]} Is {row.action} a {query} cause of {row.event}?",
        choices=YES_NO,
        answer=answer,
        group={"query": query, "type": row.type.lower()},
        cluster=str(row.number),
        lures={
            "takes necessary for sufficient" if query == "sufficient" else "takes sufficient for necessary": 1 - answer
        }
        if yes != other
        else {},
    )
