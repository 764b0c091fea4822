"""The texts that a reward is learnt from: their columns, what the model makes of them, and numbers kept for each row.

A preference has two sides, the row and what stands beside it as "rejected"; a score has one. What a method works out
from the model before training is kept for the planned rows, and looked up by step as a batch comes.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from butfor.core.errors import UserError
from butfor.lm.head import NAME, frozen
from butfor.train.batches import STEP
from butfor.train.columns import lacking
from butfor.train.method import Batch, Rows
from butfor.train.naming import named
from butfor.train.task import REJECTED, labelled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from butfor.lm import LM
    from butfor.train.batches import Batches

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

KEPT = "butfor_kept"  # an attribute of the model while it trains
TINY = 1e-5  # of the head's layer norm


def sides(rows: Rows) -> list[Rows]:
    """The rows, and those rejected beside them, where they are preferences."""
    return [rows, [row["beside"][REJECTED] for row in rows]] if paired(rows) else [rows]


def paired(rows: Rows) -> bool:
    """Whether the rows are preferences, and not scores."""
    return REJECTED in rows[0].get("beside", {})


def column(rows: Rows, name: str) -> list[list[Hashable]]:
    """A column of the texts of each side; refuses one that a text lacks, and one that never differs."""
    labelled(rows, "reward")
    found: list[list[Hashable]] = []
    for side, which in zip(sides(rows), ("", ": the rejected text"), strict=False):
        for place, text in enumerate(side):
            value, row = text.get(name), named(rows[place], place)
            if isinstance(value, float) and not isfinite(value):
                raise UserError(f"row {row}{which} has the {name} {value!r}; give a number")
            if not isinstance(value, (str, int, float)):
                raise UserError(f"row {row}{which} {lacking(text, name)}; name a column of all texts")
        found.append([text[name] for text in side])
    if len({value for side in found for value in side}) < 2:
        raise UserError(f"the column {name!r} is {found[0][0]!r} of every text: nothing can be told of it")
    return found


def numbers(rows: Rows, name: str) -> list[Floats]:
    """A column of numbers of the texts of each side."""
    found = column(rows, name)
    if wrong := next((value for side in found for value in side if isinstance(value, str)), None):
        raise UserError(f"the column {name!r} holds {wrong!r}; give a column of numbers")
    return [np.array(side, dtype=np.float64) for side in found]


def places(planned: Batches) -> list[int]:
    """The rows that training feeds, by place."""
    return sorted({place for line in planned.plan for place, _ in line})


def read_before(lm: LM, planned: Batches) -> list[Floats]:
    """What the head is going to read of the fed rows before any training, [n, d] for each side, layer norm included."""
    head: Any = getattr(lm.model, NAME)
    found: list[Floats] = []
    for side in sides([planned.rows[place] for place in places(planned)]):
        seen = frozen(lm, [text["text"] for text in side], int(head.length)).astype(np.float64)
        seen -= seen.mean(axis=1, keepdims=True)
        found.append(seen / np.sqrt(seen.var(axis=1, keepdims=True) + TINY))
    return found


def numbered(rows: Rows) -> Codes:
    """Which text stands where, [n, S]: texts that are alike have one number."""
    found = [text["text"] for side in sides(rows) for text in side]
    return np.unique(found, return_inverse=True)[1].reshape(-1, len(rows)).T


def apart(texts: Codes, folds: NDArray[np.int64]) -> Iterator[tuple[Any, Any]]:
    """Rows whose texts are of two folds (or one), and the rows that share no fold with them; `folds` of the texts."""
    of = np.sort(folds[texts], axis=1)  # [n, S]
    for pair in np.unique(of, axis=0):
        here, met = np.asarray(of == pair).all(axis=1), np.asarray(np.isin(of, pair)).any(axis=1)
        yield here, ~met


@contextmanager
def kept(lm: LM, planned: Batches, columns: Mapping[str, Floats]) -> Generator[None]:
    """While this holds, `look_up` gives these columns [n, …], one line for each fed row, of the rows of a batch."""
    import torch

    line_of = {place: line for line, place in enumerate(places(planned))}
    tensors = {name: torch.from_numpy(np.asarray(values, dtype=np.float32)) for name, values in columns.items()}
    steps = [[line_of[place] for place, _ in line] for line in planned.plan]
    setattr(lm.model, KEPT, (tensors, steps))
    try:
        yield
    finally:
        delattr(lm.model, KEPT)


def look_up(model: Any, batch: Batch, name: str) -> Tensor:
    """A kept column of the rows of this batch, [B, …]."""
    tensors, steps = getattr(model, KEPT)
    return tensors[name][steps[int(batch[STEP])]].to(batch["input_ids"].device)
