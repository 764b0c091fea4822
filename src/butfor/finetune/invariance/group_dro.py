"""Group DRO: the loss of the group that fares worst, by weights that rise where the loss is high.

Equation  L = Σ_g q_g r_g,   r_g = Σ over rows i of the batch in g of ℓ_i / (B π_g),   π_g the share of g in the rows;
          each step first moves the weights, q_g ∝ q_g exp(η r_g), η = `strength`. r_g is an unbiased estimate of the
          group's loss whatever the batch holds of it. The weights start at the shares π ("shares") or at 1/m ("equal",
          as published).
Source    Sagawa et al. 2020; there batches are drawn with equal groups, here all arms see the same batches.
Example   [treatment]
          method = "finetune.invariance.group_dro"
          groups = ["label", "mark"]
          strength = 0.1
Limits    η = 0 is plain fine-tuning, bit for bit; from "shares" small η come near it, from "equal" they come near
          training with all groups weighted alike. The groups must be known; those of an environment alone give no more
          than its worst environment. A group of few rows counts seldom and much: its part of a batch's loss is noisy.
          The weights are a buffer on the model: checkpoints hold them, and the finished model does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, final

from pydantic import Field

from butfor.finetune.invariance.groups import GROUP, Grouped, losses
from butfor.train.batches import ROW
from butfor.train.method import Batch, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

STATE = "butfor_group_dro"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDRO(Grouped):
    """Weigh each group by how badly it has fared."""

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    start: Literal["shares", "equal"] = "shares"

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """The groups' weights hang on the model while it trains."""
        if self.strength == 0:
            yield
            return
        self.begins(lm, planned)
        state = fresh(shares(planned.rows), equal=self.start == "equal").to(lm.device)
        lm.model.add_module(STATE, state)
        try:
            yield
            shown = ", ".join(f"{weight:.2f}" for weight in weights(state).tolist())
            lm.notes.append(f"group DRO: the weights of the groups, sorted by name, ended at {shown}")
        finally:
            delattr(lm.model, STATE)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The groups' losses by their weights, which have just moved."""
        if self.strength == 0 or int(batch["step"]) < self.after:
            return outputs.loss
        state: Any = getattr(model, STATE)
        risks = estimated(losses(batch, outputs), batch[GROUP], state.share)
        move(state, int(batch["step"]), self.strength * risks.detach())
        return (weights(state) * risks).sum()


def shares(rows: Rows) -> list[float]:
    """The share of each group among what is fed: versions of one row share its place."""
    versions = Counter(row[ROW] for row in rows)
    held: defaultdict[int, float] = defaultdict(float)
    for row in rows:
        held[row[GROUP]] += 1 / versions[row[ROW]]
    return [held[group] / len(versions) for group in sorted(held)]


def fresh(share: list[float], *, equal: bool) -> Module:
    """Weights before any step, as buffers: what a checkpoint holds."""
    import torch

    state = torch.nn.Module()
    at = torch.tensor(share)
    state.register_buffer("share", at)
    state.register_buffer("logs", torch.zeros_like(at) if equal else at.log())
    state.register_buffer("step", torch.tensor(-1))
    return state


def weights(state: Any) -> Tensor:
    """q, [m]."""
    return state.logs.softmax(0)


def estimated(each: Tensor, group: Tensor, share: Tensor) -> Tensor:
    """[m] <- [B], [B], [m]: an unbiased estimate of each group's loss; 0 for one that the batch lacks."""
    return each.new_zeros(len(share)).index_add(0, group, each) / (len(each) * share.to(each.dtype))


def move(state: Any, step: int, by: Tensor) -> None:
    """Add to the log-weights, once a step: its loss may be asked for twice, as when its cost is counted."""
    if step > int(state.step):
        state.logs.add_(by.to(state.logs.dtype))
        state.logs.sub_(state.logs.logsumexp(0))
        state.step.fill_(step)
