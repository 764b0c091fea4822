"""Causal discovery on random worlds whose graph is known: as in the training of the amortised network, and otherwise.

Idea      Each item is a world of its own: a graph, mechanisms, noise and rows drawn together (`data/graph_worlds.py`).
          Families with `out_` are such as the network never saw: other mechanisms, other noise, denser, larger, fewer
          or more rows. `engine_` are the engine's own random models.
Score     see `scores.py`: the graph that is compared with is the true one, not its equivalence class. Where data
          cannot tell a direction (linear, normal noise), no method can be right throughout.
Limits    No hidden causes, no discrete variables, variances all 1. Worlds have 4 variables or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, final

from pydantic import Field

from butfor.core.errors import did_you_mean
from butfor.data.graph_worlds import ENGINE, FAMILIES, one
from butfor.evaluate.graph.asked import named, recorded
from butfor.evaluate.graph.scores import METRICS
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst

NAMES = (*FAMILIES, *ENGINE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GraphWorlds:
    """Edges of random worlds: `worlds` of each of `families` (all by default)."""

    card: ClassVar[Card] = Card(
        measures="whether edges of a causal graph, and their directions, are found in data of worlds drawn at random",
        chance="AUROC 0.5; SHD of the empty graph; direction 0.5",
        source="drawn here; the design of the simulators follows Lorch et al. 2022, scaled after Reisach et al. 2021",
        faults=(
            "no hidden causes and independent rows: what most methods assume, and nature does not promise",
            "only out_ and engine_ are drawn otherwise than the network's training worlds: read these for transfer",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    chunk: ClassVar[int] = 10

    families: tuple[str, ...] = ()
    each: Annotated[int, Field(ge=1)] = 30
    seed: int = 0
    limit: Limit = None

    def __post_init__(self) -> None:
        for family in self.families:
            if family not in NAMES:
                raise ValueError(
                    f"there is no family {family!r}{did_you_mean(family, NAMES) or ': ' + ', '.join(NAMES)}"
                )

    def ready(self) -> None:
        """Nothing is read."""

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """`each` worlds of each family, each a cluster of its own."""
        found = [
            Item(f"{family}-{number}", f"{family}-{number}", {"family": family, "number": number, "seed": self.seed})
            for family in self.families or NAMES
            for number in range(self.each)
        ]
        return spread(found, self.limit, lambda item: (item.data["family"], ""))

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """The graph of every world."""
        found: list[Record] = []
        for item in items:
            family = item.data["family"]
            drawn = one(family, item.data["seed"], item.data["number"])
            group = {"family": family, "distribution": _distribution(family)}
            about = FAMILIES[family].about if family in FAMILIES else f"the engine's random models, {ENGINE[family]}"
            found.append(recorded(world, item, named(drawn.x[0]), drawn.edges[0].astype(float), group, about))
        return found


def _distribution(family: str) -> str:
    """How the family stands to the network's training."""
    return "engine" if family in ENGINE else "out" if family.startswith("out_") else "in"
