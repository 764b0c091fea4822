"""Which side of a concept a text is on: a column of its row, or the words of gender that it holds.

"gender"    1 where female words outnumber male ones, 0 where it is the other way round, none where they are even
any other   the whole number in the row's column of that name, from 0 on; none where the row has no such column
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from butfor.core.errors import UserError
from butfor.data import builtin

NONE = -1
WORD = re.compile(r"[^\W\d_]+")


def labels(rows: Sequence[Mapping[str, Any]], concept: str) -> list[int]:
    """The label of every row; -1 where it has none. A concept with fewer than two labels is refused."""
    if concept != "gender" and not any(concept in row for row in rows):
        known = sorted({key for row in rows for key, value in row.items() if isinstance(value, int)})
        has = f"the rows have {', '.join(known)}" if known else "the rows have none"
        raise UserError(f'no row has a column {concept!r} of labels ({has}); name one, or "gender"')
    found = [_gender(row["text"]) if concept == "gender" else _column(row, concept) for row in rows]
    if len(set(found) - {NONE}) < 2:
        raise UserError(
            f"the concept {concept!r} has one label or none in these {len(rows)} rows; "
            'name a column of whole numbers that differ, or "gender"'
        )
    return found


def _gender(text: str) -> int:
    female, male = _words()
    words = [word.lower() for word in WORD.findall(text)]
    balance = sum((word in female) - (word in male) for word in words)
    return NONE if balance == 0 else int(balance > 0)


def _column(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name, NONE)
    if not isinstance(value, int) or value < NONE:
        raise UserError(f"the column {name!r} is {value!r} in a row; a label is a whole number from 0 on")
    return int(value)


@cache
def _words() -> tuple[frozenset[str], frozenset[str]]:
    sides = builtin.gender_words()
    female, male = (frozenset(word.lower() for word in sides[side]) for side in ("female", "male"))
    return female - male, male - female
