"""Causal proxy model: each concept gets coordinates of its own, and swapping them does what changing the concept does.

Equation  h(x) in R^d is what the head reads; concept number c owns the coordinates c·size … (c+1)·size − 1.
          For a row x, a concept c and another value v of it: a source s is a text whose c is v, and a counterfactual
          x' a text whose c is v and whose other concepts are those of x (where there is none, of those that differ in
          fewest).  swap(x, s) = h(x) with the coordinates of c from h(s).
          L = CE(target(x), head(h(x))) + strength · CE(target(x'), head(swap(x, s)))
          target = the black box's probabilities; without a black box the label, and then the model explains itself.
Effect    of c := v on what is said of x:  softmax head(swap(x, s)) − softmax head(h(x)).
Source    Wu et al. 2023 (causal proxy model, hidden variant), whose counterfactuals are, as here, sampled by their
          concepts where no person wrote any. Own coordinates swapped between texts: Geiger et al. 2022.
Example   [treatment]
          method = "finetune.proxy"
          variables = ["food", "service", "ambiance", "noise"]
Known     Where concepts decide everything, swapping a concept's coordinates moves a trained proxy's answer as the
          change of the concept does.
Limits    strength = 0 without a black box is plain fine-tuning, bit for bit. The counterfactual of a text is another
          text: what differs beside the concepts is noise that only many rows average out. Concepts are what the columns
          say, and a row's value may be one that few rows have. Reads a second text a step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.core.errors import UserError
from butfor.lm.head import NAME, judged
from butfor.lm.load import check, classes, load, stamp, width
from butfor.train.batches import ROW
from butfor.train.columns import column
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import read, under

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches
    from butfor.train.loop import TrainSettings

Values = tuple[Hashable, ...]  # of all concepts, in the order of `variables`
SOURCE = "source"
CONCEPT, LABEL = "proxy_concept", "proxy_label"  # which concept is swapped, the label of the counterfactual
SAID, WOULD = "proxy_said_", "proxy_would_"  # what the black box says of the text, and of the counterfactual


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CausalProxy(Method):
    """Give every concept coordinates of its own, whose swap predicts the counterfactual."""

    objectives: ClassVar[tuple[str, ...]] = ("label",)
    looks_inside: ClassVar[bool] = True
    variables: tuple[str, ...]  # columns of the corpus that hold a concept each
    size: Annotated[int, Field(ge=1)] = 16  # coordinates of a concept
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    versions: Annotated[int, Field(ge=1)] = 8  # swaps drawn for a row, which take turns
    blackbox: str = ""  # a model with a head of the same labels; its answers are learnt, not the labels
    length: Annotated[int, Field(ge=1)] = 128  # tokens that a black box without a head reads

    def __post_init__(self) -> None:
        if not self.variables or len(set(self.variables)) < len(self.variables):
            raise ValueError("variables names the columns that hold a concept each, none of them twice")
        if self.blackbox:
            try:
                check(self.blackbox)
            except UserError as error:
                raise ValueError(str(error)) from None

    @property
    def idle(self) -> frozenset[str]:
        """Without strength and black box nothing is swapped and nothing distilled."""
        return frozenset() if self.strength or self.blackbox else frozenset({"data", "attach", "loss"})

    @property
    def rests_on(self) -> list[str]:
        """The weights of the black box."""
        return [stamp(self.blackbox)] if self.blackbox else []

    def fits(self, rows: Rows) -> None:
        if self.idle:
            return
        values(rows, self.variables)
        known = classes(self.blackbox) if self.blackbox else None
        if known is not None and known != (n := len(_answers(rows))):
            raise UserError(
                f"proxy: the head of the black box {self.blackbox} knows {known} classes, and the rows have {n}; "
                "give one that was trained on their labels, or rows with all its labels"
            )

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        return self._narrow(model, width(model)) if model and not self.idle else ""

    def _narrow(self, model: str, there: int | None) -> str:
        """Why the concepts have no room in what the head reads; "" where they have."""
        need = self.size * len(self.variables)
        if there is None or there >= need:
            return ""
        return (
            f"proxy: {len(self.variables)} concepts of {self.size} coordinates are {need}; {model} has {there}: "
            f"set size to {there // len(self.variables)} or less, or take a wider model"
        )

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Each row in versions, which differ in the concept that is swapped, its new value and the source."""
        if self.idle:
            return rows
        known = values(rows, self.variables)
        swaps = Swaps(known)
        said = _said(self.blackbox, rows, self.length) if self.blackbox else [{} for _ in rows]
        found: Rows = []
        for place, row in enumerate(rows):
            for _ in range(self.versions):
                concept, source, other = swaps.draw(known[place], rng)
                swap = {ROW: row.get(ROW, place), CONCEPT: concept, LABEL: rows[other].get("label", 0)}
                said_ = {f"{SAID}{n}": value for n, value in said[place].items()}
                would = {f"{WOULD}{n}": value for n, value in said[other].items()}
                beside = {**row.get("beside", {}), SOURCE: {"text": rows[source]["text"]}}
                found.append({**row, **swap, **said_, **would, "beside": beside})
        return found

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Refuse a model that has too few coordinates, or whose head has other classes than the black box."""
        if not self.idle:
            self._suits(lm, planned)
        yield

    def _suits(self, lm: LM, planned: Batches) -> None:
        if problem := self._narrow(lm.name, lm.dim):
            raise UserError(problem)
        told, known = sum(name.startswith(SAID) for name in planned.columns), getattr(lm.model, NAME)[1].out_features
        if told and told != known:
            raise UserError(
                f"proxy: the black box tells {told} classes apart, and the head of {lm.name} {known}; "
                "give rows with all labels of the black box, or a black box for those of the rows"
            )

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """What is said of the texts, and of the texts with a concept swapped."""
        if self.idle:
            return outputs.loss
        own = _missed(outputs.logits, targets(batch, "label", SAID)) if self.blackbox else outputs.loss
        if not self.strength:
            return own
        source = read(model, under(batch, SOURCE)).features
        logits = getattr(model, NAME)(swapped(outputs.features, source, batch[CONCEPT], self.size))
        return own + self.strength * _missed(logits, targets(batch, LABEL, WOULD))


def values(rows: Rows, variables: tuple[str, ...]) -> list[Values]:
    """The concepts of every row; refuses a concept that some row lacks, or that never differs."""
    for name in variables:
        if len(found := set(column(rows, name))) < 2:
            raise UserError(f"{name!r} is {found.pop()!r} on every row: there is no other value to swap in")
    return [tuple(row[name] for name in variables) for row in rows]


class Swaps:
    """Which texts can lend a concept to another, and which stand for its counterfactual."""

    def __init__(self, known: list[Values]) -> None:
        self.rows: dict[Values, list[int]] = defaultdict(list)  # that have these values
        self.having: dict[tuple[int, Hashable], list[int]] = defaultdict(list)  # in which a concept has a value
        for place, own in enumerate(known):
            self.rows[own].append(place)
            for concept, value in enumerate(own):
                self.having[concept, value].append(place)

    def draw(self, own: Values, rng: np.random.Generator) -> tuple[int, int, int]:
        """A concept, a source with another value of it, and a text that has this value and all else alike."""
        concept = int(rng.integers(len(own)))
        others = [value for place, value in self.having if place == concept and value != own[concept]]
        wanted = others[int(rng.integers(len(others)))]
        sources = self.having[concept, wanted]
        differ: dict[int, list[int]] = defaultdict(list)
        for values, rows in self.rows.items():
            if values[concept] == wanted:
                differ[sum(one != other for one, other in zip(values, own, strict=True))] += rows
        nearest = differ[min(differ)]
        return concept, sources[int(rng.integers(len(sources)))], nearest[int(rng.integers(len(nearest)))]


def swapped(features: Tensor, source: Tensor, concept: Tensor, size: int) -> Tensor:
    """The features [B, d] with a concept's own coordinates from the source."""
    import torch

    place = torch.arange(features.shape[1], device=features.device)[None] // size
    return torch.where(place == concept[:, None], source, features)


def targets(batch: Batch, label: str, said: str) -> Tensor:
    """What is to be said: a black box's probabilities [B, C], or labels [B]."""
    import torch

    names = sorted((name for name in batch if name.startswith(said)), key=lambda name: int(name.removeprefix(said)))
    return torch.stack([batch[name] for name in names], 1).float() if names else batch[label]


def _missed(logits: Tensor, target: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits, target)


def _said(blackbox: str, rows: Rows, length: int) -> list[dict[int, float]]:
    """The black box's probabilities for every row."""
    world: Any = load(blackbox)
    logits = judged(world, [row["text"] for row in rows], _answers(rows), length)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return [dict(enumerate(map(float, one))) for one in odds / odds.sum(axis=1, keepdims=True)]


def _answers(rows: Rows) -> list[str]:
    """The answers that the black box chooses from: the options of the rows, or the numbers of their labels."""
    labels = [label for row in rows if isinstance(label := row.get("label"), int)]
    return rows[0].get("options") or [str(n) for n in range(1 + max(labels, default=0))]
