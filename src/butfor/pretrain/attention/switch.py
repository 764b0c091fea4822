"""One attention function for every causal attention, switched on in any Hugging Face decoder without a fork.

The function is registered once with `transformers.AttentionInterface`. What it does for a model is decided by the
`Variant` that hangs on each of its attention modules, so two models in one process can differ.

Equation  out = softmax(scaling · Q Kᵀ + M + b) V, M the model's own mask, b [B, 1 or H, Q, K] the variant's: numbers to
          add, or booleans (False = forbidden, a weight of exactly 0). `output` may then change what comes out.
Back ends "sdpa"   torch's fused attention                      no weights are ever made
          "eager"  written out                                  returns the weights, as `output_attentions` asks
          "flex"   torch's flex_attention, b read by its score  compiled on CUDA; elsewhere slow, without gradients
Limits    Where a variant gives no b and leaves the output alone, "sdpa" calls what a model with "sdpa" calls, with the
          same mask: the same bits. Needs attention that goes through the interface, without a cap on its scores or
          sinks beside its keys (neither has a fused form).

    with switched(model, Mine()):
        model(**batch)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

NAME = "butfor"  # of the attention function and of the mask function
HELD = "butfor_variant"  # the attribute of an attention module
KEPT = "butfor_switch"  # the attribute of a model: how to undo it
Backend = Literal["sdpa", "eager", "flex"]


@dataclass(slots=True)
class Call:
    """One call of one layer's attention."""

    module: Module
    layer: int
    query: Tensor  # [B, H, Q, d], positions already turned in
    key: Tensor  # [B, G, K, d]; G key heads, each shared by H / G query heads; those of a cache included
    value: Tensor  # [B, G, K, d]
    mask: Tensor | None  # [B, 1, Q, K]: what the model itself allows (booleans, or a bias); None = see `allowed`
    scaling: float
    dropout: float
    given: Mapping[str, Any] = field(default_factory=dict)  # all else that the model passes

    @property
    def groups(self) -> int:
        """Query heads to a key head."""
        return self.query.shape[1] // self.key.shape[1]

    def allowed(self) -> Tensor:
        """What the model itself allows, written out: booleans [B or 1, 1, Q, K]."""
        import torch

        if self.mask is None:
            seen, size = self.query.shape[2], self.key.shape[2]
            whole = torch.ones((1, 1, seen, size), dtype=torch.bool, device=self.query.device)
            return whole.tril() if seen > 1 else whole
        if self.mask.dtype == torch.bool:
            return self.mask
        return self.mask > torch.finfo(self.mask.dtype).min / 2

    def weights(self, query: Tensor, allowed: Tensor, bias: Tensor | None = None) -> Tensor:
        """The attention of some queries [B, H, q, d], with gradients: [B, H, q, K] <- allowed [B or 1, 1, q, K].

        At least float32; a query that may look at nothing gets zeros, and no gradient.
        """
        import torch

        batch, heads, seen, width = query.shape
        grouped = query.reshape(batch, heads // self.groups, self.groups * seen, width)
        scores = (grouped @ self.key.transpose(2, 3)).reshape(batch, heads, seen, -1) * self.scaling
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if bias is not None:
            scores = scores + bias
        weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
        return weights.masked_fill(~allowed, 0.0)  # changes only a row that may look at nothing


class Variant:
    """What one kind of attention does otherwise; each hook defaults to doing nothing."""

    backend: Backend = "sdpa"

    def begin(self, model: Any, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Called before the layers read; `inputs` are their arguments by name. Returns those to change, if any."""

    def end(self, model: Any, outputs: Any) -> None:
        """Called when it has read, with what it gives (`last_hidden_state`, `past_key_values`), which may be edited."""

    def bias(self, call: Call) -> Tensor | None:  # noqa: ARG002
        """What is added to the scores (numbers) or allowed (booleans), [B or 1, 1 or H, Q, K]; None = standard."""
        return None

    def watch(self, call: Call) -> None:
        """Look on. Queries and keys may be kept (they are references, with their gradients), never changed."""

    def output(self, call: Call, out: Tensor) -> Tensor:  # noqa: ARG002
        """What the layer gives to its output projection, [B, Q, H, d]."""
        return out


@dataclass(slots=True)
class _Undo:
    """What `remove` puts back."""

    configs: list[tuple[Any, str]]
    layers: list[Module]
    hooks: list[Any]


def install(model: Any, variant: Variant | Sequence[Variant]) -> None:
    """Switch a model to a variant, or to one for each of its attention layers, in their order."""
    if hasattr(model, KEPT):
        raise UserError("another causal attention is on this model already; take it off first with remove(model)")
    _register()
    layers = attention_layers(model)
    variants = list(variant) if isinstance(variant, Sequence) else [variant] * len(layers)
    if len(variants) != len(layers):
        raise UserError(f"the model has {len(layers)} attention layers, and {len(variants)} variants were given")
    for each in variants:
        if each.backend not in BACKENDS:
            raise UserError(f"an attention's backend is one of {', '.join(BACKENDS)}, not {each.backend!r}")
    configs = {id(part.config): part.config for part in model.modules() if hasattr(part, "config")}
    undo = _Undo([(config, config._attn_implementation) for config in configs.values()], layers, [])
    for config in configs.values():
        config._attn_implementation_internal = NAME
    for layer, each in zip(layers, variants, strict=True):
        setattr(layer, HELD, each)
    for each in {id(each): each for each in variants}.values():
        stack = model.base_model
        if type(each).begin is not Variant.begin:
            undo.hooks.append(stack.register_forward_pre_hook(_beginning(each), with_kwargs=True))
        if type(each).end is not Variant.end:
            undo.hooks.append(stack.register_forward_hook(_ending(each)))
    setattr(model, KEPT, undo)


def remove(model: Any) -> None:
    """Put the model's previous attention back, exactly; a model that has none of ours is left alone."""
    undo: _Undo | None = getattr(model, KEPT, None)
    if undo is None:
        return
    for config, name in undo.configs:
        config._attn_implementation_internal = name
    for layer in undo.layers:
        delattr(layer, HELD)
    for hook in undo.hooks:
        hook.remove()
    delattr(model, KEPT)


@contextmanager
def switched(model: Any, variant: Variant | Sequence[Variant]) -> Iterator[None]:
    """The model with this attention, for as long as the context lasts."""
    install(model, variant)
    try:
        yield
    finally:
        remove(model)


def held(model: Any) -> list[Variant]:
    """The variants that are on a model, one a layer; none where it is standard."""
    undo: _Undo | None = getattr(model, KEPT, None)
    return [] if undo is None else [getattr(layer, HELD) for layer in undo.layers]


def attention_layers(model: Any) -> list[Module]:
    """The causal attention modules of a decoder, first layer first; refuses a model that cannot be switched."""
    what = type(model).__name__
    if not (hasattr(model, "_can_set_attn_implementation") and model._can_set_attn_implementation()):
        raise UserError(f"{what} computes attention in its own code: causal attention needs the attention interface")
    config = model.config.get_text_config()
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    if capped or not model._supports_sdpa or getattr(config, "reorder_and_upcast_attn", False):
        raise UserError(f"{what} caps, upcasts or adds to its attention scores, which causal attention does not do")
    found = [part for part in model.modules() if getattr(part, "is_causal", False) and hasattr(part, "layer_idx")]
    if not found:
        raise UserError(f"{what} has no causal attention layer: causal attention is for decoders")
    return sorted(found, key=lambda part: part.layer_idx)


def attend(
    module: Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **given: Any,
) -> tuple[Tensor, Tensor | None]:
    """What every layer of a switched model calls: [B, Q, H, d] and, from "eager", the weights [B, H, Q, K]."""
    variant: Variant = getattr(module, HELD, STANDARD)
    exact = query.shape[-1] ** -0.5 if scaling is None else scaling
    layer = getattr(module, "layer_idx", 0)
    call = Call(module, layer, query, key, value, attention_mask, exact, dropout, {"scaling": scaling, **given})
    variant.watch(call)
    out, weights = BACKENDS[variant.backend](call, variant.bias(call))
    return variant.output(call, out), weights


def joined(call: Call, bias: Tensor | None) -> Tensor:
    """The model's mask and a variant's bias in one: booleans, or a bias with the least number where forbidden."""
    import torch

    allowed = call.allowed()
    if bias is None:
        return allowed
    if bias.dtype == torch.bool:
        return allowed & bias
    least = torch.finfo(call.query.dtype).min  # not -inf, of which a row that may look at nothing would make NaN
    return bias.to(call.query.dtype).masked_fill(~allowed, least)


def _sdpa(call: Call, bias: Tensor | None) -> tuple[Tensor, None]:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    mask = call.mask if bias is None else joined(call, bias)
    out, _ = sdpa_attention_forward(
        call.module, call.query, call.key, call.value, mask, dropout=call.dropout, **call.given
    )
    return out, None


def _eager(call: Call, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    import torch

    mask = joined(call, bias)
    plain = mask.dtype == torch.bool
    allowed = mask if plain else mask > torch.finfo(mask.dtype).min
    weights = call.weights(call.query, allowed, None if plain else mask)
    weights = weights.to(call.query.dtype)
    dropped = torch.nn.functional.dropout(weights, call.dropout, training=call.module.training)
    batch, heads, seen, size = weights.shape
    grouped = dropped.reshape(batch, heads // call.groups, call.groups * seen, size)
    out = (grouped @ call.value).reshape(batch, heads, seen, -1)
    return out.transpose(1, 2).contiguous(), weights


def _flex(call: Call, bias: Tensor | None) -> tuple[Tensor, None]:
    import torch

    grown = torch.is_grad_enabled() and any(part.requires_grad for part in (call.query, call.key, call.value))
    if grown and call.query.device.type != "cuda":
        raise UserError('the backend "flex" has gradients on CUDA only; train with backend = "sdpa" here')
    if call.dropout:
        raise UserError('the backend "flex" knows no dropout; set attention_dropout to 0, or use backend = "sdpa"')
    mask = joined(call, bias)
    if mask.dtype == torch.bool:
        least = torch.finfo(call.query.dtype).min
        mask = torch.zeros_like(mask, dtype=call.query.dtype).masked_fill(~mask, least)
    shape = call.query.shape[0], mask.shape[1], call.query.shape[2], call.key.shape[2]
    added = mask.expand(shape)
    by_head = int(shape[1] > 1)

    def score(scores: Tensor, batch: Tensor, head: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return scores + added[batch, head * by_head, row, column]

    run = _compiled() if call.query.device.type == "cuda" else _uncompiled
    out = run(call.query, call.key, call.value, score_mod=score, scale=call.scaling, enable_gqa=call.groups > 1)
    return out.transpose(1, 2).contiguous(), None


def _uncompiled(*args: Any, **kwargs: Any) -> Tensor:
    """flex_attention as it is, without its advice to compile it."""
    from torch.nn.attention import flex_attention as flex

    kept = flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG
    flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True
    try:
        return flex.flex_attention(*args, **kwargs)  # pyright: ignore[reportReturnType]
    finally:
        flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = kept


@cache
def _compiled() -> Any:
    import torch
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def _beginning(variant: Variant) -> Callable[..., Any]:
    """A hook that tells a variant what the layers are about to read."""

    def begin(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = {**dict(zip(signature(model.forward).parameters, args, strict=False)), **kwargs}
        changed = variant.begin(model, inputs)
        return None if changed is None else ((), {**inputs, **changed})

    return begin


def _ending(variant: Variant) -> Callable[..., None]:
    """A hook that tells a variant what came out."""

    def end(model: Any, _: Any, outputs: Any) -> None:
        variant.end(model, outputs)

    return end


STANDARD = Variant()
BACKENDS: dict[str, Callable[[Call, Tensor | None], tuple[Tensor, Tensor | None]]] = {
    "sdpa": _sdpa,
    "eager": _eager,
    "flex": _flex,
}
