"""Events: what is asked about and what is given, as text or as a mapping, read once for every kind of model.

    "lung=yes"      "Y=1, Z=0"      "Y>2 | X=0"      {"Y": 1, "Z": 0}

A comma (or `and`, or `&`) joins, a bar gives. Signs: `=`, `!=`, `<`, `<=`, `>`, `>=`. Values from text stay text: the
model that answers matches them to its levels or reads them as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from butfor.core.errors import QueryError

Sign = Literal["=", "!=", "<", "<=", ">", ">="]
SIGNS: dict[str, Sign] = {"=": "=", "==": "=", "!=": "!=", "≠": "!=", "<": "<", "<=": "<=", "≤": "<=", ">": ">",
                          ">=": ">=", "≥": ">="}  # fmt: skip
OPPOSITE: dict[Sign, Sign] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
PART = re.compile(r"\s*(?P<name>[^=<>!≠≤≥|,&]+?)\s*(?P<sign>==|!=|<=|>=|[=<>≠≤≥])\s*(?P<value>[^=<>!≠≤≥|,&]+?)\s*")


@dataclass(frozen=True, slots=True)
class Condition:
    """One variable compared with one value."""

    name: str
    sign: Sign
    value: Any

    @property
    def opposite(self) -> Condition:
        """What is true where this is not."""
        return Condition(self.name, OPPOSITE[self.sign], self.value)

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.value}"


Event = tuple[Condition, ...]
EventLike = str | Mapping[str, Any] | Condition | Iterable[Condition]


def read_event(event: EventLike, given: EventLike | None = None) -> tuple[Event, Event]:
    """The event and what it is given; a bar in a text and `given` add up."""
    if isinstance(event, str):
        parts = event.split("|")
        if len(parts) > 2:
            raise QueryError(f"{event!r} has two bars; write one: 'Y=1 | X=0, Z=1'")
        first, behind = _conditions(parts[0]), _conditions(parts[1]) if len(parts) == 2 else ()
    else:
        first, behind = _listed(event), ()
    return first, (*behind, *(read_conditions(given) if given is not None else ()))


def read_conditions(event: EventLike) -> Event:
    """Conditions alone, without a bar."""
    if isinstance(event, str):
        if "|" in event:
            raise QueryError(f"{event!r} has a bar where plain conditions are needed: 'X=0, Z=1'")
        return _conditions(event) if event.strip() else ()
    return _listed(event)


def is_event(text: str) -> bool:
    """Does a text state an event, rather than name a variable?"""
    return any(sign in text for sign in "=<>≠≤≥")


def told(event: Iterable[Condition]) -> str:
    """An event as a person writes it."""
    return ", ".join(map(str, event))


def _listed(event: Mapping[str, Any] | Condition | Iterable[Condition]) -> Event:
    if isinstance(event, Condition):
        return (event,)
    if isinstance(event, Mapping):
        pairs = cast("Mapping[str, Any]", event)
        return tuple(Condition(str(name), "=", value) for name, value in pairs.items())
    parts = cast("object", event)
    found = tuple(cast("Iterable[object]", parts)) if isinstance(parts, Iterable) else (parts,)
    for part in found:
        if not isinstance(part, Condition):
            raise QueryError(f"{part!r} is not an event; write a text ('Y=1, Z=0') or a mapping ({{'Y': 1}})")
    return cast("Event", found)


def _conditions(text: str) -> Event:
    found: list[Condition] = []
    for part in re.split(r",|&|\band\b", text):
        match = PART.fullmatch(part)
        if match is None:
            raise QueryError(f"{part.strip()!r} is not a condition; write NAME=VALUE, as in 'Y=1, Z=0 | X=1'")
        found.append(Condition(match["name"], SIGNS[match["sign"]], match["value"]))
    return tuple(found)
