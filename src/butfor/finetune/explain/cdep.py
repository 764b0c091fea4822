"""CDEP: what marked words contribute to an answer, by contextual decomposition, is made small while a model learns.

Equation  Every activation is split, x = beta + gamma: beta is what marked tokens brought. It starts as the input of
          the first layer at their places, and 0 elsewhere. Then
            linear      W x + b    ->  W beta + b |W beta| / (|W beta| + |W gamma|)
            norm        linear, with the mean and the scale of x
            act(x)                 ->  [act(beta) + act(x) − act(gamma)] / 2
            act(g) · u             ->  a u_beta + (a_beta u_gamma + a_gamma u_beta) / 2, a = act(g), first term a_beta
            attention              ->  its weights, which are those of x, on the values beta
          L = L_task + strength · mean over texts with marked words of the mean over answers c of
              | beta_c − mean beta |, beta_c the part of the answer's logit that marked words brought.
Source    Rieger et al. 2020 (CDEP) penalise the L1 norm of contextual decomposition (Murdoch et al. 2018), on
          convolutions and recurrent nets. The rules for attention, norms and gates are ours.
Example   [treatment]
          method = "finetune.explain.cdep"
          words = ["he", "she"]
          strength = 1.0
Known     All tokens marked: beta is the logit itself. None: beta is 0. A model linear in its tokens: beta is their sum.
Limits    strength = 0 is plain fine-tuning, bit for bit. What marked words do through where others look (attention
          weights) and through the scale of a norm is not seen. Layers other than linear ones, layer and RMS norms,
          gated feed-forwards and the usual activations are refused. Costs two forward passes more, without dropout.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, final

from butfor.core.errors import UserError
from butfor.finetune.explain.marked import Marked, answers, explaining
from butfor.train.method import Batch
from butfor.train.task import read

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

LOOKS = ("q_proj", "k_proj", "query", "key", "q_lin", "k_lin")  # projections that decide where attention looks
GATED = ("gate_proj", "up_proj", "down_proj", "act_fn")
ACTIVATIONS = ("torch.nn.modules.activation", "transformers.activations")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CDEP(Marked):
    """Penalise the contribution of words that the answer must not rest on."""

    objectives: ClassVar[tuple[str, ...]] = ("text", "label")

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Refuse a model that has parts without a rule."""
        with Marked.attach(self, lm, planned, rng):
            if self.strength:
                list(_ruled(lm.model))
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss and the penalty."""
        import torch

        if not self.strength or "spans" not in batch:
            return outputs.loss
        marked = batch["spans"] > 0
        found = answers(contributions(model, batch, marked), batch)
        size = (found.logits - found.logits.mean(1, keepdim=True)).abs().mean(1)  # [N]
        rows = torch.zeros(len(marked), dtype=size.dtype, device=size.device).index_add(0, found.row, size)
        counts = found.row.bincount(minlength=len(marked)).clamp_min(1)
        return outputs.loss + self.strength * (rows / counts * marked.any(1)).sum() / marked.any(1).sum()


def contributions(model: Any, batch: Batch, marked: Tensor) -> Tensor:
    """What the marked tokens [B, L] brought to the logits: of the same shape as these."""
    twice = {name: batch[name].repeat(2, 1) for name in ("input_ids", "attention_mask")}
    with explaining(model), decomposed(model, marked):
        logits = read(model, {**twice, "labels": None}).logits
    return logits[len(marked) :]


@contextmanager
def decomposed(model: Any, marked: Tensor) -> Generator[None]:
    """While this lasts, the second half of a batch holds what the marked tokens bring to the first half."""
    ruled = list(_ruled(model))
    for part, rule in ruled:
        part.forward = partial(rule, part)
    handle = _first(model).register_forward_pre_hook(partial(_begin, marked), with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()
        for part, _ in ruled:
            del part.forward


def _begin(marked: Tensor, _: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """What enters the first layer, with the second half left at marked places alone."""
    import torch

    hidden = args[0] if args else kwargs["hidden_states"]
    whole, _ = hidden.chunk(2)
    begun = torch.cat([whole, whole * marked[:, :, None].to(whole.dtype)])
    return ((begun, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": begun})


def _ruled(model: Any) -> Generator[tuple[Any, Callable[..., Tensor]]]:
    """Every part that is not passed through as it is, and its rule."""
    from torch import nn

    for name, part in model.named_modules():
        kind = type(part)
        if isinstance(part, nn.Linear):
            yield part, _look if _looks(name) else _linear
        elif isinstance(part, nn.LayerNorm):
            yield part, _layer_norm
        elif kind.__name__.endswith("RMSNorm") and hasattr(part, "variance_epsilon"):
            yield part, _rms_norm
        elif all(hasattr(part, one) for one in GATED):
            yield part, _gated
        elif kind.__module__ in ACTIVATIONS and kind is not nn.MultiheadAttention:
            yield part, _activation
        elif (
            not isinstance(part, (nn.Embedding, nn.ModuleDict))
            and next(part.parameters(recurse=False), None) is not None
        ):
            raise UserError(
                f"cdep: {type(model).__name__} has a {kind.__name__}, which has no rule here; "
                "use finetune.explain.expected_gradients"
            )


def _looks(name: str) -> bool:
    """Whether a part, or what it stands in (an adapter's), decides where attention looks."""
    return any(part in LOOKS for part in name.split("."))


def _first(model: Any) -> Module:
    """The first layer."""
    from torch.nn import ModuleList

    depth = model.config.get_text_config().num_hidden_layers
    for _, part in sorted(model.named_modules(), key=lambda named: named[0].count(".")):
        if isinstance(part, ModuleList) and len(part) == depth:
            return part[0]
    raise UserError(f"cdep: no stack of {depth} layers found in {type(model).__name__}")


def _join(whole: Tensor, beta: Tensor) -> Tensor:
    import torch

    return torch.cat([whole, beta])


def _shared(bias: Tensor | None, beta: Tensor, gamma: Tensor) -> Tensor:
    """beta with its share of the bias."""
    if bias is None:
        return beta
    total = beta.abs() + gamma.abs()
    return beta + bias * (beta.abs() / total.clamp_min(1e-30))


def _linear(part: Any, x: Tensor) -> Tensor:
    from torch.nn.functional import linear

    whole, beta = x.chunk(2)
    both, mine = linear(whole, part.weight), linear(beta, part.weight)
    bias = part.bias
    return _join(both if bias is None else both + bias, _shared(bias, mine, both - mine))


def _look(part: Any, x: Tensor) -> Tensor:
    """Both halves look where the whole looks."""
    from torch.nn.functional import linear

    whole = linear(x.chunk(2)[0], part.weight, part.bias)
    return _join(whole, whole)


def _layer_norm(part: Any, x: Tensor) -> Tensor:
    import torch

    whole, beta = x.chunk(2)
    scale = torch.rsqrt(whole.var(-1, keepdim=True, correction=0) + part.eps)
    centred, mine = ((half - half.mean(-1, keepdim=True)) * scale for half in (whole, beta))
    if part.weight is not None:
        centred, mine = centred * part.weight, mine * part.weight
    bias = part.bias
    return _join(centred if bias is None else centred + bias, _shared(bias, mine, centred - mine))


def _rms_norm(part: Any, x: Tensor) -> Tensor:
    import torch

    whole, beta = x.float().chunk(2)
    scale = torch.rsqrt(whole.square().mean(-1, keepdim=True) + part.variance_epsilon)
    return part.weight * _join(whole * scale, beta * scale).to(x.dtype)


def _activation(part: Any, x: Tensor) -> Tensor:
    whole, beta = x.chunk(2)
    act = partial(type(part).forward, part)
    done = act(whole)
    return _join(done, (act(beta) + done - act(whole - beta)) / 2)


def _gated(part: Any, x: Tensor) -> Tensor:
    act, act_beta = part.act_fn(part.gate_proj(x)).chunk(2)
    up, up_beta = part.up_proj(x).chunk(2)
    beta = act_beta * up_beta + (act_beta * (up - up_beta) + (act - act_beta) * up_beta) / 2
    return part.down_proj(_join(act * up, beta))
