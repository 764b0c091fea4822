"""Rows and their counterfactuals: where the other text of a pair comes from, and which of the two is learnt.

by        "human": what stands beside a row as "pair" in the corpus; a path: a file of counterfactuals, joined by the
          rows' ids (`data.counterfactual`: generated, or edited by a person). Those with a reason against them, or
          whose text did not change, are left out: such a row has no counterfactual.
source    "original": the rows; "revised": their counterfactuals; "both": a row and its counterfactual take turns in
          the row's slot, so that the budget is the same.
size      "equal": no more different texts than there are rows (of "both": about half of the rows, drawn by the seed,
          each with its counterfactual); "all": every row and every counterfactual.
Beside    Each row that is learnt has the other text of its pair beside it, with `weight` 1; where there is none its own
          text, with `weight` 0.
Limits    source = "original" changes no row, its order or its slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from butfor.core.errors import UserError
from butfor.train.marks import MARKS
from butfor.train.method import Batch, Method, Rows
from butfor.train.task import read, under

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

PAIR, HUMAN, WEIGHT = "pair", "human", "weight"
Source = Literal["original", "revised", "both"]
Size = Literal["equal", "all"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired(Method):
    """What methods that learn from counterfactual pairs have in common."""

    source: Source = "original"
    by: str = HUMAN
    size: Size = "equal"

    def fits(self, rows: Rows) -> None:
        counterfactuals(rows, self.by)

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows that are learnt, each with the other text of its pair."""
        others = counterfactuals(rows, self.by)
        if self.source == "original":
            return [_with(row, other) for row, other in zip(rows, others, strict=True)]
        chosen: Rows = []
        for place in (int(n) for n in rng.permutation(len(rows))):
            row, other = rows[place], others[place]
            if self.source == "both":
                chosen.append(_with(row, other))
            if other is not None:
                kept = {key: value for key, value in row.items() if key not in MARKS | {"text", "beside"}}
                chosen.append(_with({**kept, **other}, row))
            if self.size == "equal" and len(chosen) >= len(rows):
                break
        return chosen[: len(rows)] if self.size == "equal" else chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLoss(Paired):
    """What methods that add a penalty on pairs have in common."""

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    objectives: ClassVar[tuple[str, ...]] = ("label", "choice")

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus without pairs, or whose pairs have one label each: nothing tells them apart."""
        found = counterfactuals(rows, self.by)
        if not any(other and other.get("label") != row.get("label") for row, other in zip(rows, found, strict=True)):
            raise UserError("no counterfactual has another label than its row: there is nothing to tell apart")

    def loss(self, model: PreTrainedModel, batch: Batch, outputs: Any) -> Tensor:
        """The loss and the mean penalty over the pairs of the batch."""
        if self.strength == 0:
            return outputs.loss
        pair = under(batch, PAIR)
        each = self.penalty(model, Side(outputs, batch["label"]), Side(read(model, pair), pair["label"]))
        weight = pair[WEIGHT].to(each.dtype)
        return outputs.loss + self.strength * (weight * each).sum() / weight.sum().clamp_min(1.0)

    def penalty(self, model: PreTrainedModel, row: Side, other: Side) -> Tensor:
        """The penalty of each pair, [B]."""
        raise NotImplementedError


class Side(NamedTuple):
    """One text of each pair of a batch: what the model makes of it, and its label [B]."""

    outputs: Any
    label: Tensor

    def at(self, label: Tensor) -> Tensor:
        """The logit of this label, [B] <- [B]."""
        return self.outputs.logits.gather(1, label[:, None])[:, 0]


def counterfactuals(rows: Rows, by: str) -> list[Row | None]:
    """The counterfactual of each row, or None; refuses rows of which none has one."""
    if by == HUMAN:
        return [_beside(place, row) for place, row in enumerate(rows)]
    from butfor.data.counterfactual.made import read

    made = {one.id: one for one in read(_path(by)) if one.kept and one.pair.base_spans}
    found: list[Row | None] = []
    for place, row in enumerate(rows):
        one = made.get(str(row.get("id", place)))
        if one is not None and one.pair.base != row["text"]:
            raise UserError(f"{by} was made of another text than that of row {one.id}; make it of this corpus")
        found.append(None if one is None else _labelled(row, one.pair.counterfactual, one.wanted, one.id))
    if all(other is None for other in found):
        raise UserError(
            f"{by} holds no counterfactual that can be used of any of the {len(rows)} rows (e.g. row "
            f"{rows[0].get('id', 0)}); they are joined by id"
        )
    return found


def _beside(place: int, row: Row) -> Row:
    other = row.get("beside", {}).get(PAIR)
    name = row.get("id", place)
    if not other or not isinstance(other.get("text"), str):
        raise UserError(
            f"no counterfactual stands beside row {name}: by = 'human' needs rows with beside.pair, as in the corpus "
            "cad; or give the path of a file of counterfactuals"
        )
    if other["text"].split() == row["text"].split():
        raise UserError(f"the counterfactual of row {name} has the same words as the row; leave the row out")
    return other


def _labelled(row: Row, text: str, wanted: str, name: str) -> Row:
    """A generated text as a row of its own, with the label that it was made for."""
    words = [str(option).strip() for option in row.get("options", ())]
    if words and wanted not in words:
        raise UserError(f"row {name}: the counterfactual is {wanted!r}, and the row's options are {', '.join(words)}")
    if not words and not wanted.isdigit():
        raise UserError(f"row {name}: the counterfactual is {wanted!r}, and the row has no options to find it among")
    label = {"label": words.index(wanted) if words else int(wanted)} if "label" in row else {}
    return {"text": text, **label, **({"options": row["options"]} if words else {})}


def _with(row: Row, other: Mapping[str, Any] | None) -> Row:
    """The row with the other text of its pair beside it, or its own where there is none."""
    told = row if other is None else other
    beside = {key: value for key, value in told.items() if key not in {"row", "id", "beside"}}
    return {**row, "beside": {PAIR: {**beside, WEIGHT: float(other is not None)}}}


def _path(by: str) -> str:
    from pathlib import Path

    path = Path(by).expanduser()
    if not path.is_file():
        raise UserError(f"{by} is no file of counterfactuals; by = 'human' takes what the corpus holds")
    return str(path)
