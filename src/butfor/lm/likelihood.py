"""Negative log-likelihood of running text, window by window: nll(w) = − mean over t of log P(w[t] | w[:t]), t ≥ 1.

Each window is scored alone, as the model's own loss would; perplexity is exp of the mean over windows.
"""

from __future__ import annotations

from collections.abc import Sequence

from butfor.core.errors import UserError
from butfor.lm.logprobs import token_logprobs
from butfor.lm.tokens import encode, listed, opening
from butfor.lm.world import LM


def windows(lm: LM, text: str, length: int) -> list[list[int]]:
    """Cut a text into windows of exactly `length` tokens; the rest at the end is dropped."""
    if length < 2:
        raise UserError(f"a window needs at least 2 tokens, not {length}")
    if lm.context is not None and length > lm.context:
        raise UserError(f"a window of {length} tokens is too long: {lm.name} reads at most {lm.context}")
    ids = encode(lm, [text])[0]
    return [ids[at : at + length] for at in range(0, len(ids) - length + 1, length)]


def nll(lm: LM, texts: Sequence[str] | Sequence[Sequence[int]], *, batch_tokens: int | None = None) -> list[float]:
    """Mean negative log-likelihood per token of each window of tokens, or of each whole text."""
    sequences: list[list[int]] = []
    for number, text in enumerate(listed("texts", texts, "a text")):
        whole = isinstance(text, str)
        ids = opening(lm) + encode(lm, [text])[0] if whole else listed(f"window {number}", text, 5)
        if len(ids) < 2:
            raise UserError(f"window {number} has {len(ids)} token(s); a likelihood needs at least 2")
        if lm.context is not None and len(ids) > lm.context:
            raise UserError(f"window {number} has {len(ids)} tokens, but {lm.name} reads at most {lm.context}")
        sequences.append(ids)
    return [-sum(part) / len(part) for part in token_logprobs(lm, [(ids, 1) for ids in sequences], batch_tokens)]
