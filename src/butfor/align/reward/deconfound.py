"""Deconfounded rewards: what known confounders add to an outcome is estimated, taken away, and the rest is learnt.

Idea      An outcome is a sum of what the text is worth and of what is known to count beside it: the writer's length,
          the hour, who judged. Fitted together, by folds, the two can be told apart even where better texts are longer.
Equation  Scores        Y = e(Z) + h(text) + noise,            reward learnt from  Y − λ ê(Z)
          Preferences   log-odds of w ≻ l = e(Z_w) − e(Z_l) + h(w) − h(l),
                        L = −log σ(r_w − r_l + λ (ê(Z_w) − ê(Z_l)))
          e(Z) = θ · (Z, Z², … up to `degree`; a term for each word but one). h is linear in what the head reads before
          training, ridge penalty. θ solves, with η = θ·z + h of the other folds and m(x) = E[z | x] (weighted by
          σ′(η) for preferences, fitted on the other folds; z, x: of the row, or the differences of its two texts):
                        Σ (Y − E[Y | x] − θ·(z − m(x))) (z − m(x)) = 0,   Σ (1 − σ(η)) (z − m(x)) = 0
          Neither moves, to first order, with errors of h and m.
Source    Li et al. 2025 (removal of known confounders before the reward is learnt). The equations: partially linear
          regression, Robinson 1988, and its logistic form by Chernozhukov et al. 2018.
Example   [treatment]
          method = "align.reward.deconfound"
          variables = ["length"]
Known     Where P(w ≻ l) = σ(β Δq + γ Δz), z as entangled with q as may be, θ̂ is γ within its interval.
Limits    λ = 0 is the plain reward, bit for bit. What is not in `variables` is not removed. A variable that the model
          reads off the text exactly cannot be told from its quality: refused. What the first reading of the model
          misses of the quality, and comes along with Z, is taken for an effect of Z. Confounders that are alike in both
          texts of a pair cancel, and are refused.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.reward.nuisance import levels, logistic, penalty_of, ridge, spread
from butfor.align.reward.sides import column, kept, look_up, paired, places, read_before
from butfor.core.errors import DataError, UserError
from butfor.scm.estimate.nuisance import expit, folds_of, solve
from butfor.scm.estimate.result import effect_of
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import SCORE

if TYPE_CHECKING:
    from numpy.random import Generator as Random
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

    Floats = NDArray[np.float64]

FEWEST = 50  # rows from which the effect of a confounder is told
LEFT = 0.005  # of a confounder's variance, that the texts do not tell
STEPS, CLOSE = 50, 1e-10
DECIDED = 30.0  # log-odds for a standard deviation: nothing but the confounder counts
TAKEN = "deconfound_taken"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deconfound(Method):
    """Learn the reward from what known confounders leave of the outcome."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    variables: tuple[str, ...] = ("length",)  # columns of the texts, of both where they are preferences
    levels: tuple[str, ...] = ()  # those of numbers that are names, such as an annotator's; words always are
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0  # the share of what was estimated that is taken away
    degree: Annotated[int, Field(ge=1, le=4)] = 1
    folds: Annotated[int, Field(ge=2)] = 5

    def __post_init__(self) -> None:
        if not self.variables or len(set(self.variables)) < len(self.variables):
            raise ValueError("variables names the columns of known confounders, one or more, each once")
        if unknown := set(self.levels) - set(self.variables):
            raise ValueError(f"levels names {min(unknown)!r}, which is none of the variables; add it there")

    @property
    def idle(self) -> frozenset[str]:
        """Without strength nothing is taken away."""
        return frozenset() if self.strength else frozenset({"attach", "loss"})

    def fits(self, rows: Rows) -> None:
        self.terms(rows)
        if len(rows) < max(FEWEST, 2 * self.folds):
            raise UserError(f"{len(rows)} rows are too few to tell what confounders add; give {FEWEST} or more")

    def terms(self, rows: Rows) -> tuple[list[str], list[Floats]]:
        """Names and values [n, p], of each side, of all that e(Z) is a sum of."""
        found: list[tuple[list[str], list[Floats]]] = []
        for name in self.variables:
            values = column(rows, name)
            named = name in self.levels or any(isinstance(value, str) for side in values for value in side)
            found.append(levels(name, values) if named else spread(name, values, self.degree))
        names = [name for some, _ in found for name in some]
        sides = [np.concatenate(parts, axis=1) for parts in zip(*(values for _, values in found), strict=True)]
        if paired(rows):
            same = [name for name, flat in zip(names, ~np.any(sides[0] != sides[1], axis=0), strict=True) if flat]
            if same:
                raise UserError(f"{same[0]!r} is alike in both texts of every pair, so it cancels; leave it out")
        return names, sides

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: Random) -> Generator[None]:
        """Estimate what the confounders add, and keep it for the rows."""
        if not self.strength:
            yield
            return
        rows = [planned.rows[place] for place in places(planned)]
        names, z = self.terms(rows)
        x = read_before(lm, planned)
        fold = folds_of(np.zeros(len(rows), dtype=np.int64), self.folds, rng)
        if paired(rows):
            found = of_preferences(z[0] - z[1], x[0] - x[1], fold)
        else:
            found = of_scores(np.array([row[SCORE] for row in rows], dtype=np.float64), z[0], x[0], fold)
        lm.notes.extend(found.told(names, len(rows), "log-odds" if paired(rows) else "score"))
        taken = (z[0] - z[1] if paired(rows) else z[0]) @ found.theta
        with kept(lm, planned, {TAKEN: self.strength * taken}):
            yield

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the reward on what is left."""
        from torch.nn.functional import logsigmoid

        if not self.strength:
            return outputs.loss
        taken = look_up(model, batch, TAKEN)  # [B]
        worth = outputs.logits[:, 0]
        if outputs.rejected is not None:
            return -logsigmoid(worth - outputs.rejected.logits[:, 0] + taken).mean()
        return (worth - (batch[SCORE] - taken)).square().mean() / 2


@dataclass(frozen=True, slots=True, eq=False)
class Removed:
    """What confounders add to the outcome: θ of each term, its standard error, and how much the texts leave untold."""

    theta: Floats  # [p]
    error: Floats  # [p]
    left: Floats  # [p], of the terms' variance

    def told(self, names: list[str], n: int, unit: str) -> list[str]:
        """A line for each term."""
        found = [
            effect_of(float(t), float(s), n, level=0.95, method="cross-fitted", df=float(n - len(names)))
            for t, s in zip(self.theta, self.error, strict=True)
        ]
        return [
            f"deconfound: {name} adds {effect} to the {unit} (a number for each standard deviation); "
            f"{left:.0%} of its variance is not told by what the model reads"
            for name, effect, left in zip(names, found, self.left, strict=True)
        ]


def of_preferences(z: Floats, x: Floats, fold: NDArray[np.int64]) -> Removed:
    """From the differences, chosen less rejected, of the terms [n, p] and of what is read [n, d]."""
    won = np.ones(len(z))
    penalty = penalty_of(z, x, won)
    worth, rest, start = np.empty(len(z)), np.empty_like(z), np.zeros(z.shape[1])
    for k in np.unique(fold):
        here = fold == k
        direct, read = logistic(z[~here], x[~here], won[~here], penalty)
        chance = expit(z[~here] @ direct + x[~here] @ read)
        told = ridge(x[~here], z[~here], chance * (1 - chance) + 1e-6)
        worth[here], rest[here] = x[here] @ read, z[here] - x[here] @ told
        start += direct * here.mean()
    left = _left(z, rest)
    theta = _solved(z, rest, worth, start)
    chance = expit(z @ theta + worth)
    slope = (rest * (chance * (1 - chance))[:, None]).T @ z  # [p, p]
    return Removed(theta, _errors(slope, rest * (1 - chance)[:, None]), left)


def of_scores(y: Floats, z: Floats, x: Floats, fold: NDArray[np.int64]) -> Removed:
    """From scores [n], terms [n, p] and what is read [n, d]."""
    rest = np.empty((len(y), 1 + z.shape[1]))
    both = np.concatenate([y[:, None], z], axis=1)
    for k in np.unique(fold):
        here = fold == k
        centre, middle = both[~here].mean(axis=0), x[~here].mean(axis=0)
        told = ridge(x[~here] - middle, both[~here] - centre)
        rest[here] = both[here] - centre - (x[here] - middle) @ told
    own, rest = rest[:, 0], rest[:, 1:]
    left = _left(z - z.mean(axis=0), rest)
    slope = rest.T @ rest
    theta = solve(slope, rest.T @ own)
    return Removed(theta, _errors(slope, rest * (own - rest @ theta)[:, None]), left)


def _solved(z: Floats, rest: Floats, worth: Floats, theta: Floats) -> Floats:
    """Where Σ (1 − σ(θ·z + h)) (z − m) = 0, by Newton's method from a fit nearby."""
    for _ in range(STEPS):
        chance = expit(z @ theta + worth)
        slope = (rest * (chance * (1 - chance))[:, None]).T @ z
        step = np.linalg.lstsq(slope, rest.T @ (1 - chance), rcond=None)[0]
        theta = theta + step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
        if float(np.abs(step).max()) < CLOSE:
            return theta
        if float(np.abs(theta).max()) > DECIDED:
            break
    raise DataError(
        "the confounders decide every preference, and leave nothing to learn a reward from; "
        "give pairs in which they and the text disagree, or leave out a variable"
    )


def _left(z: Floats, rest: Floats) -> Floats:
    """The share of each term's variance that the texts do not tell; refused where there is next to none."""
    left = np.mean(rest**2, axis=0) / np.mean(z**2, axis=0)
    if (least := float(left.min())) < LEFT:
        raise DataError(
            f"what the model reads tells a confounder but for {least:.1%} of its variance, and its part cannot be told "
            "from that of the text; leave the variable out, or use align.reward.invariant"
        )
    return left


def _errors(slope: Floats, scores: Floats) -> Floats:
    """Standard errors [p] by the sandwich."""
    inverse = np.linalg.inv(slope)
    return np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse.T)).astype(np.float64)
