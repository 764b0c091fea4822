"""Reward by instrument: learnt from what a randomised choice does to the texts, and from nothing else that is in them.

Idea      Who writes, which ranker or which prompt is drawn at random moves what a text is like, and the outcome only
          through that. What the instrument predicts of a text is free of whatever else moves text and outcome together.
Equation  First stage    x̂_i = E[x | Z = Z_i], least squares on the other folds, x what the head reads;
                         P_i = (x̂_i − x̄) V A′: V the leading directions of the predictions, A the slopes of x V on its
                         prediction, so that what is left of x V does not go with P.
          Second stage   scores       L = (r(P) − y)² / 2,     r(P) = W V P + b
                         preferences  L = −log σ(r(P_w) − r(P_l)), each text by its own instrument
          When training ends W becomes W V V′: the reward knows the directions that the instrument moves, and no other.
          A direction counts where F, the squared robust t of x on its prediction along it (the direction, too, from
          other folds), is `weakest` or more.
Source    two-stage least squares, cross-fitted as in Angrist, Imbens & Krueger 1999; F > 10: Staiger & Stock 1997.
Example   [treatment]
          method = "align.reward.instrument"
          instruments = ["ranker"]
Known     Where a hidden cause moves a feature of texts and their scores, and a random ranker moves the feature, the slope
          of the reward on it is that of the feature itself. On scores the second stage comes to the cross-fitted
          two-stage least squares of y on x V.
Limits    Refuses where no direction is strong. K instruments tell at most K directions: the rest of what a text is worth
          stays unknown, so rewards vary less than others do. That the instrument is random and acts through the text
          alone is an assumption. Of preferences, the log-odds are scaled down by what the prediction leaves out; their
          order is not. A column that is alike in both texts of a pair (who judged it) moves no text of the pair against
          the other: it is no instrument here. Takes train.adapt = "head": features that move have no first stage.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.reward.nuisance import spread
from butfor.align.reward.sides import column, kept, look_up, paired, places, read_before
from butfor.core.errors import DataError, UserError
from butfor.lm.head import NAME
from butfor.scm.estimate.nuisance import folds_of
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import SCORE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

    Floats = NDArray[np.float64]
    Folds = NDArray[np.int64]

PREDICTED, ALONG = "instrument_predicted", "butfor_instrument_along"
ROWS_A_TERM = 10  # rows for each term of the instruments, at least


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Method):
    """Learn a reward from what a random instrument makes of the texts."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    instruments: tuple[str, ...] = ("ranker",)  # columns of the texts, of both where they are preferences
    weakest: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    most: Annotated[int, Field(ge=1)] = 8  # directions
    folds: Annotated[int, Field(ge=2)] = 5

    def __post_init__(self) -> None:
        if not self.instruments or len(set(self.instruments)) < len(self.instruments):
            raise ValueError("instruments names the columns of what was drawn at random, one or more, each once")

    def fits(self, rows: Rows) -> None:
        z = self.terms(rows)
        if len(rows) < ROWS_A_TERM * z[0].shape[1] * 2:
            raise UserError(
                f"{len(rows)} rows are too few for {z[0].shape[1] + 1} values of the instrument; "
                f"give {ROWS_A_TERM * z[0].shape[1] * 2} or more, or merge values"
            )
        if len(z) == 2 and not np.any(z[0] != z[1]):
            raise UserError(
                f"{', '.join(self.instruments)} is alike in both texts of every pair, and moves neither against the "
                "other; name what was drawn for each text, such as who or what wrote it"
            )

    def terms(self, rows: Rows) -> list[Floats]:
        """The instruments as numbers, [n, q] of each side."""
        found = [spread(name, column(rows, name))[1] for name in self.instruments]
        return [np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Predict the texts from the instruments; in the end leave of the head what these predictions tell."""
        import torch

        if not planned.features:
            raise UserError('the first stage is fitted on frozen features, once; set train.adapt = "head"')
        rows = [planned.rows[place] for place in places(planned)]
        x, z = read_before(lm, planned), self.terms(rows)
        fold = np.tile(folds_of(np.zeros(len(rows), dtype=np.int64), self.folds, rng), len(x))
        found = first_stage(np.concatenate(x), np.concatenate(z), fold, self.most, self.weakest)
        lm.notes.append(f"instrument: {found}")
        head: Any = getattr(lm.model, NAME)[1]
        along = torch.from_numpy(found.along.astype(np.float32)).to(lm.device)  # [d, r]
        sides = np.stack(np.split(found.predicted, len(x)), axis=1)  # [n, S, r]
        setattr(lm.model, ALONG, along)
        try:
            with kept(lm, planned, {PREDICTED: sides}):
                yield
        finally:
            delattr(lm.model, ALONG)
        with torch.no_grad():
            head.weight.copy_(head.weight @ along @ along.T)
            head.bias -= head.weight @ torch.from_numpy(found.centre.astype(np.float32)).to(lm.device)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the reward of what the instruments predict."""
        from torch.nn.functional import logsigmoid

        head = getattr(model, NAME)[1]
        worth = look_up(model, batch, PREDICTED) @ (head.weight @ getattr(model, ALONG))[0] + head.bias  # [B, S]
        if outputs.rejected is not None:
            return -logsigmoid(worth[:, 0] - worth[:, 1]).mean()
        return (worth[:, 0] - batch[SCORE]).square().mean() / 2


@dataclass(frozen=True, slots=True, eq=False)
class FirstStage:
    """What instruments predict of the texts, along the directions in which they do."""

    predicted: Floats  # [N, r], centred
    along: Floats  # [d, r], orthonormal
    centre: Floats  # [d]
    strength: Floats  # F of every direction that was tried, in order

    def __str__(self) -> str:
        told = ", ".join(f"{f:.3g}" for f in self.strength)
        n, count = self.along.shape[1], len(self.predicted)
        return f"{n} of {len(self.strength)} directions of {count} texts are moved enough (first-stage F = {told})"


def first_stage(x: Floats, z: Floats, fold: Folds, most: int, weakest: float) -> FirstStage:
    """Predict x [N, d] from z [N, q] by folds; refuses instruments that move no direction of it."""
    centre, most = x.mean(axis=0), min(most, z.shape[1], x.shape[1])
    strength = _strength(x, z, fold, most)
    count = int(np.argmax(np.append(strength < weakest, True)))
    if not count:
        raise DataError(
            f"the instrument is weak: it moves what the model reads with a first-stage F of {strength[0]:.2g}, under "
            f"{weakest:g}; give more rows or a stronger instrument, or learn without one (method = 'standard')"
        )
    along = _directions(z - z.mean(axis=0), x - centre, count)
    first = np.empty((len(x), count))
    for k in np.unique(fold):
        here = fold == k
        first[here] = (z[here] - z[~here].mean(axis=0)) @ _slopes(z[~here], x[~here]) @ along
    first -= first.mean(axis=0)
    slopes = np.linalg.solve(first.T @ first, first.T @ ((x - centre) @ along))  # [r, r]
    return FirstStage(first @ slopes, along, centre, strength)


def _slopes(z: Floats, x: Floats) -> Floats:
    """Least squares of x on z, both centred, [q, d]."""
    return np.linalg.lstsq(z - z.mean(axis=0), x - x.mean(axis=0), rcond=None)[0]


def _directions(z: Floats, x: Floats, count: int) -> Floats:
    """The directions [d, count] in which predictions vary most."""
    fitted = z @ _slopes(z, x)
    values, vectors = np.linalg.eigh(fitted.T @ fitted)
    return vectors[:, np.argsort(-values)[:count]]


def _strength(x: Floats, z: Floats, fold: Folds, most: int) -> Floats:
    """F along each direction [most]: the direction and the prediction are those of other folds."""
    told, seen = np.empty((len(x), most)), np.empty((len(x), most))
    for k in np.unique(fold):
        here = fold == k
        along = _directions(z[~here] - z[~here].mean(axis=0), x[~here] - x[~here].mean(axis=0), most)
        told[here] = (z[here] - z[here].mean(axis=0)) @ _slopes(z[~here], x[~here]) @ along
        seen[here] = (x[here] - x[here].mean(axis=0)) @ along
    slope = (told * seen).sum(axis=0) / np.maximum((told**2).sum(axis=0), 1e-300)
    rest = seen - told * slope
    moved = np.maximum(slope, 0.0) * (told**2).sum(axis=0)
    return moved**2 / np.maximum(((told * rest) ** 2).sum(axis=0), 1e-300)
