"""MoCa: who caused it, and is it right? Answers judged against the answers of 25 people.

Equation  yes = P(yes) among yes and no (1 or 0 where the model writes its answer);  people = share who said yes
          lean = yes - people;   gap = |yes - people|, its null = |1/2 - people|: what a coin's probability would have
          accuracy = 1[the answer is that of most people]
Factors   The stories vary what is known to move people's judgement (norm broken, action or omission, who gains, …).
          Each factor's level is a label, so that the report sets it against the rest: on `lean`, a level's contrast is
          the model's average effect of it (AMCE) minus people's.
Source    Nie et al. 2023 (NeurIPS). It states no licence: put the files at BUTFOR_DATA/moca or give `data`.
Limits    Factors are as annotated, not randomised within a story: an AMCE here compares stories. Clusters are families
          of stories (see `families`). "Most people" means most of 25. Who says yes to everything as often as people do
          has a lean of 0 too: whether single answers are people's, `human_gap` says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, final

from butfor.data.moca import PARTS, Judgement, moca
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason import beside
from butfor.evaluate.reason.families import families
from butfor.evaluate.reason.gold import YES, YES_NO, said
from butfor.evaluate.suite import Card, Item, Metric, Record

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

CODE = re.compile(r"^[A-Za-z]+_\d_")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MoCa(Questions):
    """Judgements of cause and of right and wrong. `part`: one of the two files; `data`: the folder that holds them."""

    card: ClassVar[Card] = Card(
        measures="how far answers to causal and moral stories, and what moves them, are people's",
        chance="lean: 0 for answers as people give them, and for any that say yes as often on the whole; human_gap: "
        "coin_gap; accuracy 0.5",
        source="Nie et al. 2023, MoCa; cicl-stanford/moca, no licence stated: not fetched",
        faults=(
            "most of the 25 people disagree with the paper that the story is from in 46 of 144 causal and 18 of 62 "
            "moral questions (counted by us); what people said is asked here",
            "75 of the 206 questions are marked as ambiguous by the authors (label `people`)",
            "144 causal questions are of 111 stories, 62 moral ones of 55; both together are of 66 families",
        ),
        published=(
            "people's own effects on their share of yes: abnormal event +0.23, prescriptive norm +0.08, action -0.03; "
            "inevitable +0.13, accidental +0.12, self beneficial +0.10, impersonal +0.06 (counted by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("lean", "zero", "share", "probability of yes minus the share of people who say yes", null=0.0),
        *COMMON,
        Metric("human_gap", "lower", "share", "distance of P(yes) from people's share of yes", null="coin_gap"),
        Metric("coin_gap", "lower", "share", "the distance that a probability of one half has"),
    )
    long: ClassVar[int] = 4

    part: Literal["both", "causal", "moral"] = "both"
    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every question, labelled with the factors of its story."""
        rows = self._rows()
        told = families([row.story for row in rows])
        return (_question(row, family) for row, family in zip(rows, told, strict=True))

    def stream(self) -> Iterator[Item]:
        """The questions with people's answers."""
        return beside.put(Questions.stream(self), {row.id: row.yes for row in self._rows()})

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask, and set the answer beside people's."""
        plain, people = beside.taken(items)
        records = Questions.measure(self, world, plain)
        return [_judged(*one) for one in zip(records, plain, people, strict=True)]

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:  # noqa: ARG002
        """A written answer is yes or no; what is weighed is told by its margin."""
        return {} if answered is None else {"lean": float(answered == YES)}

    def _rows(self) -> list[Judgement]:
        parts = PARTS if self.part == "both" else (self.part,)
        return [row for part in parts for row in moca(self.data, part)]


def _question(row: Judgement, family: str) -> Question:
    part = row.id.partition("/")[0]
    factors = {factor.replace("_", " "): _level(level) for factor, level in row.factors.items()}
    return Question(
        id=row.id,
        text=f"{row.story}\n\n{row.question}",
        choices=YES_NO,
        answer=said(row.yes > 1 / 2),
        group={"type": part, "people": "divided" if row.ambiguous else "agreed", **factors},
        cluster=family,
        shape=part,
    )


def _level(name: str) -> str:
    """The level in plain words: "EC_4_Abnormal_Event" is "abnormal event"."""
    return CODE.sub("", name).replace("_", " ").lower()


def _judged(record: Record, item: Item, people: float) -> Record:
    """The record with `lean` and the gaps; without them where the answer could not be read."""
    metrics = dict(record.metrics)
    yes = metrics.pop("lean", None)
    if yes is None:
        return record
    if "margin" in metrics:
        p = 1 / (1 + math.exp(-max(-700.0, metrics["margin"])))
        yes = p if item.data["answer"] == YES else 1 - p
    metrics |= {"lean": yes - people, "human_gap": abs(yes - people), "coin_gap": abs(1 / 2 - people)}
    show = {**record.show, "people": f"{people:.2f} yes", "P(yes)": f"{yes:.2f}"}
    return replace(record, metrics=metrics, show=show)
