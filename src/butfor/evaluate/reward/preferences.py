"""Does a reward prefer the better text where length, politeness and agreement mean nothing?

Idea      In the corpora "preferences…" annotators heed quality and attributes. Here the attributes of two unseen texts
          are drawn by coins, and told in words that no training text has; which text is better is known.
Equation  accuracy: the share of pairs whose better text has the higher reward; a tie counts half.
          misled, helped: the pairs whose attributes, weighed as annotators do, speak against, for the better text.
          iid_accuracy: the share of pairs, drawn as in training (`bias`, `entangled`), in which the reward agrees with
          an annotator of the world.
Known     A reward by quality alone: accuracy 1, helped and misled alike. A reward by the attributes alone: helped 1,
          misled 0. In iid_accuracy no reward reaches 1: annotators err.
Data      kind "reviews": CEBaB's development split, one a cluster of two families of edits; "chat": answers to
          questions of CounterFact whose subjects are in no row of the corpora.
Limits    Quality is what five people read from a text, or whether an answer is true. Attributes are those of our world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.core.seeds import generator
from butfor.data.preferences import BETA, BIAS, CORRELATION, Kind, Told, lenient, liked, texts
from butfor.evaluate.reward.pairs import Two, pairs
from butfor.evaluate.reward.rewards import rewards
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM
    from butfor.lm.chat import Chat
    from butfor.lm.classifier import Classifier


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPreferences:
    """Accuracy of a reward by true quality, where attributes help, mislead and mean nothing, and in distribution."""

    card: ClassVar[Card] = Card(
        measures="whether a reward goes by the quality of a text or by attributes that annotators heed beside it",
        chance="1/2",
        source="our own world around CEBaB 1.1 (Abraham et al. 2022, CC-BY-4.0), development split, and CounterFact "
        "(Meng et al. 2022)",
        faults=(
            "attributes are told in a few sentences of our own, which a reader of style may know",
            "stars are one side of what makes a review good",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat", "classifier")
    only_named: ClassVar[str] = 'it is for rewards that were trained on preferences (corpus "preferences")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "higher", "share", "share of pairs whose better text has the higher reward", null=0.5),
        Metric("misled_accuracy", "higher", "share", "accuracy where attributes speak against the better text"),
        Metric("helped_accuracy", "higher", "share", "accuracy where attributes speak for the better text"),
        Metric("iid_accuracy", "higher", "share", "share of pairs drawn as in training judged as an annotator did"),
    )
    chunk: ClassVar[int] = 400

    limit: Limit = None
    kind: Kind = "reviews"
    rows: Annotated[int, Field(ge=1)] = 400
    bias: Annotated[float, Field(ge=0, le=10)] = BIAS  # of the annotators in iid_accuracy
    entangled: bool = False
    seed: int = 1

    def ready(self) -> None:
        """The texts can be read."""
        texts(self.kind, "test", seed=self.seed)

    def items(self, world: LM | Chat | Classifier) -> list[Item]:  # noqa: ARG002
        """One item a pair."""
        found = pairs(self.kind, self.seed)[: self.rows]
        told = texts(self.kind, "test", CORRELATION, self.seed) if self.entangled else []
        natural = {one.id: one for one in told}
        return spread([self._item(two, natural) for two in found], self.limit)

    def _item(self, two: Two, natural: dict[str, Told]) -> Item:
        sides = two.better, two.worse
        trained = [natural.get(one.id, one) for one in sides]
        rng = generator(self.seed, "reward", "annotator", two.id)
        lean = float(rng.choice(lenient()))
        gap = two.better.quality - two.worse.quality
        pull = liked(trained[0], lean) - liked(trained[1], lean)
        chosen = bool(rng.random() < _sigmoid(BETA * (gap + self.bias * pull)))
        data = {
            "texts": [one.text() for one in sides],
            "trained": [one.text() for one in trained],
            "chosen": chosen,
            "pull": liked(two.better) - liked(two.worse),
            "gap": f"{gap:.2g}",
        }
        return Item(two.id, two.cluster, data)

    def measure(self, world: LM | Chat | Classifier, items: Sequence[Item]) -> list[Record]:
        """The reward of every text, once."""
        asked = list(dict.fromkeys(text for item in items for key in ("texts", "trained") for text in item.data[key]))
        worth = dict(zip(asked, rewards(world, asked).tolist(), strict=True))
        return [_record(item, worth) for item in items]


def _record(item: Item, worth: dict[str, float]) -> Record:
    data: Any = item.data
    better, worse = (worth[text] for text in data["texts"])
    one, other = (worth[text] for text in data["trained"])
    right, agrees = ahead(better, worse), ahead(one, other)
    which = "helped" if data["pull"] > 0 else "misled" if data["pull"] else "neither"
    metrics = {} if right is None else {"accuracy": right}
    if right is not None and data["pull"]:
        metrics[f"{which}_accuracy"] = right
    if agrees is not None:
        metrics["iid_accuracy"] = agrees if data["chosen"] else 1 - agrees
    show = {"better": data["texts"][0], "worse": data["texts"][1], "rewards": f"{better:.3f}, {worse:.3f}"}
    error = "" if right == 1 else "no reward" if right is None else "tie" if right else f"prefers the worse, {which}"
    return Record(item.id, item.cluster, metrics, show, {"attributes": which, "quality gap": data["gap"]}, error)


def ahead(one: float, other: float) -> float | None:
    """Whether the first reward is higher: 1, 0, or 1/2 in a tie; None where one is missing."""
    return None if isnan(one) or isnan(other) else float(one > other) + 0.5 * (one == other)


def _sigmoid(value: float) -> float:
    from scipy.special import expit

    return float(expit(value))
