"""Doubly robust: the outcome model, corrected by the weighted residuals of what was logged.

Idea      The model takes out what can be foreseen, the weights mend what it gets wrong. Unbiased if either the logged
          probabilities or the model are right, and narrower than weights alone where the model is any good.
Equation  dr     mean of Σ_a π r̂(x, a) + w (y - r̂(x, a_i)),  w = π / μ
          mrdr   the same with straight lines r̂ = φ'β that make it spread less. Given x the variance of the score is
                 Σ_a π²/μ E(y - r̂)² - (Σ_a π (r - r̂))²; from the least-squares β this goes s times the Newton step
                 H⁻¹ mean of (w² φ_i - w φ̄)(y - r̂),  φ̄ = Σ_a π φ_a,  H = mean of Σ_a π²/μ φ_a φ_a' - φ̄ φ̄'
                 where s, from 0 to 1, is the length by which scores that the step has not seen spread least
          tmle   r̂ on the logit scale of the outcomes' range, shifted by the ε at which Σ w (y - r̂_ε) = 0; then the
                 direct method: it never leaves the range of the outcomes
          r̂ of a row is learnt on other folds (`folds = 1`: on all rows).
Source    Robins, Rotnitzky & Zhao 1994; Dudík, Langford & Li 2011; Farajtabar, Chow & Ghavamzadeh 2018 (mrdr); van der
          Laan & Rubin 2006 (tmle); Chernozhukov et al. 2018 (folds). The step of mrdr and its length are ours: H is
          known exactly, so no small sample makes it indefinite, and w² is too noisy to be followed all the way.
Limits    r̂ = 0 would be ips. On discrete contexts with empirical probabilities, `cells` and one fold, dr, tmle, ips and
          the direct method are one number. With poor overlap the correction is as noisy as ips: it abstains then. It
          does not beat the direct method where the model is right, nor weights where the model is noise (docs/ope.md).
Example   [treatment]
          method = "align.ope.doubly_robust"
          how = "dr"
          learner = "spline"
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast, final

import numpy as np
from pydantic import Field

from butfor.align.ope.direct import Learner, fit
from butfor.align.ope.overlap import trusted
from butfor.align.ope.short import clusters, contexts, effect, short
from butfor.core.errors import DataError
from butfor.core.keys import digest
from butfor.core.seeds import generator
from butfor.scm.columns import Codes, Floats
from butfor.scm.estimate.basis import Basis
from butfor.scm.estimate.nuisance import expit, folds_of, logit_of
from butfor.train.method import Method

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.scm.analyst import Analyst
    from butfor.scm.estimate.result import Mask
    from butfor.scm.policies import Answers, Log
    from butfor.stats.effect import Effect

How = Literal["dr", "mrdr", "tmle"]
INSIDE = 1e-4  # how near to the ends of the outcomes' range a prediction may start
PULL = 1e-3  # ridge of the Newton step, as a share of the mean diagonal
STEPS = 100
MOST = 1000  # coefficients of mrdr


def estimate(
    log: Log | Answers,
    how: How = "dr",
    *,
    learner: Learner = "linear",
    folds: int = 5,
    abstain: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> Effect:
    """The mean outcome that the target policy would have brought."""
    log = short(log)
    most = int(clusters(log).max()) + 1
    if not 1 <= folds <= most:
        raise DataError(f"folds is {folds}; it must be 1 (all rows learn) to {most}, and 5 is usual")
    checks = trusted(log, abstain)
    predicted = learnt(log, how, learner, folds, seed)
    if how == "tmle":
        predicted = targeted(log, predicted)
    values = scores(log, predicted)
    model = "straight lines" if how == "mrdr" else learner
    return effect(values, log, f"{how}, {model}, {folds} folds", level=level, checks=checks)


def scores(log: Log, predicted: Floats) -> Floats:
    """The doubly robust value of each row. [n] <- [n, K]"""
    own = predicted[np.arange(len(log.action)), log.action]
    return (log.target * predicted).sum(1) + log.weights * (log.outcome - own)


def learnt(log: Log, how: How, learner: Learner, folds: int, seed: int) -> Floats:
    """Each row's predictions by a fit that has not seen it. [n, K]"""
    found = np.empty_like(log.logging)
    fold = _folds(log, folds, seed)
    for k in range(folds):
        here = fold == k
        rows = ~here if folds > 1 else here
        predicted = robust(log, rows) if how == "mrdr" else fit(log, learner, rows).predicted
        found[here] = predicted[here]
    return found


