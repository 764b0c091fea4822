"""Direct preference optimisation: make the preferred answer likelier than the other, without a reward model.

Idea      A policy that maximises a reward and pays for leaving π₀ says by its own probabilities what the reward is. Put
          into the Bradley–Terry model of preferences, that reward can be learnt by the policy itself. Plain DPO takes
          the pairs as they are: whatever made the one text preferred, its length too, becomes reward.
Equation  L = (1 − λ) L_answer + λ · mean of −log σ(m)
          m = β [log π(a | x) − log π₀(a | x) − log π(b | x) + log π₀(b | x)]
          a the preferred answer, b the rejected one, log π of whole answers, summed over tokens; π₀ the model as
          training found it; L_answer the model's own loss on a, that of supervised fine-tuning.
Source    Rafailov et al. 2023.
Limits    λ = 0 is supervised fine-tuning on the preferred answers (`standard`), bit for bit. At the start m = 0 and the
          loss is log 2. A pair of equal answers has no gradient. Answers that train.length would cut are refused: the
          probability of a part is not that of the whole. π₀ is read once for each row: no second model is kept.
Example   [treatment]
          method = "align.policy.dpo"
          beta = 0.1
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.align.policy.answers import preferred, uncut
from butfor.train.method import Batch, Method, Rows
from butfor.train.policy import answered, before, logprobs, part, remembered
from butfor.train.task import REJECTED

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

SIDES = ("", REJECTED)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DPO(Method):
    """Learn preferences between answers by the policy itself."""

    decoders_only: ClassVar[bool] = True

    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.1  # how dear it is to leave π₀

    @property
    def idle(self) -> frozenset[str]:
        """Strength 0 does nothing."""
        return frozenset() if self.strength else frozenset({"attach", "loss"})

    @property
    def in_trl(self) -> dict[str, Any]:
        """At full strength it is trl's sigmoid loss."""
        return {"beta": self.beta} if self.strength == 1 else {}

    def fits(self, rows: Rows) -> None:
        """Every row needs a rejected answer to the same prompt beside it."""
        if self.strength:
            preferred(rows)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows as they are."""
        self.fits(rows)
        return rows

    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> AbstractContextManager[None]:  # noqa: ARG002
        """What the model says of both answers before training."""
        if not self.strength:
            return nullcontext()
        uncut(planned)
        return remembered(lm, planned, SIDES)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the preferences, and of the preferred answers."""
        if not self.strength:
            return outputs.loss
        chosen = logprobs(outputs.logits, batch["labels"]) - before(model, batch)
        rejected = answered(model, part(batch, REJECTED)) - before(model, batch, REJECTED)
        return (1 - self.strength) * outputs.loss + self.strength * preference(chosen, rejected, self.beta)


def preference(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """The loss of preferences, of log π − log π₀ on both sides. [] <- [B], [B]"""
    from torch.nn.functional import logsigmoid

    return -logsigmoid(beta * (chosen - rejected)).mean()
