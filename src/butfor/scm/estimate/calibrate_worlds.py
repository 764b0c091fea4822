"""The worlds of the calibration: data whose true effect is known exactly, by algebra or by quadrature.

Each world is a function of a generator and n that gives columns and the truth. In the first group Z0 and Z1 confound X
and Y; their expectations are taken over a grid of 80 × 80 Gauss–Hermite nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator

from butfor.scm.estimate.nuisance import expit
from butfor.scm.estimate.result import Floats

Data = dict[str, Floats]
Draw = Callable[[Generator, int], tuple[Data, float]]
Function = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Confounded:
    """X ~ P(1 | Z0, Z1), Y = base + X effect + noise, or Y ~ P(1) = expit of that."""

    chance: Function
    base: Function
    effect: Function
    binary: bool = False
    target: str = "ate"
    noise: Function | None = None

    def __call__(self, rng: Generator, n: int) -> tuple[Data, float]:
        a, b = rng.normal(size=(2, n))
        x = (rng.random(n) < self.chance(a, b)).astype(np.float64)
        mean = self.base(a, b) + x * self.effect(a, b)
        if self.binary:
            y = (rng.random(n) < expit(mean)).astype(np.float64)
        else:
            y = mean + rng.normal(size=n) * (1.0 if self.noise is None else self.noise(a, b))
        return {"Z0": a, "Z1": b, "X": x, "Y": y}, self.truth

    @property
    def truth(self) -> float:
        return _truth(self)


@cache
def _truth(world: Confounded) -> float:
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    a, b = (axis.ravel() for axis in np.meshgrid(nodes, nodes))
    w = np.outer(weights, weights).ravel()
    gain = world.effect(a, b)
    if world.binary:
        gain = expit(world.base(a, b) + gain) - expit(world.base(a, b))
    if world.target == "att":
        w = w * world.chance(a, b)
    return float(w @ gain / w.sum())


def _some(a: Floats, b: Floats) -> Floats:
    return expit(0.7 * a - 0.5 * b)


def _bent(a: Floats, b: Floats) -> Floats:
    return expit(0.6 * a - 0.5 * (b**2 - 1))


def _strong(a: Floats, b: Floats) -> Floats:
    return expit(3.5 * a + b)


def _line(a: Floats, b: Floats) -> Floats:
    return 1 + a + 0.5 * b


def _curve(a: Floats, b: Floats) -> Floats:
    return np.sin(2 * a) + b**2 + 0.5 * a * b


def _one(a: Floats, b: Floats) -> Floats:
    return np.ones_like(a) + 0 * b


def _differs(a: Floats, b: Floats) -> Floats:
    return 1 + a - 0.5 * b


def _differs_bent(a: Floats, b: Floats) -> Floats:
    return 1 + a + 0.5 * b**2


def _low(a: Floats, b: Floats) -> Floats:
    return -0.5 + 0.8 * a + 0.4 * b


def _spreads(a: Floats, b: Floats) -> Floats:
    return np.exp(0.4 * a) + 0 * b


CONFOUNDED: dict[str, Confounded] = {
    "linear": Confounded(_some, _line, _one),
    "effects differ": Confounded(_some, _line, _differs, noise=_spreads),
    "effects differ, att": Confounded(_some, _line, _differs, target="att"),
    "binary outcome": Confounded(_some, _low, _one, binary=True),
    "curved": Confounded(_bent, _curve, _differs_bent),
    "curved, att": Confounded(_bent, _curve, _differs_bent, target="att"),
    "curved outcome, straight propensity": Confounded(_some, _curve, _one),
    "straight outcome, curved propensity": Confounded(_bent, _line, _one),
    "weak overlap": Confounded(_strong, _curve, _one),
}


def dose(rng: Generator, n: int) -> tuple[Data, float]:
    """A number as treatment; everything straight."""
    a, b = rng.normal(size=(2, n))
    x = a - 0.5 * b + rng.normal(size=n)
    return {"Z0": a, "Z1": b, "X": x, "Y": 0.5 * x + a + b + rng.normal(size=n) * np.exp(0.3 * a)}, 0.5


def curved_dose(rng: Generator, n: int) -> tuple[Data, float]:
    """A number as treatment; covariates act in curves."""
    a, b = rng.normal(size=(2, n))
    x = np.sin(2 * a) + 0.5 * b**2 + rng.normal(size=n)
    return {"Z0": a, "Z1": b, "X": x, "Y": 0.5 * x + np.sin(2 * a) + b**2 + rng.normal(size=n)}, 0.5


P_Z = np.array([0.3, 0.5, 0.2])  # of Z with three values
P_X = np.array([0.25, 0.5, 0.7])  # P(X = 1 | Z)
P_Y = np.array([[0.2, 0.35, 0.5], [0.35, 0.6, 0.6]])  # P(Y = 1 | X, Z)


def discrete(rng: Generator, n: int) -> tuple[Data, float]:
    """Three discrete variables."""
    z = rng.choice(3, size=n, p=P_Z)
    x = (rng.random(n) < P_X[z]).astype(np.int64)
    y = rng.random(n) < P_Y[x, z]
    truth = float(P_Z @ (P_Y[1] - P_Y[0]))
    return {"Z": z.astype(np.float64), "X": x.astype(np.float64), "Y": y.astype(np.float64)}, truth


def front_discrete(rng: Generator, n: int) -> tuple[Data, float]:
    """A latent confounder; two binary mediators."""
    u = rng.normal(size=n)
    x = (rng.random(n) < expit(u)).astype(np.float64)
    m1 = (rng.random(n) < np.where(x == 1, 0.7, 0.3)).astype(np.float64)
    m2 = (rng.random(n) < np.where(x == 1, 0.6, 0.4)).astype(np.float64)
    y = m1 + 0.5 * m2 + m1 * m2 + u + rng.normal(size=n)
    return {"X": x, "M1": m1, "M2": m2, "Y": y}, 0.4 + 0.5 * 0.2 + (0.42 - 0.12)


def front_continuous(rng: Generator, n: int) -> tuple[Data, float]:
    """A latent confounder, a covariate, two continuous mediators."""
    u, z = rng.normal(size=(2, n))
    x = (rng.random(n) < expit(u + 0.5 * z)).astype(np.float64)
    m1 = x + 0.5 * z + rng.normal(size=n)
    m2 = 0.5 * x + rng.normal(size=n)
    return {"X": x, "M1": m1, "M2": m2, "Z": z, "Y": m1 + 0.5 * m2 + 1.5 * u + z + rng.normal(size=n)}, 1.25


def front_closed(rng: Generator, n: int) -> tuple[Data, float]:
    """The mediator all but repeats the treatment."""
    u = rng.normal(size=n)
    x = (rng.random(n) < expit(u)).astype(np.float64)
    m = np.where(rng.random(n) < 0.995, x, 1 - x)
    return {"X": x, "M": m, "Y": m + u + rng.normal(size=n)}, 0.99


@dataclass(frozen=True, slots=True)
class Instrumented:
    """X moved by `count` instruments of strength `pi`; the last acts on Y directly by `direct`."""

    pi: float
    count: int
    direct: float = 0.0
    uneven: bool = False

    def __call__(self, rng: Generator, n: int) -> tuple[Data, float]:
        z = rng.normal(size=(self.count, n))
        u, w = rng.normal(size=(2, n))
        x = self.pi * z.sum(axis=0) + u + 0.5 * w + rng.normal(size=n)
        noise = rng.normal(size=n) * (np.exp(0.4 * z[0]) if self.uneven else 1.0)
        y = x + w + 1.5 * u + self.direct * z[-1] + noise
        return {"X": x, "Y": y, "W": w, **{f"Z{i}": column for i, column in enumerate(z)}}, 1.0


def mediated(rng: Generator, n: int) -> tuple[Data, float]:
    """Treatment and mediator interact; the truth is that of the indirect effect, 3, and the direct one is 1."""
    z = rng.normal(size=n)
    x = (rng.random(n) < expit(0.7 * z)).astype(np.float64)
    m = x + z + rng.normal(size=n)
    return {"X": x, "M": m, "Z": z, "Y": x + 2 * m + x * m + z + rng.normal(size=n)}, 3.0


def mediated_direct(rng: Generator, n: int) -> tuple[Data, float]:
    """The same data, with the truth of the direct effect."""
    return mediated(rng, n)[0], 1.0


def mediated_fully(rng: Generator, n: int) -> tuple[Data, float]:
    """The mediator all but determines who was treated."""
    z = rng.normal(size=n)
    x = (rng.random(n) < expit(0.7 * z)).astype(np.float64)
    m = 6 * x + z + rng.normal(size=n)
    return {"X": x, "M": m, "Z": z, "Y": x + m + np.sin(m) + z + rng.normal(size=n)}, 1.0
