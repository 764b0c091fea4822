"""Doubly robust preference optimisation: be preferred to the log's own answers, by weights and by a model.

Idea      How often would the policy's answer be preferred to the one that was logged? A model of preferences says so
          for any answer and may be wrong; weighted preferences of the log say so without a model and are noisy. Both
          together are right where either is: what the model misses of the logged preferences is weighted and added.
Equation  L = (1 − λ) L_answer − λ [P − β KL(π ‖ π₀)]
          P = mean over rows, and over both orders (a, b) of their answers, of
              w_a (1[a ≻ b] − g(x, a, b)) + Σ_k π(k | x) g(x, k, b),  w_a = clip(π(a | x) / p_a, 1/c, c)
          The gradient of the first part is w_a (1[a ≻ b] − g) ∇ log π(a | x), clipped or not; the second part is summed
          over all `answers` that the row lists instead of sampled, and so is KL. p: as in `align.policy.cpo`.
          g: `align.policy.expected`, "bradley_terry" or "general", cross-fitted over prompts.
Source    Xu et al. 2025 (arXiv 2506.01183), which samples the policy's answers and takes the reference for p.
Limits    λ = 0 is supervised fine-tuning (`standard`), bit for bit. P is consistent where p is right and no weight is
          clipped, and also where g is right and the log chose by nothing that g does not see. Where preferences go in
          circles Bradley–Terry is wrong, and weights must make up for it. Needs all answers that may be given, listed.
Example   [treatment]
          method = "align.policy.drpo"
          preferences = "general"
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.policy.answers import (
    ANSWER,
    ANSWERS,
    among,
    answer,
    chosen_by,
    listed,
    listed_in,
    preferred,
    prompt,
    uncut,
)
from butfor.align.policy.expected import Family, preferences
from butfor.align.policy.weights import Source, chosen, given, watched
from butfor.train.batches import STEP
from butfor.train.method import Batch, Method, Rows
from butfor.train.policy import before, part, remembered
from butfor.train.task import REJECTED

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

WON = "won"  # how likely the row's own answer is preferred to the other one, by the model of preferences
OVER = ("over_rejected", "over_chosen")  # how likely a listed answer is preferred to each of the two


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DRPO(Method):
    """Learn to be preferred to what was logged."""

    decoders_only: ClassVar[bool] = True

    preferences: Family = "bradley_terry"
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1  # how dear it is to leave π₀
    clip: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 10.0
    weights: Source = "logged"
    after: Annotated[int, Field(ge=0)] = 0  # steps of supervised fine-tuning that come first

    @property
    def idle(self) -> frozenset[str]:
        """Strength 0 does nothing."""
        return frozenset() if self.strength else frozenset({"data", "attach", "loss"})

    def fits(self, rows: Rows) -> None:
        """Every row needs two answers, one of them preferred, how likely both were given, and all that may be."""
        if not self.strength:
            return
        preferred(rows)
        if self.weights == "logged":
            chosen_by(rows)
        listed(rows)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows with the listed answers beside them, and how likely each is preferred."""
        self.fits(rows)
        return expecting(listed(rows), self.preferences, rng) if self.strength else rows

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """What the model says of the listed answers before training; in the end, a look at the weights."""
        if not self.strength:
            yield
            return
        uncut(planned)
        with remembered(lm, planned, ("",), among), watched(lm, planned, self.weights):
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The task's loss less how often the policy is preferred."""
        if not self.strength or int(batch[STEP]) < self.after:
            return outputs.loss
        told, first = among(model, batch), before(model, batch)  # [B, K]
        kept = (told.exp() * (told - first)).sum(1).mean()
        gain = self._preferred(model, batch, told) - self.beta * kept
        return (1 - self.strength) * outputs.loss - self.strength * gain

    def _preferred(self, model: Any, batch: Batch, told: Tensor) -> Tensor:
        import torch

        logged = chosen(model, batch, self.weights)
        found: list[Tensor] = []
        for name, over, log, won in zip(("", REJECTED), OVER, logged, (1.0, 0.0), strict=True):
            policy = given(batch, told, name)
            expected = batch[WON] if won else 1 - batch[WON]
            table = torch.stack([part(batch, one)[over] for one in listed_in(batch)], 1)  # [B, K]
            found.append(robust(policy, log, won - expected, told, table, self.clip))
        return torch.stack(found).mean()


def robust(policy: Tensor, log: Tensor, missed: Tensor, told: Tensor, expected: Tensor, clip: float) -> Tensor:
    """How often the policy is preferred. [] <- [B], [B], [B], [B, K], [B, K]

    `missed`: what the model of preferences missed of those that were logged; `expected`: what it says of every answer.
    """
    weights = (policy - log).exp().clamp(1 / clip, clip).detach()
    score = weights * (1 + policy - policy.detach())  # its value is the weight, its gradient w ∇ log π
    return (score * missed + (told.exp() * expected).sum(1)).mean()


def expecting(rows: Rows, family: Family, rng: np.random.Generator) -> Rows:
    """The rows, with how likely each of their answers is preferred to each of the two that were given."""
    both = [(answer(row), answer(row["beside"][REJECTED])) for row in rows]
    lists = [
        [pair, *((text, pair[1]) for text in row[ANSWERS]), *((text, pair[0]) for text in row[ANSWERS])]
        for row, pair in zip(rows, both, strict=True)
    ]
    told = preferences([prompt(row) for row in rows], both, np.ones(len(rows)), lists, family, rng)
    made: Rows = []
    for row, (won, *rest) in zip(rows, told, strict=True):
        beside = dict(row["beside"])
        for k, over in enumerate(np.reshape(rest, (len(OVER), -1)).T.tolist()):
            beside[f"{ANSWER}{k}"] = {**beside[f"{ANSWER}{k}"], **dict(zip(OVER, over, strict=True))}
        made.append({**row, WON: float(won), "beside": beside})
    return made
