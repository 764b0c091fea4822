"""Which of some options goes on with a text: how likely each is after it.

Equation  log P(o | t) = sum over i of log P(o_i | t, o_1 … o_{i-1}), o_i the tokens of the option, t those of the text.
Layout    Each option stands after its text in a row of its own, and a text's options are read together. Where every
          option is one token, the text is read once, and the options are looked up in what it says comes next.
Limits    Text and option are tokenised apart, where `scoring` reads them as one text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from butfor.lm.forward import logits_where

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Laid:
    """B texts with K options each, every option after its text in one of B K rows, which are L tokens wide."""

    ids: Tensor  # [B K, L]
    mask: Tensor  # [B K, L]
    lines: Tensor  # [N], the row that each token of an option stands in
    places: Tensor  # [N], and where in it
    lengths: Tensor  # [B, K], tokens of each option; 0 where a text has fewer options

    def total(self, logits: Tensor) -> Tensor:
        """log P(option | text) [B, K] <- the logits [N, V] before each token of an option."""
        scores = logits.log_softmax(-1).gather(1, self.ids[self.lines, self.places][:, None])[:, 0]
        total = scores.new_zeros(len(self.ids)).index_add(0, self.lines, scores).reshape(self.lengths.shape)
        return total.masked_fill(self.lengths == 0, float("-inf"))


def padded(rows: list[list[list[int]]]) -> Tensor:
    """The tokens of every text's options as one tensor [B, K, O], -1 where there is none."""
    import torch

    shape = len(rows), max(map(len, rows)), max(len(option) for row in rows for option in row)
    made = torch.full(shape, -1)
    for line, row in enumerate(rows):
        for number, option in enumerate(row):
            made[line, number, : len(option)] = torch.tensor(option)
    return made


def after(ids: Tensor, mask: Tensor, options: Tensor) -> Laid:
    """Options [B, K, O] after their texts [B, L], which are padded on the right."""
    import torch

    rows, choices, longest = options.shape
    lengths = (options >= 0).sum(2)  # [B, K]
    starts = mask.sum(1).repeat_interleave(choices)  # [B K]
    ends = starts + lengths.reshape(-1)
    width = int(ends.max())
    at = torch.arange(width, device=options.device)
    texts = torch.nn.functional.pad(ids, (0, max(0, width - ids.shape[1])))[:, :width].repeat_interleave(choices, 0)
    inside = (at >= starts[:, None]) & (at < ends[:, None])
    said = options.reshape(rows * choices, longest).gather(1, (at - starts[:, None]).clamp(0, longest - 1))
    whole = (at < ends[:, None]).long()
    lines, places = inside.nonzero(as_tuple=True)
    return Laid(torch.where(inside, said, texts) * whole, whole, lines, places, lengths)


def weighed(model: Any, ids: Tensor, mask: Tensor, options: Tensor) -> tuple[Tensor, Tensor]:
    """log P(option | text) [B, K], and the last hidden state of each text [B, d] <- [B, L], [B, L], [B, K, O]."""
    import torch

    rows, choices, longest = options.shape
    texts, last = torch.arange(rows, device=ids.device), mask.sum(1) - 1
    if longest == 1:
        logits, hidden = logits_where(model, ids, mask, texts, last)
        told = logits.float().log_softmax(-1).gather(1, options[:, :, 0].clamp(min=0))
        return told.masked_fill(options[:, :, 0] < 0, float("-inf")), hidden[texts, last].float()
    laid = after(ids, mask, options)
    logits, hidden = logits_where(model, laid.ids, laid.mask, laid.lines, laid.places - 1)  # hidden [B K, L, d]
    return laid.total(logits.float()), hidden.reshape(rows, choices, *hidden.shape[1:])[texts, 0, last].float()
