"""Worlds in which the truth is zero, made from the data: an estimator that finds something there is not to be trusted.

What is shuffled is drawn many times, and the question is whether the estimates are zero on average (`case.off_target`,
scale: the draws' own standard deviation). None of these can see a hidden confounder: shuffling destroys it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.estimate.design import arm, covariates, is_binary, is_dose
from butfor.scm.estimate.nuisance import learn
from butfor.scm.refuters.case import Case, Refutation, between, off_target, shown

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placebo:
    """The treatment shuffled among the rows (within `strata`: among rows alike in those columns).

    Null: with a treatment that cannot have done anything, the estimates are zero on average. Instruments move along
    with the treatment. The sentence also says how often a shuffled treatment moved the outcome as much as the real one.
    """

    strata: tuple[str, ...] = ()
    name: ClassVar[str] = "placebo"

    def unfit(self, _case: Case) -> str:
        return ""

    def __call__(self, case: Case) -> Refutation:
        order = shuffles(case, self.name, self.strata)
        instruments = getattr(case.estimator, "instruments", ())
        moved = (case.estimator.x, *((instruments,) if isinstance(instruments, str) else instruments))
        values = case.points(replaced={name: case.data[name][order] for name in moved})
        beyond = int(np.sum(np.abs(values) >= abs(case.effect.estimate)))
        within = f" within {', '.join(self.strata)}" if self.strata else ""
        some = {0: "none of them was", 1: "1 of them was"}.get(beyond, f"{beyond} of them were")
        told = f"{some} as large as the effect of {shown(case.effect.estimate)}"
        return of_zero(self.name, case, values, f"with {case.estimator.x} shuffled{within}", told)


@dataclass(frozen=True, slots=True)
class DummyOutcome:
    """The outcome shuffled among the rows, or (`how="noise"`) replaced by normal noise of its mean and spread.

    Null: on an outcome that nothing moves, the estimates are zero on average. Treatment and covariates keep their
    relation, so that weights and matches are those of the real estimate.
    """

    how: str = "shuffled"
    name: ClassVar[str] = "dummy_outcome"

    def __post_init__(self) -> None:
        if self.how not in ("shuffled", "noise"):
            raise QueryError(f"how must be 'shuffled' or 'noise', not {self.how!r}")

    def unfit(self, _case: Case) -> str:
        return ""

    def __call__(self, case: Case) -> Refutation:
        y = case.data[case.estimator.y]
        if self.how == "shuffled":
            drawn: NDArray[Any] = y[shuffles(case, self.name, ())]
        else:
            number = case.data.number(case.estimator.y)
            noise = case.rng(self.name).standard_normal((case.draws, case.data.n))
            drawn = number.mean() + number.std() * noise
        values = case.points(replaced={case.estimator.y: drawn})
        told = (
            f"the standard error of the real effect is {shown(case.se)}, and theirs {shown(float(values.std(ddof=1)))}"
        )
        word = "shuffled" if self.how == "shuffled" else "replaced by noise"
        return of_zero(self.name, case, values, f"with {case.estimator.y} {word}", told)


@dataclass(frozen=True, slots=True)
class SimulatedNull:
    """Treatment and outcome drawn anew from the covariates, each bending with them as the real one does; no effect.

    X' = e(Z) and Y' = m(Z), each a penalised spline plus a shuffled residual (two arms and outcomes of 0 and 1: drawn
    with the chance that a logistic spline gives). Null: the estimates are zero on average; they are not where the
    estimator takes Z in a wrong form. Conditional on the real X an estimate may rightly be off by chance; hence X'.
    """

    name: ClassVar[str] = "simulated_null"

    def unfit(self, case: Case) -> str:
        elsewhere = any(hasattr(case.estimator, name) for name in ("instruments", "mediators"))
        return "" if case.given and not elsewhere else "it needs an estimator that adjusts for covariates"

    def __call__(self, case: Case) -> Refutation:
        ask, rng = case.estimator, case.rng(self.name)
        z, _ = covariates(case.data, case.given)
        y = case.data.number(ask.y)
        copies = {ask.x: _treatments(case, z, rng), ask.y: _numbers(y, z, is_binary(y), case.draws, rng)}
        values = case.points(replaced=copies)
        given, size = ", ".join(case.given), shown(float(values.mean()))
        opening = f"with {ask.x} and {ask.y} drawn anew from {given} alone"
        told = f"the form in which {given} {'are' if len(case.given) > 1 else 'is'} adjusted for does no harm"
        return of_zero(self.name, case, values, opening, told, f"that form leaves a bias of about {size}")


def _numbers(y: Floats, z: Floats, binary: bool, draws: int, rng: Generator) -> Floats:
    """Columns [draws, n] that depend on z as y does."""
    mean = learn("spline", z, y, logit=binary).predict(z)
    if binary:
        return (rng.random((draws, len(y))) < mean).astype(np.float64)
    return mean + rng.permuted(np.tile(y - mean, (draws, 1)), axis=1)


def _treatments(case: Case, z: Floats, rng: Generator) -> NDArray[Any]:
    """The same of the treatment; rows of neither arm keep theirs."""
    ask, column = case.estimator, case.data[case.estimator.x]
    treated, control = getattr(ask, "treated", 1), getattr(ask, "control", 0)
    if is_dose(case.data, ask.x, treated, control):
        return _numbers(column, z, False, case.draws, rng)
    one, two = arm(case.data, ask.x, treated), arm(case.data, ask.x, control)
    rows = one | two
    drawn = _numbers(one[rows].astype(np.float64), z[rows], True, case.draws, rng) > 0
    copies = np.tile(column, (case.draws, 1))
    copies[:, rows] = np.where(drawn, column[one][0], column[two][0])
    return copies


def of_zero(name: str, case: Case, values: Floats, opening: str, told: str, otherwise: str = "") -> Refutation:
    """The refutation that the estimates are zero on average: its sentence ends in `told`, or else in `otherwise`."""
    p = off_target(values, 0.0, float(values.std(ddof=1)), case.tolerance)
    low, high = case.range_of(values)
    ok = p >= case.alpha
    verdict = "as it should" if ok else f"but it should be 0 (p = {shown(p)}): the estimator itself is biased here"
    sentence = (
        f"{opening[0].upper()}{opening[1:]}, the mean of {len(values)} estimates is {shown(float(values.mean()))} "
        f"{between(low, high)}, {verdict}; {told if ok else otherwise or told}."
    )
    return Refutation(name, float(values.mean()), low, high, p, ok, len(values), sentence)


def shuffles(case: Case, name: str, strata: tuple[str, ...]) -> NDArray[np.int64]:
    """Random orders of the rows [draws, n], each row's place taken by one of its own stratum."""
    rng, n = case.rng(name), case.data.n
    if not strata:
        return rng.permuted(np.tile(np.arange(n), (case.draws, 1)), axis=1)
    code = np.zeros(n, dtype=np.int64)
    for column in strata:
        codes, levels = case.data.codes(column)
        _, code = np.unique(code * len(levels) + codes, return_inverse=True)
    if len(code) == len(np.unique(code)):
        raise QueryError(f"every row has {', '.join(strata)} of its own: cut it into bins to shuffle within")
    places = np.argsort(code, kind="stable")
    order = np.empty((case.draws, n), dtype=np.int64)
    for draw in range(case.draws):
        order[draw, places] = _within(code, rng)
    return order


def _within(code: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
    return np.lexsort((rng.random(len(code)), code)).astype(np.int64)
