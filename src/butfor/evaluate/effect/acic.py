"""Effects in the simulations of the 2016 challenge: 4,802 rows of real covariates (ACIC).

Data      `data/acic.py`: the simulations that are on this machine, each of them an item.
Limits    The few simulations that causallib carries, of 7,700; all have the same rows of covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.acic import acic
from butfor.evaluate.effect.asked import METRICS, asked, item_of
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.scm.analyst import Analyst


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectACIC:
    """Error of average and row effects on ACIC."""

    card: ClassVar[Card] = Card(
        measures="how far an estimator of effects is from the truth, with the covariates of a real study",
        chance="none; `naive` is the error without any adjustment",
        source="Dorie et al. 2019; five simulations, as causallib carries them (Apache-2.0): butfor fetch acic2016",
        faults=("the simulations share their covariates, so they are no independent data sets",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    metrics: ClassVar[tuple[Metric, ...]] = METRICS
    chunk: ClassVar[int] = 16  # read once

    limit: Limit = None
    path: str | None = None

    def ready(self) -> None:
        """The files are here and can be read."""
        acic(self.path)

    def items(self, world: Analyst) -> list[Item]:  # noqa: ARG002
        """One item a simulation."""
        return spread([item_of(known) for known in acic(self.path)], self.limit)

    def measure(self, world: Analyst, items: Sequence[Item]) -> list[Record]:
        """Ask about each simulation."""
        known = {one.id: one for one in acic(self.path)}
        return [asked(world, known[item.id], item.id, item.cluster, {}) for item in items]
