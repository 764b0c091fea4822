"""Causal preference optimisation: raise the outcome that the policy itself would bring, from another's log.

Idea      A log says what came of the answers that somebody else chose. What somebody saw who chose them may be what the
          outcome hangs on, so answers that went along with good outcomes need not bring them. Weighted by how much
          likelier the policy gives an answer than the log did, the outcomes are those that the policy would have had.
Equation  L = (1 − λ) L_answer − λ V
          weighted         V = Σ_i w_i Y_i / Σ_i w_i,  w_i = min(π(y_i | x_i) / p_i, clip)
          doubly_robust    V = Σ_i w_i (Y_i − g(x_i, y_i)) / Σ_i w_i + mean over x of Σ_k π(k | x) g(x, k)
          outcome          the second term of that alone
          p_i: the column `propensity`, by which the log's answer was chosen, or with weights = "before" what the model
          said of it before training; Y: the column `outcome`; sums over the batch, and over both sides where another
          answer stands beside a row as `rejected`. Unless normalised, Σ_i w_i is replaced by the number of answers.
          π is exact: log-softmax, summed over the answer's tokens. k: the `answers` that a row lists, which
          doubly_robust and outcome need; where rows list them, π is that of choosing among them. Without, it is that of
          all texts. g: `align.policy.expected`, cross-fitted over prompts.
Source    Lin et al. 2024 (CPO, DR-CPO, OO-RLHF). No relation to contrastive preference optimisation.
Limits    λ = 0 is supervised fine-tuning (`standard`), bit for bit. A policy that chooses as the log did has w = 1, and
          V is the mean outcome. doubly_robust is consistent where p is right, and also where g is right and the log
          chose by nothing that g does not see; outcome only there. Whatever moved both answer and outcome unseen
          misleads g, and then weights alone can be right. Where the log holds little of what the policy would say, few
          answers weigh anything: the effective sample size at the end of training stands in the notes.
Example   [treatment]
          method = "align.policy.cpo"
          variant = "doubly_robust"
          clip = 20.0
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from butfor.align.policy.answers import (
    ANSWER,
    ANSWERS,
    OUTCOME,
    among,
    answer,
    chosen_by,
    listed,
    listed_in,
    logged,
    prompt,
    sides,
    uncut,
)
from butfor.align.policy.expected import outcomes
from butfor.align.policy.weights import Source, chosen, given, known, names, watched
from butfor.train.batches import STEP
from butfor.train.method import Batch, Method, Rows
from butfor.train.policy import answered, logprobs, part

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

EXPECTED = "expected"  # what the outcome model expects of an answer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CPO(Method):
    """Learn a policy from logged outcomes, whoever chose the answers."""

    decoders_only: ClassVar[bool] = True

    variant: Literal["weighted", "doubly_robust", "outcome"] = "weighted"
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    clip: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None  # no weight counts for more
    normalised: bool = True
    weights: Source = "logged"
    after: Annotated[int, Field(ge=0)] = 0  # steps of supervised fine-tuning that come first

    @property
    def idle(self) -> frozenset[str]:
        """Strength 0 does nothing; weights alone need no model of outcomes, and that alone no weights."""
        if not self.strength:
            return frozenset({"data", "attach", "loss"})
        return frozenset({"attach"} if self.variant == "outcome" else set())

    def fits(self, rows: Rows) -> None:
        """Every row needs an answer, what came of it, and how likely it was given."""
        if not self.strength:
            return
        logged(rows)
        if self.variant != "outcome" and self.weights == "logged":
            chosen_by(rows)
        if self.variant != "weighted" or ANSWERS in rows[0]:
            listed(rows)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows with the answers that they list beside them, and what is expected of each."""
        self.fits(rows)
        if not self.strength or ANSWERS not in rows[0]:
            return rows
        return listed(rows) if self.variant == "weighted" else expecting(listed(rows), rng)

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """By what the answers of the log were chosen; in the end, a look at the weights."""
        if not self.strength:
            yield
            return
        uncut(planned)
        if self.variant == "outcome":
            yield
            return
        with known(lm, planned, self.weights), watched(lm, planned, self.weights):
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The task's loss less the value of the policy."""
        if not self.strength or int(batch[STEP]) < self.after:
            return outputs.loss
        return (1 - self.strength) * outputs.loss - self.strength * self._value(model, batch, outputs)

    def _value(self, model: Any, batch: Batch, outputs: Any) -> Tensor:
        import torch

        sides = names(batch)
        came = torch.cat([part(batch, name)[OUTCOME] for name in sides])
        if not listed_in(batch):
            rest = [answered(model, part(batch, name)) for name in sides[1:]]
            ratios = torch.cat([logprobs(outputs.logits, batch["labels"]), *rest])
            return weighted(ratios - torch.cat(chosen(model, batch, self.weights)), came, self.clip, self.normalised)
        told = among(model, batch)  # [B, K]
        direct: Tensor | float = 0.0
        if self.variant != "weighted":
            expected = torch.stack([part(batch, name)[EXPECTED] for name in listed_in(batch)], 1)  # [B, K]
            direct = (told.exp() * expected).sum(1).mean()
            if self.variant == "outcome":
                return direct
            came = came - torch.cat([given(batch, expected, name) for name in sides])
        ratios = torch.cat([given(batch, told, name) for name in sides])
        ratios = ratios - torch.cat(chosen(model, batch, self.weights))
        return direct + weighted(ratios, came, self.clip, self.normalised)


def weighted(ratios: Tensor, values: Tensor, clip: float | None, normalised: bool) -> Tensor:
    """The mean of values, weighted by ratios of which the logarithms are given. [] <- [n], [n]"""
    capped = ratios if clip is None else ratios.clamp(max=math.log(clip))
    return (capped.softmax(0) * values).sum() if normalised else (capped.exp() * values).mean()


def expecting(rows: Rows, rng: np.random.Generator) -> Rows:
    """The rows, with what is expected of each answer that they list."""
    log = [(prompt(row), one) for side in sides(rows) for row, one in zip(rows, side, strict=True)]
    asked, lists = [text for text, _ in log], [row[ANSWERS] for row in rows]
    came = np.array([one[OUTCOME] for _, one in log], dtype=float)
    found = outcomes(asked, [answer(one) for _, one in log], came, lists + [()] * (len(log) - len(rows)), rng)
    made: Rows = []
    for row, values in zip(rows, found, strict=False):
        beside = {f"{ANSWER}{k}": {**row["beside"][f"{ANSWER}{k}"], EXPECTED: float(v)} for k, v in enumerate(values)}
        made.append({**row, "beside": {**row["beside"], **beside}})
    return made
