"""What is and what would be: the four-way table of factual and counterfactual answers on one case.

Idea      `reason.ladder_pairs` in words that any model is asked in, and any method of inference: a small world of rules
          is told, and a case of it; one question asks for a variable as it is, the other as it would be, had another
          one been set otherwise. An item is both questions.
Equation  ŷ the answer to the factual question, ŷ' to the counterfactual one, y and y' the right ones
          both ŷ = y, ŷ' = y'   factual_only ŷ = y, ŷ' ≠ y'   counterfactual_only ŷ ≠ y, ŷ' = y'   neither: sum 1
          balanced    [ŷ = y and ŷ' ≠ y] = [y' ≠ y]: do the two answers say rightly whether the change undoes the fact?
          necessity, sufficiency    balanced, where changed and asked variable are both there, and where neither is
Chance    0.25 of each of the four for a coin. All eight cells (variable there, asked one there, changed by it) come
          equally often: constant answers are both right for a quarter, and balanced for a half.
Data      our own draw (`data/ladder/paired.py`), verified by the engine; the pairs of one world are a cluster.
Source    Hüyük et al. 2025, who report such tables for language models; the worlds are ours.
Limits    Rules without chance, of two causes at most; all of the case is told that matters. An answer that cannot be
          read is wrong, and balances nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.data.ladder.paired import CHOICES, Paired, known_as, made_a_difference, pairs
from butfor.data.question import Question
from butfor.evaluate.questions import COMMON, Questions, cut
from butfor.evaluate.suite import Card, Item, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

Split = Literal["test", "queries", "graphs"]
SIDES = ("is", "would")
TABLE = ("both", "factual_only", "counterfactual_only", "neither")
KEPT = ("parsed", "calls", "tokens")  # of the two questions: both read, and the sums
PARSED = Metric("parsed", "higher", "share", "share of pairs whose written answers could both be read", "binary")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CasePairs(Questions):
    """Factual and counterfactual questions on cases of verified worlds, asked together."""

    card: ClassVar[Card] = Card(
        measures="what is and what would be, asked of one case: right in both, in one, in neither",
        chance="0.25 for each of the four, for constant answers too; balanced 0.5",
        source="our own draw from the verified ladder; the table after Hüyük et al. 2025",
        faults=("rules without chance, of two causes at most, and all of the case is told that matters",),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("both", "higher", "share", "share of pairs with both answers right", "binary", 0.25),
        Metric("factual_only", "lower", "share", "share with the factual answer right alone", "binary", 0.25),
        Metric("counterfactual_only", "lower", "share", "share with the other answer right alone", "binary", 0.25),
        Metric("neither", "lower", "share", "share of pairs with both answers wrong", "binary", 0.25),
        Metric("balanced", "higher", "share", "share of pairs whose answers say rightly whether the change undoes the "
               "fact", "binary", 0.5),
        Metric("necessity", "higher", "share", "balanced, where cause and effect are there", "binary", 0.5),
        Metric("sufficiency", "higher", "share", "balanced, where neither is there", "binary", 0.5),
        Metric("factual", "higher", "share", "share of factual questions answered right", "binary", 0.5),
        Metric("counterfactual", "higher", "share", "share of counterfactual questions right", "binary", 0.5),
        *(metric if metric.name != "parsed" else PARSED for metric in COMMON if metric.name in KEPT),
    )  # fmt: skip
    chunk: ClassVar[int] = 16
    long: ClassVar[int] = 4

    split: Split = "test"
    each: Annotated[int, Field(ge=1)] = 200  # pairs
    seed: int = 1

    def questions(self) -> Iterator[Question]:
        """Both questions of every pair."""
        for pair in _drawn(self.each, self.split, self.seed):
            for side, text, right in zip(SIDES, pair.texts, pair.labels, strict=True):
                group = {"asked": side, "query": pair.query}
                asked = text.removesuffix("Answer:").strip()
                yield Question(f"{pair.id}/{side}", asked, CHOICES, right, group=group, cluster=known_as(pair.world))

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """One item a pair."""
        drawn = _drawn(self.each, self.split, self.seed)
        both = zip(*[iter(self.stream())] * 2, strict=True)
        found = [
            Item(pair.id, one.cluster, {"is": one.data, "would": other.data, **_truth(pair)})
            for pair, (one, other) in zip(drawn, both, strict=True)
        ]
        return spread(found, self.limit, lambda item: (item.data["query"], item.data["cell"]))

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask both questions of every pair, all of them together."""
        flat = [Item(f"{item.id}/{side}", item.cluster, item.data[side]) for item in items for side in SIDES]
        said = iter(Questions.measure(self, world, flat))
        return [_record(item, (next(said), next(said))) for item in items]


@lru_cache(maxsize=4)
def _drawn(each: int, split: Split, seed: int) -> tuple[Paired, ...]:
    return tuple(pairs(each, split, "story", seed))


def _truth(pair: Paired) -> dict[str, Any]:
    """What is so, in a record's terms."""
    cell = f"{pair.facts[pair.changed]}{pair.factual}{pair.counterfactual}"
    return {"query": pair.query, "cell": cell}


def _record(item: Item, said: tuple[Record, Record]) -> Record:
    changed, factual, counterfactual = map(int, item.data["cell"])
    right = [bool(one.metrics.get("accuracy")) for one in said]
    read = [one.error not in ("wrong format", "does not fit") for one in said]
    place = TABLE[2 * (not right[0]) + (not right[1])]
    balanced = float(_balanced(right, read, factual, counterfactual))
    metrics = {name: float(name == place) for name in TABLE} | {"balanced": balanced}
    metrics |= {"factual": float(right[0]), "counterfactual": float(right[1])}
    if changed == factual:
        metrics["necessity" if factual else "sufficiency"] = balanced
    for name in KEPT:
        if all(name in one.metrics for one in said):
            values = [one.metrics[name] for one in said]
            metrics[name] = min(values) if name == "parsed" else sum(values)
    show = {side: cut(one.show.get("asked", ""), 700) for side, one in zip(SIDES, said, strict=True)}
    for name in ("right", "said", "derivation"):
        if any(one.show.get(name) for one in said):
            show[name] = " / ".join(cut(one.show.get(name, ""), 600) for one in said)
    group = {"query": item.data["query"], "difference": "yes" if factual != counterfactual else "no"}
    error = "" if place == "both" else "wrong format" if not all(read) else place.replace("_", " ")
    return Record(item.id, item.cluster, metrics, show, group, error)


def _balanced(right: Sequence[bool], read: Sequence[bool], factual: int, counterfactual: int) -> bool:
    """Whether the answers say rightly that the change undoes the fact, or that it does not."""
    if not all(read):
        return False
    answers = [truth if one else 1 - truth for one, truth in zip(right, (factual, counterfactual), strict=True)]
    return made_a_difference(answers[0], answers[1], factual) == (factual != counterfactual)
