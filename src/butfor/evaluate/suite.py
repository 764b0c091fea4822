"""A suite is a benchmark in three parts: its items, one record for each item, and what the numbers in a record mean.

Idea      Everything statistical happens later, on records. A suite never averages: it writes one record an item,
          so that two arms can be paired item by item and resampled by cluster (items that share a word or a document).
Contract  `ready()` raises MissingData before any model is loaded; `items(world)` is deterministic, cheap and never runs
          the model; `measure(world, items)` depends on its two arguments alone. A record may lack a metric that has no
          meaning for its item (the key is absent, never NaN).
Limits    `limit` takes a spread subset: the items whose names hash smallest. It does not depend on the order of the
          items, and a larger limit contains a smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Protocol

from pydantic import Field

Limit = Annotated[int, Field(ge=1)] | None
"""How many items at most; nothing = all of them."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What one number of a record means."""

    name: str
    better: Literal["higher", "lower", "zero"]
    unit: str
    about: str
    kind: Literal["mean", "binary"] = "mean"


@dataclass(frozen=True, slots=True)
class Item:
    """One question to the model: all that is needed to score it, as JSON."""

    id: str
    cluster: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """What came of one item: its metrics, and texts for the per-item table."""

    item: str
    cluster: str
    metrics: dict[str, float]
    show: dict[str, str] = field(default_factory=dict)


class Suite(Protocol):
    """A benchmark. Concrete suites are final, frozen, keyword-only dataclasses; their fields are the knobs."""

    worlds: ClassVar[tuple[str, ...]]
    metrics: ClassVar[tuple[Metric, ...]]
    chunk: ClassVar[int]

    def ready(self) -> None:
        """Check, without a model, that the data is here and can be read."""
        ...

    def items(self, world: Any) -> list[Item]:
        """The items, in a fixed order."""
        ...

    def measure(self, world: Any, items: Sequence[Item]) -> list[Record]:
        """One record for each item, in the same order."""
        ...


def spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, those whose ids hash smallest, in their original order."""
    if limit is None or limit >= len(items):
        return list(items)
    ranked = sorted(range(len(items)), key=lambda i: (hashlib.blake2b(items[i].id.encode()).digest(), i))
    return [items[i] for i in sorted(ranked[:limit])]
