"""Sites: addresses inside a language model, the same words for every architecture.

    resid_in  the residual stream before a layer            [B, T, d]
    resid     the residual stream after a layer             [B, T, d]
    attn      what attention adds (its output projection)   [B, T, d]
    mlp       what the feed-forward part adds               [B, T, d]
    head      one head's output before that projection      [B, T, d / heads]

Where these lie is found from the module structure: the layers are the one list of `num_hidden_layers` modules, and
in a layer the first path of a short table that exists. A model whose layers have none of them has no such sites,
and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from numbers import Integral
from typing import TYPE_CHECKING

from butfor.core.errors import UnknownSite, UserError, did_you_mean
from butfor.lm.world import LM

if TYPE_CHECKING:
    from torch.nn import Module

KINDS = ("resid_in", "resid", "attn", "mlp", "head")
PROJECTIONS = (
    "self_attn.o_proj",  # Llama, Mistral, Qwen, Gemma, OLMo, Mixtral
    "self_attn.out_proj",  # OPT
    "self_attn.dense",  # Phi
    "attn.c_proj",  # GPT-2
    "attn.out_proj",  # GPT-J
    "attn.attention.out_proj",  # GPT-Neo
    "attention.dense",  # GPT-NeoX, Pythia
    "self_attention.dense",  # Falcon, BLOOM
    "attention.output.dense",  # BERT, RoBERTa
    "attention.out_lin",  # DistilBERT
)
FEED_FORWARDS = (
    "mlp.dense_4h_to_h",  # Falcon, BLOOM, NeoX: BLOOM's mlp adds the residual itself
    "mlp",  # Llama, GPT-2 and most; OPT has no such module
    "block_sparse_moe",  # Mixtral
    "feed_forward",
    "output.dense",  # BERT, RoBERTa
    "ffn.lin2",  # DistilBERT
)


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """An address: layer, kind, for kind "head" its number, and token positions (None: all; −1: the last)."""

    layer: int
    kind: str
    head: int | None = None
    positions: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        numbers = [self.layer, *([] if self.head is None else [self.head])]
        if not all(map(_is_whole, numbers)) or not isinstance(self.kind, str):
            raise UserError(
                f"a site is written Site(3, 'mlp') or Site(3, 'head', 5), not "
                f"Site({self.layer!r}, {self.kind!r}, {self.head!r})"
            )
        places: object = self.positions
        if places is not None and not (isinstance(places, tuple) and places and all(map(_is_whole, places))):
            raise UserError(f"positions are written (0, -1), or None for all, not {places!r}")

    def __str__(self) -> str:
        head = "" if self.head is None else f".{self.head}"
        return f"{self.kind}[{self.layer}]{head}" + ("" if self.positions is None else f"@{list(self.positions)}")


def sites(lm: LM) -> list[Site]:
    """Every site of the model, at all positions."""
    heads = head_count(lm)
    result: list[Site] = []
    for number, layer in enumerate(_layers(lm)):
        for kind in KINDS:
            if _inside(layer, kind) is not None:
                result += [Site(number, kind, head) for head in (range(heads) if kind == "head" else [None])]
    return result


def module(lm: LM, site: Site) -> Module:
    """The module whose output (for `head` and `resid_in`: input) is the site; an unknown site is an `UnknownSite`."""
    layers = _layers(lm)
    if site.kind not in KINDS:
        raise UnknownSite(f"{site}: {lm.name} has no kind of site {site.kind!r}{did_you_mean(site.kind, KINDS)}")
    if not 0 <= site.layer < len(layers):
        near = Site(min(max(site.layer, 0), len(layers) - 1), site.kind, site.head)
        raise UnknownSite(f"{site}: {lm.name} has the layers 0 to {len(layers) - 1}; nearest: {near}")
    if (site.head is None) is (site.kind == "head"):
        hint = (
            f"give head=0 to {head_count(lm) - 1}"
            if site.head is None
            else f"only head sites have one; use {site.kind}"
        )
        raise UnknownSite(f"{site}: {hint}")
    if site.head is not None and not 0 <= site.head < head_count(lm):
        raise UnknownSite(f"{site}: {lm.name} has the heads 0 to {head_count(lm) - 1} in a layer")
    found = _inside(layers[site.layer], site.kind)
    if found is None:
        there = sorted({str(other) for other in sites(lm) if other.layer == site.layer and other.head in (None, 0)})
        raise UnknownSite(f"{site}: this layer of {lm.name} has none; it has {', '.join(there)}")
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def head_count(lm: LM) -> int:
    """Attention heads (query heads, where keys and values are grouped) in a layer."""
    return int(getattr(lm.model.config.get_text_config(), "num_attention_heads", 1))


def _layers(lm: LM) -> list[Module]:
    """The stack of layers: the outermost list of modules that is as long as the model is deep."""
    from torch.nn import ModuleList

    depth = getattr(lm.model.config.get_text_config(), "num_hidden_layers", 0)
    for _, part in sorted(lm.model.named_modules(), key=lambda named: named[0].count(".")):
        if isinstance(part, ModuleList) and len(part) == depth:
            return list(part)
    raise UnknownSite(f"{lm.name}: no stack of {depth} layers found in {type(lm.model).__name__}")


def _inside(layer: Module, kind: str) -> Module | None:
    if kind in ("resid_in", "resid"):
        return layer
    for path in FEED_FORWARDS if kind == "mlp" else PROJECTIONS:
        found = reduce(lambda part, name: getattr(part, name, None), path.split("."), layer)
        if found is not None:
            return found
    return None
