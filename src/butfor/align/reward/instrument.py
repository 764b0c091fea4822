"""Reward by instrument: learnt from what a randomised choice does to the texts, and from nothing else that is in them.

Idea      Who writes, which ranker or which prompt is drawn at random moves what is shown, and the outcome only through
          that. What the instrument predicts of a text is free of whatever else moves text and outcome together.
Equation  x: what the head reads of a text; of a pair, with `first`, that of the text shown first less the other's.
          First stage    x̂ = E[x | Z], least squares on rows that share no fold of texts with the row. T = (S +
          s·I)^−½, S the covariance of what Z
                         leaves of x. V: the orthonormal directions in which x̂ T varies most.
                         P = (x̂ − x̄) T V A, A the slopes of x T V on its prediction: what is left goes with P no more.
          Second stage   scores       L = (r(P) − y)² / 2,     r(P) = W V P + b
                         preferences  L = −log σ(r(P_w) − r(P_l)), each text by its own instrument, or with `first`
                                      L = −log σ(±r(P)), + where the text shown first was preferred
          When training ends W becomes W V V′T: of all rewards that say this of P, the one that varies least with what
          the instrument does not move.
          A direction counts where F, the squared robust t of x on its prediction along it (T, V and x̂ from the other
          folds), is `weakest` or more. A text that stands in many rows is one draw; with `first`, so are rows of the
          same two texts and instruments.
Source    two-stage least squares, cross-fitted as in Angrist, Imbens & Krueger 1999; F > 10: Staiger & Stock 1997.
Example   [treatment]
          method = "align.reward.instrument"
          instruments = ["ranker"]
          first = "first"
Known     Where a hidden cause moves a feature of texts and their scores, and a random ranker moves the feature, the
          slope of the reward on it is that of the feature itself. On scores the second stage comes to the cross-fitted
          two-stage least squares of y on x T V.
Limits    Refuses where no direction is strong. K values of an instrument tell at most K − 1 directions: the rest of
          what a text is worth stays unknown. That the instrument is random, and acts through the texts alone, is an
          assumption; where it moves length along with quality, so does the reward. Of preferences the log-odds are
          scaled down by what the prediction leaves out; their order is not. A column of the pair is no instrument
          without `first`: which text was preferred is the outcome. Takes train.adapt = "head": features that move have
          no first stage.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import numpy as np
from pydantic import Field

from butfor.align.reward.nuisance import levels, spread
from butfor.align.reward.sides import apart, column, kept, look_up, numbered, paired, places, read_before
from butfor.core.errors import DataError, UserError
from butfor.lm.head import NAME
from butfor.scm.estimate.nuisance import folds_of
from butfor.train.columns import column as of_rows
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import SCORE, labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Parts = list[tuple[Any, Any]]  # rows, and those whose fits judge them

PREDICTED, SIGN, ALONG = "instrument_predicted", "instrument_sign", "butfor_instrument_along"
ROWS_A_TERM = 20  # rows for each term of the instruments, at least
NAMES = 32  # numbers of so many values or fewer are names
SHRINK = 0.1  # of the mean variance of what is read: s


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument(Method):
    """Learn a reward from what a random instrument makes of the texts."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    instruments: tuple[str, ...] = ("ranker",)  # columns of the texts; with `first`, of the pairs
    first: str = ""  # a column: 1 where the preferred text was shown first, else 0
    weakest: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    most: Annotated[int, Field(ge=1)] = 8  # directions
    folds: Annotated[int, Field(ge=3)] = 5  # of the texts

    def __post_init__(self) -> None:
        if not self.instruments or len(set(self.instruments)) < len(self.instruments):
            raise ValueError("instruments names the columns of what was drawn at random, one or more, each once")

    def fits(self, rows: Rows) -> None:
        z = self.terms(rows)
        if len(rows) < ROWS_A_TERM * z[0].shape[1]:
            raise UserError(
                f"{len(rows)} rows are too few for {z[0].shape[1]} terms of the instruments; "
                f"give {ROWS_A_TERM * z[0].shape[1]} or more, or merge values"
            )
        if self.first:
            self.signs(rows)
        elif len(z) == 2 and not np.any(z[0] != z[1]):
            raise UserError(
                f"{', '.join(self.instruments)} is alike in both texts of every pair, and moves neither against the "
                "other; name what was drawn for each text, or say in a column which text was shown first: first"
            )

    def terms(self, rows: Rows) -> list[Floats]:
        """The instruments as numbers, [n, q] of each text of a row, or of the row."""
        labelled(rows, "reward")
        found: list[list[Floats]] = []
        for name in self.instruments:
            values = [of_rows(rows, name)] if self.first else column(rows, name)
            known = {value for side in values for value in side}
            if len(known) < 2:
                raise UserError(f"the instrument {name!r} is {known.pop()!r} on every row: it moves nothing")
            named = len(known) <= NAMES or any(isinstance(value, str) for value in known)
            found.append((levels if named else spread)(name, values)[1])
        return [np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)]

    def signs(self, rows: Rows) -> Floats:
        """+1 for each row whose preferred text was shown first, else −1."""
        if not paired(rows):
            raise UserError("scores are of one text each, none of which is shown first; leave first out")
        found = of_rows(rows, self.first)
        if wrong := set(found) - {0, 1}:
            raise UserError(f"the column {self.first!r} is {wrong.pop()!r} on a row; give 1 or 0")
        return np.array([1.0 if one else -1.0 for one in found])

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:
        """Predict the texts from the instruments; in the end leave of the head what these predictions tell."""
        import torch

        if not planned.features:
            raise UserError('the first stage is fitted on frozen features, once; set train.adapt = "head"')
        rows = [planned.rows[place] for place in places(planned)]
        read, z = read_before(lm, planned), self.terms(rows)
        sign = self.signs(rows) if self.first else np.ones(len(rows))
        x = [(read[0] - read[1]) * sign[:, None]] if self.first else read
        texts = numbered(rows)
        folds = folds_of(np.zeros(int(texts.max()) + 1, dtype=np.int64), self.folds, rng)
        seen = texts if self.first else texts.T.reshape(-1, 1)  # [N, 2] or [N, 1]
        drawn = np.unique(np.column_stack([np.sort(seen), *z] if self.first else [seen]), axis=0, return_inverse=True)[
            1
        ]
        parts = list(apart(seen, folds))
        found = first_stage(np.concatenate(x), np.concatenate(z), parts, drawn.ravel(), self.most, self.weakest)
        lm.notes.append(f"instrument: {found}")
        each = np.split(found.predicted, len(x))
        columns = {PREDICTED: each[0] - each[1] if len(each) == 2 else each[0], SIGN: sign}
        setattr(lm.model, ALONG, torch.from_numpy(found.along.astype(np.float32)).to(lm.device))
        try:
            with kept(lm, planned, columns):
                yield
        finally:
            delattr(lm.model, ALONG)
        head: Any = getattr(lm.model, NAME)[1]
        learnt = head.weight.detach().double().cpu().numpy() @ found.along @ found.along.T @ found.turned  # [1, d]
        middle = np.concatenate(read).mean(axis=0)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(learnt))
            head.bias.copy_(head.bias * (not paired(rows)) - float((learnt @ middle)[0]))

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss of the reward of what the instruments predict."""
        from torch.nn.functional import logsigmoid

        head = getattr(model, NAME)[1]
        worth = look_up(model, batch, PREDICTED) @ (head.weight @ getattr(model, ALONG))[0]  # [B]
        if outputs.rejected is None:
            return (worth + head.bias - batch[SCORE]).square().mean() / 2
        if not self.first:
            return -logsigmoid(worth).mean()
        return -logsigmoid(look_up(model, batch, SIGN) * (worth + head.bias)).mean()  # the bias: being shown first


@dataclass(frozen=True, slots=True, eq=False)
class FirstStage:
    """What instruments predict of the texts, along the directions in which they do."""

    predicted: Floats  # P [N, r], centred
    along: Floats  # V [d, r], orthonormal
    turned: Floats  # T [d, d]
    strength: Floats  # F of every direction that was tried, in order

    def __str__(self) -> str:
        told = ", ".join(f"{f:.3g}" for f in self.strength)
        n, count = self.along.shape[1], len(self.predicted)
        return f"{n} of {len(self.strength)} directions are moved enough (first-stage F = {told}; n={count})"


def first_stage(x: Floats, z: Floats, parts: Parts, drawn: Codes, most: int, weakest: float) -> FirstStage:
    """Predict x [N, d] from z [N, q] by parts; refuses instruments that move no direction of it.

    `drawn` [N]: rows of one draw of the instrument have one number.
    """
    most = min(most, z.shape[1], x.shape[1])
    strength = _strength(x, z, parts, drawn, most)
    count = int(np.argmax(np.append(strength < weakest, True)))
    if not count:
        raise DataError(
            f"the instrument is weak: it moves what the model reads with a first-stage F of {strength[0]:.2g}, under "
            f"{weakest:g}; give more rows or a stronger instrument, or learn without one (method = 'standard')"
        )
    turned, along = _directions(z, x, count)
    seen = (x - x.mean(axis=0)) @ turned @ along
    first = np.empty_like(seen)
    for here, others in parts:
        first[here] = (z[here] - z[others].mean(axis=0)) @ _slopes(z[others], x[others]) @ turned @ along
    first -= first.mean(axis=0)
    return FirstStage(first @ np.linalg.solve(first.T @ first, first.T @ seen), along, turned, strength)


def _slopes(z: Floats, x: Floats) -> Floats:
    """Least squares of x on z, both centred, [q, d]."""
    return np.linalg.lstsq(z - z.mean(axis=0), x - x.mean(axis=0), rcond=None)[0]


def _directions(z: Floats, x: Floats, count: int) -> tuple[Floats, Floats]:
    """T [d, d], and the directions [d, count] in which predictions of x T vary most."""
    x = x - x.mean(axis=0)
    fitted = (z - z.mean(axis=0)) @ _slopes(z, x)
    spread = (x - fitted).T @ (x - fitted) / len(x)
    values, vectors = np.linalg.eigh(spread)
    turned = vectors / np.sqrt(np.maximum(values, 0) + SHRINK * values.mean()) @ vectors.T
    values, vectors = np.linalg.eigh(turned @ (fitted.T @ fitted) @ turned)
    return turned, vectors[:, np.argsort(-values)[:count]]


def _strength(x: Floats, z: Floats, parts: Parts, drawn: Codes, most: int) -> Floats:
    """F along each direction [most]: the direction and the prediction are those of other folds."""
    told, seen = np.empty((len(x), most)), np.empty((len(x), most))
    for here, others in parts:
        turned, along = _directions(z[others], x[others], most)
        told[here] = (z[here] - z[here].mean(axis=0)) @ _slopes(z[others], x[others]) @ turned @ along
        seen[here] = (x[here] - x[here].mean(axis=0)) @ turned @ along
    slope = (told * seen).sum(axis=0) / np.maximum((told**2).sum(axis=0), 1e-300)
    rest = seen - told * slope
    moved = np.maximum(slope, 0.0) * (told**2).sum(axis=0)
    noise = np.zeros((int(drawn.max()) + 1, most))
    np.add.at(noise, drawn, told * rest)
    return moved**2 / np.maximum((noise**2).sum(axis=0), 1e-300)
