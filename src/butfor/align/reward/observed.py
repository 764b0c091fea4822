"""Rewards from feedback that is seen of some texts only, and at times wrong.

Idea      People rate what they choose to rate, and slip. Each rating that was given stands for those that were not, by
          the chance that it had of being given; and a loss exists whose mean over the slips is the loss without them.
Equation  L = mean over all rows of (O / p) l̃(y),  O = 1 where feedback was given, p = P(O = 1 | text, `given`)
          where the weights O / p are divided by their mean;
          l̃(y) = ((1 − r_other) l(y) − r_own l(other)) / (1 − r₁ − r₀)
          with l the plain loss; r₁ = `missed` the chance that what is good is told as bad, r₀ = `mistaken` that what is
          bad is told as good, r_own of the outcome told, r_other of the other one. For scores of 0 or 1 it comes to the
          plain loss of the score (y − r₀) / (1 − r₁ − r₀); for preferences, where r₁ = r₀ = r, to
          −log σ(m) − r m / (1 − 2r),  m = r_w − r_l.
          p: a column of logged chances, or a ridge logistic regression of O on what the head reads before training (of
          a pair the mean of its texts) and on the columns `given`, each row by a fit on rows that share no fold
          of texts with it.
Source    CausalRM (Wang et al. 2026), whose two corrections these are; the loss corrected for noise: Natarajan et al.
          2013.
Example   [treatment]
          method = "align.reward.observed"
          observed = "rated"
          mistaken = 0.1
Known     Where ratings are given more often to one kind of text, the reward is that of a training in which all were.
Limits    Where all feedback is given and nothing is wrong, this is the plain reward, bit for bit. A row without
          feedback holds any score, or its pair in any order: it is not read. Whether feedback is given may depend on
          the text and on `given`, not on the feedback itself; of a pair `given` is what both texts share. The rates of
          slips are the user's to know. A corrected loss may be below zero; chances under `least` are taken for `least`,
          which bounds the weights and bends the answer.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.reward.nuisance import levels, logistic, penalty_of, spread
from butfor.align.reward.sides import KEPT, apart, kept, look_up, numbered, paired, places, read_before
from butfor.core.errors import UserError
from butfor.scm.estimate.nuisance import expit, folds_of
from butfor.train.columns import column
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import SCORE, labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

    Floats = NDArray[np.float64]

FEWEST = 20  # rows with feedback, and without
WEIGHT = "observed_weight"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Observed(Method):
    """Learn from the feedback that was given as if all had been, and none wrong."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    observed: str = "observed"  # a column: 1 where feedback was given, else 0
    propensity: str = ""  # a column: the chance that it would be; "" to estimate it
    given: tuple[str, ...] = ()  # columns of the rows that decide it too
    missed: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mistaken: Annotated[float, Field(ge=0, lt=1)] = 0.0
    least: Annotated[float, Field(gt=0, le=1)] = 0.05
    folds: Annotated[int, Field(ge=3)] = 5  # of the texts

    def __post_init__(self) -> None:
        if self.missed + self.mistaken >= 1:
            raise ValueError("missed + mistaken should be under 1: feedback that is wrong so often tells nothing")
        if self.propensity and self.given:
            raise ValueError("given is for estimating the chance of feedback; leave it out where propensity names it")

    def fits(self, rows: Rows) -> None:
        labelled(rows, "reward")
        seen = self._seen(rows)
        self._given(rows)
        if paired(rows) and self.missed != self.mistaken:
            raise UserError("a preference that is wrong is one turned round: set missed and mistaken to the same rate")
        noisy = self.missed or self.mistaken
        if noisy and not paired(rows) and (other := _scores(rows, seen) - {0, 1}):
            raise UserError(f"feedback that is told wrongly is 0 or 1, and a row has the score {min(other)}")

    def _seen(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows have feedback."""
        found = column(rows, self.observed)
        if wrong := set(found) - {0, 1}:
            raise UserError(f"the column {self.observed!r} is {wrong.pop()!r} on a row; give 1 for feedback, else 0")
        seen = np.array(found, dtype=bool)
        if self.propensity:
            chances = column(rows, self.propensity)
            if wrong := [p for p in chances if not isinstance(p, (int, float)) or not 0 < p <= 1]:
                raise UserError(
                    f"the column {self.propensity!r} is {wrong[0]!r} on a row; a chance is above 0, up to 1"
                )
        elif not seen.all() and min(seen.sum(), (~seen).sum()) < FEWEST:
            raise UserError(
                f"{seen.sum()} rows have feedback and {(~seen).sum()} have none; to estimate its chance give {FEWEST} "
                "or more of both, or name a column of logged chances: propensity"
            )
        if not seen.any():
            raise UserError(f"no row has feedback: the column {self.observed!r} is 0 throughout")
        return seen

    def _given(self, rows: Rows) -> list[Floats]:
        """The columns `given` as numbers, [n, p] each."""
        found: list[Floats] = []
        for name in self.given:
            values = column(rows, name)
            named = any(isinstance(value, str) for value in values)
            found.append((levels if named else spread)(name, [values])[1][0])
        return found

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Weigh the rows by how seldom feedback such as theirs is given."""
        rows = [planned.rows[place] for place in places(planned)]
        seen = self._seen(rows)
        if seen.all() and not self.propensity:
            yield
            return
        chance = self._chance(lm, planned, rows, seen, rng)
        weight = seen / np.maximum(chance, self.least)
        size = weight.sum() ** 2 / (weight**2).sum()
        lm.notes.append(
            f"observed: feedback on {seen.sum()} of {len(rows)} rows weighs as {size:.0f} do; the largest weight is "
            f"{weight.max():.3g}, {np.mean(chance[seen] < self.least):.1%} of the chances are under {self.least:g}"
        )
        with kept(lm, planned, {WEIGHT: weight / weight.mean()}):
            yield

    def _chance(
        self, lm: LM, planned: Batches, rows: Rows, seen: NDArray[np.bool_], rng: np.random.Generator
    ) -> Floats:
        """The chance of feedback of each row, [n]."""
        if self.propensity:
            return np.array([row[self.propensity] for row in rows], dtype=np.float64)
        x = np.mean(read_before(lm, planned), axis=0)
        x = x - x.mean(axis=0)
        z = np.concatenate([np.ones((len(rows), 1)), *self._given(rows)], axis=1)
        y = seen.astype(np.float64)
        penalty = penalty_of(z, x, y)
        texts = numbered(rows)
        rated = np.isin(np.arange(texts.max() + 1), texts[seen])
        fold = folds_of(rated.astype(np.int64), self.folds, rng)
        chance = np.empty(len(rows))
        for here, others in apart(texts, fold):
            direct, read = logistic(z[others], x[others], y[others], penalty)
            chance[here] = expit(z[here] @ direct + x[here] @ read)
        return chance

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the feedback that was given, for all."""
        weighed = hasattr(model, KEPT)
        if not (weighed or self.missed or self.mistaken):
            return outputs.loss
        each = self.each(batch, outputs)  # [B]
        return (look_up(model, batch, WEIGHT) * each).mean() if weighed else each.mean()

    def each(self, batch: Batch, outputs: Any) -> Tensor:
        """The loss of each row as if its feedback were not wrong, [B]."""
        from torch.nn.functional import logsigmoid

        worth = outputs.logits[:, 0]
        kept_share = 1 - self.missed - self.mistaken
        if outputs.rejected is None:
            return (worth - (batch[SCORE] - self.mistaken) / kept_share).square() / 2
        margin = worth - outputs.rejected.logits[:, 0]
        return -logsigmoid(margin) - self.mistaken / kept_share * margin


def _scores(rows: Rows, seen: NDArray[np.bool_]) -> set[float]:
    """Those that were given."""
    return {row[SCORE] for row, here in zip(rows, seen, strict=True) if here}
