"""Causal reward modelling: rewards have the same distribution whatever the value of a spurious variable.

Idea      Length, agreement or who is spoken of comes along with what people prefer, and does not make a text better. A
          reward that would be the same had the variable been otherwise satisfies an independence that data can show.
Equation  L = −log σ(r_w − r_l) + λ · Σ over variables, mean over pairs of bins m < m′ of
          MMD²_u(f | Z in m; f | Z in m′)
          f: the reward, or what the head reads of the text, as `of` says. Unconditional: over chosen and rejected
          texts together. Conditional: within the chosen and within the rejected, their mean. Numbers fall into `bins`
          bins of equally many texts; few values, and words, are bins themselves. Kernel: `butfor.train.kernel`, its
          squared width the median of the batch or 1, on rewards in log-odds.
Source    Wang et al. 2025, on the independences of Veitch et al. 2021.
Example   [treatment]
          method = "align.reward.invariant"
          variables = ["length"]
          strength = 3.0
          conditional = true
Known     Where quality and variable are independent, the penalty takes the variable's part and leaves that of quality.
Limits    λ = 0 is the plain reward, bit for bit. The independence is implied by the invariance, and does not imply it.
          Where better texts are longer, unconditional independence forbids part of the quality itself: `conditional`
          asks for less, and `reward.deconfound` for none. The published sum over pairs is this mean times their number.
          Bins of fewer than two texts in a batch do not count: many bins take large batches.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from butfor.align.reward.sides import column, paired, sides
from butfor.core.errors import UserError
from butfor.train.kernel import meet, penalty
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import REJECTED, under

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from butfor.lm import LM
    from butfor.train.batches import Batches

BIN = "invariant_bin_"
FEWEST = 8  # texts of a bin
LEAST = 1.0  # squared width of the kernel on rewards


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant(Method):
    """Keep the reward independent of what should not count."""

    objectives: ClassVar[tuple[str, ...]] = ("reward",)
    variables: tuple[str, ...] = ("length",)  # columns of the texts, of both where they are preferences
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    bins: Annotated[int, Field(ge=2)] = 8
    of: Literal["reward", "features"] = "reward"
    conditional: bool = False

    def __post_init__(self) -> None:
        if not self.variables or len(set(self.variables)) < len(self.variables):
            raise ValueError("variables names the columns that should not count, one or more, each once")

    @property
    def idle(self) -> frozenset[str]:
        """Without strength nothing is asked for."""
        return frozenset() if self.strength else frozenset({"data", "attach", "loss"})

    def fits(self, rows: Rows) -> None:
        for name in self.variables:
            binned(name, column(rows, name), self.bins)
        if self.conditional and not paired(rows):
            raise UserError("scores have no chosen and rejected texts to compare within; set conditional = false")

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:  # noqa: ARG002
        """The rows, each text with the bin that each variable puts it in."""
        if not self.strength:
            return rows
        found = [binned(name, column(rows, name), self.bins) for name in self.variables]
        changed = [
            [
                {**text, **{f"{BIN}{n}": one[which][place] for n, one in enumerate(found)}}
                for place, text in enumerate(own)
            ]
            for which, own in enumerate(sides(rows))
        ]
        if len(changed) == 1:
            return changed[0]
        return [{**row, "beside": {**row["beside"], REJECTED: other}} for row, other in zip(*changed, strict=True)]

    @contextmanager
    def attach(self, lm: LM, planned: Batches, rng: np.random.Generator) -> Generator[None]:  # noqa: ARG002
        """Hangs nothing on the model; refuses a training in which the penalty would always be zero."""
        if self.strength and self.of == "features" and planned.features:
            raise UserError(
                'train.adapt = "head" holds the features as they are, and no penalty moves them; '
                'set of = "reward", or train.adapt = "lora" or "full"'
            )
        for number, name in enumerate(self.variables if self.strength else ()):
            if not any(self._meet(planned.rows_at(step), f"{BIN}{number}") for step in range(len(planned))):
                raise UserError(f"no batch holds two texts of two bins each of {name}: raise train.batch_size")
        yield

    def _meet(self, rows: Rows, bin_of: str) -> bool:
        """Whether two bins of two texts each are compared in a batch."""
        found = sides(rows)
        return meet((self.conditional and side, text[bin_of]) for side, texts in enumerate(found) for text in texts)

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:  # noqa: ARG002
        """The loss of the reward and the penalty."""
        import torch

        if not self.strength:
            return outputs.loss
        read, texts = [outputs], [batch]
        if outputs.rejected is not None:
            read, texts = [outputs, outputs.rejected], [batch, under(batch, REJECTED)]
        seen = torch.cat([one.features if self.of == "features" else one.logits for one in read])  # [2B, D], or [B, D]
        which = torch.arange(len(read), device=seen.device).repeat_interleave(len(outputs.logits))
        given = which if self.conditional else torch.zeros_like(which)
        least = 1e-12 if self.of == "features" else LEAST
        asked = [
            penalty(seen, given, torch.cat([one[f"{BIN}{n}"] for one in texts]), least)
            for n in range(len(self.variables))
        ]
        return outputs.loss + self.strength * torch.stack(asked).sum()


def binned(name: str, values: list[list[Hashable]], bins: int) -> list[list[int]]:
    """The bin of each text, side by side: numbers in bins of equally many, a few values or words each in its own."""
    pooled = [value for side in values for value in side]
    words = [value for value in pooled if isinstance(value, str)]
    if words and len(set(pooled)) > bins:
        raise UserError(
            f"the column {name!r} has {len(set(pooled))} values such as {words[0]!r}, and {bins} bins are asked for; "
            "raise bins, or name a column of fewer values"
        )
    codes = np.array([str(value) for value in pooled] if words else pooled)
    if len(set(pooled)) > bins:
        edges = np.quantile(codes, np.linspace(0, 1, bins + 1)[1:-1])
        above = np.searchsorted(edges, codes, side="right")
        codes = above if np.ptp(above) else np.searchsorted(edges, codes)  # most texts have the least value
    found, counts = np.unique(codes, return_inverse=True, return_counts=True)[1:]
    if not words:
        found = _merged(counts)[found]
        counts = np.bincount(found)
    if len(counts) < 2 or counts.min() < FEWEST:
        raise UserError(
            f"of the column {name!r} a bin holds {counts.min()} of {len(pooled)} texts; two bins or more of {FEWEST} "
            "or more are needed: give more rows, or merge values"
        )
    each = iter(found.tolist())
    return [[next(each) for _ in side] for side in values]


def _merged(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """A number for each of these bins, in order, such that small ones go with their neighbours below."""
    number, held, found = 0, 0, []
    for count in counts:
        if held >= FEWEST:
            number, held = number + 1, 0
        held += count
        found.append(number)
    last = number - 1 if held < FEWEST and number else number
    return np.minimum(found, last)
