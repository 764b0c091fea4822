"""How well can a linear classifier read a concept from a model's representation of a text?

Equation  h(x) = the mean of the last hidden states over a text's tokens;   right = 1[argmax (W h + b) = concept(x)]
          W, b: softmax regression fitted on the other folds (`stats/nullspace.py`); majority = 1[the most frequent
          label of the other folds = concept(x)], the null.
Use       before and after a method that is to make a model forget a concept, or keep it: `pretrain.causalm`, erasers.
Concept   "gender": by the words of a text; else a column of whole numbers of the corpus (`data/labels.py`).
Groups    Texts whose rows name one `group` (tellings of one story) are in one fold, and are one cluster.
Limits    A classifier that reads nothing proves that this one does not; with few texts the estimate is coarse. Texts of
          one item number fall into the same fold in every arm, so arms are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import derive
from butfor.data.corpora import rows
from butfor.data.labels import NONE, labels
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

FOLDS = 5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConceptProbe:
    """Accuracy of a linear reader of a concept. `concept`: "gender" or a column; `data`: a corpus by name or path."""

    card: ClassVar[Card] = Card(
        measures="how well a concept can be read from the mean hidden state of a text by a linear classifier",
        chance="the share of the most frequent label, fold by fold (the metric `majority`)",
        source="the probe of Ravfogel et al. 2020 on mean-pooled states; texts: any corpus",
        faults=(
            "a classifier that reads nothing proves that this one does not",
            "labels of gender are counts of listed words, no judgement of what a text is about",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = "it is for experiments that make a model forget a concept"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("right", "lower", "share", "share of texts whose concept is read right", "binary", null="majority"),
        Metric("majority", "zero", "share", "what always saying the most frequent label gives", "binary"),
    )
    chunk: ClassVar[int] = 1 << 16  # a classifier is fitted on all texts at once

    concept: str = "gender"
    data: str = "plain"
    limit: Limit = None
    length: Annotated[int, Field(ge=8)] = 128  # tokens of a text that are read
    seed: int = 0

    def ready(self) -> None:
        """The corpus is here, and some texts have each label."""
        found = [label for label in labels(rows(self.data), self.concept) if label != NONE]
        if len(found) < 2 * FOLDS:
            raise UserError(f"concept.probe: {len(found)} texts of {self.data} have a label; it needs {2 * FOLDS}")

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a text that has a label."""
        texts = rows(self.data)
        found = [
            Item(row["id"], str(row.get("group", row["id"])), {"text": row["text"], "label": label})
            for row, label in zip(texts, labels(texts, self.concept), strict=True)
            if label != NONE
        ]
        return spread(found, self.limit, lambda item: (str(item.data["label"]), ""))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Every text by a classifier that saw the other folds."""
        import numpy as np

        from butfor.lm.pooling import features
        from butfor.stats.nullspace import softmax_fit

        y = np.array([item.data["label"] for item in items])
        groups = sorted({item.cluster for item in items}, key=lambda group: derive(self.seed, "fold", group))
        place = {group: n % FOLDS for n, group in enumerate(groups)}
        fold = np.array([place[item.cluster] for item in items])
        x = features(world, [self._cut(world, item.data["text"]) for item in items]).astype(np.float64)
        read, usual = np.full_like(y, NONE), np.full_like(y, NONE)
        for number in sorted(set(place.values())):
            seen = fold != number
            if not seen.any():  # one text alone: nobody has taught the classifier anything
                continue
            weights, offsets = softmax_fit(x[seen], y[seen], int(y.max()) + 1)
            read[~seen] = np.argmax(x[~seen] @ weights.T + offsets, axis=1)
            usual[~seen] = np.bincount(y[seen]).argmax()
        return [
            Record(
                item.id,
                item.cluster,
                {"right": float(read[n] == y[n]), "majority": float(usual[n] == y[n])},
                {"text": item.data["text"][:300], "concept": str(y[n]), "read": str(read[n])},
            )
            for n, item in enumerate(items)
        ]

    def _cut(self, world: LM, text: str) -> str:
        """The beginning of a text that the model reads."""
        from butfor.lm.tokens import decode

        ids = world.tokenizer(text, add_special_tokens=False)["input_ids"]
        return text if len(ids) <= self.length else decode(world, ids[: self.length])