def _folds(log: Log, folds: int, seed: int) -> Codes:
    """A fold for each row; what hangs together stays together."""
    code = clusters(log)
    groups = np.zeros(int(code.max()) + 1, dtype=np.int64)
    return folds_of(groups, folds, generator(seed, "ope", "folds"))[code]


def robust(log: Log, rows: Mask) -> Floats:
    """Predictions of lines by which the doubly robust score spreads less. [n, K]"""
    start = fit(log, "linear", rows).predicted
    half = rows & (np.cumsum(rows) % 2 == 0)
    apart = [rows & half, rows & ~half]
    moves = [step(log, start, one) for one in apart]
    base, moved = scores(log, start), np.zeros(len(rows))
    for seen, move in zip(reversed(apart), moves, strict=True):
        moved[seen] = scores(log, start + move)[seen] - base[seen]
    both = np.cov(base[rows], moved[rows])
    length = float(np.clip(-both[0, 1] / both[1, 1], 0.0, 1.0)) if both[1, 1] > 0 else 0.0
    return start + length * step(log, start, rows)


def step(log: Log, start: Floats, rows: Mask) -> Floats:
    """What the Newton step on the variance of the score adds to predictions. [n, K]"""
    z = contexts(log)
    t = Basis.straight(z[rows])(z)  # [n, p]
    (n, k), p, own = log.logging.shape, t.shape[1], np.arange(len(t))
    if k * p > MOST:
        raise DataError(f'mrdr would solve for {k * p} coefficients; use how = "dr", or fewer features')
    pi, mu, w = log.target, log.logging, log.weights
    spread = (pi[:, :, None] * t[:, None, :]).reshape(n, k * p)  # φ̄
    one = np.zeros((n, k, p))
    one[own, log.action] = t  # φ_i
    residual = w * (log.outcome - start[own, log.action])
    slope = (residual[:, None] * (w[:, None] * one.reshape(n, k * p) - spread))[rows].mean(0)
    square = np.divide(pi**2, mu, out=np.zeros_like(pi), where=mu > 0)
    curve = -spread[rows].T @ spread[rows] / rows.sum()
    for a in range(k):
        at = slice(a * p, (a + 1) * p)
        curve[at, at] += (t[rows] * square[rows, a, None]).T @ t[rows] / rows.sum()
    ridge = PULL * max(float(np.trace(curve)) / (k * p), 1e-12)
    return t @ np.linalg.solve(curve + ridge * np.eye(k * p), slope).reshape(k, p).T


def targeted(log: Log, predicted: Floats) -> Floats:
    """Predictions shifted on the logit scale until their weighted residuals are 0. [n, K]"""
    low, high = float(log.outcome.min()), float(log.outcome.max())
    if high == low or not log.weights.any():
        return predicted
    own = np.arange(len(log.action)), log.action
    eta = logit_of(np.clip((predicted - low) / (high - low), INSIDE, 1 - INSIDE))
    y, w = (log.outcome - low) / (high - low), log.weights / log.weights.sum()

    def off(shift: float) -> float:
        return float(w @ (y - expit(eta[own] + shift)))

    down, up = -1.0, 1.0
    while off(down) < 0 and down > -64:
        down *= 2
    while off(up) > 0 and up < 64:
        up *= 2
    for _ in range(STEPS):
        middle = (down + up) / 2
        down, up = (middle, up) if off(middle) > 0 else (down, middle)
        if math.isclose(down, up, rel_tol=0, abs_tol=1e-13):
            break
    return low + (high - low) * expit(eta + (down + up) / 2)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DoublyRobust(Method):
    """Value policies by an outcome model and weights."""

    worlds: ClassVar[tuple[str, ...]] = ("analyst",)
    how: How = "dr"
    learner: Learner = "linear"
    folds: Annotated[int, Field(ge=1)] = 5
    abstain: bool = True  # whether it refuses on poor overlap

    def __post_init__(self) -> None:
        if self.how == "mrdr" and self.learner != "linear":
            raise ValueError(f'mrdr fits straight lines, not {self.learner}; leave learner out, or use how = "dr"')

    def model(self, world: World, rng: np.random.Generator) -> World:
        analyst, seed = cast("Analyst", world), int(rng.integers(2**31))
        analyst.value = lambda log: estimate(
            log, self.how, learner=self.learner, folds=self.folds, abstain=self.abstain, seed=seed
        )
        knobs = (self.how, self.learner, self.folds, self.abstain, seed if self.folds > 1 else 0)
        analyst.identity = digest("ope.doubly_robust", *knobs, analyst.identity)
        analyst.notes.append(f"policies are valued by {self.how}, {self.learner}, {self.folds} folds")
        return world
