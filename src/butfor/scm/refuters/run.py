"""`refute`: an effect is put through every refuter, each with a random stream of its own name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, cast

from butfor.core.errors import DataError, QueryError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.refuters.bounds import EValueBound, MarginalBounds, RosenbaumBounds
from butfor.scm.refuters.case import Case, Estimator, Refutation
from butfor.scm.refuters.control import NegativeControl
from butfor.scm.refuters.hidden import Tipping, UnobservedCause, tipping_of
from butfor.scm.refuters.nulls import DummyOutcome, Placebo, SimulatedNull
from butfor.scm.refuters.stability import Bootstrap, RandomCause, Subset
from butfor.stats.effect import Effect

TOLERANCE = 0.2


class Refuter(Protocol):
    """A way to break an effect."""

    name: ClassVar[str]

    def unfit(self, case: Case, /) -> str:
        """Why it cannot be used on this case; empty where it can."""
        ...

    def __call__(self, case: Case, /) -> Refutation: ...


BY_NAME: dict[str, Refuter] = {
    refuter.name: refuter
    for refuter in (
        Placebo(), DummyOutcome(), SimulatedNull(), RandomCause(), Subset(), Bootstrap(), UnobservedCause(),
        EValueBound(), MarginalBounds(), RosenbaumBounds(),
    )
}  # fmt: skip
ALL = tuple(BY_NAME)
HOW_STRONG = tuple(kind.name for kind in (UnobservedCause, EValueBound, MarginalBounds, RosenbaumBounds))  # no nulls


def refute(
    data: Any,
    estimator: Estimator,
    *,
    effect: Effect | None = None,
    which: Iterable[str | Refuter] | str | Refuter = ALL,
    draws: int = 100,
    seed: int = 0,
    jobs: int | None = None,
    alpha: float = 0.05,
    tolerance: float = TOLERANCE,
) -> tuple[Refutation, ...]:
    """Try to break the effect that `estimator` finds in the data, by refuters named or given with their settings.

    `ALL` leaves out those that do not fit the estimator, and reports as not ok one that these data do not let run; one
    that was asked for by name raises instead, and says why. `effect` spares computing it again. The same seed gives the
    same numbers, however many `jobs` (processes) share the work.
    """
    if draws < 10:
        raise QueryError(f"draws must be 10 or more, not {draws}; 100 is usual")
    if not 0 < alpha < 1 or tolerance < 0:
        raise QueryError(f"alpha lies between 0 and 1 and tolerance is not negative, not {alpha} and {tolerance}")
    columns = Columns.read(data)
    chosen = [which] if isinstance(which, str) or not isinstance(which, Iterable) else list(which)
    refuters = [_refuter(one) for one in chosen]
    kept = _used(estimator, columns, refuters)
    found = effect if effect is not None else estimator(kept)
    case = Case(kept, estimator, found, draws, seed, jobs, alpha, tolerance)
    fitting: list[Refuter] = []
    for refuter in refuters:
        why = refuter.unfit(case)
        if why and tuple(chosen) != ALL:
            raise QueryError(f"{refuter.name} does not fit here: {why}")
        if not why:
            fitting.append(refuter)
    if tuple(chosen) != ALL:
        return tuple(refuter(case) for refuter in fitting)
    return tuple(_tried(refuter, case) for refuter in fitting)


def tipping_point(
    data: Any,
    estimator: Estimator,
    *,
    effect: Effect | None = None,
    like: str = "",
    times: tuple[float, ...] = (1.0, 2.0, 3.0),
    draws: int = 100,
    seed: int = 0,
) -> Tipping:
    """How strong an unseen common cause must be to carry the effect to zero, and what weaker ones would leave.

    Strength is counted in `times` the strongest covariate, or the one named by `like`.
    """
    columns = _used(estimator, Columns.read(data), ())
    found = effect if effect is not None else estimator(columns)
    case = Case(columns, estimator, found, draws, seed, None, 1 - found.level, TOLERANCE)
    if why := UnobservedCause().unfit(case):
        raise QueryError(f"there is no tipping point here: {why}")
    return tipping_of(case, like=like, times=times)


def _refuter(one: str | Refuter) -> Refuter:
    if not isinstance(one, str):
        return one
    if one == NegativeControl.name:
        raise QueryError('say which column is the negative control: which=[NegativeControl(outcome="W")]')
    if one not in BY_NAME:
        raise UnknownName("refuter", one, (*BY_NAME, NegativeControl.name))
    return BY_NAME[one]


def _tried(refuter: Refuter, case: Case) -> Refutation:
    try:
        return refuter(case)
    except DataError as error:
        told = f"It could not be run: {error}."
        return Refutation(refuter.name, case.effect.estimate, -math.inf, math.inf, None, False, 0, told)


def _used(estimator: Estimator, columns: Columns, refuters: Iterable[Refuter]) -> Columns:
    """The columns that an estimator of ours or a refuter names: copying the others many times over would cost much."""
    for name in (estimator.x, estimator.y):
        if name not in columns:
            raise UnknownName("column", name, columns.names)
    if not type(estimator).__module__.startswith("butfor.scm.estimate."):
        return columns
    named: set[str] = set()
    for thing in (estimator, *refuters):
        for field in dataclasses.fields(cast(Any, thing)):
            value: object = getattr(thing, field.name)
            parts = cast(tuple[object, ...], value) if isinstance(value, tuple) else (value,)
            named |= {part for part in parts if isinstance(part, str)}
    return Columns.read(columns, [name for name in columns.names if name in named])
