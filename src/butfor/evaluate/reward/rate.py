"""RATE: the effect of an attribute on a reward by rewriting twice, beside one rewrite and beside the truth.

Idea      Where a text's twin cannot be had, something rewrites, and its hand does more than it was asked: it mends the
          spelling, it calms the tone. Two rewrites share the hand, so their difference is free of it (`data.
          counterfactual.rate`). In our world the exact twin exists, so both estimates can be held against it.
Equation  a text with the attribute (w = 1) or without it; r(x, w): the rewrite of x towards w; f: the reward.
          rate: f(r(r(x, 0), 1)) − f(r(x, 0)) where w = 1;  f(r(x, 1)) − f(r(r(x, 1), 0)) where w = 0
          once: f(x) − f(r(x, 0));  f(r(x, 1)) − f(x)        twin: f(x, do(w = 1)) − f(x, do(w = 0))
          all in deviations of f over the texts as they are; by the group "before" the mean of rate is ATT and ATU.
Rewriter  of length, polite and agrees: our own, which sets the attribute exactly and mends what it finds (short forms
          written out, capitals and exclamation marks calmed). Of sentiment: rules by word map, and no twin. `rewriter`
          names a language model to rewrite instead; its drafts are kept beside the fetched models.
Source    Reber et al. 2024.
Limits    A hand that depends on the direction of the rewrite stays in: rules that know more words one way do that.
          Where the attribute is a number of sentences, "long" is all of them and "short" none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from butfor.data.counterfactual.made import Case, Draft, Maker
from butfor.data.counterfactual.rate import twice
from butfor.data.counterfactual.rules import Rules
from butfor.data.preferences import MOST, Told, texts
from butfor.evaluate.reward.pairs import pairs
from butfor.evaluate.reward.rewards import rewards
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from pathlib import Path

    from butfor.lm import LM
    from butfor.lm.chat import Chat
    from butfor.lm.classifier import Classifier

Attribute = Literal["length", "polite", "agrees", "sentiment"]
VALUES: Mapping[Attribute, tuple[str, str]] = {
    "length": ("short", "long"),
    "polite": ("neutral", "polite"),
    "agrees": ("neutral", "agreeing"),
    "sentiment": ("Negative", "Positive"),
}
SHORT_FORMS = (("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("&", "and"))
SHOUTED = re.compile(r"\b[A-Z]{3,}\b")
TWICE = re.compile(r"[!?.]{2,}|!")


@dataclass(frozen=True, slots=True)
class Hand:
    """Sets an attribute of our world's texts exactly, and mends the text on the way."""

    told: Mapping[str, Told]
    name: str = "hand"
    batch: int = 1000
    most: Mapping[str, int] = field(default_factory=lambda: {"length": MOST, "polite": 1, "agrees": 1})

    def identity(self) -> Any:
        """The texts and what is mended."""
        return [sorted(one.text() for one in self.told.values()), SHORT_FORMS, SHOUTED.pattern, TWICE.pattern]

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:  # noqa: ARG002
        """The text with the attribute as wanted, mended."""
        levels = [self.most[one.variable] * (one.wanted == VALUES[_known(one.variable)][1]) for one in cases]
        return [
            Draft(mended(self.told[one.id].text(**{one.variable: level})))
            for one, level in zip(cases, levels, strict=True)
        ]


