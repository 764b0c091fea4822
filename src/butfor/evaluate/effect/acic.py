"""Effects in the simulations of the 2016 challenge: 4,802 rows of real covariates (ACIC).

Data      `data/acic.py`: the simulations that are on this machine, each of them an item.
Limits    The few simulations that causallib carries, of 7,700; all have the same rows of covariates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from butfor.data.acic import acic
from butfor.evaluate.effect.asked import OfFiles
from butfor.evaluate.suite import Card

if TYPE_CHECKING:
    from butfor.data.known import Known


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EffectACIC(OfFiles):
    """Error of average and row effects on ACIC."""

    card: ClassVar[Card] = Card(
        measures="how far an estimator of effects is from the truth, with the covariates of a real study",
        chance="none; `naive` is the error without any adjustment",
        source="Dorie et al. 2019; five simulations, as causallib carries them (Apache-2.0): butfor fetch acic2016",
        faults=("the simulations share their covariates, so they are no independent data sets",),
    )

    def known(self) -> list[Known]:
        return acic(self.path)
