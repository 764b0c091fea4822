"""Contrast two prompts: say what the one makes likelier than the other.

Equation  token = argmax of l + a (l - l') over the tokens with p ≥ 0.1 of the likeliest one; l = log p(· | prompt, so
          far), l' = log p(· | prompt against it, so far); `pull` a ≥ 0.
Source    Li et al. 2023 (contrastive decoding), there with two models and one prompt.
Limits    pull = 0 is greedy decoding, token for token. What both prompts would say alike cancels, so a small model that
          mostly copies is drawn to where its instruction matters, and away from fluency: a pull of 1 is plenty. A text
          does not depend on those beside it, where the model reads rows alike (`probes`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.lm.generation import continued, prompted, written
from butfor.lm.tokens import checked_texts

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM

LIKELY = 0.1  # a token needs this share of the likeliest one's probability


def contrasted(
    lm: LM,
    prompts: Sequence[str],
    against: Sequence[str],
    *,
    pull: float,
    max_new_tokens: int,
    stop: str = "",
    batch_tokens: int = 4096,
) -> list[str]:
    """What the model writes after each prompt, pulled away from what it would write after the one against it."""
    if pull < 0 or max_new_tokens < 1 or len(prompts) != len(against):
        raise UserError("contrast needs pull ≥ 0, max_new_tokens ≥ 1 and a prompt against each prompt")
    said, other = (prompted(lm, checked_texts("prompts", texts), max_new_tokens) for texts in (prompts, against))
    widths = [max(len(one), len(two)) + max_new_tokens for one, two in zip(said, other, strict=True)]

    def write(batch: Sequence[int]) -> list[list[int]]:
        both = [said[at] for at in batch] + [other[at] for at in batch]
        return continued(lm, both, max_new_tokens, [_Contrast(pull)], stop)[: len(batch)]

    return written(lm, widths, write, batch_tokens // 2, stop)  # each number is two rows


class _Contrast:
    """A logits processor: the first half of the rows pulled away from the second; both halves take the same tokens."""

    def __init__(self, pull: float) -> None:
        self.pull = pull

    def __call__(self, _: Tensor, scores: Tensor) -> Tensor:  # [2B, V] <- [2B, T], [2B, V]
        import torch

        said, against = scores.double().log_softmax(-1).chunk(2)
        pulled = said + self.pull * (said - against)
        unlikely = said < said.max(-1, keepdim=True).values + math.log(LIKELY)
        return torch.cat([pulled.masked_fill(unlikely, -torch.inf)] * 2)
