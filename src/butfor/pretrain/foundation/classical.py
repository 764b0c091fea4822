"""The classical estimators as arms: what a causal foundation model of effects has to beat.

Idea      The analyst estimates with one estimator of the engine, chosen by name, fitted anew to every table.
Equation  naive        mean of Y where treated − mean of Y where not
          regression   mean over the rows of m₁(Z) − m₀(Z), a line in each arm; the differences are the rows' effects
          ipw          weighted means, weights 1 / e(Z), logistic e (Hájek)
          aipw         both, with curves and cross-fitting: doubly robust
          matching     four nearest neighbours in the other arm, bias corrected
          boosted      aipw with boosted trees; the rows' effects by boosted trees in each arm (a T-learner)
Source    `butfor.scm.estimate`, where each is referenced.
Limits    naive is right where nothing confounds. There is no causal forest in the engine: `boosted` is what it has of
          trees, and its rows' effects come without intervals. Folds and ties are drawn by the seed of the arm.
Example   [control]
          method = "pretrain.foundation.classical"
          estimator = "aipw"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, final

from butfor.core.keys import digest
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.train.method import Method

if TYPE_CHECKING:
    import numpy as np

    from butfor.lm import World

Estimator = Literal["aipw", "ipw", "regression", "boosted", "matching", "naive"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Classical(Method):
    """Estimate effects with one estimator of the engine."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    estimator: Estimator = "aipw"

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        make, drawn = ESTIMATORS[self.estimator]
        analyst.estimate = lambda table: make(table, seed)
        analyst.identity = digest("classical", self.estimator, seed if drawn else 0, analyst.identity)
        analyst.notes.append(f"effects are estimated by {self.estimator}, fitted to each table")
        return world


def _adjusted(table: Table, seed: int, how: str, learner: str | None = None) -> Answer:
    from butfor.scm.estimate import Adjust

    options: dict[str, Any] = {"how": how, "outcome": learner, "propensity": learner, "seed": seed}
    return Answer(Adjust(table.x, table.y, table.given, **options)(table.data))


def _with_rows(table: Table, seed: int, how: str, learner: str) -> Answer:
    from butfor.scm.estimate import cate

    options: dict[str, Any] = {"how": "t", "learner": learner, "seed": seed}
    each = cate(table.data, table.x, table.y, table.given, **options)
    return Answer(_adjusted(table, seed, how, learner).effect, each)


def _naive(table: Table, seed: int) -> Answer:
    return _adjusted(Table(table.data, table.x, table.y, ()), seed, "regression")


ESTIMATORS: dict[Estimator, tuple[Callable[[Table, int], Answer], bool]] = {  # and whether it draws anything
    "naive": (_naive, False),
    "regression": (lambda table, seed: _with_rows(table, seed, "regression", "linear"), False),
    "ipw": (lambda table, seed: _adjusted(table, seed, "ipw"), False),
    "aipw": (lambda table, seed: _adjusted(table, seed, "aipw"), True),
    "matching": (lambda table, seed: _adjusted(table, seed, "matching"), True),
    "boosted": (lambda table, seed: _with_rows(table, seed, "aipw", "boosted"), True),
}
