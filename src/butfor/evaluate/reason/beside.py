"""Numbers that belong to an item but not to its question: a weight, the share of people who said yes.

Idea      They travel in the item's data under one key, so that a record depends on its item alone, and are taken out
          before the question is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from butfor.evaluate.suite import Item

KEY = "beside"


def put(items: Iterable[Item], numbers: Mapping[str, float]) -> Iterator[Item]:
    """The items, each with its number."""
    for item in items:
        yield replace(item, data={**item.data, KEY: numbers[item.id]})


def taken(items: Sequence[Item]) -> tuple[list[Item], list[float]]:
    """The items as they were, and their numbers."""
    plain = [replace(item, data={key: value for key, value in item.data.items() if key != KEY}) for item in items]
    return plain, [float(item.data[KEY]) for item in items]
