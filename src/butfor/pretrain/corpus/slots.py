"""A share of a corpus's slots filled with passages that are made, so that what is read changes and its amount does not.

Idea      A row's number names a slot that is visited once a pass. Passages with one number take turns in it: each pass
          reads new ones, until all were read. With a budget in tokens, two arms that differ in this read equally much.
Limits    Which slots are filled is drawn from the generator that also makes the passages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from butfor.train.marks import MARKS
from butfor.train.method import Rows

if TYPE_CHECKING:
    import numpy as np


def filled(
    rows: Rows, share: float, count: int, make: Callable[[], dict[str, Any]], rng: np.random.Generator
) -> list[tuple[dict[str, Any], bool]]:
    """The rows, a share of their slots filled with `count` passages or one each; and of each row whether it is new.

    A passage takes the row's number and its columns, but none of its marks.
    """
    slots = sorted(rng.permutation(len(rows))[: round(share * len(rows))].tolist())
    taken = set(slots)
    found = [(row, False) for place, row in enumerate(rows) if place not in taken]
    for number in range(max(count, len(slots)) if slots else 0):
        row = rows[slots[number % len(slots)]]
        found.append(({**{key: value for key, value in row.items() if key not in MARKS}, **make()}, True))
    return found
