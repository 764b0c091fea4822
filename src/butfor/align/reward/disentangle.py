"""Disentangled rewards: a head for quality and one for what should not count; the second is dropped.

Idea      Let a second head, on the same reading of the text, take what length adds to the preference. After training
          only the first one stays, which was kept from moving with length.
Equation  q = W_q·h + b the reward that stays, l_v = W_v·h of each variable v, h what the head reads.
          L = −log σ(Δq + Σ_v Δl_v) + λ Σ_v (|ρ(q, v)| − ρ(l_v, v)) + ω Σ_v |cos(W_q, W_v)|
          Δ: chosen less rejected; ρ: the correlation over all texts of the batch.
Source    Chen et al. 2024 (ODIN), who disentangle length.
Example   [treatment]
          method = "align.reward.disentangle"
          variables = ["length"]
Known     Where quality and length are independent, q does not move with length and orders texts by their quality.
Limits    λ = 0 hangs no second head, and is the plain reward, bit for bit. Takes correlation out, so it sees nothing
          else: where better texts are longer, q is kept from part of the quality too; and a relation that is not
          straight stays. Numbers only; True and False are numbers.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.align.reward.sides import numbers
from butfor.core.errors import UserError
from butfor.lm.head import NAME, START
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import REJECTED, SCORE

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

SECOND = "butfor_second_head"  # an attribute of the model while it trains
LEAST = 1e-6  # standard deviation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Disentangle(Method):
    """Give what should not count a head of its own, and drop it."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    variables: tuple[str, ...] = ("length",)  # columns of numbers, of both texts where they are preferences
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    orthogonal: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    def __post_init__(self) -> None:
        if not self.variables or len(set(self.variables)) < len(self.variables):
            raise ValueError("variables names the columns that should not count, one or more, each once")

    @property
    def idle(self) -> frozenset[str]:
        """Without strength there is no second head."""
        return frozenset() if self.strength else frozenset({"attach", "loss"})

    def fits(self, rows: Rows) -> None:
        for name in self.variables:
            numbers(rows, name)

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Hang a head for each variable on the model; they go when training ends."""
        import torch

        if not self.strength:
            yield
            return
        if any(len(line) * (1 + (REJECTED in planned.beside)) < 3 for line in planned.plan):
            raise UserError("a correlation takes three texts or more in every batch: raise train.batch_size")
        draw = torch.Generator().manual_seed(int(rng.integers(2**63)))
        second = torch.nn.Linear(lm.dim, len(self.variables), bias=False)
        with torch.no_grad():
            second.weight.normal_(0.0, START, generator=draw)
        setattr(lm.model, SECOND, second.to(lm.device))
        try:
            yield
        finally:
            delattr(lm.model, SECOND)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of both heads together, and what keeps them apart."""
        import torch
        from torch.nn.functional import cosine_similarity, logsigmoid

        if not self.strength:
            return outputs.loss
        head, second = getattr(model, NAME), getattr(model, SECOND)
        read = [outputs] if outputs.rejected is None else [outputs, outputs.rejected]
        others = [second(head[0](one.features)) for one in read]  # [B, V] each
        whole = [one.logits[:, 0] + other.sum(1) for one, other in zip(read, others, strict=True)]
        if outputs.rejected is None:
            ranked = (whole[0] - batch[SCORE]).square().mean() / 2
        else:
            ranked = -logsigmoid(whole[0] - whole[1]).mean()
        known = torch.stack(
            [torch.cat([batch[f"{p}{name}"] for p in ("", f"{REJECTED}.")[: len(read)]]) for name in self.variables], 1
        )  # [2B, V]
        quality = torch.cat([one.logits for one in read])  # [2B, 1]
        moved = correlation(quality, known).abs() - correlation(torch.cat(others), known)
        apart = cosine_similarity(head[1].weight, second.weight).abs()
        return ranked + self.strength * moved.sum() + self.orthogonal * apart.sum()


def correlation(one: Tensor, other: Tensor) -> Tensor:
    """[V] <- [N, V] or [N, 1], [N, V]; 0 of what does not vary."""
    one, other = one - one.mean(0), other.to(one.dtype) - other.to(one.dtype).mean(0)
    spread = [values.square().mean(0).add(LEAST**2).sqrt() for values in (one, other)]
    return (one * other).mean(0) / (spread[0] * spread[1])
