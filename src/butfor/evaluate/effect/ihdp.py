"""Effects of home visits on 747 children: real covariates, simulated outcomes (IHDP, surface B).

Data      `data/ihdp.py`: the replications that are on this machine, each of them an item.
Limits    All replications have the same 747 rows and the same treatment; only outcomes differ. They are few, and no
          sample of data sets: intervals here say how outcomes vary, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.ihdp import ihdp
from butfor.evaluate.effect.asked import METRICS, asked, item_of
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectIHDP:
    """Error of average and row effects on IHDP."""

    card: ClassVar[Card] = Card(
        measures="how far an estimator of effects is from the truth, with the covariates of a real study",
        chance="none; `naive` is the error without any adjustment",
        source="Hill 2011, surface B; files of Louizos et al. 2017, which carry no licence and are not fetched",
        faults=("the replications share covariates and treatment, so they are no independent data sets",),
        published=(
            "CFR-WASS: error of the average effect 0.27, PEHE 0.76, in units of the outcome, over 1,000 replications "
            "(Shalit et al. 2017; not checked by us)",
        ),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    chunk: ClassVar[int] = 16  # read once

    limit: Limit = None
    path: str | None = None

    def ready(self) -> None:
        """The files are here and can be read."""
        ihdp(self.path)

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a replication."""
        return spread([item_of(known) for known in ihdp(self.path)], self.limit)

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Ask about each replication."""
        known = {one.id: one for one in ihdp(self.path)}
        return [asked(world, known[item.id], item.id, item.cluster, {}) for item in items]
