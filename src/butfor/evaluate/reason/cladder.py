"""CLadder: yes-or-no questions on all three rungs, about small worlds that are told in words and numbers.

Asked     the world's background, what is given, the question: the three parts that the authors recommend
Parts     easy   mechanisms as one would expect           hard   the same graphs, mechanisms against expectation
          anti   a variable replaced by one that common sense finds unrelated
          non    every variable a made-up word            det    counterfactuals in deterministic worlds
          all    the five together: the authors mix these kinds into the benchmark
Gold      every answer is recomputed from the tables of its world (see `verify_cladder`). faulty: ours is another one.
          sound: ours is the same, also where the quantity is zero and "larger?" and "smaller?" are both answered no
          (label number = zero). An answer that has none (a condition of probability zero) would have no label.
Cluster   the background: questions on worlds that are told alike are not independent
Source    Jin et al. 2023 (NeurIPS), MIT.
Limits    These are the generated test files of the authors' repository, not the 10,112 questions of the paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from butfor.core.errors import MalformedData
from butfor.data.cladder import FILES, CladderRow, Kind, cladder
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason.gold import ACCURACY_SOUND, FAULTY, SOUND, YES_NO, said, without_faulty
from butfor.evaluate.reason.mistakes import mistakes
from butfor.evaluate.suite import Card, Metric
from butfor.evaluate.verify_cladder import Exact

Part = Literal["all", "easy", "hard", "anti", "non", "det"]
RUNG: dict[Kind, str] = {
    "marginal": "1", "correlation": "1", "exp_away": "1",
    "ate": "2", "backadj": "2", "collider_bias": "2",
    "ett": "3", "nde": "3", "nie": "3", "det-counterfactual": "3",
}  # fmt: skip
SENSE = {"easy": "common", "hard": "common", "anti": "anti", "non": "nonsense", "det": "common"}
SPLIT = {"easy": "easy", "hard": "hard"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CLadder(Questions):
    """CLadder. `part`: one of the authors' files, or all of them; `data`: the folder that holds them."""

    card: ClassVar[Card] = Card(
        measures="yes-or-no questions of ten types about small causal worlds, by rung, type and sense",
        chance="0.5 (2,020 of 4,164 answers are yes)",
        source="Jin et al. 2023, CLadder (NeurIPS); causalNLP/cladder, MIT",
        faults=(
            "74 of the 4,164 gold answers do not hold when recomputed exactly: 14 rest on a wrong number, 26 answer no "
            "to both directions of an effect that rounds to 0.00, 34 call one of two valid adjustment sets more "
            "correct (docs/verify.md); accuracy_sound leaves them out",
            "68 more ask for the sign of an effect that is exactly zero; the gold no is right both ways",
            "424 of the 3,008 questions that state numbers state one that their world does not have",
            "12 questions on one story (firing_employee) give two numbers for the same condition in words",
            "448 questions have the text of another one (backadj, collider_bias): intervals are by background",
        ),
        published=(
            "GPT-4: accuracy 0.620; with CausalCoT 0.704 (Jin et al. 2023, on the 10,112 questions of the paper; "
            "not checked by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (*COMMON, ACCURACY_SOUND)
    long: ClassVar[int] = 3

    part: Part = "all"
    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question of the part, with its recomputed label and the mistakes that lead to its wrong answer."""
        exact = Exact()
        parts = list(FILES) if self.part == "all" else [self.part]
        read = [(part, cladder(self.data, part)) for part in parts]
        return (_question(row, part, exact) for part, rows in read for row in rows)

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """The score without the faulty items."""
        return without_faulty(question, answered)


def _question(row: CladderRow, part: str, exact: Exact) -> Question:
    world = row.world
    if not world.background:
        raise MalformedData(row.file, row.line, f"its world {world.id} has no background in test-model-meta.json")
    parts = (world.background, row.facts.strip(), row.question.strip())
    answer = said(row.answer == "yes")
    group = {"rung": RUNG[row.kind], "query": row.kind, "sense": SENSE[part], "graph": world.name}
    if part in SPLIT:
        group["split"] = SPLIT[part]
    return Question(
        id=f"{part}-{row.id}",
        text="\n\n".join(text for text in parts if text),
        choices=YES_NO,
        answer=answer,
        group=group | _gold(row, exact),
        cluster=f"{world.story}/{world.name}" + ("/anti" if part == "anti" else ""),
        lures=dict.fromkeys(mistakes(row, exact), 1 - answer),
        shape=row.kind,
    )


def _gold(row: CladderRow, exact: Exact) -> dict[str, str]:
    match exact.verdict(row).state:
        case "wrong":
            return {"gold": FAULTY}
        case "zero":
            return {"gold": SOUND, "number": "zero"}
        case "agree":
            return {"gold": SOUND}
        case "unread":
            return {}
