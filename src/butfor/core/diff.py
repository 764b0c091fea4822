"""The arm diff: what differs between the arms, computed, never written by hand.

Two arms are compared key by key, defaults filled in. Differences in the method and its knobs are declared by the arm's
own table; any other key must stand in `varies`. What is found only while running (the weights that an arm started from,
the batches it saw) is compared the same way, and an undeclared difference there ends the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from butfor.core.errors import UndeclaredDifference


def arm_diff(
    arms: Mapping[str, Mapping[str, Any]], declared: frozenset[str], pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Rows of keys whose value differs between any two arms: the key, the value in each arm, whether it is declared.

    Only arms that are compared (`pairs`) must declare their differences. An arm without the key has None there. Knobs
    are keys with the prefix `knob.` and are always declared.
    """
    keys = list(dict.fromkeys(key for arm in arms.values() for key in arm))
    rows: list[dict[str, Any]] = []
    for key in keys:
        values = {name: arm.get(key) for name, arm in arms.items()}
        if len({repr(value) for value in values.values()}) > 1:
            alike = all(repr(values[a]) == repr(values[b]) for a, b in pairs)
            rows.append({"key": key, "values": values, "declared": key.startswith("knob.") or key in declared or alike})
    return rows


def same(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Keys whose value is the same in every arm."""
    first = next(iter(arms.values()))
    return {
        key: value for key, value in first.items() if all(repr(arm.get(key)) == repr(value) for arm in arms.values())
    }


def refuse_undeclared(rows: list[dict[str, Any]]) -> None:
    """Raise where a row is not declared."""
    loose = [row for row in rows if not row["declared"]]
    if loose:
        lines = [
            f"{row['key']}: " + ", ".join(f"{arm} {value}" for arm, value in row["values"].items()) for row in loose[:4]
        ]
        raise UndeclaredDifference("the arms differ where the experiment does not say so:\n" + "\n".join(lines))
