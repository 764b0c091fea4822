"""A joint normal distribution over named variables, degenerate ones too: marginals, conditionals, chances of boxes.

    X_A | X_E = e   ~   N( m_A + S_AE S_EE⁺ (e - m_E),   S_AA - S_AE S_EE⁺ S_EA )

S_EE⁺ is the pseudo-inverse on the scale of correlations: evidence that repeats itself is used once, and evidence that
the model cannot produce (a residual outside the range of S_EE) is refused.

P(low < X < high) by Genz' separation of variables: one variable exactly, two by double exponential quadrature (1e-15
for correlations up to 0.999), more by a lattice of 8 × 8,191 points, with a standard error (about 1e-6 for five).

Source    Genz 1992, "Numerical computation of multivariate normal probabilities"; Takahasi & Mori 1974.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import Impossible, QueryError, UnknownName
from butfor.core.seeds import generator
from butfor.stats.quantiles import z_below, z_quantile

Floats = NDArray[np.float64]

SINGULAR = 1e-10  # an eigenvalue of a correlation matrix below this is zero
ROUNDING = 1e-12  # a variance that evidence cut below this share of itself is zero
SHIFTS, POINTS, NODES = 8, 8191, 400


@final
@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Names, their means `center` [n] and covariances `spread` [n, n]."""

    names: tuple[str, ...]
    center: Floats
    spread: Floats

    def at(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownName("variable", name, self.names) from None

    def places(self, names: Iterable[str]) -> list[int]:
        return [self.at(name) for name in names]

    def over(self, names: Iterable[str]) -> Normal:
        """The marginal over some of the variables, in this order."""
        chosen = tuple(names)
        rows = self.places(chosen)
        return Normal(chosen, self.center[rows], self.spread[np.ix_(rows, rows)])

    def given(self, evidence: Mapping[str, float]) -> Normal:
        """The distribution of all variables once some are seen; those then have no variance left."""
        if not evidence:
            return self
        seen = self.places(evidence)
        values = np.array([float(value) for value in evidence.values()])
        step = gain(self.spread, seen, values - self.center[seen], tuple(evidence))
        center = self.center + step @ (values - self.center[seen])
        center[seen] = values
        spread = self.spread - step @ self.spread[seen]
        known = np.diag(spread) <= ROUNDING * np.diag(self.spread)
        known[seen] = True
        spread[known] = 0.0
        spread[:, known] = 0.0
        return Normal(self.names, center, (spread + spread.T) / 2)

    def mean(self, name: str) -> float:
        return float(self.center[self.at(name)])

    def var(self, name: str) -> float:
        i = self.at(name)
        return max(float(self.spread[i, i]), 0.0)

    def within(self, name: str, limits: Mapping[str, tuple[float, float]]) -> float:
        """The mean of a variable given a box (Tallis 1961): each face pulls it by its density and covariance."""
        chance = self.box(limits)[0]
        if chance <= 0:
            raise Impossible("the model gives these intervals probability zero: nothing follows from them")
        center, limits = self.mean(name), self._apart(limits)
        for face, pair in limits.items():
            scale = math.sqrt(self.var(face))
            for end, side in zip(pair, (1.0, -1.0), strict=True):
                if scale == 0 or not math.isfinite(end):
                    continue
                rest = {other: span for other, span in limits.items() if other != face}
                density = math.exp(-(((end - self.mean(face)) / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))
                share = self.given({face: end}).box(rest)[0] if rest else 1.0
                center += side * float(self.spread[self.at(name), self.at(face)]) * density * share / chance
        return center

    def quantile(self, name: str, q: float) -> float:
        """The value that a share `q` of the distribution lies below."""
        if not 0 < q < 1:
            raise QueryError(f"a quantile is a share between 0 and 1, not {q}")
        return self.mean(name) + math.sqrt(self.var(name)) * float(z_quantile(q))

    def box(self, limits: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """P(low < X < high for every variable named) and its numerical standard error (0 for one or two)."""
        if any(low > high for low, high in limits.values()):
            raise QueryError("an interval runs from its lower end to its upper end")
        apart = self._apart(limits)
        part = self.over(apart)
        low, high = (np.array([pair[i] for pair in apart.values()], dtype=np.float64) for i in (0, 1))
        if (low > high).any():
            return 0.0, 0.0
        scale = np.sqrt(np.maximum(np.diag(part.spread), 0.0))
        unit = np.where(scale > 0, scale, 1.0)
        return _chance(
            (low - part.center) / unit, (high - part.center) / unit, _root(part.spread / np.outer(unit, unit))
        )

    def _apart(self, limits: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        """Intervals of variables that determine each other as an interval of the first (an outcome in two worlds of a
        linear model is such a pair); it may be empty.
        """
        kept: dict[str, tuple[float, float]] = {}
        for face, pair in limits.items():
            for other, (low, high) in kept.items():
                shared = float(self.spread[self.at(face), self.at(other)])
                if shared and abs(shared) > (1 - SINGULAR) * math.sqrt(self.var(face) * self.var(other)):
                    slope = self.var(other) / shared
                    ends = sorted(self.mean(other) + slope * (end - self.mean(face)) for end in pair)
                    kept[other] = max(low, ends[0]), min(high, ends[1])
                    break
            else:
                kept[face] = pair
        return kept

    def sample(self, n: int, seed: int = 0) -> dict[str, Floats]:
        """Draws, one array [n] a variable."""
        rng = generator(seed, "normal sample")
        values = self.center + rng.standard_normal((n, len(self.names))) @ root_of(self.spread).T
        return {name: values[:, i] for i, name in enumerate(self.names)}


def gain(spread: Floats, seen: list[int], away: Floats, names: tuple[str, ...]) -> Floats:
    """S_AE S_EE⁺ [n, k]; refuses evidence `away` [k] from its mean in a direction without variance."""
    among = spread[np.ix_(seen, seen)]
    scale = np.sqrt(np.maximum(np.diag(among), 0.0))
    unit = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(among / np.outer(unit, unit))
    flat = values < SINGULAR * max(float(values.max(initial=0.0)), 1.0)
    left = vectors[:, flat].T @ (away / unit)
    if (np.abs(left) > 1e-6 * (1 + np.abs(away / unit).max(initial=0.0))).any():
        worst = int(np.argmax(np.abs(vectors[:, flat] @ left)))
        raise Impossible(f"the model cannot produce this evidence: {names[worst]} is determined by the rest of it")
    inverse = (vectors[:, ~flat] / values[~flat]) @ vectors[:, ~flat].T
    return (spread[:, seen] / unit) @ inverse / unit


def root_of(spread: Floats) -> Floats:
    """A with A Aᵀ = spread [n, n], for spreads that may be singular."""
    values, vectors = np.linalg.eigh(spread)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _root(spread: Floats) -> Floats:
    """The lower triangular root of a correlation matrix; a column of zeros where a variable adds no variance."""
    n = len(spread)
    root = np.zeros((n, n))
    for i in range(n):
        left = spread[i, i] - root[i] @ root[i]
        if left > SINGULAR:
            root[i, i] = math.sqrt(left)
            root[i + 1 :, i] = (spread[i + 1 :, i] - root[i + 1 :] @ root[i]) / root[i, i]
    return root


def _chance(low: Floats, high: Floats, root: Floats) -> tuple[float, float]:
    """Genz: the chance of each variable's interval given the ones before it, averaged over points of the unit cube."""
    n = len(low)
    if n <= 2:
        t = np.linspace(-3.3, 3.3, NODES)
        points = 1 / (1 + np.exp(-math.pi * np.sinh(t)))
        weights = points * (1 - points) * np.cosh(t)
        return float(weights @ _along(points[:, None], low, high, root) / weights.sum()), 0.0
    rng = generator(0, "lattice", n)
    step = np.sqrt(np.array(_primes(n - 1), dtype=np.float64))  # Richtmyer's lattice
    lattice = np.arange(1, POINTS + 1)[:, None] * step
    means = [
        float(_along(np.abs(2 * ((lattice + shift) % 1) - 1), low, high, root).mean())
        for shift in rng.random((SHIFTS, n - 1))
    ]
    return float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(SHIFTS))


def _along(points: Floats, low: Floats, high: Floats, root: Floats) -> Floats:
    """The product of conditional chances at each point; [m] <- [m, n - 1]."""
    m, n = len(points), len(low)
    drawn, chance = np.zeros((m, n)), np.ones(m)
    for i in range(n):
        shift = drawn[:, :i] @ root[i, :i]
        if root[i, i] == 0.0:
            chance = chance * ((low[i] <= shift + 1e-9) & (shift - 1e-9 <= high[i]))
            continue
        a: Floats = (low[i] - shift) / root[i, i]
        b: Floats = (high[i] - shift) / root[i, i]
        flip = a > 0  # in the upper tail, the mirrored interval keeps its digits
        below, above = z_below(np.where(flip, -b, a)), z_below(np.where(flip, -a, b))
        chance = chance * (above - below)
        if i < n - 1:
            middle = below + points[:, min(i, points.shape[1] - 1)] * (above - below)
            z = z_quantile(np.clip(middle, 1e-300, 1 - 1e-16))
            drawn[:, i] = np.where(flip, -z, z)
    return chance


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found
