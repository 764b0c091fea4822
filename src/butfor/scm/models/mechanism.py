"""Mechanisms of functional models: how a value follows from causes and noise, and what a seen value says of the noise.

    Function(lambda X, noise: X**2 + noise, additive=True)      the arguments' names are the causes
    Categorical(("no", "yes"), chances, ("X",))                 chances(x) [n, k]; value = first level whose sum > noise

Abduction draws noise that makes the seen value v true, and weighs each draw by how likely its causes make v:

    additive    noise = v - f(causes, 0)              weight = density of that noise
    inverse     noise = g(v, causes)                  weight = density × |∂g/∂v| (central difference)
    levels      noise uniform over the level's span   weight = P(v | causes)
    otherwise   noise drawn as it comes               weight = 1 where the value comes out as seen, else 0

Source    Pearl 2009, 7.1 (abduction); Gordon, Salmond & Smith 1993 (importance weights).
"""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.questions.evaluation import place

Floats = NDArray[np.float64]
Values = NDArray[Any]
Function_ = Callable[..., Any]

STEP = 1e-5  # of the central difference
GRID = 1024  # points at which a kernel density is made


class Noise(Protocol):
    """Where a mechanism's noise comes from."""

    def draw(self, n: int, rng: Generator) -> Floats:
        """n independent draws."""
        ...

    def log_density(self, noise: Floats) -> Floats:
        """The logarithm of the density at each value, up to a constant."""
        ...


@final
@dataclass(frozen=True, slots=True)
class NormalNoise:
    """N(0, sd²)."""

    sd: float = 1.0

    def draw(self, n: int, rng: Generator) -> Floats:
        return self.sd * rng.standard_normal(n)

    def log_density(self, noise: Floats) -> Floats:
        if self.sd == 0:
            return np.where(np.abs(noise) < 1e-9, 0.0, -np.inf)
        return -((noise / self.sd) ** 2) / 2 - math.log(self.sd)


@final
@dataclass(frozen=True, slots=True)
class UniformNoise:
    """Uniform over [low, high)."""

    low: float = 0.0
    high: float = 1.0

    def draw(self, n: int, rng: Generator) -> Floats:
        return self.low + (self.high - self.low) * rng.random(n)

    def log_density(self, noise: Floats) -> Floats:
        return np.where((noise >= self.low) & (noise <= self.high), -math.log(self.high - self.low), -np.inf)


