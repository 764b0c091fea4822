"""CaLM: five causal tasks on three rungs, in the wording of CLadder and in other worlds.

Asked     the world's background, what is given, the question
Tasks     correlation, exp_away (rung 1); backadj, collider_bias (2); det-counterfactual (3): the label `query`
Gold      recomputed from the words of the question where these decide it (see `calm_gold`): sound or faulty
Cluster   the background: questions on worlds that are told alike are not independent
Source    Chen et al. 2024; OpenCausaLab/CaLM, Apache-2.0: what of the small release has questions and answers.
Limits    This is not CaLM as a whole (92 tasks). The tables behind the questions are not published, so answers that
          their words leave open are taken as they are, and have no label gold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from butfor.data.calm import RUNG, TASKS, CalmRow, calm
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason.calm_gold import exact_answer
from butfor.evaluate.reason.calm_told import as_it_is, would
from butfor.evaluate.reason.gold import ACCURACY_SOUND, FAULTY, SOUND, YES_NO, said, without_faulty
from butfor.evaluate.suite import Card, Metric

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
            "of 2,784 answers that the question's own words decide, 11 do not hold: each calls one of two valid "
            "adjustment sets more correct (backadj); accuracy_sound is over the other 2,773",
            "34 of the counterfactual answers hold only if 'causes not A and B' denies both A and B",
            "five tasks of the release have questions and answers (3,510 questions); for ten more it has answers alone "
            "(pairwise discovery, event causality, CRASS, explanations, causal judgement), and they are not asked",
            "237 questions stand word for word in CLadder's files too, with the same answer",
        ),
        published=("no figure for these five tasks alone was found",),
    )

    metrics: ClassVar[tuple[Metric, ...]] = (*COMMON, ACCURACY_SOUND)
    long: ClassVar[int] = 3

    part: Part = "all"
    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question of the part."""
        rows = [row for task in TASKS if self.part in ("all", task) for row in calm(task, self.data)]
        places = {told: place for place, told in enumerate(dict.fromkeys(row.background for row in rows), 1)}
        return (_question(row, places[row.background]) for row in rows)

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """The score over the answers that hold."""
        return without_faulty(question, answered)


def _question(row: CalmRow, world: int) -> Question:
    exact = exact_answer(row)
    gold = {"gold": SOUND if exact == row.answer else FAULTY} if exact else {}
    answer = said(row.answer == "yes")
    return Question(
        id=f"{row.task}-{row.index}",
        text=f"{row.background}\n\n{row.facts}\n\n{row.question}",
        choices=YES_NO,
        answer=answer,
        group={"rung": RUNG[row.task], "query": row.task, **gold},
        cluster=f"world {world}",
        lures=dict.fromkeys(_mistakes(row), 1 - answer),
        shape=row.task,
    )


def _mistakes(row: CalmRow) -> list[str]:
    """The known mistakes that lead to the wrong answer."""
    if row.task == "collider_bias":
        return ["conditions on a collider"]
    if row.task == "det-counterfactual":
        ignored = would(row.facts, as_it_is(row.question))
        return ["ignores the intervention"] if ignored is not None and ignored != (row.answer == "yes") else []
    return []
