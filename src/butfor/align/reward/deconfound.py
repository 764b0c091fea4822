"""Deconfounded rewards: what known confounders add to an outcome is estimated, taken away, and the rest is learnt.

Idea      An outcome is a sum of what the text is worth and of what is known to count beside it: the writer's length,
          the hour, who judged. Fitted together, by folds, the two can be told apart even where better texts are longer.
Equation  Scores        Y = e(Z) + h(text) + noise,            reward learnt from  Y − λ ê(Z)
          Preferences   log-odds of w ≻ l = e(Z_w) − e(Z_l) + h(w) − h(l),
                        L = −log σ(r_w − r_l + λ (ê(Z_w) − ê(Z_l)))
          e(Z) = θ · (Z, Z², … up to `degree`; a term for each word but one). θ is that of one last fit, least squares
          or logistic, of the outcome on z, m(x) and h(x), z and x those of the row or the differences of its two texts:
          m(x) = E[z | x] and h(x) are linear in what the head reads before training, with a ridge penalty, fitted on
          rows that share no text, nor fold of texts, with the row. Adjusted for both, θ does not move, to first order,
          with errors of either, and a prediction that is too bold counts for less.
Source    Li et al. 2025 (removal of known confounders before the reward is learnt). The last fit follows Robinson 1988
          and Chernozhukov et al. 2018; folds and errors for texts that stand in several pairs, Chiang et al. 2022.
Example   [treatment]
          method = "align.reward.deconfound"
          variables = ["length"]
Known     Where P(w ≻ l) = σ(β Δq + γ Δz), and q is read off the text, θ̂ is γ within its interval,
          as entangled with q as z may be.
Limits    λ = 0 is the plain reward, bit for bit. What is not in `variables` is not removed. Log-odds shrink by what a
          fit leaves unexplained, and θ is told on texts that h has not seen: a reward that fits its own texts more
          closely takes λ above 1 (choose it on texts kept from training). What the first reading of the model misses of
          the quality, and comes along with what it misses of Z, is taken for an effect of Z. A variable that the model
          reads off the text exactly cannot be told from its quality, and one that is alike in both texts of a pair
          cancels: both are refused.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.reward.nuisance import levels, logistic, penalty_of, ridge, spread
from butfor.align.reward.sides import apart, column, kept, look_up, numbered, paired, places, read_before
from butfor.core.errors import DataError, UserError
from butfor.scm.estimate.nuisance import expit, folds_of, newton, solve
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
    Codes = NDArray[np.intp]
    Folds = NDArray[np.int64]

FEWEST = 50  # rows from which the effect of a confounder is told
LEFT = 0.005  # of a confounder's variance, that the texts do not tell
LOOSE = 1e-9  # ridge of the last fit, for a row
DECIDED = 30.0  # log-odds for a standard deviation: nothing but the confounder counts
TAKEN = "deconfound_taken"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deconfound(Method):
    """Learn the reward from what known confounders leave of the outcome."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    variables: tuple[str, ...] = ("length",)  # columns of the texts, of both where they are preferences
    levels: tuple[str, ...] = ()  # those of numbers that are names, such as an annotator's; words always are
    strength: Annotated[float, Field(ge=0, le=2)] = 1.0  # how much of what was estimated is taken away
    degree: Annotated[int, Field(ge=1, le=4)] = 1
    folds: Annotated[int, Field(ge=3)] = 5  # of the texts

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
        each = [np.concatenate(parts, axis=1) for parts in zip(*(values for _, values in found), strict=True)]
        if paired(rows):
            same = [name for name, flat in zip(names, ~np.any(each[0] != each[1], axis=0), strict=True) if flat]
            if same:
                raise UserError(f"{same[0]!r} is alike in both texts of every pair, so it cancels; leave it out")
        return names, each

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: Random) -> Generator[None]:
        """Estimate what the confounders add, and keep it for the rows."""
        if not self.strength:
            yield
            return
        rows = [planned.rows[place] for place in places(planned)]
        names, z = self.terms(rows)
        x = read_before(lm, planned)
        texts = numbered(rows)
        folds = folds_of(np.zeros(int(texts.max()) + 1, dtype=np.int64), self.folds, rng)
        if paired(rows):
            found = of_preferences(z[0] - z[1], x[0] - x[1], texts, folds)
        else:
            found = of_scores(np.array([row[SCORE] for row in rows], dtype=np.float64), z[0], x[0], texts, folds)
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
            + ("nothing" if left >= 1 else f"{1 - left:.0%}")
            + " of its variance is told by what the model reads"
            for name, effect, left in zip(names, found, self.left, strict=True)
        ]