@final
@dataclass(frozen=True, slots=True, eq=False)
class EmpiricalNoise:
    """Draws from values that were seen; the density is a Gaussian kernel's, its width by Silverman's rule."""

    values: Floats

    def draw(self, n: int, rng: Generator) -> Floats:
        return self.values[rng.integers(len(self.values), size=n)]

    def log_density(self, noise: Floats) -> Floats:
        seen = np.sort(self.values)
        quarter, rest = (float(np.quantile(seen, share)) for share in (0.25, 0.75))
        spread = min(float(seen.std()), (rest - quarter) / 1.349 or math.inf)
        width: float = max(0.9 * spread * len(seen) ** -0.2, 1e-12)
        grid: Floats = np.linspace(float(seen[0]) - 4 * width, float(seen[-1]) + 4 * width, GRID, dtype=np.float64)
        step = float(grid[1] - grid[0])
        place = np.clip((seen - grid[0]) / step, 0.0, GRID - 1.001)
        left = place.astype(np.int64)
        share = np.bincount(left, left + 1 - place, GRID) + np.bincount(left + 1, place - left, GRID)
        reach = min(math.ceil(5 * width / step), (GRID - 1) // 2)
        bell = np.exp(-((np.arange(-reach, reach + 1) * step / width) ** 2) / 2) / (width * math.sqrt(2 * math.pi))
        kernel = np.convolve(share / len(seen), bell, mode="same")
        beyond = np.maximum(np.maximum(grid[0] - noise, noise - grid[-1]), 0.0) / width
        inside = np.asarray(np.interp(noise, grid, np.log(np.maximum(kernel, 1e-300))), dtype=np.float64)
        return inside - beyond**2 / 2 - 4 * beyond


class Mechanism(ABC):
    """One variable's mechanism."""

    @property
    @abstractmethod
    def causes(self) -> tuple[str, ...]: ...

    @abstractmethod
    def draw(self, n: int, rng: Generator) -> Floats:
        """Noise [n]."""

    @abstractmethod
    def run(self, causes: Sequence[Values], noise: Floats) -> Values:
        """Values [n] of the variable from its causes, in the order of `causes`, and its noise."""

    def own(self, value: Any, name: str) -> Any:  # noqa: ARG002
        """A value as the variable `name` has it, whatever it was written as: a number, or one of its levels."""
        return typed(value)

    def abduce(self, value: Any, causes: Sequence[Values], n: int, rng: Generator) -> tuple[Floats, Floats]:
        """Noise [n] that agrees with a seen value, and the logarithm of each draw's weight."""
        noise = self.draw(n, rng)
        return noise, np.where(self.run(causes, noise) == value, 0.0, -np.inf)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Function(Mechanism):
    """Any function of causes and noise, written for arrays: `lambda X, Z, noise: ...`."""

    function: Function_
    parents: tuple[str, ...] | None = None  # where the arguments' names are not the causes' names
    noise: Noise = field(default_factory=NormalNoise)
    additive: bool = False  # function(causes, noise) = function(causes, 0) + noise
    inverse: Function_ | None = None  # noise from (value, *causes)

    @property
    def causes(self) -> tuple[str, ...]:
        if self.parents is not None:
            return self.parents
        names = tuple(inspect.signature(self.function).parameters)
        if not names or names[-1] != "noise":
            told = ", ".join((*names, "noise"))
            raise QueryError(f"a mechanism's last argument is its noise, by that name: lambda {told}: …")
        return names[:-1]

    @property
    def solves(self) -> bool:
        """Is the noise a function of the value and the causes?"""
        return self.additive or self.inverse is not None

    def draw(self, n: int, rng: Generator) -> Floats:
        return self.noise.draw(n, rng)

    def run(self, causes: Sequence[Values], noise: Floats) -> Values:
        return np.broadcast_to(np.asarray(self.function(*causes, noise)), noise.shape)

    def noise_of(self, value: Values, causes: Sequence[Values]) -> Floats:
        """The noise that makes each value [n] of its causes."""
        if self.inverse is not None:
            return np.broadcast_to(np.asarray(self.inverse(value, *causes), dtype=np.float64), value.shape)
        return value - self.run(causes, np.zeros(value.shape))

    def abduce(self, value: Any, causes: Sequence[Values], n: int, rng: Generator) -> tuple[Floats, Floats]:
        if not self.solves:
            return Mechanism.abduce(self, value, causes, n, rng)
        seen = np.full(n, float(value))
        noise = self.noise_of(seen, causes)
        weight = self.noise.log_density(noise)
        if self.inverse is not None:
            step = STEP * (1 + abs(float(value)))
            slope = (self.noise_of(seen + step, causes) - self.noise_of(seen - step, causes)) / (2 * step)
            weight = weight + np.log(np.maximum(np.abs(slope), 1e-300))
        return noise, weight


@final
@dataclass(frozen=True, slots=True, eq=False)
class Categorical(Mechanism):
    """Levels with chances that depend on the causes; one uniform noise through the inverse distribution function."""

    levels: tuple[Any, ...]
    chances: Callable[..., Floats]  # [n, k] or [k], from the causes
    parents: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        return self.parents

    def draw(self, n: int, rng: Generator) -> Floats:
        return rng.random(n)

    def run(self, causes: Sequence[Values], noise: Floats) -> Values:
        upper = np.cumsum(self.chances(*causes), axis=-1)
        place = np.sum(noise[:, None] >= upper[..., :-1], axis=-1)
        return np.array(self.levels)[place]

    def own(self, value: Any, name: str) -> Any:
        return self.levels[place(name, value, self.levels)]

    def abduce(self, value: Any, causes: Sequence[Values], n: int, rng: Generator) -> tuple[Floats, Floats]:
        chances = np.broadcast_to(self.chances(*causes), (n, len(self.levels)))
        place = self.levels.index(value)
        share = chances[:, place]
        below = np.sum(chances[:, :place], axis=1)
        with np.errstate(divide="ignore"):
            return below + share * rng.random(n), np.log(share)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Shifted(Mechanism):
    """A mechanism with its noise, moved by a constant."""

    base: Mechanism
    by: float

    @property
    def causes(self) -> tuple[str, ...]:
        return self.base.causes

    def draw(self, n: int, rng: Generator) -> Floats:
        return self.base.draw(n, rng)

    def run(self, causes: Sequence[Values], noise: Floats) -> Values:
        return self.base.run(causes, noise) + self.by

    def abduce(self, value: Any, causes: Sequence[Values], n: int, rng: Generator) -> tuple[Floats, Floats]:
        return self.base.abduce(value - self.by, causes, n, rng)


def typed(value: Any) -> Any:
    """Numbers as floats, whatever they were written as; other text as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def fixed(value: Any) -> Function:
    """A value set by hand."""
    return Function(_Fixed(value), ())


def choice(chances: Mapping[Any, float]) -> Categorical:
    """A stochastic intervention: {value: probability}."""
    shares = np.array(list(chances.values()), dtype=np.float64)
    if not len(shares) or (shares < 0).any() or abs(float(shares.sum()) - 1) > 1e-9:
        raise QueryError(f"the probabilities of an intervention must sum to one, and {dict(chances)} does not")
    return Categorical(tuple(chances), _Constant(shares))


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Constant:
    shares: Floats

    def __call__(self) -> Floats:
        return self.shares


@final
@dataclass(frozen=True, slots=True)
class _Fixed:
    value: Any

    def __call__(self, noise: Floats) -> Values:
        return np.full(noise.shape, self.value)
