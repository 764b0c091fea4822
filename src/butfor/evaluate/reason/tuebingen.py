"""Tübingen pairs by name: of two quantities, which one causes the other?

Asked     which is more likely, "changing the X causes a change in the Y" or the reverse; every pair twice, in
          both orders, so that a model with a liking for what stands first is right in half of them.
Equation  weighted = sum of weight x right / sum of weight: related pairs (the same measurements, the same stations)
          share a weight of one, and are one cluster
Source    Mooij et al. 2016 (pairs, weights); asked by name first by Kıcıman et al. 2023. MIT.
Limits    105 facts about the world, in two orders; large models have read the benchmark. Four pairs of several
          variables have weight 0. Three of the 108 are left out: both quantities have the same name in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.question import Question
from butfor.data.tuebingen_names import NamedPair, tuebingen_names
from butfor.evaluate.questions import COMMON, Questions
from butfor.evaluate.reason import beside
from butfor.evaluate.suite import Card, Item, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm.chat import Chat
    from butfor.lm.world import LM

ASK = "Which cause-and-effect relationship is more likely?"
ONE_CAPITAL = re.compile(r"[A-Z][a-z-]+(?: [^A-Z].*)?")  # "Sunshine hours", but not "GNI per capita", "Day X"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tuebingen(Questions):
    """Cause and effect by name. `describe`: say first what both quantities are; `data`, `meta`: the two files."""

    card: ClassVar[Card] = Card(
        measures="which of two quantities causes the other, from their names alone",
        chance="0.5 (every pair is asked in both orders)",
        source="Mooij et al. 2016; names: py-why/pywhy-llm; weights: Kıcıman et al. 2023; MIT",
        faults=(
            "4 of 108 published directions (ozone and temperature 49 to 51, temperature and snow 87) contradict the "
            "pairs' authors, whose direction is asked here",
            "3 pairs (52, 89, 90) call both quantities by the same name: left out",
            "names such as 'Parameter' and 'Answer' say little without a description (`describe`)",
        ),
        published=(
            "GPT-4 with descriptions, one yes-or-no question a direction: accuracy 0.838, weighted 0.836, both right "
            "0.704 (our count from the file of py-why/pywhy-llm, with its four reversed directions)",
            "conventional methods on the data themselves: 0.70 to 0.80 (Kıcıman et al. 2023; not checked by us)",
        ),
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        *COMMON,
        Metric("weighted", "higher", "share", "accuracy, related pairs sharing one weight", null=0.5, weight="weight"),
        Metric("weight", "zero", "", "the weight that the pairs' authors recommend"),
    )

    describe: bool = False
    long: ClassVar[int] = 2

    data: str | None = None
    meta: str | None = None

    def questions(self) -> Iterator[Question]:
        """Every pair in both orders."""
        for pair in self._pairs():
            yield from (_question(pair, first, self.describe) for first in (0, 1))

    def items(self, world: LM | Chat) -> list[Item]:  # noqa: ARG002
        """The questions; the two of a pair come together."""
        return spread(list(self.stream()), self.limit, lambda item: (item.id.partition("/")[0], item.id))

    def stream(self) -> Iterator[Item]:
        """The questions with their weights."""
        weights = {f"{pair.id}/{n}": pair.weight for pair in self._pairs() for n in (1, 2)}
        return beside.put(Questions.stream(self), weights)

    def measure(self, world: LM | Chat, items: Sequence[Item]) -> list[Record]:
        """Ask, and weigh what was right."""
        plain, weights = beside.taken(items)
        records = Questions.measure(self, world, plain)
        return [
            replace(r, metrics={**r.metrics, "weighted": r.metrics["accuracy"], "weight": weight}) if r.metrics else r
            for r, weight in zip(records, weights, strict=True)
        ]

    def _pairs(self) -> list[NamedPair]:
        pairs = tuebingen_names(self.data, self.meta)
        return [pair for pair in pairs if pair.names[0].casefold() != pair.names[1].casefold()]


def _question(pair: NamedPair, first: int, describe: bool) -> Question:
    names = [_within(name) for name in pair.names]
    claims = (
        f"Changing {names[0]} causes a change in {names[1]}.",
        f"Changing {names[1]} causes a change in {names[0]}.",
    )
    order = (first, 1 - first)
    told = "\n\n".join(pair.told[place] for place in order) if describe else ""
    return Question(
        id=f"{pair.id}/{first + 1}",
        text=f"{told}\n\n{ASK}".strip(),
        choices=(claims[order[0]], claims[order[1]]),
        answer=order.index(pair.gold),
        cluster=pair.group,
    )


def _within(name: str) -> str:
    """The name within a sentence: with an article, a single capital at its head made small."""
    bare = name.rstrip(".")
    bare = bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare
    return "the " + (bare[0].lower() + bare[1:] if ONE_CAPITAL.fullmatch(bare) else bare)
