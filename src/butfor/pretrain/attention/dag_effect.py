"""Effects from a transformer that reads a table along its causal graph.

Idea      Every variable is a token; the question "what is y?" looks at the causes of y alone, one layer after another
          (see `dag_net.py`). do(x) sets the treatment's token: a single network for both arms (an S-learner).
Equation  effect of a row  τ(z) = m(1, z) − m(0, z), m(x, z) = E[y | do(x), z];  each network says so for all rows, and
          their mean counts.  ATE = mean of m₁ − m₀ + T (y − m₁) / e − (1 − T) (y − m₀) / (1 − e), each row by a network
          that has not seen it (AIPW, cross-fitted over `folds`), with the interval of its influence values.
          m and e are each the network's, or the engine's curves where these predict unseen rows better (a discrete
          super learner: van der Laan et al. 2007); the effect's `method` says which. τ is always the network's.
Graph     Where the table's graph is not known, all of `given` confound x and y, and nothing else is said. Where it is,
          a covariate is hidden from the question of a target iff it tells nothing of it beside the others
          (m-separation), and covariates look at their causes among the covariates.
Source    our own; S-learner and AIPW: Künzel et al. 2019, Robins et al. 1994, Chernozhukov et al. 2018.
Limits    The treatment is 0 or 1. The ATE is right if outcomes or propensities are; the rows' effects have no interval.
          Trained anew for every table, some seconds to minutes; the same numbers for the same seed on one machine.
Example   [treatment]
          method = "pretrain.attention.dag_effect"
          steps = 300
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, cast, final

import numpy as np
from pydantic import Field

from butfor.core.errors import DataError
from butfor.core.keys import digest
from butfor.core.seeds import derive, generator
from butfor.pretrain.attention.dag_net import Sizes, fit, terms
from butfor.scm.analyst import Analyst, Answer, Table
from butfor.scm.columns import Codes, Columns, Floats
from butfor.scm.estimate import scores
from butfor.scm.estimate.checks import arm_checks
from butfor.scm.estimate.design import Arms, is_dose, read_arms
from butfor.scm.estimate.nuisance import cross_fit, folds_of, least_chance
from butfor.scm.estimate.result import effect_of
from butfor.scm.graph import Graph
from butfor.train.method import Method

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from butfor.lm import World
    from butfor.stats.effect import Effect


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DAGEffect(Method):
    """Estimate effects with a small transformer under a causal mask."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    width: Annotated[int, Field(ge=4)] = 16
    layers: Annotated[int, Field(ge=1)] = 2
    heads: Annotated[int, Field(ge=1)] = 2
    steps: Annotated[int, Field(ge=1)] = 300
    folds: Annotated[int, Field(ge=2)] = 5
    decay: Annotated[float, Field(ge=0)] = 0.01

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} does not divide into {self.heads} heads")

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.estimate = lambda table: self.estimate(table, seed)
        analyst.identity = digest("dag_effect", repr(self), seed, analyst.identity)
        analyst.notes.append(f"effects are estimated by a transformer of {self.layers} layers, trained on each table")
        return world

    def estimate(self, table: Table, seed: int) -> Answer:
        """The average effect with its interval, and the effect of every row."""
        data = Columns.read(table.data, (table.x, table.y, *table.given))
        if is_dose(data, table.x, 1, 0):
            raise DataError(f"{table.x} is a number; this estimator compares a treatment of 1 with one of 0")
        arms = read_arms(data, table.x, table.y, table.given, 1, 0)
        if not arms.two:
            raise DataError(f"{table.x} has more values than 1 and 0; keep the rows of the two that are compared")
        z, mask = terms(data, table.given), looks(table)
        x = arms.treated.astype(np.float64)
        sizes = Sizes(width=self.width, layers=self.layers, heads=self.heads, steps=self.steps, decay=self.decay)
        fold = folds_of(arms.treated + 2 * arms.control, self.folds, generator(seed, "dag effect", "folds"))
        means, each, chance = np.zeros((2, arms.n)), np.zeros(arms.n), np.zeros(arms.n)
        for k in range(self.folds):
            inside, here = fold != k, fold == k
            fitted = fit(z[inside], x[inside], arms.y[inside], mask, sizes, derive(seed, "dag effect", k), arms.binary)
            both = np.stack([fitted.outcome(z, 1.0), fitted.outcome(z, 0.0)])
            means[:, here], chance[here] = both[:, here], fitted.chance(z[here])
            each += (both[0] - both[1]) / self.folds
        return Answer(self._average(arms, fold, means, chance), each)

    def _average(self, arms: Arms, fold: Codes, means: Floats, chance: Floats) -> Effect:
        """AIPW of held-out outcomes [2, n] and propensities [n]; where curves predict unseen rows better, by these."""
        curved = scores.held_out(arms, "spline", fold)
        e, of_chance = (chance, 1 - chance), "transformer"
        if _surprise(arms, curved[0]) < _surprise(arms, chance):
            e, of_chance = curved, "curves"
        curves = [cross_fit("spline", arms.z, arms.y, mask, fold, logit=arms.binary) for mask, _ in arms.arms]
        said, of_means = (means[0], means[1]), "transformer"
        if _error(arms, (curves[0], curves[1])) < _error(arms, said):
            said, of_means = (curves[0], curves[1]), "curves"
        weights = scores.weights_of(arms, scores.clipped(e))
        pull = scores.augmented(arms, said, weights)
        told = f"AIPW, {self.folds} folds, outcomes: {of_means}, propensities: {of_chance}, ate"
        checks = arm_checks(arms, e, weights)
        return effect_of(pull.estimate, pull.se, arms.n, level=0.95, method=told, df=arms.n - 1.0, checks=checks)


def _surprise(arms: Arms, chance: Floats) -> float:
    """Mean of −log of the chance of what was done."""
    own = np.where(arms.treated, chance, 1 - chance)
    return -float(np.mean(np.log(np.maximum(own, least_chance(arms.n)))))


def _error(arms: Arms, means: tuple[Floats, Floats]) -> float:
    """Mean squared error of what was seen."""
    return float(np.mean((arms.y - np.where(arms.treated, *means)) ** 2))


def looks(table: Table) -> NDArray[np.bool_]:
    """Who looks at whom [k + 3, k + 3]: the covariates, the treatment, the questions about treatment and outcome."""
    given, size = table.given, len(table.given)
    found = np.eye(size + 3, dtype=np.bool_)
    treatment, ask_x, ask_y = size, size + 1, size + 2
    found[ask_y, treatment] = True
    if table.graph is None:
        found[ask_x, :size] = found[ask_y, :size] = True
        return found
    seen = _over(table.graph, (*given, table.x, table.y))
    for i, name in enumerate(given):
        others = [other for other in given if other != name]
        found[ask_x, i] = not seen.separated(name, table.x, others)
        found[ask_y, i] = not seen.separated(name, table.y, [*others, table.x])
        causes = seen.ancestors(name)
        found[i, :size] |= [other in causes for other in given]
    return found


def _over(graph: Graph, names: Sequence[str]) -> Graph:
    """The graph over the columns of the question; the others are latent to it."""
    graph.set(names)  # an unknown name is refused here
    return graph.projected([name for name in graph.names if name not in names])
