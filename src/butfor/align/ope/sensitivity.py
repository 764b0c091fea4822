"""Confounded logs: what could a policy be worth if the logged probabilities miss something by a factor Λ in the odds?

Idea      Who chose may have seen what the log does not hold. The true odds of each choice then lie within a factor Λ of
          the logged ones, and the value of the target somewhere between two ends.
Equation  1/μ_true = 1 + l (1 - μ) / μ with any l in [1/Λ, Λ]; for each action a the ends are the smallest and the
          largest of
              Σ w_i y_i / Σ w_i over its rows, w_i = π(a|x_i) (1 + l_i (1 - μ_i) / μ_i),
          found by sorting the outcomes; the value is the sum over actions, each with the share that the target has of
          it: Σ_a mean(π(a|x)) · end_a. The interval takes quantiles of the ends in resamples of the rows (of clusters;
          one that lost a rare action has it from the data).
          Tipping point: the Λ at which the interval of value less logged mean outcome reaches 0: how much unseen it
          would take for the target to be no better (or no worse) than what was done.
Source    Tan 2006; Zhao, Small & Bhattacharya 2019 (the programme, the percentile bootstrap); Kallus & Zhou 2018
          (policies, weights normalised for each action).
Limits    Λ = 1 is snips within actions. Valid and not sharp: that weights must balance the contexts is not used (Dorn &
          Guo 2023). Λ is yours to defend; the tipping point needs none. Abstains on poor overlap.
Example   [treatment]
          method = "align.ope.sensitivity"
          factor = 2.0
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, cast, final

import numpy as np
from pydantic import Field

from butfor.align.ope.overlap import trusted
from butfor.align.ope.short import clusters, short
from butfor.core.errors import DataError
from butfor.core.keys import digest
from butfor.core.seeds import generator
from butfor.scm.columns import Floats
from butfor.scm.refuters.marginal import Arm
from butfor.stats.effect import Check, Effect
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.policies import Answers, Log

LARGEST = 1e4  # a factor beyond which nothing is sought
CLOSE = 1e-3  # of its logarithm
DRAWS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """A log's actions on the data themselves (draw 0) and on resamples (the further draws)."""

    arms: tuple[Arm, ...]  # of each action that was chosen
    shares: Floats  # [draws + 1, arms] how often the target takes it
    logged: Floats  # [draws + 1] the mean outcome

    def ends(self, factor: float) -> tuple[Floats, Floats]:
        """The smallest and the largest value of each draw."""
        if not 1 <= factor < math.inf:
            raise DataError(f"factor is {factor}; a ratio of odds is 1 (nothing unseen) or more")
        factors = np.full(len(self.shares), factor)
        low = sum(self.shares[:, a] * arm.lowest(factors) for a, arm in enumerate(self.arms))
        high = sum(self.shares[:, a] * arm.highest(factors) for a, arm in enumerate(self.arms))
        return np.asarray(low), np.asarray(high)

    def interval(self, factor: float, level: float = 0.95, less: bool = False) -> tuple[float, float]:
        """The percentile interval of the ends; `less`: of the value less the logged mean."""
        low, high = self.ends(factor)
        from_ = self.logged if less else np.zeros(len(low))
        lowest = float(np.quantile((low - from_)[1:], (1 - level) / 2))
        highest = float(np.quantile((high - from_)[1:], (1 + level) / 2))
        return min(lowest, float((low - from_)[0])), max(highest, float((high - from_)[0]))

    def tipping(self, level: float = 0.95) -> float:
        """The factor at which the interval of value less logged mean reaches 0: 1 where it does so by itself."""
        sign = 1.0 if float(self.ends(1.0)[0][0] - self.logged[0]) >= 0 else -1.0

        def holds(factor: float) -> bool:
            low, high = self.interval(factor, level, less=True)
            return (low if sign > 0 else -high) > 0

        if not holds(1.0):
            return 1.0
        low, high = 0.0, 0.5
        while holds(math.exp(high)):
            low, high = high, 2 * high
            if low > math.log(LARGEST):
                return math.inf
        while high - low > CLOSE:
            middle = (low + high) / 2
            low, high = (middle, high) if holds(math.exp(middle)) else (low, middle)
        return math.exp(low)


def bounded(log: Log, draws: int = DRAWS, seed: int = 0) -> Bounded:
    """The bounds of a log, with resamples for intervals."""
    if draws < 1:
        raise DataError(f"draws is {draws}, and an interval needs resamples; 500 are usual")
    code = clusters(log)
    groups = int(code.max()) + 1
    rng = generator(seed, "ope", "sensitivity")
    counts = rng.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)
    counts = np.concatenate([np.ones((1, groups)), counts])[:, code]  # [draws + 1, n]
    total = counts.sum(1)
    order = np.argsort(-log.outcome, kind="stable")
    arms: list[Arm] = []
    wanted: list[int] = []
    for action in range(log.target.shape[1]):
        rows = order[(log.action == action)[order] & (log.target[order, action] > 0)]
        if not len(rows):
            continue
        weights = counts[:, rows]
        weights = np.where(weights.any(1, keepdims=True), weights, 1.0) * log.target[rows, action]
        mu = log.chosen[rows]
        arms.append(Arm(log.outcome[rows], weights, np.broadcast_to((1 - mu) / mu, weights.shape)))
        wanted.append(action)
    if not arms:
        raise DataError("the target policy does nothing of what was logged: there is no mean to take")
    shares = (counts @ log.target[:, wanted]) / total[:, None]
    return Bounded(tuple(arms), shares / shares.sum(1, keepdims=True), counts @ log.outcome / total)


def estimate(
    log: Log | Answers,
    factor: float = 2.0,
    *,
    draws: int = DRAWS,
    abstain: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> Effect:
    """The value if nothing is unseen, and an interval that holds it if the unseen moves odds by `factor` at most."""
    log = short(log)
    checks = trusted(log, abstain)
    found = bounded(log, draws, seed)
    low, high = found.interval(factor, level)
    middle = float(found.ends(1.0)[0][0])
    tip = found.tipping(level)
    told = f"the difference to the logged mean is lost where the unseen moves odds by a factor of {tip:.3g}"
    return Effect(
        estimate=middle, low=low, high=high, level=level, p=None, n=len(log.action),
        method=f"marginal sensitivity, factor {factor:g}, {draws} resamples",
        checks=(*checks, Check("tipping-point", True, told)),
    )  # fmt: skip


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity(Method):
    """Bound what policies are worth where something unseen moved the choices."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    factor: Annotated[float, Field(ge=1)] = 2.0  # by which the unseen may change the odds of a choice
    draws: Annotated[int, Field(ge=50)] = DRAWS
    abstain: bool = True  # whether it refuses on poor overlap

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.value = lambda log: estimate(log, self.factor, draws=self.draws, abstain=self.abstain, seed=seed)
        knobs = (self.factor, self.draws, self.abstain, seed)
        analyst.identity = digest("ope.sensitivity", *knobs, analyst.identity)
        analyst.notes.append(f"policies are bounded under odds that are off by a factor of up to {self.factor:g}")
        return world
