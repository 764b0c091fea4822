"""Which weights are trained: all of them, low-rank additions to them, or those of the head alone.

"full"   every weight
"lora"   W + (alpha / rank) B A on every linear layer but the output, A and B alone are trained, alpha = 2 rank (Hu et
         al. 2021, by peft); when training ends B A is added to W, so that the finished model is a plain one
"head"   the head of train.objective = "label" or "reward"; the model is frozen, and reads each text once
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.seeds import derive
from butfor.lm.head import headless

if TYPE_CHECKING:
    from butfor.lm import LM

Adapt = Literal["full", "lora", "head"]


@contextmanager
def adapted(lm: LM, adapt: Adapt, rank: int, seed: int) -> Generator[None]:
    """The model with what is trained set free, and the rest held; merged when training ends."""
    model = lm.model
    before = {name: weight.requires_grad for name, weight in model.named_parameters()}
    with headless(lm):  # a head that hangs there is trained in any case
        if adapt == "lora":
            _insert(model, rank, seed)
        elif adapt == "head":
            model.requires_grad_(False)
    try:
        yield
    finally:
        if adapt == "lora":
            _merge(model)
        for name, weight in model.named_parameters():
            weight.requires_grad_(before.get(name, True))


def _insert(model: Any, rank: int, seed: int) -> None:
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(derive(seed, "lora") % 2**63)  # training has borrowed the random state, and gives it back
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear")
    inject_adapter_in_model(config, model)


def _merge(model: Any) -> None:
    """Add the low-rank products to the weights, and put the plain layers back."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, part in list(model.named_modules()):
        if isinstance(part, BaseTunerLayer):
            part.merge()
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, part.get_base_layer())
    if hasattr(model, "peft_config"):
        del model.peft_config
