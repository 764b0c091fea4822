"""What a policy was seen to do, and what another one would do: the two kinds of log that policies are judged from.

Log      short actions (which prompt, tool, model): K of them, their probabilities under both policies known
Answers  whole texts: few have an outcome (an oracle's label), all have a cheap judgement; beside them the judgements of
         what the target policy says to the same prompts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Codes, Columns, Floats

SUM = 1e-6  # how far probabilities of all actions may be from adding up to 1


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Logged choices among K actions. Refuses probabilities that are none, and what was done with probability zero."""

    data: Columns  # features of the contexts, n rows
    action: Codes  # [n], 0 to K - 1
    outcome: Floats  # [n]
    logging: Floats  # [n, K], the probabilities by which was chosen
    target: Floats  # [n, K], those of the policy in question
    cluster: Codes | None = None  # [n], what hangs together

    def __post_init__(self) -> None:
        rows = len(self.action)
        for name in ("logging", "target"):
            given = getattr(self, name)
            if given.ndim != 2 or len(given) != rows or given.shape != self.logging.shape:
                raise DataError(f"{name} has the shape {given.shape}; it needs a row for each of {rows} choices")
            if not (np.isfinite(given).all() and (given >= 0).all() and (abs(given.sum(1) - 1) < SUM).all()):
                row = int(np.argmin(np.isfinite(given).all(1) & (given >= 0).all(1) & (abs(given.sum(1) - 1) < SUM)))
                raise DataError(f"{name} of row {row} is {given[row].tolist()}, which are no probabilities")
        if rows == 0 or self.outcome.shape != (rows,) or not np.isfinite(self.outcome).all():
            raise DataError("every choice needs an outcome that is a finite number, and there must be some")
        if self.data.names and self.data.n != rows:
            raise DataError(f"the contexts have {self.data.n} rows; there are {rows} choices")
        if self.cluster is not None and self.cluster.shape != (rows,):
            raise DataError(f"cluster has the shape {self.cluster.shape}; it needs a number for each of {rows} choices")
        if self.action.min() < 0 or self.action.max() >= self.logging.shape[1]:
            raise DataError(f"actions are numbers from 0 to {self.logging.shape[1] - 1}")
        if (zero := self.chosen == 0).any():
            raise DataError(
                f"row {int(np.argmax(zero))}: what was done had the logged probability 0; "
                "log what the policy really did, or leave such rows out"
            )

    @property
    def chosen(self) -> Floats:
        """The logged probability of what was done. [n]"""
        return self.logging[np.arange(len(self.action)), self.action]

    @property
    def weights(self) -> Floats:
        """How much likelier the target policy does what was done. [n]"""
        return self.target[np.arange(len(self.action)), self.action] / self.chosen


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Logged texts with judgements, and judgements of the target policy's own texts to the same prompts."""

    prompt: Codes  # [n], which prompt a logged text answers
    judge: Floats  # [n], of the logged texts
    outcome: Floats  # [n], nan where nobody labelled
    fresh_prompt: Codes  # [m]
    fresh: Floats  # [m], judgements of the target policy's texts; none where only weights are to be used
    ratio: Floats | None = None  # [n], log probability of a logged text under the target less that when it was logged
    fresh_outcome: Floats | None = None  # [m], nan where nobody labelled; without it, no text of the target is labelled
    fresh_ratio: Floats | None = None  # [m], like `ratio`, of the target's texts

    def __post_init__(self) -> None:
        for name, size in (("judge", len(self.prompt)), ("fresh", len(self.fresh_prompt))):
            given = getattr(self, name)
            if given.shape != (size,) or not np.isfinite(given).all():
                raise DataError(f"{name} needs a finite judgement for each of its {size} texts")
        if self.outcome.shape != self.judge.shape:
            raise DataError("outcome needs a place for every logged text: nan where nobody labelled it")
        own = 0 if self.fresh_outcome is None else int(np.isfinite(self.fresh_outcome).sum())
        if int(np.isfinite(self.outcome).sum()) + own < 2:
            raise DataError(
                "fewer than two texts have an outcome: nothing ties the judgements to it; label a random few of them"
            )
        for name, given, like in (("ratio", self.ratio, self.judge), ("fresh_ratio", self.fresh_ratio, self.fresh)):
            if given is not None and not (given.shape == like.shape and np.isfinite(given).all()):
                raise DataError(f"{name} needs a finite number for each of its texts")
        if self.fresh_outcome is not None and self.fresh_outcome.shape != self.fresh.shape:
            raise DataError("fresh_outcome needs a place for every text of the target: nan where nobody labelled it")