def of_preferences(z: Floats, x: Floats, texts: Codes, folds: Folds) -> Removed:
    """From the differences, chosen less rejected, of terms [n, p] and of what is read [n, d]; texts [n, 2]: which."""
    won = np.ones(len(z))
    penalty = penalty_of(z, x, won)
    told, worth = np.empty_like(z), np.empty((len(z), 1))
    for here, others in apart(texts, folds):
        direct, read = logistic(z[others], x[others], won[others], penalty)
        chance = expit(z[others] @ direct + x[others] @ read)
        told[here] = x[here] @ ridge(x[others], z[others], chance * (1 - chance) + 1e-6)
        worth[here, 0] = x[here] @ read
    left = _left(z, z - told)
    terms = np.concatenate([z, told, worth], axis=1)
    loose = np.full(terms.shape[1], LOOSE * len(z))
    beta = newton(terms, won, loose, np.zeros(terms.shape[1]))
    if float(np.abs(beta[: z.shape[1]]).max()) > DECIDED:
        raise DataError(
            "the confounders decide every preference, and leave nothing to learn a reward from; "
            "give pairs in which they and the text disagree, or leave out a variable"
        )
    chance = expit(terms @ beta)
    slope = (terms * (chance * (1 - chance))[:, None]).T @ terms + np.diag(loose)
    error = _errors(slope, terms * (1 - chance)[:, None], texts)
    return Removed(beta[: z.shape[1]], error[: z.shape[1]], left)


def of_scores(y: Floats, z: Floats, x: Floats, texts: Codes, folds: Folds) -> Removed:
    """From scores [n], terms [n, p] and what is read [n, d]; texts [n, 1]: which."""
    both, told = np.concatenate([z, y[:, None]], axis=1), np.empty((len(y), z.shape[1] + 1))
    for here, others in apart(texts, folds):
        middle, centre = both[others].mean(axis=0), x[others].mean(axis=0)
        told[here] = (x[here] - centre) @ ridge(x[others] - centre, both[others] - middle) + middle
    left = _left(z - z.mean(axis=0), z - told[:, :-1])
    terms = np.concatenate([z, told, np.ones((len(y), 1))], axis=1)
    slope = terms.T @ terms + LOOSE * len(y) * np.eye(terms.shape[1])
    beta = solve(slope, terms.T @ y)
    error = _errors(slope, terms * (y - terms @ beta)[:, None], texts)
    return Removed(beta[: z.shape[1]], error[: z.shape[1]], left)


def _left(z: Floats, rest: Floats) -> Floats:
    """The share of each term's variance that the texts do not tell; refused where there is next to none."""
    left = np.mean(rest**2, axis=0) / np.mean(z**2, axis=0)
    if (least := float(left.min())) < LEFT:
        raise DataError(
            f"what the model reads tells a confounder but for {least:.1%} of its variance, and its part cannot be told "
            "from that of the text; leave the variable out, or use align.reward.invariant"
        )
    return left


def _errors(slope: Floats, scores: Floats, texts: Codes) -> Floats:
    """Standard errors by the sandwich, where rows that share a text go together (dyadic clusters)."""
    meat = _outer(scores, *texts.T)
    if texts.shape[1] == 2:  # rows that share both texts are in it twice
        meat -= _outer(scores, np.unique(np.sort(texts, axis=1), axis=0, return_inverse=True)[1].ravel())
    inverse = np.linalg.inv(slope)
    return np.sqrt(np.maximum(np.diag(inverse @ meat @ inverse.T), 0)).astype(np.float64)


def _outer(scores: Floats, *groups: Codes) -> Floats:
    """The outer products of the sums of scores [n, p] by group, summed; a row is in one group or more. [p, p]"""
    sums = np.zeros((max(int(group.max()) for group in groups) + 1, scores.shape[1]))
    for group in groups:
        np.add.at(sums, group, scores)
    return sums.T @ sums
