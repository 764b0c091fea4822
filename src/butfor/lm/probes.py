"""What a model is tried for before its numbers are believed; each answer is kept with the model.

causal   A later token must not move an earlier prediction, or there is no left-to-right score. Some models that load as
         decoders do look ahead (XLNet). One pass over two rows of five tokens.
packing  A forest in one row (see `forest`) must give what its texts give alone. State-space models and ALiBi do not. On
         a longer row neither do models that look at a row's last few hundred places only, or at its best few: so no row
         is longer than anything that the configuration calls a window, and the trial is as long as the rows to come.
"""

from __future__ import annotations

import inspect
import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from butfor.core.errors import UserError
from butfor.lm.forest import forests
from butfor.lm.forward import forest_logits, logits_at, remembered
from butfor.lm.rope import switch

if TYPE_CHECKING:
    from butfor.lm.world import LM

_CAUSAL: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
_PACKS: WeakKeyDictionary[Any, tuple[str, float]] = WeakKeyDictionary()  # attention, and the longest row that agreed
NEVER = -1.0
NEEDS = {"position_ids", "attention_mask", "past_key_values", "logits_to_keep"}  # what a packed forward pass passes
SHORTEST = 64  # tokens in the shortest trial of packing
WINDOWS = ("attention_chunk_size", "local_attention", "index_local_blocks")  # beside every "window" and "topk"
NO_WINDOWS = ("max_window_layers", "topk_group", "moe_topk", "router_topk")  # numbers of layers, groups and experts


def require_causal(lm: LM) -> None:
    """Refuse a model whose predictions depend on what comes after."""
    if lm.model not in _CAUSAL:
        _CAUSAL[lm.model] = _looks_back_only(lm)
    if not _CAUSAL[lm.model]:
        raise UserError(
            f"{lm.name} looks ahead: later tokens change what it says about earlier ones, so it has no next-token "
            "probabilities; use a decoder that reads from left to right"
        )


def alike(lm: LM, longest: int) -> bool:
    """Whether only texts of one length may share a batch: a hook counts positions in the row that it is given, some
    rotary frequencies depend on the longest row, and where a row's best few keys are chosen, padding competes."""
    few = [size for key, size in _windows(_settings(lm)) if "topk" in key or "keep" in key]
    return lm.hooked or longest > min([switch(lm.model) or math.inf, *few])


def longest_row(lm: LM) -> float:
    """The longest row in which nothing depends on a token's place in the row: by context and window-like settings."""
    return min([lm.context or math.inf, *(size for _, size in _windows(_settings(lm)))])


def can_pack(lm: LM, longest: int, row: int = 0) -> bool:
    """Whether rows of up to `row` tokens, of texts of up to `longest`, give this model's own numbers."""
    model, limit, row = lm.model, longest_row(lm), max(row, longest)
    if longest > limit or lm.hooked:
        return False
    attention = str(getattr(model.config.get_text_config(), "_attn_implementation", None))
    known, proven = _PACKS.get(model, ("", 0.0))
    if known != attention:
        able = attention in ("sdpa", "eager") and set(inspect.signature(model.forward).parameters) >= NEEDS
        proven = 0.0 if able else NEVER
    if proven != NEVER and proven < min(row, limit):
        size = min(limit, max(SHORTEST, 1 << (row - 1).bit_length()))
        proven = size if _agree(lm, int(size)) else NEVER
    _PACKS[model] = (attention, proven)
    return proven != NEVER


def _looks_back_only(lm: LM) -> bool:
    import torch

    size = int(lm.embedding.shape[0])
    text = [size * part // 7 for part in range(1, 6)]
    rows = torch.tensor([text, [*text[:4], size // 2]], device=lm.device)
    with _bare(lm.model):
        one, other = logits_at(lm, torch.arange(4, device=lm.device), input_ids=rows).double()  # [4, V] each
    return bool((one - other).abs().amax() <= _tolerance(lm) * (one - one.roll(1, 0)).abs().amax())


@contextmanager
def _bare(model: Any) -> Iterator[None]:
    """The model without its hooks: they may address positions that a trial does not have."""
    names = ("_forward_hooks", "_forward_pre_hooks")
    kept = [(part, name, getattr(part, name)) for part in model.modules() for name in names if getattr(part, name)]
    try:
        for part, name, _ in kept:
            setattr(part, name, OrderedDict())
        yield
    finally:
        for part, name, hooks in kept:
            setattr(part, name, hooks)


def _settings(lm: LM) -> dict[str, Any]:
    return lm.model.config.get_text_config().to_dict()


def _windows(config: Any) -> Iterator[tuple[str, float]]:
    """Every number in a configuration, at any depth, by whose name some attention may be limited to so many tokens."""
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        yield from _windows(value)
        name = str(key)
        like = name in WINDOWS or "window" in name or "topk" in name
        if like and name not in NO_WINDOWS and not name.endswith("_pattern"):
            yield from [(name, value)] if isinstance(value, int) and not isinstance(value, bool) and value > 0 else []


def _tolerance(lm: LM) -> float:
    """The share of a difference that matters which rounding may make."""
    import torch

    return 1e-3 if lm.embedding.dtype in (torch.float32, torch.float64) else 0.1


def _agree(lm: LM, size: int) -> bool:
    """A forest of `size` tokens, all texts on one root, and its first and last texts after a remembered header: do they
    give what they give alone? Judged against how much the texts differ."""
    import torch

    many = int(lm.embedding.shape[0])
    head = [many * 8 // 9, many // 3]
    draw = Random(0)
    tails = [[draw.randrange(many) for _ in range(2 + at % 4)] for at in range(max(size // 3, 8))]
    texts = [head + tail for tail in tails]
    whole = next(forests(texts, size))
    chosen = [*whole.paths][:2] + [*whole.paths][-3:]
    short = next(forests([texts[number][len(head) :] for number in chosen], size))
    try:
        packed: list[torch.Tensor] = []  # twice [5, V]
        for forest, numbers, before in ((whole, chosen, 0), (short, range(len(chosen)), len(head))):
            asked = [forest.paths[number][-1] for number in numbers]
            keep = sorted(set(asked))
            past = remembered(lm, head) if before else None
            packed.append(forest_logits(lm, forest, keep, past, before)[[keep.index(node) for node in asked]].float())
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, NotImplementedError):
        return False  # a model that cannot take this mask says so in its own way
    singly = [
        logits_at(
            lm,
            torch.tensor([len(texts[number]) - 1], device=lm.device),
            input_ids=torch.tensor([texts[number]], device=lm.device),
        )
        for number in chosen
    ]
    plain = torch.cat(singly).flatten(0, 1).float()  # [5, V]
    matters = (plain - plain.roll(1, 0)).abs().amax()
    wrong = torch.stack([(way - plain).abs().amax() for way in packed]).amax()
    return bool(wrong <= _tolerance(lm) * matters)
