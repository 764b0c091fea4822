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
from butfor.lm.forward import scoring_mode
from butfor.lm.generation import continued
from butfor.lm.probes import alike
from butfor.lm.tokens import beginning, checked_texts, decode, encode, opening

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
    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: it cannot generate")
    if pull < 0 or max_new_tokens < 1 or len(prompts) != len(against):
        raise UserError("contrast needs pull ≥ 0, max_new_tokens ≥ 1 and a prompt against each prompt")
    head = opening(lm)
    said, other = (
        [head + ids or beginning(lm) for ids in encode(lm, checked_texts("prompts", texts))]
        for texts in (prompts, against)
    )
    widths = [max(len(one), len(two)) + max_new_tokens for one, two in zip(said, other, strict=True)]
    if widths and lm.context is not None and max(widths) > lm.context:
        raise UserError(f"a prompt with its answer has {max(widths)} tokens, and {lm.name} reads {lm.context}")
    one_by_one = alike(lm, max(widths, default=0))
    result = [""] * len(said)
    order = sorted(range(len(said)), key=lambda at: -widths[at])
    with scoring_mode(lm.model):
        while order:
            fits = 1 if one_by_one else max(1, batch_tokens // (2 * widths[order[0]]))
            batch, order = order[:fits], order[fits:]
            texts = [said[at] for at in batch] + [other[at] for at in batch]
            made = continued(lm, texts, max_new_tokens, [_Contrast(pull)], stop)
            for at, ids in zip(batch, made, strict=False):
                text = decode(lm, ids)
                result[at] = text.partition(stop)[0] if stop else text
    return result


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
