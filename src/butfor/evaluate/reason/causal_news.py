"""Causal News Corpus, subtask 1: does a sentence of the news say that one event brings about another?

Equation  F1 = 2 TP / (2 TP + FP + FN), as a ratio of sums: a true positive has f1 = 1 and weight 2, a false positive or
          false negative f1 = 0 and weight 1; a true negative has no f1. An answer that cannot be read is not a yes.
Null      whoever always says yes has F1 = 2p / (1 + p), p being the share of causal sentences: 0.691 at p = 0.528
Source    Tan et al. 2022 (LREC), CC0-1.0; V2, the training part
Limits    What is causal was settled by the authors' guidelines (a cause and an effect, both told in the sentence),
          which the question puts into one line. The sentences keep the authors' spaces before commas and full stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.causal_news import causal_news
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason.gold import YES, YES_NO, said
from butfor.evaluate.suite import Card, Item, Metric, spread

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

ALWAYS_YES = 0.691
ASK = "Does this sentence say that one event causes or caused another one, both of them told in the sentence?"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausalNews(Questions):
    """Causal sentences of the news. `data`: the path of train_subtask1.csv."""

    card: ClassVar[Card] = Card(
        measures="whether a sentence of protest news is recognised as telling a cause and its effect",
        chance="F1 0.691 and accuracy 0.528 for whoever always says yes (so many of the sentences are causal)",
        source="Tan et al. 2022, Causal News Corpus V2; tanfiona/CausalNewsCorpus, CC0-1.0",
        faults=(
            "only the training part is fetched: models may have been trained on it",
            "where the line between a cause and a circumstance runs is in guidelines that a model is not shown",
            "339 sentences come from two batches whose documents are not told apart: they form two clusters",
        ),
        published=("best system of the shared task CASE 2022: F1 0.862 on its test part (not checked by us)",),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("f1", "higher", "share", "F1 of the causal sentences", null=ALWAYS_YES, weight="f1_weight"),
        *COMMON,
        Metric("f1_weight", "zero", "", "2 for a causal sentence that is found, 1 for one of the two mistakes"),
    )
    long: ClassVar[int] = 2

    data: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every sentence; those of one document share a cluster."""
        for row in causal_news(self.data):
            yield Question(
                id=row.id,
                text=f'A sentence from the news: "{row.text}"\n\n{ASK}',
                choices=YES_NO,
                answer=said(bool(row.causal)),
                cluster=row.document,
            )

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """The sentences; under a limit as many of them are causal as in the set, so that F1 and its null hold."""
        return spread(list(self.stream()), self.limit, lambda item: (str(item.data["answer"]), ""))

    def extra(self, question: Question, answered: int | str | None) -> dict[str, float]:
        """The sentence's part in F1."""
        truly, found = question.answer == YES, answered == YES
        if not truly and not found:
            return {}
        hit = truly and found
        return {"f1": float(hit), "f1_weight": 2.0 if hit else 1.0}
