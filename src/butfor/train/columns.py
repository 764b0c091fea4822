"""Columns of rows that name what a row belongs to: a label, an attribute, a site, an environment."""

from __future__ import annotations

from collections.abc import Hashable

from butfor.core.errors import UserError
from butfor.train.batches import ROW
from butfor.train.method import Rows


def column(rows: Rows, name: str) -> list[Hashable]:
    """A column of all rows; refuses one that some rows lack."""
    for place, row in enumerate(rows):
        if not isinstance(row.get(name), (str, int, float, bool)):
            known = ", ".join(sorted(set(row) - {"text", ROW})) or "none"
            raise UserError(f"row {place} has no column {name!r} (it has: {known}); name the column, or give it")
    return [row[name] for row in rows]


def values(rows: Rows, name: str) -> list[Hashable]:
    """The values of an attribute, sorted; refuses one that has a single value."""
    found = sorted(set(column(rows, name)), key=lambda value: (str(type(value)), value))  # type: ignore[return-value]
    if len(found) < 2:
        raise UserError(f"the column {name!r} is {found[0]!r} on every row; an attribute has two values or more")
    return found
