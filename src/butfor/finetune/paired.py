"""Rows and their counterfactuals: where the other text of a pair comes from, and which of the two is learnt.

by        "human": what stands beside a row as "pair" in the corpus; "rules": the word map of `variable`, with seed 0
          in every run (`data.counterfactual.rules`); a path: a file of counterfactuals, joined by the rows' ids
          (`data.counterfactual`: generated, or edited by a person). Those with a reason against them, or whose text
          did not change, are left out: such a row has no counterfactual.
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
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from butfor.core.errors import UserError
from butfor.train.marks import MARKS
from butfor.train.method import Batch, Method, Rows
from butfor.train.naming import named
from butfor.train.task import read, under

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from transformers import PreTrainedModel

PAIR, WEIGHT = "pair", "weight"
HUMAN, RULES = "human", "rules"
SAMPLE = 50  # rows that show whether the rules can work on a corpus
Source = Literal["original", "revised", "both"]
Size = Literal["equal", "all"]
Row = dict[str, Any]
Texts = tuple[str, str, str]  # a text, its counterfactual, and the value that it was made for


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired(Method):
    """What methods that learn from counterfactual pairs have in common."""

    source: Source = "original"
    by: str = HUMAN
    size: Size = "equal"
    variable: str = "sentiment"  # whose word map "rules" takes

    def fits(self, rows: Rows) -> None:
        """Refuse a corpus without pairs."""
        self.first_pairs(rows)

    def first_pairs(self, rows: Rows) -> list[tuple[Row, Row]]:
        """Rows with a counterfactual, quickly."""
        rows = rows[:: -(-len(rows) // SAMPLE) or 1] if self.by == RULES else rows  # all over: they may be sorted
        found = counterfactuals(rows, self.by, self.variable)
        return [(row, other) for row, other in zip(rows, found, strict=True) if other is not None]

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """The rows that are learnt, each with the other text of its pair."""
        others = counterfactuals(rows, self.by, self.variable)
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
        if all(other.get("label") == row.get("label") for row, other in self.first_pairs(rows)):
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


def counterfactuals(rows: Rows, by: str, variable: str) -> list[Row | None]:
    """The counterfactual of each row, or None; refuses rows of which none has one."""
    if by == HUMAN:
        return [_beside(place, row) for place, row in enumerate(rows)]
    told = tuple(
        (str(row.get("id", place)), row["text"], row.get("label"), tuple(map(str, row.get("options", ()))))
        for place, row in enumerate(rows)
    )
    made = _by_rules(told, variable) if by == RULES else _of_file(_path(by))
    found: list[Row | None] = []
    for row, (name, text, _, _) in zip(rows, told, strict=True):
        base, new, wanted = made.get(name, (text, text, ""))
        if base != text:
            raise UserError(f"{by} was made of another text than that of row {name}; make it of this corpus")
        found.append(None if new == text else _labelled(row, new, wanted, name))
    if all(other is None for other in found):
        raise UserError(
            f"{by} holds no counterfactual that can be used of any of the {len(rows)} rows (e.g. of row {told[0][0]}); "
            "they are joined by id"
        )
    return found


@lru_cache(maxsize=4)  # every arm and seed asks for the same ones
def _by_rules(told: tuple[tuple[str, str, Any, tuple[str, ...]], ...], variable: str) -> dict[str, Texts]:
    from butfor.data.counterfactual import OTHER, cases
    from butfor.data.counterfactual.rules import Rules

    rows = [{"id": name, "text": text, "label": label, "options": options} for name, text, label, options in told]
    values = {value for _, _, label, options in told for value in (options or (str(label),))}
    if len(values) > 2:
        raise UserError(
            f"by = 'rules' turns one of two values into the other, and these rows have {len(values)} "
            f"({', '.join(sorted(values)[:5])}); give a file that butfor counterfactuals made"
        )
    todo = cases(rows, variable, OTHER)
    made = zip(todo, Rules().make(todo, 0), strict=True)
    return {case.id: (case.text, draft.text, case.wanted) for case, draft in made if not draft.refused}


def _of_file(path: str) -> dict[str, Texts]:
    from butfor.core.keys import file_digest
    from butfor.data.find import saw

    return _read(path, file_digest(saw(Path(path))))


@lru_cache(maxsize=4)
def _read(path: str, content: str) -> dict[str, Texts]:  # noqa: ARG001
    from butfor.data.counterfactual.made import read

    found: dict[str, Texts] = {}
    for one in read(path):
        if one.kept and one.id in found:
            raise UserError(f"{path} holds two counterfactuals of row {one.id}, one by {one.maker}; keep one maker's")
        if one.kept:
            found[one.id] = one.pair.base, one.pair.counterfactual, one.wanted
    return found


def _beside(place: int, row: Row) -> Row:
    other = row.get("beside", {}).get(PAIR)
    name = named(row, place)
    if not other or not isinstance(other.get("text"), str) or not other["text"].strip():
        raise UserError(
            f"no counterfactual stands beside row {name}: by = 'human' needs rows with beside.pair, as in the corpus "
            "cad; or by = 'rules', or the path of a file"
        )
    label = other.get("label")
    if "label" in row and (type(label) is not type(row["label"]) or (isinstance(label, int) and label < 0)):
        raise UserError(f"the counterfactual of row {name} has the label {label!r}; give it one, as the row has")
    if other["text"].split() == row["text"].split():
        raise UserError(f"the counterfactual of row {name} has the same words as the row; leave the row out")
    return other


def _labelled(row: Row, text: str, wanted: str, name: str) -> Row:
    """A generated text as a row of its own, with the label that it was made for."""
    if "label" not in row:
        return {"text": text}
    words = [str(option).strip() for option in row.get("options", ())]
    if words and wanted not in words:
        raise UserError(f"row {name}: the counterfactual is {wanted!r}, and the row's options are {', '.join(words)}")
    if not words and not wanted.isdigit():
        raise UserError(f"row {name}: the counterfactual is {wanted!r}, and the row has no options to find it among")
    label = words.index(wanted) if words else int(wanted)
    return {"text": text, "label": label, **({"options": row["options"]} if words else {})}


def _with(row: Row, other: Mapping[str, Any] | None) -> Row:
    """The row with the other text of its pair beside it, or its own where there is none; with the row's columns."""
    own = {key: value for key, value in row.items() if key not in MARKS}
    told = row if other is None else {**own, **other}
    beside = {key: value for key, value in told.items() if key not in {"row", "id", "beside"}}
    return {**row, "beside": {PAIR: {**beside, WEIGHT: float(other is not None)}}}


def _path(by: str) -> str:
    path = Path(by).expanduser()
    if not path.is_file():
        raise UserError(
            f"{by} is no file of counterfactuals; by = 'human' takes what the corpus holds, 'rules' makes them"
        )
    return str(path)
