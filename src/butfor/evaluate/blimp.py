"""BLiMP: does the model find the grammatical one of two sentences likelier? What an intervention costs in grammar.

Equation  margin = log P(good) - log P(bad), in nats;   right = 1[margin > 0]
Group     paradigm: which rule of grammar the pair is about
Source    Warstadt et al. 2020, CC-BY-4.0; see `butfor.data.blimp` for the six paradigms that are read.
Limits    Whole sentences are compared; where the two differ in length, so do their chances. Agreement in gender
          (`anaphor_gender_agreement`) rests on names: swapping names and pronouns in a corpus may help or hurt it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.blimp import PARADIGMS, BlimpPair, Paradigm, blimp
from butfor.evaluate.sentences import margins, question
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BLiMP:
    """Grammatical against ungrammatical sentence. `paradigm`: one of six; `data`: a path."""

    card: ClassVar[Card] = Card(
        measures="which of two sentences, one of them ungrammatical, the model finds likelier",
        chance="0.5",
        source="Warstadt et al. 2020, BLiMP, 1,000 pairs a paradigm, six of 67 paradigms; CC-BY-4.0",
        faults=("sentences are generated from a small vocabulary, so pairs of a paradigm are no independent texts",),
        published=("GPT-2 0.815 over all 67 paradigms (Warstadt et al. 2020; not checked by us)",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("right", "higher", "share", "share of pairs whose grammatical sentence is likelier", "binary", null=0.5),
        Metric("margin", "higher", "nats", "log-probability of the grammatical sentence minus the other's", null=0.0),
    )
    chunk: ClassVar[int] = 64

    paradigm: Paradigm | None = None
    data: str | None = None
    limit: Limit = None

    def ready(self) -> None:
        """The files are here and can be read."""
        self._rows()

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a pair."""
        items = [Item(row.id, row.id, {"paradigm": row.paradigm} | question(row.pair)) for row in self._rows()]
        return spread(items, self.limit, lambda item: (item.data["paradigm"], ""))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Both sentences of every pair."""
        return [_record(*pair) for pair in zip(items, margins(world, (item.data for item in items)), strict=True)]

    def _rows(self) -> list[BlimpPair]:
        return [row for name in PARADIGMS if self.paradigm in (None, name) for row in blimp(name, self.data)]


def _record(item: Item, margin: float) -> Record:
    good, bad = item.data["choices"]
    show = {"grammatical": good, "ungrammatical": bad}
    return Record(item.id, item.cluster, {"right": float(margin > 0), "margin": margin}, show, _group(item))


def _group(item: Item) -> dict[str, str]:
    return {"paradigm": item.data["paradigm"].replace("_", " ")}
