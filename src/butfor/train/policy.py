"""A language model as a policy: how likely it is to give an answer, now and before it was trained.

Equation  log π(y | x) = Σ over the learnt tokens t of log softmax(logits_{t−1})[y_t]; learnt are those from `answer_at`
          on (all but the first, where a row has none), as in the model's own loss.
Before    π₀ is the model as training found it. What it says of every row is computed once, before the first step, and
          looked up by step: no second model is kept.
Limits    Batches are planned ahead, so π₀ is known for planned rows and what stands beside them, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from butfor.lm.forward import logits_where
from butfor.train.batches import STEP
from butfor.train.method import Batch
from butfor.train.task import under

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches

BEFORE = "butfor_before"  # an attribute of the model while it trains
UNSAID = -100  # labels of tokens that are not learnt
Said = Callable[[Any, Batch], "Tensor"]


def logprobs(logits: Tensor, labels: Tensor) -> Tensor:
    """log π of each row's answer. [B] <- [B, L, V], [B, L]"""
    rows, places = learnt(labels)
    return _summed(logits[rows, places], labels, rows, places)


def answered(model: Any, batch: Batch) -> Tensor:
    """log π of each row's answer [B]; logits are made of learnt tokens alone."""
    rows, places = learnt(batch["labels"])
    logits, _ = logits_where(model, batch["input_ids"], batch["attention_mask"], rows, places)
    return _summed(logits, batch["labels"], rows, places)


def learnt(labels: Tensor) -> tuple[Tensor, ...]:
    """Rows [N] and places [N] from which a learnt token is predicted. <- [B, L]"""
    return (labels[:, 1:] != UNSAID).nonzero(as_tuple=True)


def _summed(logits: Tensor, labels: Tensor, rows: Tensor, places: Tensor) -> Tensor:
    """[B] <- [N, V], [B, L], [N], [N]"""
    each = logits.float().log_softmax(-1).gather(1, labels[rows, places + 1][:, None])[:, 0]
    return each.new_zeros(len(labels)).index_add(0, rows, each)


def part(batch: Batch, name: str) -> Batch:
    """The batch's own rows, for the name "", or those that stand beside them under this name."""
    return under(batch, name) if name else batch


@contextmanager
def remembered(lm: LM, planned: Batches, names: Sequence[str] = ("",), said: Said = answered) -> Generator[None]:
    """While this holds, `before` knows what the model said of the rows of these names; each row is read once."""
    import torch

    kept: dict[str, dict[tuple[int, int], Tensor]] = {name: {} for name in names}
    was_training = lm.model.training
    lm.model.eval()
    with torch.inference_mode():
        for step, line in enumerate(planned.plan):
            if all(fed in found for found in kept.values() for fed in line):
                continue
            batch = {name: value.to(lm.device) for name, value in planned[step].items()}
            for name, found in kept.items():
                found.update(zip(line, said(lm.model, part(batch, name)).cpu(), strict=True))
    lm.model.train(was_training)
    setattr(lm.model, BEFORE, [{name: _rows(kept[name], line) for name in names} for line in planned.plan])
    try:
        yield
    finally:
        delattr(lm.model, BEFORE)


def before(model: Any, batch: Batch, name: str = "") -> Tensor:
    """What the model said of these rows before training: [B], or [B, K] filled up with minus infinity."""
    return getattr(model, BEFORE)[int(batch[STEP])][name].to(batch["input_ids"].device)


def _rows(found: dict[tuple[int, int], Tensor], line: list[tuple[int, int]]) -> Tensor:
    import torch
    from torch.nn.utils.rnn import pad_sequence

    rows = [found[fed].clone() for fed in line]  # made in inference mode, and used where gradients flow
    if not rows[0].dim():
        return torch.stack(rows)
    bare = [row[row.isfinite()] for row in rows]
    return pad_sequence(bare, batch_first=True, padding_value=float("-inf"))