def mended(text: str) -> str:
    """Short forms written out, capitals and exclamation marks calmed; what is mended stays as it is."""
    for short, full in SHORT_FORMS:
        text = text.replace(short, full)
    return TWICE.sub(".", SHOUTED.sub(lambda found: found[0].lower(), text))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRate:
    """The effect of one attribute on a reward, by two rewrites, by one, and by the exact twin."""

    card: ClassVar[Card] = Card(
        measures="the effect of an attribute on a reward where texts can only be rewritten",
        chance="0 for a reward that does not heed the attribute",
        source="Reber et al. 2024; reviews of CEBaB 1.1 (Abraham et al. 2022, CC-BY-4.0), development split",
        faults=("our own rewriter mends by a few rules, the same in both directions",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat", "classifier")
    only_named: ClassVar[str] = "it is for rewards and judges; of any other model it says little"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("rate", "zero", "deviations", "effect of the attribute by two rewrites", null=0.0),
        Metric("once", "zero", "deviations", "effect of the attribute by one rewrite", null=0.0),
        Metric("twin", "zero", "deviations", "effect of the attribute by the exact twin", null=0.0),
        Metric("rate_bias", "zero", "deviations", "two rewrites less the exact twin", null=0.0),
        Metric("once_bias", "zero", "deviations", "one rewrite less the exact twin", null=0.0),
    )
    chunk: ClassVar[int] = 10_000  # all items together: deviations are theirs

    limit: Limit = None
    attribute: Attribute = "polite"
    rewriter: str = ""  # a model that rewrites; "": our own, and rules for sentiment
    rows: Annotated[int, Field(ge=4)] = 100
    seed: int = 1

    def ready(self) -> None:
        """The texts can be read."""
        texts("reviews", "test", seed=self.seed)

    def items(self, world: LM | Chat | Classifier) -> list[Item]:  # noqa: ARG002
        """One item a review, with its two rewrites."""
        both = [one for two in pairs("reviews", self.seed)[: self.rows] for one in (two.better, two.worse)]
        told = {one.id: one for one in (both if self.attribute != "sentiment" else [o for o in both if o.quality])}
        rows = [self._row(one) for one in list(told.values())[: self.rows]]
        there, back = twice(
            self._maker(told), rows, self.attribute, VALUES[self.attribute], seed=self.seed, folder=self._folder()
        )
        second = {one.id: one.pair.counterfactual for one in back}
        found: list[Item] = []
        for one in there:
            data = {"text": one.pair.base, "there": one.pair.counterfactual, "back": second[one.id]}
            twins = {} if self.attribute == "sentiment" else self._twins(told[one.id])
            found.append(Item(one.id, told[one.id].group, {**data, **twins, "before": one.before}))
        return spread(found, self.limit, lambda item: (str(item.data["before"]), ""))

    def _row(self, one: Told) -> dict[str, str]:
        less, more = VALUES[self.attribute]
        if self.attribute == "sentiment":
            return {"id": one.id, "text": one.body, "sentiment": more if one.quality > 0 else less}
        most = Hand({}).most[self.attribute]
        has = 2 * one.levels[self.attribute] > most
        return {"id": one.id, "text": one.text(), self.attribute: more if has else less}

    def _twins(self, one: Told) -> dict[str, str]:
        most = Hand({}).most[self.attribute]
        return {"without": one.text(**{self.attribute: 0}), "with": one.text(**{self.attribute: most})}

    def _maker(self, told: Mapping[str, Told]) -> Maker:
        if self.rewriter:
            from butfor.data.counterfactual.rewrite import Rewriter
            from butfor.lm.load import load

            return Rewriter(world=load(self.rewriter))  # type: ignore[arg-type]
        return Rules() if self.attribute == "sentiment" else Hand(told)

    def _folder(self) -> Path | None:
        if not self.rewriter:
            return None
        from butfor.lm.load import cache

        return cache() / "rewrites"

    def measure(self, world: LM | Chat | Classifier, items: Sequence[Item]) -> list[Record]:
        """The reward of every text and of its rewrites, once."""
        shown = ("text", "there", "back", "without", "with")
        asked = list(dict.fromkeys(item.data[key] for item in items for key in shown if key in item.data))
        worth = dict(zip(asked, rewards(world, asked).tolist(), strict=True))
        plain = [worth[item.data["text"]] for item in items]
        deviation = float(np.nanstd(plain)) if len(plain) > 1 else 0.0
        return [self._record(item, worth, deviation) for item in items]

    def _record(self, item: Item, worth: Mapping[str, float], deviation: float) -> Record:
        data: Any = item.data
        f = {key: worth[data[key]] for key in ("text", "there", "back", "without", "with") if key in data}
        sign = 1 if data["before"] == VALUES[self.attribute][1] else -1
        values = {"rate": sign * (f["back"] - f["there"]), "once": sign * (f["text"] - f["there"])}
        if "with" in f:
            values["twin"] = f["with"] - f["without"]
            values |= {f"{name}_bias": values[name] - values["twin"] for name in ("rate", "once")}
        scaled = {name: value / deviation if deviation > 0 else 0.0 for name, value in values.items()}
        show = {key: data[key] for key in ("text", "there", "back")}
        kept = {name: value for name, value in scaled.items() if not np.isnan(value)}
        return Record(item.id, item.cluster, kept, show, {"before": data["before"]})


def _known(variable: str) -> Attribute:
    return next(name for name in VALUES if name == variable)
