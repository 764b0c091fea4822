"""A token graph read from attention, against the graph that the text was written from.

Idea      If attention mixes tokens as a linear causal model does, A = (I − G)⁻¹ Λ, then A Aᵀ is a covariance and a
          search on it finds G (CLEANN; `scm/discovery/from_attention.py`). Here the texts have a planted graph: named
          parts (spans) and which part causes which (links). So the reading can be marked.
Equation  A = the layer's attention between parts, mean over heads; ties i → j are weighed by |ρ(i, j | all before j)|
          (decoders) or |ρ(i, j | all others)| (encoders) under A Aᵀ, and `graph` by the area under the ROC curve of
          these weights over all pairs. f1, shd: of the skeleton that PC finds at `alpha` with as many `draws` of V.
          `looks`: the same area for the attention itself, without any causal reading.
Nulls     `distance`: the area when each weight is replaced by the text's mean attention at that distance, so what is
          known from "near parts are tied" alone; `shuffled`: f1 when each row's attention is dealt anew among the parts
          before it (mean of `shuffles`), so what PC finds in attention of the same sizes.
Source    Rohekar, Gurwicz & Nisimov 2023; the marking against planted graphs is ours.
Limits    Planted is what the writer's model says; a model may rightly attend elsewhere. A layer is read by itself. With
          `own` = 0 (as published) parts that hardly look at themselves make A Aᵀ singular: such a record has no
          `graph`. Nulls are texts' own, so texts whose graphs are alike are not independent of one another. Parts that
          share a token look at each other, so that a decoder's text with such parts is read like an encoder's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from butfor.core.errors import DataError, UserError
from butfor.core.seeds import generator
from butfor.data.corpora import rows
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread
from butfor.scm.discovery.agreement import shd, skeleton
from butfor.scm.discovery.from_attention import causal, pattern, strengths
from butfor.scm.graphs.equivalence import Pattern
from butfor.train.marks import checked

if TYPE_CHECKING:
    from butfor.lm import LM

Numbers = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TokenGraphs:
    """How well the graph read from a layer's attention matches the planted one; one record a text and layer."""

    card: ClassVar[Card] = Card(
        measures="whether a causal reading of attention recovers the graph that a text was written from",
        chance="an area of 0.5; what distance alone reaches is the null",
        source="the reading: Rohekar, Gurwicz & Nisimov 2023; texts: a corpus whose rows have spans and links",
        faults=("planted edges are the writer's; attention has no duty to follow them",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = "it is for models that were trained on the in-context task"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("graph", "higher", "area", "how well the causal reading ranks planted edges first", null="distance"),
        Metric("looks", "higher", "area", "how well plain attention ranks planted edges first", null="distance"),
        Metric("f1", "higher", "", "agreement of the skeleton that PC finds with the planted one", null="shuffled"),
        Metric("shd", "lower", "pairs", "pairs that are joined in one of the two skeletons alone"),
        Metric("distance", "higher", "area", "how well distance alone ranks planted edges first"),
        Metric("shuffled", "higher", "", "f1 when attention is dealt anew within rows"),
    )
    chunk: ClassVar[int] = 50
    cost: ClassVar[int] = 4

    corpus: str = "in-context-tree"
    limit: Limit = None  # of texts
    own: Annotated[float, Field(ge=0, lt=1)] = 0.5
    draws: Annotated[float, Field(gt=3)] = 64
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    shuffles: Annotated[int, Field(ge=1)] = 4

    def ready(self) -> None:
        """The corpus is here, and some row of it has a planted graph."""
        self._texts()

    def items(self, world: LM) -> list[Item]:
        """Every text with every layer."""
        depth = int(world.model.config.get_text_config().num_hidden_layers)
        texts = spread([Item(row["id"], row["id"], row) for row in self._texts()], self.limit)
        return [
            Item(f"{text.id}/layer {layer}", text.cluster, {**text.data, "layer": layer})
            for text in texts
            for layer in range(depth)
        ]

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Read each text once, for all of its layers that are asked for."""
        from butfor.lm.attentions import attentions

        texts = list(dict.fromkeys(item.data["text"] for item in items))
        found = dict(zip(texts, attentions(world, texts), strict=True))
        records: list[Record] = []
        for item in items:
            spans = [(start, stop) for start, stop, *_ in item.data["spans"]]
            looks = found[item.data["text"]].between(spans)[item.data["layer"]].mean(0).astype(np.float64)
            records.append(self._record(item, looks))
        return records

    def _record(self, item: Item, looks: Numbers) -> Record:
        planted = np.zeros(looks.shape, dtype=bool)
        for i, j in item.data["links"]:
            planted[j, i] = True
        ahead = not causal(looks)
        pairs = ~np.eye(len(looks), dtype=bool) if ahead else np.tril(np.ones(looks.shape, dtype=bool), -1)
        planted = (planted | planted.T) & pairs
        metrics = {"looks": area(looks + looks.T if ahead else looks, planted, pairs)}
        metrics["distance"] = area(by_distance(looks), planted, pairs)
        metrics |= self._read(item, looks, planted, pairs)
        show = {"text": item.data["text"], "planted": ", ".join(f"{i} -> {j}" for i, j in item.data["links"])}
        return Record(item.id, item.cluster, metrics, show, {"layer": str(item.data["layer"])})

    def _read(
        self, item: Item, looks: Numbers, planted: NDArray[np.bool_], pairs: NDArray[np.bool_]
    ) -> dict[str, float]:
        """What needs A Aᵀ to have an inverse; nothing where it has none."""
        known = Pattern(tuple(f"{n}" for n in range(len(looks))), (planted | planted.T).astype(np.int8))
        rng = generator(0, "token graph", item.id)
        try:
            found = self._pattern(looks, known.names)
            shuffled = [self._pattern(dealt(looks, pairs, rng), known.names) for _ in range(self.shuffles)]
            weights = strengths(looks, own=self.own)
        except DataError:
            return {}
        return {
            "graph": area(weights, planted, pairs),
            "f1": skeleton(known, found).f1,
            "shd": float(shd(known, bare(found))),
            "shuffled": float(np.mean([skeleton(known, other).f1 for other in shuffled])),
        }

    def _pattern(self, looks: Numbers, names: Sequence[str]) -> Pattern:
        return pattern(looks, names, rows=self.draws, alpha=self.alpha, own=self.own)

    def _texts(self) -> list[dict[str, Any]]:
        """Rows that have spans and links, the spans in the order of the text."""
        given = rows(self.corpus)
        checked(given)
        found = [ordered(row) for row in given if row.get("spans") and row.get("links")]
        found = [row for row in found if 0 < tied(row) < len(row["spans"]) * (len(row["spans"]) - 1) / 2]
        if not found:
            raise UserError(f"probe.token_graph: no row of {self.corpus!r} has spans and links with some pairs untied")
        return found


def ordered(row: Mapping[str, Any]) -> dict[str, Any]:
    """Text, spans and links of a row, the spans by where they begin; a link of a span to itself ties nothing."""
    order = sorted(range(len(row["spans"])), key=lambda at: row["spans"][at][0])
    place = {old: new for new, old in enumerate(order)}
    links = sorted({(place[i], place[j]) for i, j in row["links"] if i != j})
    return {
        "id": row["id"],
        "text": row["text"],
        "spans": [list(row["spans"][at]) for at in order],
        "links": [list(link) for link in links],
    }


def tied(row: Mapping[str, Any]) -> int:
    """How many pairs of spans are linked, whichever way."""
    return len({frozenset(link) for link in row["links"]})


def area(weights: Numbers, planted: NDArray[np.bool_], pairs: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a planted pair weighs more than another; ties count half."""
    from scipy.stats import rankdata

    true, ranks = planted[pairs], rankdata(weights[pairs])
    n, rest = int(true.sum()), int((~true).sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * rest))


def by_distance(looks: Numbers) -> Numbers:
    """The attention with each entry replaced by the mean of its diagonal."""
    found = np.zeros_like(looks)
    for lag in range(-len(looks) + 1, len(looks)):
        found += np.diag(np.full(len(looks) - abs(lag), np.diagonal(looks, lag).mean()), lag)
    return found


def dealt(looks: Numbers, pairs: NDArray[np.bool_], rng: np.random.Generator) -> Numbers:
    """Each row's attention dealt anew among the others that it may look at; what it keeps for itself stays."""
    found = looks.copy()
    for row, allowed in zip(found, pairs, strict=True):
        row[allowed] = rng.permutation(row[allowed])
    return found


def bare(found: Pattern) -> Pattern:
    """The skeleton alone."""
    return Pattern(found.names, (found.marks != 0).astype(np.int8))
