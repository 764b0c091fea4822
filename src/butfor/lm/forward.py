"""One forward pass of a model, in the two layouts that scoring knows.

Plain: one padded row a text. Packed: a forest (see `forest`) in one row, each token with its own depth as position and
a mask that shows it its ancestors alone; a long beginning that all texts share may go first, its keys and values kept.
Logits are made at the asked positions alone, [K, V] and never [B, T, V].
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from butfor.lm.forest import Forest
from butfor.lm.rope import settle

if TYPE_CHECKING:
    from torch import Tensor

    from butfor.lm.world import LM


_WIDE: dict[Any, tuple[Any, Any]] = {}  # heads in float32, while something is scored


@contextmanager
def scoring_mode(model: Any) -> Iterator[None]:
    """No dropout and no gradients inside the block; the model's own mode comes back."""
    import torch

    training = model.training
    model.eval()
    _WIDE.clear()
    try:
        with torch.no_grad():  # not inference_mode: what is read or cached here may meet a gradient later
            yield
    finally:
        model.train(training)
        _WIDE.clear()


def logits_at(lm: LM, keep: Tensor, **inputs: Any) -> Tensor:
    """The model's own logits [B, K, V] at the positions `keep`."""
    settle(lm.model)
    accepted = inspect.signature(lm.model.forward).parameters
    with _fine_head(lm.model):
        return _logits_at(lm, keep, accepted, inputs)


def logits_where(model: Any, ids: Tensor, mask: Tensor, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """The model's own logits [N, V] after these places [N] of these rows [N], and all last hidden states [B, L, d].

    Only what is asked for goes through the output embeddings; what the model does to logits afterwards (the cap of
    Gemma 2, the scale of Cohere and Granite) it does to these.
    """
    seen: list[Tensor] = []

    def pick(_: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        seen.append(given[0])
        return (given[0][rows, places][None], *given[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        logits = model(input_ids=ids, attention_mask=mask).logits[0]
    finally:
        handle.remove()
    return logits, seen[0]


def rows_logits(lm: LM, keep: list[int], texts: Sequence[list[int]]) -> Tensor:
    """Logits [B, K, V] of the plain layout: one row a text, padded on the right to the first, which is the longest."""
    import torch

    pad, width = lm.tokenizer.pad_token_id or 0, len(texts[0])
    return logits_at(
        lm,
        torch.tensor(keep, device=lm.device),
        input_ids=torch.tensor([text + [pad] * (width - len(text)) for text in texts], device=lm.device),
        attention_mask=torch.tensor([[1] * len(t) + [0] * (width - len(t)) for t in texts], device=lm.device),
    )


def _logits_at(lm: LM, keep: Tensor, accepted: Mapping[str, Any], inputs: dict[str, Any]) -> Tensor:
    if inputs.get("past_key_values") is None:
        inputs.pop("past_key_values", None)
        inputs.update({"use_cache": False} if "use_cache" in accepted else {})
    if "logits_to_keep" in accepted:
        return lm.model(**inputs, logits_to_keep=keep).logits
    return lm.model(**inputs).logits[:, keep]


@contextmanager
def _fine_head(model: Any) -> Iterator[None]:
    """Logits in float32 on a processor, whatever the weights are in: in bfloat16 they stand 0.06 to 0.25 apart, and two
    choices tie where the model does prefer one."""
    import torch

    head: Any = model.get_output_embeddings()
    coarse = type(head) is torch.nn.Linear and head.weight.dtype in (torch.bfloat16, torch.float16)
    if not coarse or head.weight.device.type != "cpu" or "forward" in vars(head):
        yield
        return
    if head not in _WIDE:
        _WIDE[head] = (head.weight.float(), None if head.bias is None else head.bias.float())
    weight, bias = _WIDE[head]
    vars(head)["forward"] = lambda hidden: torch.nn.functional.linear(hidden.float(), weight, bias)
    try:
        yield
    finally:
        del vars(head)["forward"]


def remembered(lm: LM, header: list[int]) -> Any:
    """The keys and values [1, heads, H, d] of every layer for the header, computed once."""
    import torch
    from transformers import DynamicCache

    settle(lm.model)
    past = DynamicCache()
    ids = torch.tensor([header], device=lm.device)
    lm.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
    return past


def forest_logits(lm: LM, forest: Forest, keep: list[int], past: Any = None, before: int = 0) -> Tensor:
    """Logits [K, V] at the nodes `keep`. With `past`, every root stands after a header of `before` tokens."""
    import torch

    device, dtype = lm.device, lm.embedding.dtype
    sees = torch.from_numpy(forest.mask()).to(device)
    mask = torch.zeros(sees.shape, dtype=dtype, device=device).masked_fill_(~sees, torch.finfo(dtype).min)
    mask = torch.cat([mask.new_zeros(len(forest), before), mask], 1)[None, None]  # [1, 1, T, H + T]
    logits = logits_at(
        lm,
        torch.tensor(keep, device=device),
        input_ids=torch.tensor([forest.tokens], device=device),
        attention_mask=mask,
        position_ids=torch.tensor([forest.depths], device=device) + before,
        past_key_values=past,
    )[0]
    if past is not None:
        past.crop(-len(forest))  # forget this forest, keep the header
    return logits
