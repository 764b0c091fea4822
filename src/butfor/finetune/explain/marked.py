"""Words that an answer must not rest on: which tokens they are, and between which answers they are not to decide.

Marks     the rows' spans of one name (`variable`), or the given `words` wherever they stand in a text, alone and in
          any capitals.
Answers   objective   logits between which a marked word is not to decide
          "label"     of all classes
          "choice"    of the row's options
          "text"      where a token is learnt: of all tokens that are learnt somewhere in the batch
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from pydantic import Field

from butfor.core.errors import UserError
from butfor.lm.head import has_head
from butfor.train.method import Batch, Method, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches

NAME = "irrelevant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Method):
    """A method that penalises what marked words do; which ones, by the name of their spans or by themselves."""

    looks_inside: ClassVar[bool] = True
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    variable: str = ""
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.variable) == bool(self.words):
            raise ValueError("say which words are irrelevant: variable = the name of their spans, or words = [...]")
        if not all(word.strip() for word in self.words):
            raise ValueError("words holds an empty word; leave it out")

    @property
    def idle(self) -> frozenset[str]:
        """At strength 0 nothing is marked."""
        return frozenset() if self.strength else frozenset({"data", "attach", "loss"})

    def fits(self, rows: Rows) -> None:
        if any(spans(row, self.variable, self.words) for row in rows):
            return
        if self.words:
            raise UserError(f"none of the words ({', '.join(self.words[:5])}) stands in a text of the corpus")
        names = sorted({span[2] for row in rows for span in row.get("spans", ()) if len(span) == 3})
        raise UserError(
            f"no row has a span named {self.variable!r} (there are: {', '.join(names[:5]) or 'none'}); "
            "name another, or give words"
        )

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows with the irrelevant words as their only spans."""
        if not self.strength:
            return rows
        self.fits(rows)
        return [{**row, "spans": spans(row, self.variable, self.words), "links": []} for row in rows]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Refuse a model that gives no answers to explain."""
        if self.strength and lm.is_encoder and not has_head(lm):
            raise UserError(f"{lm.name} guesses hidden words, which are no answers; set train.objective = 'label'")
        yield


def spans(row: dict[str, Any], variable: str, words: tuple[str, ...]) -> list[list[Any]]:
    """Where the irrelevant words of a row stand."""
    if variable:
        return [[*span[:2], NAME] for span in row.get("spans", ()) if len(span) == 3 and span[2] == variable]
    pattern = r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)"
    return [[*found.span(), NAME] for found in re.finditer(pattern, row["text"], re.IGNORECASE)]


class Answers(NamedTuple):
    """Logits of answers, which of them is right, and the row of the batch that each belongs to."""

    logits: Tensor  # [N, C]
    right: Tensor  # [N]
    row: Tensor  # [N]


def answers(logits: Tensor, batch: Batch) -> Answers:
    """The answers of a batch, from the logits [B, C] of its rows or [B, L, V] of its tokens."""
    import torch

    if logits.dim() == 2:
        return Answers(logits, batch["label"], torch.arange(len(logits), device=logits.device))
    labels = batch["labels"][:, 1:]
    row, place = (labels != -100).nonzero(as_tuple=True)
    known, right = labels[row, place].unique(return_inverse=True)
    return Answers(logits[row, place][:, known], right, row)


@contextmanager
def explaining(model: Any) -> Generator[None]:
    """The model without dropout, so that an explanation is one of the model alone."""
    was = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was)
