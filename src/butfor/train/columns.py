"""Columns of rows that name what a row belongs to: a label, an attribute, a site, an environment."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from butfor.core.errors import UserError
from butfor.train.batches import ROW
from butfor.train.method import Rows
from butfor.train.naming import named

NO_COLUMNS = frozenset({"id", "text", "options", "beside", ROW})


def column(rows: Rows, name: str) -> list[Hashable]:
    """A column of all rows; refuses one that some rows lack."""
    for place, row in enumerate(rows):
        if not isinstance(row.get(name), (str, int, float, bool)):
            raise UserError(f"row {named(row, place)} {lacking(row, name)}; name another column, or give it")
    return [row[name] for row in rows]


def lacking(row: Mapping[str, Any], name: str) -> str:
    """What is wrong with a column that is no word and no number."""
    if name not in row:
        known = ", ".join(sorted(set(row) - NO_COLUMNS)) or "none"
        return f"has no column {name!r} (it has: {known})"
    value = row[name]
    return f"has nothing in its column {name!r}" if value is None else f"has {value!r} as {name!r}, no word or number"


def values(rows: Rows, name: str) -> list[Hashable]:
    """The values of an attribute, sorted; refuses one that has a single value."""
    found = sorted(set(column(rows, name)), key=lambda value: (str(type(value)), value))  # type: ignore[return-value]
    if len(found) < 2:
        raise UserError(f"the column {name!r} is {found[0]!r} on every row; an attribute has two values or more")
    return found
