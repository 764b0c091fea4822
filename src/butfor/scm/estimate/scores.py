"""The effect of being in one arm rather than the other, four ways, each with the influence value of every row.

    regression   mean of m_t(Z) - m_c(Z), each m fitted in its arm           (the g-formula)
    ipw          difference of weighted means, weights 1 / e(Z)              (Hájek)
    aipw         mean of m_t - m_c + T (Y - m_t) / e_t - C (Y - m_c) / e_c   (augmented, doubly robust)
    plugin       Σ_z P(z) (mean of Y in arm t and cell z - the same for c)

For `att` and `atc` the mean is over one arm, and weights are multiplied by the chance r(Z) of being in it. The
influence values of the first two hold what estimating m and e adds (stacked equations, Stefanski & Boos 2002): with
score s_i and information H of a fit, and gradient G of the estimate by its coefficients, row i adds G' H⁻¹ s_i. Outcome
residuals are divided by 1 - h_i as in HC3, so that small arms are not thought too sure.

Sources   Robins, Rotnitzky & Zhao 1994; Hahn 1998; Lunceford & Davidian 2004; Chernozhukov et al. 2018.
Limits    With more than two treatment values each propensity is a fit of that value against all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from butfor.core.errors import DataError
from butfor.scm.columns import Codes
from butfor.scm.estimate.basis import Basis
from butfor.scm.estimate.design import Arms
from butfor.scm.estimate.nuisance import Learner, Linear, cross_fit, fit_linear, learn, least_chance
from butfor.scm.estimate.result import Floats, Mask, Pull

TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """An estimate with the propensities and weights that its checks look at; `plain` are unscaled."""

    pull: Pull
    e: tuple[Floats, Floats]
    weights: tuple[Floats, Floats]


def weights_of(arms: Arms, e: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Weights [n] that make each arm look like those the effect is about: 1 / e for all, odds for one arm."""
    return weight(arms, arms.treated, e[0], e), weight(arms, arms.control, e[1], e)


def weight(arms: Arms, mask: Mask, own: Floats, e: tuple[Floats, Floats]) -> Floats:
    if not np.ptp(arms.about):
        return mask / own
    of_treated = bool(np.all((arms.about > 0) == arms.treated))
    if of_treated == (mask is arms.treated):
        return mask.astype(np.float64)
    return mask * (e[0] if of_treated else e[1]) / own


def in_sample(arms: Arms, learner: Learner) -> tuple[Floats, Floats]:
    """Propensities of both arms, fitted on all rows."""
    one = learn(learner, arms.z, arms.treated.astype(np.float64), logit=True).predict(arms.z)
    if arms.two:
        return one, 1 - one
    return one, learn(learner, arms.z, arms.control.astype(np.float64), logit=True).predict(arms.z)


def held_out(arms: Arms, learner: Learner, fold: Codes) -> tuple[Floats, Floats]:
    """Propensities of both arms, each row's by a fit that has not seen it."""
    everyone = np.ones(arms.n, dtype=np.bool_)
    one = cross_fit(learner, arms.z, arms.treated.astype(np.float64), everyone, fold, logit=True)
    if arms.two:
        return one, 1 - one
    return one, cross_fit(learner, arms.z, arms.control.astype(np.float64), everyone, fold, logit=True)


