"""What if an unseen common cause were added? A column with the strength one asks for, built from the residuals.

With x̃ the rest of the treatment after the covariates, ỹ the rest of the outcome after treatment and covariates, both of
length 1, and ε noise orthogonal to all of these,

    U = sqrt(r_x) x̃ + sqrt(r_y (1 - r_x)) ỹ + sqrt((1 - r_x)(1 - r_y)) ε

explains exactly r_x of the treatment and r_y of the outcome in this sample, with the sign that works against the
effect. The estimator then adjusts for U as well. For least squares this gives the closed form of `sensitivity.Omitted`
to the last digit; any other estimator that takes covariates is asked directly. Strengths go along a line: k times the
strongest observed covariate (Cinelli & Hazlett's bound), or r_x = r_y where no covariate is observed. The tipping point
is the k at which the estimate, or the end of its interval, is carried to zero.

Sources   Carnegie, Harada & Hill 2016 (simulated confounders); Cinelli & Hazlett 2020.
Limits    Strength is linear strength; the interval is moved with the estimate and rescaled as in least squares,
          sqrt((1 - r_y) / (1 - r_x)). A treatment of two values separates when U tells nearly all of it: `inf` then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.estimate.design import arm, is_dose
from butfor.scm.refuters.batched import basis, without
from butfor.scm.refuters.case import Case, Refutation, between, shown
from butfor.scm.refuters.sensitivity import Benchmark, Omitted, benchmarks, omitted

Floats = NDArray[np.float64]

ADDED = "unseen common cause"
CLOSE = 1e-4  # of the estimate
STEPS = 14
NEARLY = 0.97  # the strongest that is tried, as a share of the strongest that can be


@dataclass(frozen=True, slots=True)
class Strength:
    """The effect had one adjusted for an unseen cause `k` times as strong as the covariate."""

    k: float
    r_x: float
    r_y: float
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Tipping:
    """How strong an unseen common cause must be: `k` for the estimate, `k_interval` for its interval (inf: never)."""

    covariate: str  # "" where none is observed: k is then r_x = r_y itself
    k: float
    k_interval: float
    grid: tuple[Strength, ...]


@dataclass(frozen=True, slots=True)
class UnobservedCause:
    """An unseen common cause as strong as the strongest observed covariate (or as `like`), added to those adjusted for.

    It has no null. The statistic is the estimate that would be left; `ok`: an effect that excluded zero still does. The
    sentence gives the tipping points.
    """

    like: str = ""
    times: tuple[float, ...] = (1.0, 2.0, 3.0)
    name: ClassVar[str] = "unobserved_cause"

    def unfit(self, case: Case) -> str:
        if not hasattr(case.estimator, "given") or hasattr(case.estimator, "instruments"):
            return "it needs an estimator that adjusts for covariates"
        if getattr(case.estimator, "how", "") == "plugin":
            return "it adds a number to adjust for, which counting in cells cannot do"
        return "hidden causes of mediators are another matter" if hasattr(case.estimator, "mediators") else ""

    def __call__(self, case: Case) -> Refutation:
        found = tipping_of(case, like=self.like, times=self.times)
        at, k = found.grid[0], found.k
        before, ask = case.effect, case.estimator
        if found.covariate:
            like = f"{'as' if at.k == 1 else f'{shown(at.k)} times as'} strong as {found.covariate}"
            need = f"{_times(k)} as strong as {found.covariate} to carry it to 0"
            if before.excludes(0.0) and shown(found.k_interval) != shown(k):
                need += f", {_times(found.k_interval)} for its interval to hold 0"
        else:
            like = f"that explains {at.r_x:.0%} of what is left of {ask.x} and of {ask.y}"
            need = f"one that explains {k:.0%} of both to carry it to 0" if k < 1 else "one that explains all of both"
        ok = not before.excludes(0.0) or (at.low > 0 if before.estimate > 0 else at.high < 0)
        size = f"partial R² {at.r_x:.2f} with {ask.x}, {at.r_y:.2f} with {ask.y}"
        sentence = (
            f"Adjusting for an unseen common cause {like} ({size}) would turn {shown(before.estimate)} into "
            f"{shown(at.estimate)} {between(at.low, at.high)}; it would have to be {need}."
        )
        return Refutation(self.name, at.estimate, at.low, at.high, None, ok, case.draws, sentence)


def tipping_of(case: Case, *, like: str = "", times: tuple[float, ...] = (1.0, 2.0, 3.0)) -> Tipping:
    """The estimate under unseen causes of several strengths, and where it reaches zero."""
    x = treatment(case)
    data = case.data.with_(**{case.estimator.x: x})
    mark = _strongest(data, case, like)
    path: Callable[[float], tuple[float, float]] = mark.times if mark else lambda r: (min(r, 1.0), min(r, 1.0))
    most = NEARLY * (mark.most if mark else 1.0)
    steps = times if mark else tuple(0.1 * k for k in times)
    push = _Push(case, x)

    def at(k: float) -> Strength:
        return push(k, *path(k))

    grid = _grid(at, [k for k in steps if k < most] or [most / 2])
    sign = 1.0 if case.effect.estimate >= 0 else -1.0
    near = case.effect.low if sign > 0 else -case.effect.high
    k = _root(lambda k: sign * at(k).estimate, abs(case.effect.estimate), most)
    inside = _root(lambda k: at(k).low if sign > 0 else -at(k).high, near, min(most, k)) if near > 0 else 0.0
    return Tipping(mark.name if mark else "", k, min(inside, k), grid)


def _grid(at: Callable[[float], Strength], steps: Sequence[float]) -> tuple[Strength, ...]:
    """The strengths up to the first that no estimate survives; weaker ones where even the first does not."""
    found: list[Strength] = []
    for k in (*steps, *(steps[0] / 2**i for i in range(1, 6))):
        if k < steps[0] and found:
            break
        try:
            found.append(at(k))
        except DataError:
            if found:
                break
    if not found:
        raise DataError(f"the estimator fails with an unseen cause of even {shown(steps[0] / 32)} times that strength")
    return tuple(found)


class _Push:
    """The estimate after adjusting for an unseen cause of given strength, the noise being the same every time."""

    def __init__(self, case: Case, x: Floats) -> None:
        self.case = case
        z = case.data.matrix(case.given)
        y = case.data.number(case.estimator.y)
        q, q_more = basis(z), basis(np.column_stack([z, x]))
        noise = case.rng("unobserved_cause").standard_normal((max(2, case.draws // 10), case.data.n))
        self.x, self.y = _unit(without(x, q)), _unit(without(y, q_more))
        self.noise = _unit(without(noise, basis(np.column_stack([z, x, y]))))
        self.estimator = case.altered(given=(*case.given, ADDED))
        self.sign = 1.0 if case.effect.estimate >= 0 else -1.0

    def __call__(self, k: float, r_x: float, r_y: float) -> Strength:
        parts = (math.sqrt(r_x), self.sign * math.sqrt(r_y * (1 - r_x)), math.sqrt((1 - r_x) * (1 - r_y)))
        u = parts[0] * self.x + parts[1] * self.y + parts[2] * self.noise
        found = float(self.case.points(estimator=self.estimator, replaced={ADDED: u * math.sqrt(u.shape[1])}).mean())
        effect, width = self.case.effect, math.sqrt((1 - r_y) / max(1 - r_x, 1e-9))
        low, high = ((end - effect.estimate) * width + found for end in (effect.low, effect.high))
        return Strength(k, r_x, r_y, found, low, high)


def treatment(case: Case) -> Floats:
    """The treatment as numbers, such that a positive effect is a positive slope."""
    ask = case.estimator
    treated, control = getattr(ask, "treated", 1), getattr(ask, "control", 0)
    if is_dose(case.data, ask.x, treated, control):
        return case.data.varying(ask.x) * (1.0 if float(treated) >= float(control) else -1.0)
    return arm(case.data, ask.x, treated).astype(np.float64)


def strongest(left: Omitted, marks: tuple[Benchmark, ...]) -> Benchmark:
    """The covariate whose like would bias most."""
    return max(marks, key=lambda mark: left.bias(*mark.times(min(1.0, NEARLY * mark.most))))


def _strongest(data: Columns, case: Case, like: str) -> Benchmark | None:
    x, y, given = case.estimator.x, case.estimator.y, case.given
    if like and like not in given:
        raise UnknownName("covariate", like, given)
    if not given:
        return None
    marks = benchmarks(data, x, y, given)
    left = omitted(data, x, y, given)
    if like:
        return next(mark for mark in marks if mark.name == like)
    return strongest(left, marks)


def _root(value: Callable[[float], float], start: float, most: float) -> float:
    """Where a falling function that is `start` > 0 at 0 reaches zero: regula falsi (Illinois); inf beyond `most`."""
    low, f_low, high = 0.0, start, min(1.0, most)
    try:
        while (f_high := value(high)) > 0:
            if high >= most:
                return math.inf
            low, f_low, high = high, f_high, min(2 * high, most)
    except DataError:  # so strong that it tells the arms apart
        return math.inf
    side, middle = 0, high
    for _ in range(STEPS):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        found = value(middle)
        if abs(found) < CLOSE * start:
            break
        if found > 0:
            low, f_low = middle, found
            f_high, side = (f_high / 2 if side > 0 else f_high), 1
        else:
            high, f_high = middle, found
            f_low, side = (f_low / 2 if side < 0 else f_low), -1
    return middle


def _unit(rows: Floats) -> Floats:
    size = np.linalg.norm(rows, axis=-1, keepdims=True)
    if float(size.min()) <= 1e-12 * math.sqrt(rows.shape[-1]):
        raise DataError("the covariates determine treatment or outcome exactly: no unseen cause can add to them")
    return np.asarray(rows / size, dtype=np.float64)


def _times(k: float) -> str:
    return f"{shown(k)} times" if math.isfinite(k) else "more than any number of times"
