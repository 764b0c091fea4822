"""Factual and counterfactual questions on one case, and what the two answers together say of the cause.

Idea      A model may be right on what is the case and wrong on what would be, or the other way round. The two answers
          of a pair also say whether the variable that is changed makes a difference; that is judged on its own.
Equation  ŷ the answer to the factual question, ŷ' to the counterfactual one, y and y' the right ones
          factual         ŷ = y                     counterfactual    ŷ' = y'
          balanced        [ŷ = y and ŷ' ≠ y] = [y' ≠ y]: does the change undo what is the case?
          necessity       the same where the variable and the asked one are there: PN of this case
          sufficiency     the same where neither is there: PS of this case
Splits    test      worlds that training on the corpus has not seen, with its graphs and its queries
          queries   pairs of variables that were not asked about in training, farther apart: their parts were
          graphs    graphs that training has not seen
Chance    Within each query all eight cells (variable there, asked one there, changed by it) come equally often, so
          constant answers and a coin are right for a half, by `balanced` too; both right: a quarter.
Data      our own draw (`data/ladder/paired.py`); "short" texts are for models trained on them. The family has some 240
          worlds a split, which draws come to again: the pairs of one world are a cluster.
Source    Hüyük et al. 2025, who report errors and rates of inconsistent necessity and sufficiency; the worlds are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.ladder.paired import OPTIONS, Paired, Split, Told, known_as, made_a_difference, pairs
from butfor.data.ladder.stream import CHOICES
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.head import judged

if TYPE_CHECKING:
    from butfor.lm import LM

TESTED: tuple[Split, ...] = ("test", "queries", "graphs")
CHANCE, BOTH = 0.5, 0.25


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPairs:
    """Factual, counterfactual and balanced scores on cases of verified worlds."""

    card: ClassVar[Card] = Card(
        measures="whether answers on what is the case and on what would be, but for one variable, are right together",
        chance="0.5, for constant answers too; both right 0.25",
        source="our own draw from the verified ladder; scores after Hüyük et al. 2025",
        faults=(
            "rules without chance, of two causes at most, and all of the case is told that matters",
            "a guesser's answers are independent, so that his necessity and sufficiency are right for a half, as here; "
            "a model that always answers both questions alike is right for a half too",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("balanced", "higher", "share", "share of pairs whose answers say rightly whether the change undoes the "
               "fact", "binary", CHANCE),
        Metric("factual", "higher", "share", "share of factual questions answered right", "binary", CHANCE),
        Metric("counterfactual", "higher", "share", "share of counterfactual questions right", "binary", CHANCE),
        Metric("both", "higher", "share", "share of pairs with both answers right", "binary", BOTH),
        Metric("necessity", "higher", "share", "balanced, where cause and effect are there", "binary", CHANCE),
        Metric("sufficiency", "higher", "share", "balanced, where neither is there", "binary", CHANCE),
        Metric("unseen_queries", "higher", "share", "balanced, on pairs of variables new to the model", "binary",
               CHANCE),
        Metric("unseen_graphs", "higher", "share", "balanced, on graphs not seen in training", "binary", CHANCE),
    )  # fmt: skip
    chunk: ClassVar[int] = 64

    limit: Limit = None
    told: Told = "story"
    each: Annotated[int, Field(ge=1)] = 96  # pairs of each split
    length: Annotated[int, Field(ge=16)] = 256  # tokens of a question that are read
    seed: int = 1

    def ready(self) -> None:
        """Our own draw needs nothing."""

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a pair; the pairs of one world are a cluster."""
        found = [
            Item(pair.id, known_as(pair.world), {"split": split, "told": self.told, "query": pair.query})
            for split in TESTED
            for pair in _drawn(split, self.told, self.each, self.seed)
        ]
        return spread(found, self.limit, lambda item: (item.data["query"], item.data["split"]))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Both questions of every pair."""
        known = {pair.id: pair for split in TESTED for pair in _drawn(split, self.told, self.each, self.seed)}
        chosen = [known[item.id] for item in items]
        texts = [text for pair in chosen for text in pair.texts]
        said = judged(world, texts, OPTIONS[self.told], self.length).argmax(1).tolist()
        return [
            _record(item, pair, (said[2 * at], said[2 * at + 1]))
            for at, (item, pair) in enumerate(zip(items, chosen, strict=True))
        ]


@lru_cache(maxsize=len(TESTED) * 4)
def _drawn(split: Split, told: Told, each: int, seed: int) -> tuple[Paired, ...]:
    return tuple(pairs(each, split, told, seed))


def _record(item: Item, pair: Paired, said: tuple[int, int]) -> Record:
    factual, counterfactual = 1 - said[0], 1 - said[1]
    right = factual == pair.factual, counterfactual == pair.counterfactual
    truth = pair.counterfactual != pair.factual
    balanced = float(made_a_difference(factual, counterfactual, pair.factual) == truth)
    metrics = {
        "balanced": balanced, "factual": float(right[0]), "counterfactual": float(right[1]), "both": float(all(right)),
    }  # fmt: skip
    if pair.facts[pair.changed] == pair.factual:
        metrics["necessity" if pair.factual else "sufficiency"] = balanced
    if (split := item.data["split"]) != "test":
        metrics[f"unseen_{split}"] = balanced
    show: dict[str, Any] = {
        "factual": pair.texts[0], "counterfactual": pair.texts[1],
        "right": " / ".join(CHOICES[label] for label in pair.labels),
        "said": " / ".join(CHOICES[label] for label in said),
    }  # fmt: skip
    group = {"split": split, "query": pair.query, "difference": "yes" if truth else "no"}
    error = "" if all(right) else "answers both alike" if truth and factual == counterfactual else "other"
    return Record(item.id, item.cluster, metrics, show, group, error)