def clipped(e: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Propensities without those so small that their row alone could carry the estimate away."""
    least = least_chance(len(e[0]))
    return np.maximum(e[0], least), np.maximum(e[1], least)


def regression(arms: Arms, learner: Learner) -> Pull:
    """The g-formula."""
    fits = [_outcome_fit(arms, mask, learner) for mask, _ in arms.arms]
    means = [fit.predict(arms.z) for fit in fits]
    estimate = float(np.mean(arms.about * (means[0] - means[1])))
    psi = arms.about * (means[0] - means[1] - estimate)
    for fit, mean, (mask, sign) in zip(fits, means, arms.arms, strict=True):
        terms = fit.basis(arms.z)
        slope = mean * (1 - mean) if fit.logit else np.ones(arms.n)
        inside = terms[mask]
        ridge = np.diag(_ridge_of(fit, len(inside)))
        inverse = np.linalg.inv((inside * slope[mask, None]).T @ inside + ridge)
        lever = np.sum((inside @ inverse) * inside, axis=1) * slope[mask]
        toward = (arms.about * slope) @ terms @ inverse
        psi[mask] += sign * (inside @ toward) * (arms.y[mask] - mean[mask]) / np.maximum(1 - lever, TINY)
    return Pull(estimate, psi - psi.mean())


def _outcome_fit(arms: Arms, mask: Mask, learner: Learner) -> Linear:
    z, y = arms.z[mask], arms.y[mask]
    if learner not in ("mean", "linear", "spline"):
        raise DataError(f"how='regression' has no interval with {learner!r} outcomes; use how='aipw'")
    if learner == "mean" or not z.shape[1] or np.ptp(y) == 0:
        return Linear(Basis.straight(np.zeros((len(y), 0))), np.array([float(y.mean())]), 0.0, False)
    if learner == "linear":
        if len(y) < z.shape[1] + 2:
            raise DataError(
                f"an arm has {len(y)} rows for {z.shape[1]} covariates: too few for a regression; use fewer covariates"
            )
        return fit_linear(Basis.straight(z), z, y, logit=arms.binary)
    found = learn("spline", z, y, logit=arms.binary)
    assert isinstance(found, Linear)
    return found


def _ridge_of(fit: Linear, rows: int) -> Floats:
    return np.maximum(fit.penalty * rows * fit.basis.penalty, 1e-9)


def ipw(arms: Arms, learner: Learner) -> Compared:
    """Hájek's difference of weighted means, with logistic propensities."""
    if learner not in ("mean", "linear", "spline"):
        raise DataError(f"how='ipw' has no interval with {learner!r} propensities; use how='aipw'")
    fits: list[Linear] = []
    for mask, _ in arms.arms:
        if fits and arms.two:
            fits.append(Linear(fits[0].basis, -fits[0].beta, fits[0].penalty, True))
        else:
            fits.append(_propensity_fit(arms, mask, learner))
    e = (fits[0].predict(arms.z), fits[1].predict(arms.z))
    e = (np.clip(e[0], TINY, 1.0), np.clip(e[1], TINY, 1.0))
    weights = weights_of(arms, e)
    estimate, psi = 0.0, np.zeros(arms.n)
    slopes = [np.zeros(arms.n), np.zeros(arms.n)]  # of the estimate by each fit's linear predictor
    of_arm = _about_arm(arms)
    for place, (w, (_, sign)) in enumerate(zip(weights, arms.arms, strict=True)):
        mean = float(w @ arms.y / w.sum())
        part = sign * w * (arms.y - mean) / w.mean()
        estimate, psi = estimate + sign * mean, psi + part
        if of_arm is None or of_arm != place:
            slopes[place] -= part * (1 - e[place])
        if of_arm is not None and of_arm != place:
            slopes[of_arm] += part * (1 - e[of_arm])
    for fit, slope, (mask, _), own in zip(fits, slopes, arms.arms, e, strict=True):
        terms = fit.basis(arms.z)
        information = (terms * (own * (1 - own))[:, None]).T @ terms + np.diag(_ridge_of(fit, arms.n))
        psi += terms @ np.linalg.solve(information, slope @ terms) * (mask - own)
    return Compared(Pull(estimate, psi - psi.mean()), e, weights)


def _about_arm(arms: Arms) -> int | None:
    """Which arm the effect is about: 0 the treated, 1 the control, None everyone."""
    if not np.ptp(arms.about):
        return None
    return 0 if bool(np.all((arms.about > 0) == arms.treated)) else 1


def _propensity_fit(arms: Arms, mask: Mask, learner: Learner) -> Linear:
    t = mask.astype(np.float64)
    if learner == "mean" or not arms.z.shape[1]:
        share = float(t.mean())
        return Linear(Basis.straight(np.zeros((arms.n, 0))), np.array([np.log(share / (1 - share))]), 0.0, True)
    if learner == "linear":
        if int(min(mask.sum(), (~mask).sum())) < arms.z.shape[1]:
            raise DataError(
                f"an arm has fewer rows than the {arms.z.shape[1]} covariates: too few for propensities; use fewer"
            )
        fit = fit_linear(Basis.straight(arms.z), arms.z, t, logit=True)
        if bool(np.all((fit.predict(arms.z) > 0.5) == mask)):
            raise DataError(
                "the covariates tell the two arms apart without a mistake (perfect separation), so no weights make\n"
                "them alike; leave out what decides the treatment, or keep only rows that could be in either arm"
            )
        return fit
    found = learn("spline", arms.z, t, logit=True)
    assert isinstance(found, Linear)
    return found


def aipw(arms: Arms, fold: Codes, outcome: Learner, propensity: Learner) -> Compared:
    """The doubly robust score, each row's with nuisances that have not seen it."""
    own = held_out(arms, propensity, fold)
    e = clipped(own)
    means = [cross_fit(outcome, arms.z, arms.y, mask, fold, logit=arms.binary) for mask, _ in arms.arms]
    weights = weights_of(arms, e)
    return Compared(augmented(arms, (means[0], means[1]), weights), own, weights)


def augmented(arms: Arms, means: tuple[Floats, Floats], weights: tuple[Floats, Floats]) -> Pull:
    """The score of AIPW from its parts; weights are scaled to mean 1."""
    score = arms.about * (means[0] - means[1])
    for mean, w, (_, sign) in zip(means, weights, arms.arms, strict=True):
        score = score + sign * w / w.mean() * (arms.y - mean)
    estimate = float(score.mean())
    return Pull(estimate, score - estimate * arms.about)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The plug-in, with the share of rows in cells where an arm is missing or has a single row."""

    compared: Compared
    missing: float
    single: float
    arms: Arms  # without the rows that have no comparison


def plugin(arms: Arms, code: Codes, cells: int) -> Counted:
    """Means of cells, averaged over the cells of those the effect is about."""
    counts = [np.bincount(code, mask, minlength=cells) for mask, _ in arms.arms]
    there = ((counts[0] > 0) & (counts[1] > 0))[code]
    if not there.any():
        raise DataError("no combination of the covariates occurs in both arms; use fewer of them, or how='aipw'")
    missing = float(np.sum(arms.about[~there]) / arms.about.sum())
    if missing > 0:
        arms = _only(arms, there)
        code = code[there]
        counts = [np.bincount(code, mask, minlength=cells) for mask, _ in arms.arms]
    everyone = np.maximum(np.bincount(code, minlength=cells), 1)
    e = ((counts[0] / everyone)[code], (counts[1] / everyone)[code])
    means: list[Floats] = []
    lone = np.zeros(arms.n, dtype=np.bool_)
    for (mask, _), count in zip(arms.arms, counts, strict=True):
        total = np.bincount(code[mask], arms.y[mask], minlength=cells)
        means.append((total / np.maximum(count, 1))[code])
        lone |= mask & (count == 1)[code]
    weights = weights_of(arms, e)
    score = arms.about * (means[0] - means[1])
    estimate = float(score.mean())
    psi = score - estimate * arms.about
    for mean, w, count, (_, sign) in zip(means, weights, counts, arms.arms, strict=True):
        grow = np.sqrt(count / np.maximum(count - 1, 1))[code]
        psi = psi + sign * w / w.mean() * (arms.y - mean) * grow
    return Counted(Compared(Pull(estimate, psi), e, weights), missing, float(lone.mean()), arms)


def _only(arms: Arms, rows: Mask) -> Arms:
    about = arms.about[rows]
    if not about.any():
        raise DataError("none of those the effect is about has anyone to be compared with; use fewer covariates")
    return Arms(
        arms.y[rows], arms.treated[rows], arms.control[rows], arms.z[rows], arms.names, about / about.mean(),
        arms.levels,
    )  # fmt: skip
