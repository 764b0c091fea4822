"""CaLM: five causal tasks on three rungs, in the wording of CLadder and in other worlds.

Asked     the world's background, what is given, the question
Tasks     correlation, exp_away (rung 1); backadj, collider_bias (2); det-counterfactual (3): the label `query`
Gold      collider_bias and backadj follow from the graph alone, which the background tells (see `calm_gold`)
Cluster   the background: questions on worlds that are told alike are not independent
Source    Chen et al. 2024; OpenCausaLab/CaLM, Apache-2.0: what of the small release has questions and answers.
Limits    This is not CaLM as a whole (92 tasks). The tables behind the questions are not published, so answers that
          rest on them are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from butfor.data.calm import RUNG, TASKS, CalmRow, calm
from butfor.evaluate.question import Question
from butfor.evaluate.questions import Questions
from butfor.evaluate.reason.gold import YES_NO, said
from butfor.evaluate.suite import Card

Part = Literal["all", "correlation", "exp_away", "backadj", "collider_bias", "det-counterfactual"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CaLM(Questions):
    """CaLM. `part`: one task, or all of them; `data`: the folder that holds questions and answers."""

    card: ClassVar[Card] = Card(
        measures="yes-or-no questions of five causal tasks about small worlds, by task and rung",
        chance="0.5 (answers balanced within 52 to 48 in every task)",
        source="Chen et al. 2024, CaLM; OpenCausaLab/CaLM (small release), Apache-2.0",
        faults=(
            "five tasks of the release have questions and answers (3,510 questions); for ten more it has answers alone "
            "(pairwise discovery, event causality, CRASS, explanations, causal judgement), and they are not asked",
            "237 questions stand word for word in CLadder's files too, with the same answer",
        ),
        published=("no figure for these five tasks alone was found",),
    )

    part: Part = "all"
    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question of the part."""
        rows = [row for task in TASKS if self.part in ("all", task) for row in calm(task, self.data)]
        places = {told: place for place, told in enumerate(dict.fromkeys(row.background for row in rows), 1)}
        return (_question(row, places[row.background]) for row in rows)


def _question(row: CalmRow, world: int) -> Question:
    answer = said(row.answer == "yes")
    lures = {"conditions on a collider": 1 - answer} if row.task == "collider_bias" else {}
    return Question(
        id=f"{row.task}-{row.index}",
        text=f"{row.background}\n\n{row.facts}\n\n{row.question}",
        choices=YES_NO,
        answer=answer,
        group={"rung": RUNG[row.task], "query": row.task},
        cluster=f"world {world}",
        lures=lures,
        shape=f"{row.task} {row.answer}",
    )
