"""Bounds: what is known of a quantity that the data do not settle.

`low` and `high` are the ends of the set of all values that some model could have and still make these data. Where the
data are a sample, `reach` is an interval at `level` around that set. It prints as

    P(Y=1 | do(X=1)) lies in [0.250, 0.640] (Balke–Pearl); 95 % interval [0.213, 0.684] (n=1000)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.scm.columns import Columns
from butfor.scm.questions.expression import Distribution
from butfor.stats.effect import Check

Floats = NDArray[np.float64]
Source = Any  # a Distribution (`labels`, `joint(names)`), or anything that `Columns.read` takes
POINT = 1e-9  # an interval narrower than this is a point


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The smallest and the largest value that agrees with the data, the graph and the assumptions."""

    quantity: str
    low: float
    high: float
    method: str
    reach: tuple[float, float] | None = None
    level: float = 0.95
    n: int | None = None
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"bounds from {self.low} to {self.high} hold nothing")

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def identified(self) -> bool:
        """The bounds meet: the data settle the quantity."""
        return self.width < POINT

    @property
    def ok(self) -> bool:
        """Every check passed."""
        return all(check.ok for check in self.checks)

    def excludes(self, value: float = 0.0) -> bool:
        """Neither the bounds nor, where there is one, their interval hold `value`."""
        low, high = self.reach or (self.low, self.high)
        return not low <= value <= high

    def __contains__(self, value: float) -> bool:
        return self.low - POINT <= value <= self.high + POINT

    def __str__(self) -> str:
        span = f"is {self.low:.3f}" if self.identified else f"lies in [{self.low:.3f}, {self.high:.3f}]"
        told = f"{self.quantity} {span} ({self.method})"
        if self.reach is not None:
            told += f"; {100 * self.level:g} % interval [{self.reach[0]:.3f}, {self.reach[1]:.3f}]"
        return told + (f" (n={self.n})" if self.n is not None else "")


def ordered(low: float, high: float) -> tuple[float, float]:
    """Two ends that rounding may have crossed by a hair."""
    middle = (low + high) / 2
    return (low, high) if low <= high else (middle, middle)


def check_pair(x: str, y: str, treated: Any, control: Any) -> None:
    """A treatment and an outcome, and two values of the treatment."""
    if x == y:
        raise QueryError(f"{x} is both treatment and outcome; the effect of what on what?")
    if treated == control:
        raise QueryError(f"treated and control are the same value of {x} ({treated}); an effect compares two")


def check_interval(level: float, draws: int = 200) -> None:
    """A level that an interval can have, and resamples enough for its ends."""
    if not 0 < level < 1:
        raise QueryError(f"level must lie between 0 and 1, not {level}; 0.95 is usual")
    if draws * (1 - level) < 1:
        raise QueryError(f"draws={draws} are too few for an interval at level {level}; 200 are usual")


def around(
    ends: tuple[float, float], lows: Floats, highs: Floats, level: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """The interval around two ends, from resamples of both: the wider of the percentile and the basic bootstrap.

    An end is a maximum (or minimum) of noisy terms, which chance moves inwards: percentiles alone cover too little.
    """
    alpha = (1 - level) / 2
    low = min(ends[0], float(np.nanquantile(lows, alpha)), 2 * ends[0] - float(np.nanquantile(lows, 1 - alpha)))
    high = max(ends[1], float(np.nanquantile(highs, 1 - alpha)), 2 * ends[1] - float(np.nanquantile(highs, alpha)))
    return max(low, limits[0]), min(high, limits[1])


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A joint distribution over some variables, an axis each; `n` rows made it, or it is exact."""

    names: tuple[str, ...]
    labels: Mapping[str, tuple[Any, ...]]
    values: Floats
    n: int | None = None

    @classmethod
    def read(cls, source: Source, names: Sequence[str]) -> Joint:
        """From a distribution, exactly; from data, by counting."""
        chosen = tuple(dict.fromkeys(names))
        if isinstance(source, Joint):
            return cls(chosen, source.labels, source.joint(chosen), source.n)
        if isinstance(source, Distribution):
            return cls(chosen, {v: tuple(source.labels[v]) for v in chosen}, source.joint(chosen))
        data = Columns.read(source, chosen)
        for name in chosen:
            if not data.is_discrete(name):
                raise DataError(f"column {name!r} is not discrete, and these bounds count cells; cut it into levels")
        coded = [data.codes(name) for name in chosen]
        shape = tuple(len(levels) for _, levels in coded)
        if math.prod(shape) > 1 << 22:
            raise DataError(
                f"{math.prod(shape):,} cells over {', '.join(chosen)} are too many to count; use fewer levels"
            )
        flat = np.ravel_multi_index([codes for codes, _ in coded], shape)
        counts = np.bincount(flat, minlength=math.prod(shape)).reshape(shape)
        levels = {name: levels for name, (_, levels) in zip(chosen, coded, strict=True)}
        return cls(chosen, levels, counts / data.n, data.n)

    def joint(self, names: Sequence[str]) -> Floats:
        """The marginal distribution of some of the variables, axes in this order."""
        places = [self.names.index(name) for name in names]
        gone = tuple(i for i in range(len(self.names)) if i not in places)
        left = sorted(places)
        return self.values.sum(axis=gone).transpose([left.index(place) for place in places])

    def resampled(self, rng: np.random.Generator) -> Joint:
        """The distribution of a new sample of the same size."""
        assert self.n is not None
        counts = rng.multinomial(self.n, self.values.ravel() / self.values.sum())
        return Joint(self.names, self.labels, counts.reshape(self.values.shape) / self.n, self.n)
