"""From one arm's records to what a suite found: levels, effects against their nulls, groups, mistakes, power.

Level     mean of a metric with its interval (weighted where the metric says so: a ratio of sums, as F1 is).
Effect    level - null, item by item (`stats.against`), for every metric that has a null.
Group     the headline (a suite's first metric) in every group of items that labels name, and each group against the
          other items that the label names (`stats.gap.contrast`), Holm over all contrasts of a suite. Where items have
          nulls of their own (two choices or four; a placebo each) what is contrasted is value - null.
Power     the smallest distance from the null that this many items show with chance 0.8.
Reading   records are read line by line; what stays in memory is 8 bytes a number, and labels once each.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from sys import intern
from typing import TYPE_CHECKING, Any

from butfor.effects import ESTIMATE_KEYS, check_row, correct_family, entry, numbers, told

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEW = 5  # a group of fewer items is not reported
MANY = 40  # a label with more values names items, not groups
MISSING = float("nan")


@dataclass(slots=True)
class Columns:
    """The records of one suite, by column. A number that a record lacks is NaN."""

    n: int = 0
    numbers: dict[str, array[float]] = field(default_factory=dict)
    clusters: array[int] = field(default_factory=lambda: array("q"))
    labels: dict[str, list[str]] = field(default_factory=dict)  # label → its value on every item, "" where it has none
    errors: Counter[str] = field(default_factory=Counter)

    def values(self, metric: str) -> NDArray[np.float64]:
        import numpy as np

        found = self.numbers.get(metric)
        return np.full(self.n, np.nan) if found is None else np.frombuffer(found, dtype=np.float64)


def read_columns(path: Path) -> Columns:
    """The records in a file, column by column."""
    found = Columns()
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            for metric, value in row["metrics"].items():
                column = found.numbers.setdefault(metric, array("d"))
                column.extend([MISSING] * (found.n - len(column)))
                column.append(value)
            for label, value in row.get("group", {}).items():
                there = found.labels.setdefault(label, [])
                there.extend([""] * (found.n - len(there)))
                there.append(intern(value))
            found.clusters.append(_hash(row["cluster"]))
            if row.get("error"):
                found.errors[row["error"]] += 1
            found.n += 1
    for column in found.numbers.values():
        column.extend([MISSING] * (found.n - len(column)))
    for there in found.labels.values():
        there.extend([""] * (found.n - len(there)))
    found.clusters = _numbered(found.clusters)
    return found


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _numbered(hashes: array[int]) -> array[int]:
    """The clusters as 0, 1, … in the order in which they first appear: their names need not stay in memory."""
    import numpy as np

    _, first, which = np.unique(np.frombuffer(hashes, dtype=np.int64), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return array("q", rank[which].tobytes())


@dataclass(slots=True)
class Found:
    """What one suite came to, as rows of the run folder's files."""

    levels: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    power: float | None = None  # smallest distance of the headline from its null that is seen with chance 0.8
    mistakes: dict[str, int] = field(default_factory=dict)
    n: int = 0


def judge(path: Path, suite: str, metrics: Sequence[Any], arm: str, level: float) -> Found:
    """Everything that the records of one suite say."""
    columns = read_columns(path)
    found = Found(n=columns.n, mistakes=dict(columns.errors.most_common()))
    for metric in metrics:
        if (part := _part(columns, metric)) is not None:
            _level(found, part, suite, metric, arm, level)
        if (part := _part(columns, metric, nulled=True)) is not None:
            _against(found, part, suite, metric, arm, level)
    if (part := _part(columns, metrics[0])) is not None:
        found.power = _power(_part(columns, metrics[0], nulled=True) or part, metrics[0].kind, level)
        _grouped(found, columns, part, suite, metrics[0], arm, level)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """One metric on the items that have it."""

    rows: NDArray[np.intp]  # which items
    values: NDArray[np.float64]
    null: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None
    clusters: NDArray[np.int64] | None


def _part(columns: Columns, metric: Any, *, nulled: bool = False) -> _Part | None:
    """The metric where it has a value; `nulled`: where it has its null too (None where it never has)."""
    import numpy as np

    values = columns.values(metric.name)
    there, null = np.isfinite(values), None
    if nulled and metric.null is None:
        return None
    if nulled:
        null = columns.values(metric.null) if isinstance(metric.null, str) else np.full(columns.n, float(metric.null))
        there &= np.isfinite(null)
    weights = columns.values(metric.weight) if metric.weight else None
    if weights is not None:
        there &= weights > 0  # what weighs nothing, or has no weight, says nothing
    rows = np.flatnonzero(there)
    if not len(rows):
        return None
    clusters = np.frombuffer(columns.clusters, dtype=np.int64)[rows]
    weights = None if weights is None else weights[rows]
    return _Part(rows, values[rows], None if null is None else null[rows], weights, _apart(clusters))


