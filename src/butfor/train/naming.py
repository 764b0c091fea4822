"""How a message names a row: by its id, or by its place counted from 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def named(row: Mapping[str, Any], place: int) -> str:
    """The id of the row; of one without, its place (from 0 on) as people count."""
    return str(row["id"]) if row.get("id") is not None else f"{place + 1} (counted from 1)"
