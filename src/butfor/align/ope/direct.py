"""The direct method: learn what each action brings, and average that over what the target policy does.

Idea      A regression of the outcome on the context, one for each action. No weights, so no weight is too large; what
          it says of actions that were hardly logged is the regression's word alone.
Equation  V = mean over contexts of Σ_a π(a|x) r̂(x, a)
          The interval knows that r̂ was fitted: row i, of action a, moves V by S' A⁻¹ t_i e_i / (1 - h_i), where t_i are
          its terms, e_i its residual, h_i its leverage, A the matrix of the (penalised) normal equations, and S the sum
          over contexts of π(a|x) ∂r̂/∂β.
Learners  `cells` (a mean for each action and distinct context), `mean` (one for each action), `linear`, `spline`:
          those of `butfor.scm.estimate`; logistic where outcomes are 0 and 1. An action with fewer than 3 rows for each
          coefficient gets its mean; one that was never logged, that of all.
Source    Dudík, Langford & Li 2011 (the name); the interval is that of an M-estimator, with the jackknife's residuals.
Limits    Right if r̂ is; nothing else mends it, and the interval is that of the best r̂ of its form, not of the truth.
          The check `residuals` asks the weights whether r̂ errs where the target goes. Abstains where the target does
          what was never logged.
Example   [treatment]
          method = "align.ope.direct"
          learner = "linear"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast, final

import numpy as np

from butfor.align.ope.overlap import ANYWAY, MISSING, overlap, unseen
from butfor.align.ope.short import clusters, contexts, effect, short
from butfor.core.errors import Abstained, DataError, UnknownName
from butfor.core.keys import digest
from butfor.scm.columns import Codes, Floats
from butfor.scm.estimate.design import is_binary
from butfor.scm.estimate.nuisance import RIDGE, Constant, Linear, expit, learn
from butfor.stats.effect import Check, Effect
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.estimate.result import Mask
    from butfor.scm.policies import Answers, Log

Learner = Literal["cells", "mean", "linear", "spline"]
LEARNERS: tuple[Learner, ...] = ("cells", "mean", "linear", "spline")
ENOUGH = 3  # rows for each coefficient
CELLS = 500  # distinct contexts
LEVER = 0.95  # at most this leverage is believed
OFF = 2.5  # standard errors by which weighted residuals may be off


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What one action brings, as terms of the contexts."""

    rows: Mask  # [n] that it was fitted on
    terms: Floats  # [n, p] of all contexts
    beta: Floats  # [p]
    ridge: Floats  # [p]
    logit: bool

    @property
    def predicted(self) -> Floats:
        """The expected outcome in each context. [n]"""
        eta = self.terms @ self.beta
        return expit(eta) if self.logit else eta

    def pull(self, y: Floats, share: Floats) -> Floats:
        """How far each row moved the sum of share · predicted by its residual. [n]"""
        p = self.predicted
        slope = p * (1 - p) if self.logit else np.ones(len(y))
        t, w = self.terms[self.rows], slope[self.rows]
        inverse = np.linalg.inv((t * w[:, None]).T @ t + np.diag(self.ridge + 1e-10))
        lever = np.minimum(np.sum((t @ inverse) * t, axis=1) * w, LEVER)
        pull = np.zeros(len(y))
        pull[self.rows] = (t @ (inverse @ (self.terms.T @ (share * slope)))) * (y - p)[self.rows] / (1 - lever)
        return pull


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What each of K actions brings in each context."""

    y: Floats
    fits: tuple[Fit, ...]

    @property
    def predicted(self) -> Floats:
        """Expected outcomes. [n, K]"""
        return np.column_stack([fit.predicted for fit in self.fits])

    def pulls(self, share: Floats) -> Floats:
        """Values whose mean is that of Σ_a share r̂, and whose spread knows that r̂ was fitted. [n] <- [n, K]"""
        moved = np.sum([fit.pull(self.y, share[:, a]) for a, fit in enumerate(self.fits)], axis=0)
        return (share * self.predicted).sum(1) + moved - moved.mean()


def fit(log: Log, learner: Learner, rows: Mask | None = None) -> Outcomes:
    """Learn outcomes from some of the rows (all of them by default), for the contexts of all."""
    if learner not in LEARNERS:
        raise UnknownName("learner", learner, LEARNERS)
    z = contexts(log)
    among = np.ones(len(z), dtype=np.bool_) if rows is None else rows
    logit = is_binary(log.outcome) and learner != "cells"
    cells = _codes(z) if learner == "cells" else None
    fits: list[Fit] = []
    for action in range(log.logging.shape[1]):
        chosen = among & (log.action == action)
        if cells is not None and chosen.any():
            fits.append(_cells(cells, log.outcome, chosen))
        else:
            fits.append(_learnt(learner, z, log.outcome, chosen if chosen.any() else among, logit))
    return Outcomes(log.outcome, tuple(fits))


def _learnt(learner: Learner, z: Floats, y: Floats, rows: Mask, logit: bool) -> Fit:
    enough = rows.sum() >= ENOUGH * (z.shape[1] + 1)
    name = learner if enough and learner in ("linear", "spline") else "mean"
    model = learn(name, z[rows], y[rows], logit=logit)
    if isinstance(model, Constant):
        return Fit(rows, np.ones((len(z), 1)), np.array([model.value]), np.zeros(1), False)
    assert isinstance(model, Linear)
    terms = model.basis(z)
    if model.penalty:
        ridge = model.penalty * rows.sum() * model.basis.penalty
    else:
        ridge = np.where(np.arange(terms.shape[1]) > 0, RIDGE, 0.0)
    return Fit(rows, terms, model.beta, ridge, model.logit)


def _codes(z: Floats) -> Codes:
    """Which of the distinct contexts each row has. [n]"""
    cells = np.unique(z, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    if (count := int(cells.max()) + 1) > CELLS:
        raise DataError(f'{count} distinct contexts are too many to take a mean in each; use learner = "linear"')
    return cells


def _cells(cells: Codes, y: Floats, rows: Mask) -> Fit:
    """A mean for each cell; a cell that the action never met has the action's own mean."""
    count = int(cells.max()) + 1
    met = np.bincount(cells[rows], minlength=count)
    total = np.bincount(cells[rows], y[rows], minlength=count)
    beta = np.where(met > 0, total / np.maximum(met, 1), y[rows].mean())
    return Fit(rows, np.eye(count)[cells], beta, np.where(met > 0, 0.0, 1.0), False)


