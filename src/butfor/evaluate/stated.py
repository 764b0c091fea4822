"""Are the numbers that a CLadder question states those of its world?

Format    A question's `stated` numbers: "p(Y | X, V3)" with one level of lists a condition (P(Y=1) at each value),
          "P(X)", "P(X=1)", "P(Y=1, X=0)", and differences of such. Whatever else stands there is not checked: None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import product
from typing import Any

import numpy as np

from butfor.core.errors import Impossible
from butfor.scm.models.discrete import Discrete

TERM = re.compile(r"[pP]\(([^()|]+)(?:\|([^()|]+))?\)")


def misstated(model: Discrete, stated: Mapping[str, Any], tolerance: float) -> bool | None:
    """Is a stated number off by more than `tolerance`, relatively? None where nothing could be read."""
    read: list[list[tuple[float, float]]] = []
    for key, value in stated.items():
        with suppress(Impossible):
            read += [found] if (found := _pairs(model, key, value)) else []
    if not read:
        return None
    return any(abs(said - true) > tolerance * max(abs(true), 1e-3) for pairs in read for said, true in pairs)


def _pairs(model: Discrete, key: str, value: Any) -> list[tuple[float, float]]:
    """Each stated number beside the exact one."""
    terms = [TERM.fullmatch(term.strip()) for term in key.split(" - ")]
    if any(term is None or not _known(model, term) for term in terms):
        return []
    found = [(_event(term[1]), _event(term[2] or "")) for term in terms if term]
    try:
        table = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        return []
    if not np.isfinite(table).all():
        return []
    open_ = [name for name, said in found[0][1].items() if said is None]
    if len(found) > 1:
        up, down = (model.p(event, given) for event, given in _closed(found))
        return [(float(table), up - down)] if table.shape == () else []
    if not open_:
        table = table.reshape(()) if table.size == 1 else table
    if table.shape != (2,) * len(open_):
        return []
    event, given = _closed(found)[0]
    return [
        (float(table[case]), model.p(event, {**given, **dict(zip(open_, case, strict=True))}))
        for case in product((0, 1), repeat=len(open_))
    ]


def _known(model: Discrete, term: re.Match[str]) -> bool:
    return {*_event(term[1]), *_event(term[2] or "")} <= set(model.graph.names)


def _event(text: str) -> dict[str, int | None]:
    """ "Y=1, X" as a mapping; a name without a value stays open."""
    found: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name:
            found[name] = int(value) if value.isdigit() else None
    return found


def _closed(
    found: list[tuple[dict[str, int | None], dict[str, int | None]]],
) -> list[tuple[dict[str, int], dict[str, int]]]:
    """What is open in an event means its value 1; what is open behind the bar is set by the place in the table."""
    return [
        (
            {name: 1 if value is None else value for name, value in event.items()},
            {name: 0 if value is None else value for name, value in given.items()},
        )
        for event, given in found
    ]
