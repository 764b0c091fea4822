"""Effects in random confounded worlds whose true effect is known, at several numbers of rows.

Idea      The same seven families at 100, 1,000 and 10,000 rows: what does an estimator get wrong, and what do more rows
          mend? A world keeps its constants at every number of rows, so those tables are a cluster.
Data      our own draw (`data/effect_worlds.py`); how that differs from what networks are trained on stands there.
Metrics   see `asked.py`; ate_error_100, _1000, _10000 are ate_error at that number of rows alone.
Limits    Everything that confounds is given: nothing here says what an estimator does where something is unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.data.effect_worlds import FAMILIES, world
from butfor.evaluate.effect.asked import DEVIATIONS, METRICS, asked
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, refuse_lists, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst

SIZES = (100, 1000, 10000)
Rows = Annotated[int, Field(ge=20)]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectWorlds:
    """Error, coverage and width of effect estimates where the truth is known."""

    card: ClassVar[Card] = Card(
        measures="how far an estimator of effects is from the truth in confounded worlds that it has never seen",
        chance="none; `naive` is the error without any adjustment",
        source="our own worlds: linear, bent, strong, heterogeneous, heavy, binary, many",
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        *METRICS,
        *(Metric(f"ate_error_{n}", "lower", DEVIATIONS, f"ate_error at {n:,} rows", null="naive") for n in SIZES),
    )
    chunk: ClassVar[int] = 1  # each table is timed by itself

    rows: tuple[Rows, ...] = SIZES
    repeats: Annotated[int, Field(ge=1)] = 6  # worlds of each family
    families: tuple[str, ...] = FAMILIES
    limit: Limit = None
    seed: int = 0

    def __post_init__(self) -> None:
        refuse_lists(self, families=FAMILIES, rows=None)

    def ready(self) -> None:
        """Nothing is needed."""

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a world and number of rows."""
        found = [
            _item(family, number, rows, self.seed)
            for rows in self.rows
            for family in self.families
            for number in range(self.repeats)
        ]
        return spread(found, self.limit, lambda item: (item.data["family"], str(item.data["rows"])))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Draw each table, and ask."""
        return [self._record(world, item) for item in items]

    def _record(self, analyst: Analyst, item: Item) -> Record:
        family, rows = item.data["family"], item.data["rows"]
        known = world(family, item.data["of"], rows, item.data["seed"])
        record = asked(analyst, known, item.id, item.cluster, {"family": family, "rows": str(rows)})
        if rows in SIZES and "ate_error" in record.metrics:
            record.metrics[f"ate_error_{rows}"] = record.metrics["ate_error"]
        return record


def _item(family: str, number: int, rows: int, seed: int) -> Item:
    name = f"{family} {number}"
    return Item(f"{name}, {rows} rows", name, {"family": family, "of": number, "rows": rows, "seed": seed})
