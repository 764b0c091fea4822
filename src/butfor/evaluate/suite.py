"""A suite is a benchmark in three parts: its items, one record for each item, and what the numbers in a record mean.

Idea      Everything statistical happens later, on records. A suite never averages: it writes one record an item,
          so that two arms can be paired item by item and resampled by cluster (items that share a word or a document).
Contract  `ready()` raises MissingData before any model is loaded; `items(world)` is deterministic, cheap and never runs
          the model; `measure(world, items)` depends on its two arguments alone. A record may lack a metric that has no
          meaning for its item (the key is absent, never NaN).
Level     A metric that has a `null` is an effect by itself: value - null, paired item by item. The null is a number
          (chance, zero) or another metric of the same record (the placebo arm, the item's own chance).
Limits    `limit` takes a spread subset: items whose names hash small, in the shares that the strata of the set have,
          and with the counterparts that a suite rests on (see `spread`). It does not depend on the order of the items,
          and a larger limit contains a smaller one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
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
    null: float | str | None = None  # what it would be without the effect: a number, or a metric of the same record
    weight: str = ""  # the metric of the same record that this one is weighted by, as in a ratio of sums


@dataclass(frozen=True, slots=True)
class Card:
    """What a reader must know of a suite before its numbers: shown by `butfor explain` and in the report."""

    measures: str
    chance: str
    source: str
    faults: tuple[str, ...] = ()
    published: tuple[str, ...] = ()  # "GPT-4: accuracy 0.704 (Jin et al. 2023, table 3)"


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
    group: dict[str, str] = field(default_factory=dict)  # labels that the metrics are also reported by
    error: str = ""  # what kind of mistake a wrong answer is; "" where it is right or no kind is known


class Suite(Protocol):
    """A benchmark. Concrete suites are final, frozen, keyword-only dataclasses; their fields are the knobs.

    `card` is a ClassVar too, for suites that an audit shows to strangers; `only_named` says why an audit takes a suite
    only where it is named in full; `apart_from` names the corpora that are cut from the same file and leave out what
    this suite asks.
    """

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


def refuse_lists(suite: object, **known: Collection[str] | None) -> None:
    """Refuse a knob that names nothing, one thing twice, or what is not known (where it is said what is)."""
    for knob, names in known.items():
        values = getattr(suite, knob)
        if names is not None and (unknown := sorted(set(values) - set(names))):
            raise ValueError(f"{knob}: {', '.join(unknown)} is none of {', '.join(names)}")
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{knob} names one or more, each of them once")


def spread(
    items: Sequence[Item], limit: int | None, place: Callable[[Item], tuple[str, str]] = lambda _: ("", "")
) -> list[Item]:
    """At most `limit` items, spread over the set, in their original order.

    `place(item)` = (stratum, side). The items of a stratum's sides, each side ordered by hash, are counterparts one by
    one: they come together, so a subset holds as many of each side (those without a counterpart come last), and every
    stratum gives its share. Where the next counterparts do not fit into the limit, the subset ends before them.
    """
    if limit is None or limit >= len(items):
        return list(items)
    number = {id(item): n for n, item in enumerate(items)}
    chosen: list[Item] = []
    for unit in _units(items, place):
        if len(chosen) + len(unit) > limit:
            chosen = chosen or unit[:limit]
            break
        chosen += unit
    return sorted(chosen, key=lambda item: number[id(item)])


def _units(items: Sequence[Item], place: Callable[[Item], tuple[str, str]]) -> list[list[Item]]:
    """Counterparts, in the order in which a growing limit takes them: complete ones first, the strata in step."""
    strata: dict[str, dict[str, list[Item]]] = {}
    for item in sorted(items, key=_hash):
        stratum, side = place(item)
        strata.setdefault(stratum, {}).setdefault(side, []).append(item)
    ranked: list[tuple[bool, float, bytes, list[Item]]] = []
    for sides in strata.values():
        count = max(map(len, sides.values()))
        for n in range(count):
            unit = sorted((side[n] for side in sides.values() if n < len(side)), key=_hash)
            ranked.append((len(unit) < len(sides), (n + 0.5) / count, _hash(unit[0]), unit))
    return [unit for *_, unit in sorted(ranked, key=lambda found: found[:3])]


def _hash(item: Item) -> bytes:
    return hashlib.blake2b(item.id.encode()).digest()