def _level(found: Found, part: _Part, suite: str, metric: Any, arm: str, level: float) -> None:
    from butfor.stats.gap import level_of

    effect = level_of(part.values, clusters=part.clusters, weights=part.weights, level=level, kind=metric.kind)
    found.levels.append({"suite": suite, "metric": metric.name, "arm": arm, **numbers(effect), **told(metric)})


def _against(found: Found, part: _Part, suite: str, metric: Any, arm: str, level: float) -> None:
    import numpy as np

    from butfor.stats.gap import against

    effect = against(
        part.values, np.asarray(part.null), clusters=part.clusters, weights=part.weights,
        level=level, kind=metric.kind, unit=metric.unit,
    )  # fmt: skip
    named = metric.null if isinstance(metric.null, str) else f"{metric.null:g}"
    found.effects.append(entry(effect, suite=suite, metric=metric.name, treatment=arm, control=named))
    label = f"{suite}/{metric.name}: {arm} against {named}"
    found.checks += [check_row(check, label) for check in effect.checks if check.code != "one-seed"]


def _power(part: _Part, kind: str, level: float) -> float | None:
    """From the spread of value - null; that of right or wrong is at least what guessing would show."""
    import numpy as np

    from butfor.stats import detectable

    values = part.values if part.null is None else part.values - part.null
    weights = np.ones(len(values)) if part.weights is None else part.weights
    units = np.arange(len(values)) if part.clusters is None else np.unique(part.clusters, return_inverse=True)[1]
    total = np.bincount(units, weights=weights)
    centred = np.bincount(units, weights=weights * (values - np.average(values, weights=weights))) / total.mean()
    sd = float(np.std(centred, ddof=1)) if len(centred) > 1 else 0.0
    if kind == "binary" and part.null is not None and part.weights is None:
        sd = max(sd, float(np.sqrt(np.mean(part.null * (1 - part.null)) * len(centred) / len(values))))
    return detectable(sd, len(centred), level=level) if sd > 0 and len(centred) > 1 else None


def _grouped(found: Found, columns: Columns, headline: _Part, suite: str, metric: Any, arm: str, level: float) -> None:
    import numpy as np

    from butfor.stats.gap import contrast, level_of

    tests: list[dict[str, Any]] = []
    whole, kind = _less_its_null(columns, metric) or headline, metric.kind
    less = metric.null if whole is not headline else ""
    for label, values in columns.labels.items():
        named = np.array(values, dtype=object)
        told = _some(whole, named[whole.rows] != "")
        for value in _values(values):
            part = _some(headline, named[headline.rows] == value)
            if len(part.values) < FEW:
                continue
            own = level_of(part.values, weights=part.weights, clusters=_apart(part.clusters), level=level, kind=kind)
            row = {"suite": suite, "metric": metric.name, "arm": arm, "label": label, "value": value, **numbers(own)}
            row |= {"unit": metric.unit}
            inside = named[told.rows] == value
            if FEW <= inside.sum() <= len(inside) - FEW:
                rest = contrast(
                    told.values, inside, clusters=told.clusters, weights=told.weights,
                    level=level, kind="mean" if less else kind,
                )  # fmt: skip
                row["rest"] = {**{key: getattr(rest, key) for key in ESTIMATE_KEYS}, "p": rest.p, "less": less}
                tests.append(row["rest"])
            found.groups.append(row)
    correct_family(tests)


def _less_its_null(columns: Columns, metric: Any) -> _Part | None:
    """Value - null of every item, where items have nulls of their own; None where all share one."""
    import numpy as np

    part = _part(columns, metric, nulled=True)
    if part is None or part.null is None or np.ptp(part.null) == 0:
        return None
    return replace(part, values=part.values - part.null)


def _some(part: _Part, rows: NDArray[np.bool_]) -> _Part:
    weights = None if part.weights is None else part.weights[rows]
    clusters = None if part.clusters is None else part.clusters[rows]
    return _Part(part.rows[rows], part.values[rows], None, weights, clusters)


def _values(values: Sequence[str]) -> Iterator[str]:
    """The values of a label, where it has a number of them that groups have, in the order of their names."""
    named = sorted({value for value in values if value})
    yield from named if len(named) <= MANY else ()


def _apart(clusters: Any) -> Any:
    import numpy as np

    return None if clusters is None or len(np.unique(clusters)) == len(clusters) else clusters
