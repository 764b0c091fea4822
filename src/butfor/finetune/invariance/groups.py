"""Which group a row belongs to, from its columns; and what the five methods of invariance share.

Idea      A group is a combination of the values of some columns: `groups = ["environment"]` (where a row was found),
          or `groups = ["label", "mark"]` (what is known to come along with the label). Every method adds a penalty on
          how a batch's rows differ from group to group.
Equation  L = L_task + λ · penalty, λ = `strength`; for the first `after` steps L = L_task.
Limits    λ = 0 is plain fine-tuning, bit for bit. Groups that a batch lacks do not count in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from butfor.core.errors import UserError
from butfor.train.columns import column
from butfor.train.kernel import meet
from butfor.train.method import Batch, Method, Rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches
    from butfor.train.loop import TrainSettings

GROUP, GIVEN = "invariance_group", "invariance_given"
FLOOR = -30.0  # log-probabilities below this are cut, so that an option that a row lacks stays finite
Of = Literal["answers", "features"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped(Method):
    """A method that adds a penalty on differences between groups of rows."""

    objectives: ClassVar[tuple[str, ...]] = ("label", "choice")
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    groups: tuple[str, ...] = ("environment",)
    after: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if not self.groups or len(set(self.groups)) < len(self.groups):
            raise ValueError("groups names the columns that make a group, one or more, each once")

    def fits(self, rows: Rows) -> None:
        names(rows, self.groups)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows, each with the number of its group."""
        number = {name: n for n, name in enumerate(names(rows, self.groups))}
        return [{**row, GROUP: number[_name(row, self.groups)]} for row in rows]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Hangs nothing on the model; refuses a training in which the penalty would always be zero."""
        if self.strength > 0 and self.begins(lm, planned):
            self.works(planned)
        yield

    def begins(self, lm: LM, planned: Batches) -> bool:
        """Whether the penalty begins before training ends; says so where it does not."""
        if self.after >= len(planned):
            lm.notes.append(f"invariance: after = {self.after} leaves no step of {len(planned)} with the penalty")
        return self.after < len(planned)

    def asked(self, planned: Batches) -> Iterator[Rows]:
        """The rows of each batch that has the penalty."""
        return map(planned.rows_at, range(self.after, len(planned)))

    def works(self, planned: Batches) -> None:
        """Refuse batches in which no two groups meet."""
        if not any(meet((0, row[GROUP]) for row in rows) for rows in self.asked(planned)):
            raise UserError(
                f"no batch holds two rows of two groups each ({', '.join(self.groups)}): raise train.batch_size"
            )

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss and the penalty."""
        if self.strength == 0 or int(batch["step"]) < self.after:
            return outputs.loss
        return outputs.loss + self.strength * self.penalty(batch, outputs)

    def penalty(self, batch: Batch, outputs: Any) -> Tensor:
        """How far the groups of a batch differ, []."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched(Grouped):
    """A method that makes what the model makes of the rows alike from group to group.

    of     "answers": the log-probabilities of the labels, centred; "features": what the head reads
    given  a column within whose values groups are compared, "" for none
    """

    of: Of = "answers"
    given: str = "label"

    def __post_init__(self) -> None:
        Grouped.__post_init__(self)
        if self.given in self.groups:
            raise ValueError(f"within one value of {self.given!r} there are no groups of {self.given!r}; set given")

    def fits(self, rows: Rows) -> None:
        Grouped.fits(self, rows)
        if self.given:
            column(rows, self.given)

    def suits(self, settings: TrainSettings, rows: Rows, model: str) -> str:  # noqa: ARG002
        if self.strength and self.of == "features" and settings.adapt == "head":
            return (
                'train.adapt = "head" holds the features as they are, and no penalty moves them; '
                'set of = "answers", or train.adapt = "lora" or "full"'
            )
        return ""

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows, each with the number of its group, and of the value within which groups are compared."""
        rows = Grouped.data(self, rows, rng)
        cells = [str(row[self.given]) if self.given else "" for row in rows]
        number = {value: n for n, value in enumerate(sorted(set(cells)))}
        return [{**row, GIVEN: number[cell]} for row, cell in zip(rows, cells, strict=True)]

    def works(self, planned: Batches) -> None:
        Grouped.works(self, planned)
        if not any(meet((row[GIVEN], row[GROUP]) for row in rows) for rows in self.asked(planned)):
            raise UserError(
                f"no batch holds two rows of two groups each ({', '.join(self.groups)}) with the same {self.given}: "
                "raise train.batch_size, or set another given"
            )

    def seen(self, outputs: Any) -> Tensor:
        """What is compared, [B, D]."""
        return outputs.features if self.of == "features" else answers(outputs.logits)


def names(rows: Rows, columns: tuple[str, ...]) -> list[str]:
    """The names of all groups, sorted; refuses columns that rows lack, a single group, and a group of one row."""
    for name in columns:
        column(rows, name)
    counts = Counter(_name(row, columns) for row in rows)
    if len(counts) < 2:
        raise UserError(f"all rows are of one group ({min(counts, default='no row')}): invariance needs two or more")
    small, n = min(counts.items(), key=lambda item: (item[1], item[0]))
    if n < 2:
        raise UserError(
            f"the group {small} has one row; a group needs two or more: merge it with another, or leave it out"
        )
    return sorted(counts)


def _name(row: dict[str, Any], columns: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in columns)


def losses(batch: Batch, outputs: Any) -> Tensor:
    """The loss of each row, [B]; their mean is `outputs.loss`."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs.logits, batch["label"], reduction="none")


def answers(logits: Tensor) -> Tensor:
    """[B, C] <- [B, C]: log-probabilities, centred: for two labels half the log-odds, once with each sign."""
    said = logits.log_softmax(-1).clamp_min(FLOOR)
    return said - said.mean(-1, keepdim=True)


def parts(batch: Batch, least: int = 2) -> list[Tensor]:
    """Which rows belong to each group that has `least` rows in the batch, [B] each."""
    masks = [batch[GROUP] == group for group in batch[GROUP].unique()]
    return [mask for mask in masks if int(mask.sum()) >= least]
