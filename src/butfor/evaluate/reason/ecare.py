"""e-CARE: which of two hypotheses is more plausibly the cause, or the effect, of a premise?

Asked     as COPA is: by likelihood the premise and "because" or "so", the hypotheses as ends; else with listed choices
          (`data.cause_effect` says how an end begins)
Source    Du et al. 2022 (ACL), MIT.
Limits    What can be fetched is the training part: a model may have been trained on it, and a level says less than a
          difference between models. `part = "dev"` reads the authors' dev.jsonl where the user has it;
          `part = "held_out"` asks the tenth of the training part that the corpora "ecare" and "ecare-told" leave out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

from butfor.data.cause_effect import Proper, held_out, start
from butfor.data.ecare import ECare, ecare
from butfor.data.question import Cloze, Question
from butfor.evaluate.questions import Questions
from butfor.evaluate.reason.copa import ASKS
from butfor.evaluate.suite import Card


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ECARE(Questions):
    """e-CARE. `part`: "train", "dev" or "held_out"; `data`: the path of the file or of the folder that holds it."""

    card: ClassVar[Card] = Card(
        measures="which of two hypotheses is more plausibly the cause, or the effect, of a premise",
        chance="0.5 (the answer stands first in half of the questions)",
        source="Du et al. 2022, e-CARE; Waste-Wood/e-CARE, MIT",
        faults=(
            "only the training part is fetched: models may have been trained on it",
            "277 premises of the development part stand in the training part too",
            "of the questions held out from the corpus ecare, 0.30 have a right hypothesis that stands as a choice in "
            "a question of training (469 of 1,539, counted by us)",
            "53 questions of the training part stand in it twice; the right hypothesis is the longer one in 0.53",
        ),
        published=(
            "development part, accuracy after training: BERT 0.755, RoBERTa 0.706, XLNet 0.756, GPT-2 0.704 "
            "(the authors' repository; not checked by us)",
        ),
    )

    part: Literal["train", "dev", "held_out"] = "train"
    data: str | None = None

    @property
    def apart_from(self) -> tuple[str, ...]:
        """The corpora that are cut from the same file and hold none of these questions."""
        return ("ecare", "ecare-told") if self.part == "held_out" else ()

    def questions(self) -> Iterator[Question]:
        """Every question of the part; those of one premise share a cluster."""
        rows = ecare(self.data, "dev" if self.part == "dev" else "train")
        proper = Proper.of(rows)
        return (_question(row, proper) for row in rows if self.part != "held_out" or held_out(row))


def _question(row: ECare, proper: Proper) -> Question:
    first, second = (proper.end(choice) for choice in row.choices)
    return Question(
        id=row.id,
        text=f"{row.premise}\n{ASKS[row.asks_for]}",
        choices=row.choices,
        answer=row.gold,
        group={"asks_for": row.asks_for},
        cluster=row.premise,
        cloze=Cloze(start(row), (first, second)),
        shape=row.asks_for,
    )
