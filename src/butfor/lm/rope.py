"""Rotary positions whose frequencies depend on the length: `longrope` and `dynamic` NTK.

Up to a length that the configuration names, such a model turns its keys and queries by one set of frequencies, beyond
it by another, and the longest text of a batch decides for all. So a short text's score would depend on its neighbours,
and (`dynamic` remembers) on what was scored before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module


def switch(model: Module) -> int | None:
    """The longest text that is read with the original frequencies; None where the length decides nothing."""
    lengths: list[int] = []
    for part, layer, kind in _switching(model):
        if kind == "longrope":
            settings = part.config.rope_parameters
            lengths.append(int((settings if layer is None else settings[layer])["original_max_position_embeddings"]))
        else:
            lengths.append(int(part.original_max_seq_len))
    return min(lengths, default=None)


def settle(model: Module) -> None:
    """Forget the frequencies that the last text left behind, as a text of one token would."""
    import torch

    for part, layer, _ in _switching(model):
        place = part.inv_freq if layer is None else getattr(part, f"{layer}_inv_freq")
        start = torch.zeros(1, 1, device=place.device, dtype=torch.long)
        part(place.new_zeros(1, 1, 1), start, **({} if layer is None else {"layer_type": layer}))


def _switching(model: Module) -> Iterator[tuple[Any, str | None, str]]:
    """Every rotary embedding (and kind of layer in it) whose frequencies depend on the length."""
    for part in model.modules():
        kinds: Any = getattr(part, "rope_type", None)
        for layer, kind in kinds.items() if isinstance(kinds, dict) else [(None, kinds)]:
            if isinstance(kind, str) and (kind == "longrope" or "dynamic" in kind):
                yield part, layer, kind
