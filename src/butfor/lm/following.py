"""What may come next: the whole distribution of the next token at the end of each text.

    following(lm, ["The nurse said that", "The engineer said that"])    # log-probabilities [2, V]

The layouts are those of `logprobs`: what texts share at the beginning is computed once, in a forest where the model
takes one, else in padded rows; where a row's length matters, only texts of one length share a batch. Logits are made
at the texts' ends alone. `distance` is the total variation between two rows: ½ Σ |p - q|, the largest difference that
the two distributions give to any set of tokens; 0 = the same, 1 = no token in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from butfor.core.errors import UserError
from butfor.lm.forest import forests, needed, rows
from butfor.lm.forward import forest_logits, rows_logits, scoring_mode
from butfor.lm.logprobs import CPU_TOKENS, GPU_TOKENS
from butfor.lm.probes import alike, can_pack, longest_row, require_causal
from butfor.lm.tokens import beginning, checked_texts, encode, opening

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM


def following(lm: LM, texts: Sequence[str], *, batch_tokens: int | None = None) -> Tensor:
    """Log-probabilities [N, V] of the token after each text, in float32 or better, on the CPU."""
    import torch

    if lm.is_encoder:
        raise UserError(f"{lm.name} is an encoder: it has no next-token probabilities")
    ids = _tokens(lm, checked_texts("texts", texts))
    budget = batch_tokens or (CPU_TOKENS if lm.device.type == "cpu" else GPU_TOKENS)
    found: dict[int, Tensor] = {}
    if not ids:
        return torch.empty(0, 0)
    with scoring_mode(lm.model):
        require_causal(lm)
        longest = max(map(len, ids))
        even = alike(lm, longest)
        packs = not even and can_pack(lm, longest, min(budget, needed(ids)))
        for numbers, logits in _packed(lm, ids, budget) if packs else _plain(lm, ids, budget, even):
            exact = torch.promote_types(logits.dtype, torch.float32)
            found.update(zip(numbers, logits.to(exact).log_softmax(-1).cpu(), strict=True))
    return torch.stack([found[number] for number in range(len(ids))])


def distance(one: Tensor, other: Tensor) -> float:
    """Total variation between two distributions, given as log-probabilities [V]."""
    return float((one.exp() - other.exp()).abs().sum() / 2)


def _tokens(lm: LM, texts: list[str]) -> list[list[int]]:
    head = opening(lm)
    ids = [head + row or beginning(lm) for row in encode(lm, texts)]
    for number, row in enumerate(ids):
        if not row:
            raise UserError(f"text {number} is empty, and the tokenizer has no beginning-of-text token")
        if lm.context is not None and len(row) > lm.context:
            raise UserError(f"text {number} has {len(row)} tokens, but {lm.name} reads at most {lm.context}")
    return ids


def _packed(lm: LM, ids: list[list[int]], budget: int) -> Iterator[tuple[list[int], Tensor]]:
    for forest in forests(ids, int(min(budget, longest_row(lm)))):
        ends = [path[-1] for path in forest.paths.values()]
        keep = sorted(set(ends))
        logits = forest_logits(lm, forest, keep)  # [K, V]
        yield list(forest.paths), logits[[keep.index(end) for end in ends]]


def _plain(lm: LM, ids: list[list[int]], budget: int, even: bool) -> Iterator[tuple[list[int], Tensor]]:
    for batch in rows(ids, budget, even):
        held = [(line, number) for line, row in enumerate(batch) for number in row]
        texts = [ids[row[0]] for row in batch]
        keep = sorted({len(ids[number]) - 1 for _, number in held})
        logits = rows_logits(lm, keep, texts)  # [B, K, V]
        lines = [line for line, _ in held]
        yield (
            [number for _, number in held],
            logits[lines, [keep.index(len(ids[number]) - 1) for _, number in held]],
        )
