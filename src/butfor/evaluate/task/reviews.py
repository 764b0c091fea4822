"""Is a review good or bad? Asked of film reviews, of the same reviews turned around by people, and of other reviews.

Idea      A classifier of film reviews is right on reviews like those of its training, also for reasons that do not make
          a film good or bad. People changed what does, and nothing else: there such reasons mislead. Restaurant reviews
          and single sentences are another domain.
Metrics   original, revised: share right. both: share of pairs with both right. changed: share right on the changed
          domain, cebab and sst2 together; each alone by its name.
Labels    cebab: 1 and 2 stars are bad, 4 and 5 good; 3 stars, or no majority of the raters, are left out.
Sources   Kaushik, Hovy & Lipton 2020 (pairs); Abraham et al. 2022 (CEBaB); Socher et al. 2013 (SST-2).
Split     `dev` of all three. `test` has to be here for all three: of none was anything chosen on it.
Counts    dev: 245 pairs, 1,221 restaurant reviews (215 as written, 1,006 edited, families resampled as one), 872
          sentences.
Asked     the head, where the model has one; else which of " bad" and " good" is likelier after `length` tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.data.cad import LABELS, OPTIONS, held_out
from butfor.data.cebab import cebab
from butfor.data.sst2 import sst2
from butfor.evaluate.edits import cut
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.lm.head import judged

if TYPE_CHECKING:
    from butfor.lm import LM

SIDES = ("original", "revised")
GOOD = 4  # stars, and more
BAD = 2  # stars, and fewer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """Accuracy on film reviews, on their counterfactuals, and on other reviews."""

    card: ClassVar[Card] = Card(
        measures="whether a verdict on reviews rests on what makes them good or bad, in training's domain and another",
        chance="1/2; both texts of a pair right: 1/4 by guessing, 0 by the same verdict on both",
        source="Kaushik, Hovy & Lipton 2020 (Apache-2.0); Abraham et al. 2022 (CC-BY-4.0); Socher et al. 2013",
        faults=(
            "245 pairs in dev: an accuracy has an interval of some 4 points each way, too wide to show that two are "
            "equal within 1",
            "who turned the reviews around knew the verdict: revisions are more outspoken than what people write",
            "most of the restaurant reviews are edits of others",
        ),
        published=(
            "BERT trained on originals: 0.874 on originals, 0.822 on revisions; trained on both: 0.885 and 0.951, on "
            "test (Kaushik et al. 2020; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = 'it is for models that were trained on reviews (corpus "cad")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("revised", "higher", "share", "share right on reviews that people turned around", "binary", 0.5),
        Metric("original", "higher", "share", "share right on reviews like those of training", "binary", 0.5),
        Metric("both", "higher", "share", "share of pairs with both texts right", "binary", 0.25),
        Metric("changed", "higher", "share", "share right on restaurant reviews and sentences", "binary", 0.5),
        Metric("cebab", "higher", "share", "share right on restaurant reviews (CEBaB)", "binary", 0.5),
        Metric("sst2", "higher", "share", "share right on sentences (SST-2)", "binary", 0.5),
    )
    chunk: ClassVar[int] = 256

    limit: Limit = None
    split: Literal["dev", "test"] = "dev"
    length: Annotated[int, Field(ge=2)] = 192  # tokens that a model without a head reads; as in training

    def ready(self) -> None:
        """The three sets can be read."""
        self._all()

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a pair, a restaurant review, or a sentence."""
        return spread(self._all(), self.limit, lambda item: (item.data["set"], ""))

    def _all(self) -> list[Item]:
        pairs = [
            Item(f"cad/{pair.id}", f"cad/{pair.id}", {"set": "cad", "texts": [pair.original, pair.revised],
                 "labels": [(label := LABELS.index(pair.sentiment)), 1 - label]})
            for pair in held_out(self.split)
        ]  # fmt: skip
        rated = [
            Item(f"cebab/{one.id}", f"cebab/{one.family}", {"set": "cebab", "texts": [one.text],
                 "labels": [int(one.stars >= GOOD)], "edited": bool(one.concept)})
            for one in cebab(self.split)
            if one.stars >= GOOD or 0 < one.stars <= BAD
        ]  # fmt: skip
        sentences = [
            Item(f"sst2/{one.line}", f"sst2/{one.line}", {"set": "sst2", "texts": [one.text], "labels": [one.label]})
            for one in sst2(self.split)
        ]
        return [*pairs, *rated, *sentences]

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Every text of the chunk is judged once."""
        texts = [text for item in items for text in item.data["texts"]]
        said = iter(judged(world, texts, OPTIONS, self.length).argmax(1).tolist())
        return [_record(item, [next(said) for _ in item.data["texts"]]) for item in items]


def _record(item: Item, said: list[int]) -> Record:
    data: Any = item.data
    right = [float(one == label) for one, label in zip(said, data["labels"], strict=True)]
    show = {"text": cut(data["texts"][0]), "right": OPTIONS[data["labels"][0]].strip()}
    show |= {"said": OPTIONS[said[0]].strip()}
    if data["set"] == "cad":
        show |= {"revision": cut(data["texts"][1]), "said of it": OPTIONS[said[1]].strip()}
        metrics = {**dict(zip(SIDES, right, strict=True)), "both": min(right)}
        error = "" if min(right) else "same verdict on both" if said[0] == said[1] else "both turned around"
    else:
        metrics = {"changed": right[0], data["set"]: right[0]}
        error = "" if right[0] else f"said {show['said']}"
    group = {"set": data["set"], "verdict": show["right"]}
    return Record(item.id, item.cluster, metrics, show, group, error)
