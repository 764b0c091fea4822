"""Weighting: what was logged, weighted by how much likelier the target policy does it.

Idea      Rows that the target would choose oftener count for more. Nothing is modelled but the choice itself.
Equation  w = π(a|x) / μ(a|x)
          ips      mean of w y                                    unbiased where μ is right and positive
          snips    Σ w y / Σ w                                    nearly so; moves with the outcomes; spreads less
          clipped  mean of min(w, c) y, c = √n by default; m = mean over contexts of Σ_a max(π - c μ, 0) is what
                   clipping takes away, and the interval allows for it: m times the range of the outcomes
          switch   mean of w y [w ≤ c] + mean over contexts of Σ_a π r̂(x, a) [w(x, a) > c], r̂ of `direct`
Source    Horvitz & Thompson 1952; Swaminathan & Joachims 2015 (snips); Ionides 2008 (clipping at √n); Wang, Agarwal &
          Dudík 2017 (switch).
Limits    π = μ: every one of them is the mean of the outcomes. c at the largest weight or over it: clipped and switch
          are ips, bit for bit. ips and snips abstain on poor overlap (`overlap.py`) unless `abstain = false`; clipped
          and switch answer, and say how much of the target they took from elsewhere. Hidden causes of choice and
          outcome bias all of them: see `align.ope.sensitivity`.
Example   [treatment]
          method = "align.ope.weighting"
          how = "snips"
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast, final

import numpy as np
from pydantic import Field

from butfor.align.ope.overlap import trusted, unseen
from butfor.align.ope.short import effect, short
from butfor.core.errors import DataError
from butfor.core.keys import digest
from butfor.stats.effect import Check, Effect
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.policies import Answers, Log

How = Literal["ips", "snips", "clipped", "switch"]
MUCH = 0.1  # share of the target's choices that may come from elsewhere


def estimate(
    log: Log | Answers, how: How = "snips", *, clip: float | None = None, abstain: bool = True, level: float = 0.95
) -> Effect:
    """The mean outcome that the target policy would have brought."""
    log = short(log)
    if clip is not None and not clip > 0:
        raise DataError(f"clip is {clip}, and a weight is cut at a positive number; √n is usual")
    if how == "ips":
        return effect(log.weights * log.outcome, log, "ips", level=level, checks=trusted(log, abstain))
    if how == "snips":
        checks = trusted(log, abstain)
        if not log.weights.any():
            raise DataError("the target policy does nothing of what was logged: there is no mean to take")
        return effect(log.outcome, log, "snips", level=level, checks=checks, weights=log.weights)
    cut = math.sqrt(len(log.action)) if clip is None else clip
    return _clipped(log, cut, level) if how == "clipped" else _switch(log, cut, level)


def _clipped(log: Log, cut: float, level: float) -> Effect:
    lost = float(np.maximum(log.target - cut * log.logging, 0.0).sum(1).mean())
    told = f"weights are cut at {cut:.3g}; that leaves out {lost:.1%} of what the target does"
    check = Check("clipped", lost <= MUCH, told)
    values = np.minimum(log.weights, cut) * log.outcome
    found = effect(values, log, "clipped", level=level, checks=(check, *unseen(log)))
    low = found.low + min(0.0, lost * float(log.outcome.min()))
    return replace(found, low=low, high=found.high + max(0.0, lost * float(log.outcome.max())))


def _switch(log: Log, cut: float, level: float) -> Effect:
    from butfor.align.ope.direct import fit

    over = log.target > cut * log.logging  # [n, K]
    lost = float(np.where(over, log.target, 0.0).sum(1).mean())
    told = f"{lost:.1%} of what the target does has weights over {cut:.3g} and is left to the outcome model"
    check = Check("switched", lost <= MUCH, told)
    values = np.where(log.weights <= cut, log.weights, 0.0) * log.outcome
    if lost:
        values = values + fit(log, "linear").pulls(np.where(over, log.target, 0.0))
    return effect(values, log, "switch", level=level, checks=(check, *unseen(log)))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Weighting(Method):
    """Value policies by weights."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    how: How = "snips"
    clip: Annotated[float, Field(gt=0)] | None = None  # the largest weight of `clipped` and `switch`; nothing: √n
    abstain: bool = True  # whether `ips` and `snips` refuse on poor overlap

    def __post_init__(self) -> None:
        if self.clip is not None and self.how in ("ips", "snips"):
            raise ValueError(f'clip does nothing to {self.how}; use how = "clipped" or "switch", or leave it out')

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        analyst = cast("Analyst", world)
        analyst.value = lambda log: estimate(log, self.how, clip=self.clip, abstain=self.abstain)
        analyst.identity = digest("ope.weighting", self.how, self.clip, self.abstain, analyst.identity)
        analyst.notes.append(f"policies are valued by {self.how}")
        return world
