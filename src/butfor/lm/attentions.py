"""The attention matrices of a model for some texts: who looked at whom, in every layer and head.

    found = attentions(lm, ["Ann fell because the floor was wet."])[0]
    found.weights                      [layers, heads, L, L] float32: row = who looks, column = at whom
    found.between([(0, 3), (21, 26)])  the same between parts of the text, given in characters

Fused attention never makes this matrix. So the model's own attention is written out ("eager") for the duration, and
every configuration is put back as it was, whatever happens. An attention function that somebody switched on is left
alone: it is what the model computes, and it is asked for its weights.

Limits    Rows sum to one over what a token may see. A model whose layers are not attention alone (state-space layers)
          has no such matrix for them, and is refused; so is one of two towers (T5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError
from butfor.lm.forward import scoring_mode
from butfor.lm.probes import alike
from butfor.lm.rope import settle
from butfor.lm.tokens import checked_texts
from butfor.lm.world import LM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FUSED = ("sdpa", "flash", "flex", "paged", "kernels")  # what the names of the library's fused functions begin with
MOST = 2**25  # numbers that one batch may make


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """The attention of one text."""

    tokens: tuple[int, ...]  # with the special tokens that the tokenizer adds
    offsets: tuple[tuple[int, int], ...]  # the characters of each token; (0, 0) for special ones
    weights: NDArray[np.float32]  # [layers, heads, L, L]

    def between(self, spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        """[layers, heads, n, n]: the mean over a span's tokens of the attention that another span gets in all."""
        import numpy as np

        inside = np.array(
            [[a < stop and b > start for a, b in self.offsets] for start, stop in spans], dtype=np.float32
        )
        if missing := [span for span, row in zip(spans, inside, strict=True) if not row.any()]:
            raise UserError(f"the span {missing[0]} holds no token of this text of {len(self.tokens)} tokens")
        return (inside / inside.sum(1, keepdims=True)) @ self.weights @ inside.T


def attentions(
    lm: LM, texts: Sequence[str], *, layers: Sequence[int] | None = None, batch_tokens: int = 2048
) -> list[Attention]:
    """The attention of each text, in order; `layers` picks some (−1 is the last)."""
    import torch

    read = [_tokens(lm, number, text) for number, text in enumerate(checked_texts("texts", texts))]
    result: list[Attention | None] = [None] * len(read)
    even = alike(lm, max((len(ids) for ids, _ in read), default=0))
    order, pad = sorted(range(len(read)), key=lambda at: -len(read[at][0])), lm.tokenizer.pad_token_id or 0
    with scoring_mode(lm.model), written_out(lm.model):
        while order:
            width = len(read[order[0]][0])
            room = max(1, min(batch_tokens // width, MOST // (_maps(lm) * width**2)))
            batch = [at for at in order[:room] if not even or len(read[at][0]) == width]
            order = order[len(batch) :]
            settle(lm.model)
            rows = [read[at][0] + [pad] * (width - len(read[at][0])) for at in batch]
            mask = [[1] * len(read[at][0]) + [0] * (width - len(read[at][0])) for at in batch]
            chosen = _chosen(lm, torch.tensor(rows, device=lm.device), torch.tensor(mask, device=lm.device), layers)
            for at, weights in zip(batch, chosen, strict=True):
                ids, offsets = read[at]
                kept = weights[..., : len(ids), : len(ids)].float().cpu().numpy()
                result[at] = Attention(tuple(ids), tuple(offsets), kept)
    return [found for found in result if found is not None]


@contextmanager
def written_out(model: Any) -> Iterator[None]:
    """The model's own attention as a written-out softmax inside the block; its configurations as before, after it."""
    parts = [part for part in model.modules() if hasattr(getattr(part, "config", None), "_attn_implementation")]
    configs = {id(part.config): part.config for part in parts}
    for part in parts:
        nested = [getattr(part.config, key, None) for key in getattr(part.config, "sub_configs", {})]
        configs |= {id(config): config for config in nested if config is not None}
    before = {at: config._attn_implementation for at, config in configs.items()}
    try:
        if any(str(kind).startswith(FUSED) for kind in before.values()):
            model.set_attn_implementation("eager")
        yield
    finally:
        for at, config in configs.items():
            config._attn_implementation_internal = before[at]


def _tokens(lm: LM, number: int, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    if not lm.tokenizer.is_fast:
        raise UserError(f"{lm.name}: reading attention needs a fast tokenizer, which knows where its tokens stand")
    found = lm.tokenizer(text, return_offsets_mapping=True)
    ids: list[int] = found["input_ids"]
    if not ids or (lm.context is not None and len(ids) > lm.context):
        raise UserError(f"text {number} has {len(ids)} tokens; {lm.name} reads 1 to {lm.context or 'any number'}")
    return ids, [(int(a), int(b)) for a, b in found["offset_mapping"]]


def _maps(lm: LM) -> int:
    config = lm.model.config.get_text_config()
    return max(1, getattr(config, "num_hidden_layers", 1) * getattr(config, "num_attention_heads", 1))


def _chosen(lm: LM, ids: Any, mask: Any, layers: Sequence[int] | None) -> Any:
    """The asked layers' weights [B, layers, heads, L, L]."""
    import torch

    out = lm.model.base_model(input_ids=ids, attention_mask=mask, output_attentions=True)
    found: Any = getattr(out, "attentions", None)
    if not found or any(layer is None or layer.ndim != 4 for layer in found):
        kind = getattr(lm.model.config, "_attn_implementation", None)
        raise UserError(
            f"{lm.name} gives no attention matrices (its attention is {kind!r}); use one that is written out"
        )
    numbers = range(len(found)) if layers is None else layers
    if wrong := [number for number in numbers if not -len(found) <= number < len(found)]:
        raise UserError(f"there is no layer {wrong[0]}; {lm.name} has the layers 0 to {len(found) - 1}")
    return torch.stack([found[number] for number in numbers], dim=1)
