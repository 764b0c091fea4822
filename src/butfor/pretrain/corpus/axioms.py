"""Axiomatic training: rows of the corpus are replaced by demonstrations of transitivity and d-separation.

Idea      A small model that reads how causes compose, on graphs of a few nodes with fresh names, may compose them on
          longer ones. Whether it learnt that, or the order of two names in the text, `reason.axiom_lengths` tells.
Equation  rows' = demonstrations in round(share · rows) slots, new ones at each visit; the rest as it was
          learn = "answers":  L = Σ over parts (rows of the part in the batch / rows) · mean NLL over the part's tokens,
          the parts being the text (all of its tokens) and the demonstrations (their answers alone, with `proof` the
          steps before them too)
          learn = "text":     L = mean NLL over all tokens
Source    Vashishtha et al. 2024; the draw is `butfor.data.axioms`, whose dials are knobs here.
Limits    share = 0 is standard training, bit for bit. A slot's demonstration is not as long as its text: match arms by
          budget.tokens. `passages` are drawn before training begins; a longer training reads them again.
Example   [treatment]
          method = "pretrain.corpus.axioms"
          noise = 0.3
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

from pydantic import Field

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.axioms import Dials, passage
from butfor.lm.load import tokenizer
from butfor.pretrain.corpus.slots import filled
from butfor.train.method import Batch, Method, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.train.loop import TrainSettings

SAMPLE = 32  # demonstrations that show whether they have room
TOLD = "axiom"  # the column that says which rows are demonstrations


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Axioms(Dials, Method):
    """Train on demonstrations of transitivity and d-separation."""

    decoders_only: ClassVar[bool] = True
    share: Annotated[float, Field(ge=0, le=1)] = 1.0  # of the rows
    passages: Annotated[int, Field(ge=1)] = 20_000  # different ones
    learn: Literal["answers", "text"] = "answers"

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        if not self.share or self.learn == "text" or model in ("", "debug"):
            return ""
        try:
            read = tokenizer(model, local=True)
        except UserError:  # loading says what is wrong with it
            return ""
        made = [passage(self, generator(number, "axioms", "room")) for number in range(SAMPLE)]
        need = max(1 + len(read(row["text"][: row["answer_at"]].rstrip())["input_ids"]) for row in made)
        if need <= settings.length:
            return ""
        return f"axioms: the premises of a demonstration take {need} tokens and more; raise train.length"

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows, a share of their slots filled by demonstrations that take turns."""
        made = filled(rows, self.share, self.passages, lambda: self._passage(rng), rng)
        return [{**row, TOLD: int(new)} for row, new in made] if self.share else rows

    def _passage(self, rng: np.random.Generator) -> dict[str, Any]:
        """A demonstration; of one that is learnt as text no token is left out."""
        made = passage(self, rng)
        return made if self.learn == "answers" else {"text": made["text"]}

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss of the text and of the answers."""
        if self.learn == "text" or TOLD not in batch:
            return outputs.loss
        told = batch[TOLD].bool()  # [B]
        labels: Tensor = batch["labels"]  # [B, L]
        if "spans" in batch:
            labels = labels.masked_fill(told[:, None] & (batch["spans"] == 0), -100)
        return of_parts(outputs.logits, labels, told)


def of_parts(logits: Tensor, labels: Tensor, told: Tensor) -> Tensor:
    """The mean over rows of the mean over their part's tokens. [] <- [B, L, V], [B, L], [B]"""
    import torch

    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))[:, :-1].flatten(0, 1)
    each = torch.nn.functional.cross_entropy(exact, labels[:, 1:].flatten(), ignore_index=-100, reduction="none")
    each = each.view(labels.shape[0], -1)
    learnt = labels[:, 1:] != -100
    total = each.new_zeros(())
    for part in (told, ~told):
        count = (learnt & part[:, None]).sum().clamp(min=1)
        total = total + part.sum() / len(part) * (each * part[:, None]).sum() / count
    return total
