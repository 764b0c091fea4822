"""Effects of home visits on 747 children: real covariates, simulated outcomes (IHDP, surface B).

Data      `data/ihdp.py`: the replications that are on this machine, each of them an item.
Limits    All replications have the same 747 rows and the same treatment; only outcomes differ. They are few, and no
          sample of data sets: intervals here say how outcomes vary, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.ihdp import ihdp
from butfor.evaluate.effect.asked import OfFiles
from butfor.evaluate.suite import Card

if TYPE_CHECKING:
    from butfor.data.known import Known


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectIHDP(OfFiles):
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

    def known(self) -> list[Known]:
        return ihdp(self.path)