def estimate(
    log: Log | Answers, learner: Learner = "linear", *, abstain: bool = True, level: float = 0.95
) -> Effect:  # fmt: skip
    """The mean outcome that the target policy would have brought, by the outcome model alone."""
    log = short(log)
    found = overlap(log)
    if abstain and found.missing > MISSING:
        fix = f"log such choices, or ask for a policy that makes none of them{ANYWAY}"
        raise Abstained(f"no answer: {found.why}\n{fix}")
    outcomes = fit(log, learner)
    values = outcomes.pulls(log.target)
    return effect(values, log, f"direct, {learner}", level=level, checks=(residuals(log, outcomes), *unseen(log)))


def residuals(log: Log, outcomes: Outcomes) -> Check:
    """Does the outcome model err where the target goes? The weighted residuals should average 0."""
    predicted = outcomes.predicted[np.arange(len(log.action)), log.action]
    off = log.weights * (log.outcome - predicted)
    size = float(off.mean())
    error = float(np.linalg.norm(np.bincount(clusters(log), off - size))) / len(off)
    told = f"weighted residuals of the outcome model average {size:.3g} ± {error:.2g}"
    fine = abs(size) <= OFF * error or abs(size) <= 1e-9 * float(np.abs(log.outcome).max())
    return Check("residuals", fine, told if fine else f"{told}: it errs where the target goes; use doubly_robust")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Direct(Method):
    """Value policies by an outcome model alone."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    learner: Learner = "linear"
    abstain: bool = True  # whether it refuses where the target does what was never logged

    def model(self, world: World, rng: np.random.Generator) -> World:  # noqa: ARG002
        analyst = cast("Analyst", world)
        analyst.value = lambda log: estimate(log, self.learner, abstain=self.abstain)
        analyst.identity = digest("ope.direct", self.learner, self.abstain, analyst.identity)
        analyst.notes.append(f"policies are valued by an outcome model, {self.learner}")
        return world
