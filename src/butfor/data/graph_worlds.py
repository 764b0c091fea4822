"""Random worlds of numbers for causal discovery, many at once: data [batch, rows, variables] and the graph of each.

    draw(TRAINING, batch=16, n=200, d=8, rng)        what the amortised network is trained on
    one("out_noise", seed=0, number=3)               a held-out world, here of a family that it never saw

Graphs    `er`: each pair is joined with one probability. `sf`: a later variable takes earlier ones in proportion to
          what they are joined to already (hubs); half of these graphs are turned around. Then the variables are
          shuffled.
Worlds    x = √share · f(causes) + √(1 − share) · noise, f and the noise scaled to variance 1. So every variable has
          variance 1 and neither variances nor their order betray the graph. What the others tell of a variable (R²)
          still does: two causes in three have more of it than their effect. In linear worlds scaled `after` they are
          drawn, x = gain · f(causes) + noise, then x / sd(x), one in three has; training mixes both kinds.
          `linear`  weights ±U(½, 1) before scaling
          `rff`     cosines of random projections of all causes: a draw from a Gaussian process, nearly
          `mlp`     a random network of one layer of tanh, 8 units       (held out)
          `bent`    each cause through a square, |x| or a step, summed   (held out)
          `scaled`  linear; the noise grows with the causes              (held out)
Noise     normal, uniform, laplace, exponential; held out: student (3 degrees), bimodal, lognormal.
Source    the design of the simulators in Lorch et al. 2022; Reisach, Seiler & Weichwald 2021 and Reisach
          et al. 2023 (what variances and R² betray).
Limits    No hidden causes, no discrete variables; one kind of mechanism and of noise a world.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.seeds import derive, generator
from butfor.scm.models.worlds import random_graph, random_scm

Floats = NDArray[np.float64]
Edges = NDArray[np.bool_]

EXTRA = 128  # rows drawn beside those asked for, so that the scale of a world does not rest on the rows alone
COSINES, UNITS = 32, 8
PLAIN = ("normal", "uniform", "laplace", "exponential")  # noises that training knows


@final
@dataclass(frozen=True, slots=True)
class Family:
    """What worlds are drawn from; of each tuple one is drawn a world, repeated entries more often."""

    graphs: tuple[str, ...] = ("er", "sf")
    mechanisms: tuple[str, ...] = ("linear", "rff")
    noises: tuple[str, ...] = PLAIN
    density: tuple[float, float] = (0.5, 2.5)  # edges a variable
    share: tuple[float, float] = (0.3, 0.9)  # of the variance that the causes explain
    after: float = 0.0  # share of worlds that are scaled after they are drawn
    rows: tuple[int, int] = (50, 400)
    variables: tuple[int, int] = (2, 12)
    about: str = ""


TRAINING = Family(noises=("normal", "normal", *PLAIN), after=0.5, about="as in training")
FIRST = replace(TRAINING, after=0.0)  # what training begins with
FAMILIES = {
    "linear_normal": Family(mechanisms=("linear",), noises=("normal",), about="as in training: linear, normal noise"),
    "linear_other": Family(mechanisms=("linear",), noises=PLAIN[1:], about="as in training: linear, other noise"),
    "curves": Family(mechanisms=("rff",), about="as in training: random curves"),
    "after_linear": Family(mechanisms=("linear",), after=1.0, about="as in training: linear, scaled afterwards"),
    "after_curves": Family(mechanisms=("rff",), after=1.0, about="as in training: random curves, scaled afterwards"),
    "out_mechanism": Family(mechanisms=("mlp", "bent"), about="small networks, squares, steps"),
    "out_width": Family(mechanisms=("scaled",), about="noise whose width depends on the causes"),
    "out_noise": Family(noises=("student", "bimodal", "lognormal"), about="heavy tails, two hills"),
    "out_dense": Family(density=(3.0, 4.0), variables=(9, 12), about="3 to 4 edges a variable"),
    "out_large": Family(variables=(20, 30), about="20 to 30 variables"),
    "out_few": Family(rows=(20, 40), about="20 to 40 rows"),
    "out_many": Family(rows=(1000, 2000), about="1,000 to 2,000 rows"),
}
ENGINE = {"engine_linear": "linear", "engine_functional": "functional"}  # of `random_scm`


@final
@dataclass(frozen=True, slots=True, eq=False)
class Worlds:
    """Data [batch, n, d] and graphs [batch, d, d], row causes column."""

    x: Floats
    edges: Edges


def draw(family: Family, batch: int, n: int, d: int, rng: Generator) -> Worlds:
    """`batch` worlds of one size."""
    edges = np.stack(
        [_graph(str(rng.choice(family.graphs)), d, rng.uniform(*family.density), rng) for _ in range(batch)]
    )
    mechanisms = rng.choice(family.mechanisms, size=batch)
    rows = n + EXTRA
    noise = np.empty((batch, rows, d))
    for world, kind in enumerate(rng.choice(family.noises, size=batch)):
        noise[world] = NOISES[str(kind)](rng, (rows, d))
    share = rng.uniform(*family.share, size=(batch, d))
    after = rng.random(batch) < family.after if family.after else np.zeros(batch, dtype=bool)
    x = np.empty((batch, rows, d))
    for kind in sorted(set(mechanisms.tolist())):
        mine = mechanisms == kind
        x[mine] = _filled(kind, edges[mine], noise[mine], share[mine], after[mine], rng)
    order = np.argsort(rng.random((batch, d)), axis=1)
    x = np.take_along_axis(x, order[:, None, :], axis=2)
    edges = np.take_along_axis(np.take_along_axis(edges, order[:, :, None], axis=1), order[:, None, :], axis=2)
    return Worlds(x[:, EXTRA:], edges)


def one(name: str, seed: int, number: int) -> Worlds:
    """World `number` of a held-out family: one of `FAMILIES`, or of the engine's own random models."""
    rng = generator(seed, "held-out world", name, number)
    family = FAMILIES.get(name, TRAINING)
    n = round(float(np.exp(rng.uniform(*np.log(family.rows)))))
    d = int(rng.integers(max(4, family.variables[0]), family.variables[1] + 1))
    if name not in ENGINE:
        return draw(family, 1, n, d, rng)
    graph = random_graph(d, derive(seed, name, number), latent=0.0)
    drawn = random_scm(graph, derive(seed, name, number), ENGINE[name]).sample(n, derive(seed, name, number, "rows"))
    edges = np.zeros((1, d, d), dtype=bool)
    for a, b in graph.edges:
        edges[0, graph.names.index(a), graph.names.index(b)] = True
    return Worlds(np.stack([drawn[name] for name in graph.names], axis=1)[None], edges)


def _filled(kind: str, edges: Edges, noise: Floats, share: Floats, after: Edges, rng: Generator) -> Floats:
    """Every variable after its causes; `edges` lead from earlier to later ones. Worlds `after` [b] are scaled last."""
    x = np.zeros_like(noise)
    gains = GAIN.get(kind, 1.0) * rng.uniform(1.0, 2.0, share.shape) if after.any() else share
    late = after[:, None]
    for j in range(noise.shape[2]):
        causes = edges[:, :, j]
        none = np.logical_not(causes.any(axis=1))[:, None]
        signal, widen = MECHANISMS[kind](x[:, :, :j], causes[:, :j], rng) if j else (x[:, :, 0], np.ones(x.shape[:2]))
        s = share[:, j, None]
        own = np.where(none, noise[:, :, j], _unit(widen * noise[:, :, j]))
        inside = np.sqrt(s) * _unit(signal) + np.sqrt(1 - s) * own
        x[:, :, j] = np.where(none, own, np.where(late, gains[:, j, None] * signal + own, inside))
    return np.where(late[:, :, None], _unit(x), x) if after.any() else x


def _unit(values: Floats) -> Floats:
    """Mean 0 and variance 1 over the rows of each world; a constant stays 0."""
    centred = values - values.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


# graphs ---------------------------------------------------------------------------------------------------------------


def _graph(kind: str, d: int, density: float, rng: Generator) -> Edges:
    """Edges [d, d] from earlier to later variables."""
    if kind == "er":
        return np.triu(rng.random((d, d)) < min(1.0, 2 * density / max(d - 1, 1)), 1)
    edges = np.zeros((d, d), dtype=bool)
    joined = np.ones(d)
    for j in range(1, d):
        count = min(j, int(density) + (rng.random() < density % 1))
        causes = rng.choice(j, size=count, replace=False, p=joined[:j] / joined[:j].sum())
        edges[causes, j] = True
        joined[causes] += 1
        joined[j] += count
    return edges[::-1, ::-1].T.copy() if rng.random() < 0.5 else edges


# mechanisms: earlier variables [b, n, k], which are causes [b, k] -> signal and width of the noise [b, n] ---

Mechanism = Callable[[Floats, Edges, Generator], tuple[Floats, Floats]]


def _weights(causes: Edges, rng: Generator) -> Floats:
    size = causes.shape
    return causes * rng.uniform(0.5, 1.0, size) * rng.choice([-1.0, 1.0], size)


def _linear(x: Floats, causes: Edges, rng: Generator) -> tuple[Floats, Floats]:
    return np.matmul(x, _weights(causes, rng)[:, :, None])[:, :, 0], np.ones(x.shape[:2])


def _rff(x: Floats, causes: Edges, rng: Generator) -> tuple[Floats, Floats]:
    b, k = causes.shape
    length = np.exp(rng.uniform(np.log(0.7), np.log(2.0), (b, 1, 1)))
    turns = rng.standard_normal((b, k, COSINES)) * causes[:, :, None] / length
    angle = np.matmul(x, turns) + rng.uniform(0, 2 * np.pi, (b, 1, COSINES))
    return np.matmul(np.cos(angle), rng.standard_normal((b, COSINES, 1)))[:, :, 0], np.ones(x.shape[:2])


def _mlp(x: Floats, causes: Edges, rng: Generator) -> tuple[Floats, Floats]:
    b, k = causes.shape
    inner = rng.standard_normal((b, k, UNITS)) * causes[:, :, None] * 1.5
    hidden = np.tanh(np.matmul(x, inner) + rng.standard_normal((b, 1, UNITS)))
    return np.matmul(hidden, rng.standard_normal((b, UNITS, 1)))[:, :, 0], np.ones(x.shape[:2])


def _bent(x: Floats, causes: Edges, rng: Generator) -> tuple[Floats, Floats]:
    shift = rng.uniform(-0.7, 0.7, (causes.shape[0], 1, causes.shape[1]))
    z = x + shift
    bent = np.stack([z**2 / 2, 1.5 * np.abs(z), np.sign(z) + 0.2 * z])
    chosen = rng.integers(3, size=causes.shape)[None, :, None, :]
    curves = np.take_along_axis(bent, chosen, axis=0)[0]
    return np.matmul(curves, _weights(causes, rng)[:, :, None])[:, :, 0], np.ones(x.shape[:2])


def _scaled(x: Floats, causes: Edges, rng: Generator) -> tuple[Floats, Floats]:
    signal, _ = _linear(x, causes, rng)
    width, _ = _linear(x, causes, rng)
    return signal, 0.3 + np.log1p(np.exp(width))


GAIN = {"rff": 2 / (COSINES / 2) ** 0.5}  # of signals that are not scaled to variance 1 as they are drawn
MECHANISMS: dict[str, Mechanism] = {
    "linear": _linear, "rff": _rff, "mlp": _mlp, "bent": _bent, "scaled": _scaled,
}  # fmt: skip


# noises: mean 0 and variance 1, all of them ---------------------------------------------------------------------------

Noise = Callable[[Generator, tuple[int, int]], Floats]


def _exponential(rng: Generator, size: tuple[int, int]) -> Floats:
    return (rng.standard_exponential(size) - 1) * rng.choice([-1.0, 1.0], size[1])


def _lognormal(rng: Generator, size: tuple[int, int]) -> Floats:
    drawn = np.exp(0.7 * rng.standard_normal(size))
    mean, square = np.exp(0.245), np.exp(0.98)
    return (drawn - mean) / np.sqrt(square - mean**2) * rng.choice([-1.0, 1.0], size[1])


def _bimodal(rng: Generator, size: tuple[int, int]) -> Floats:
    return 0.9 * rng.choice([-1.0, 1.0], size) + np.sqrt(1 - 0.81) * rng.standard_normal(size)


NOISES: dict[str, Noise] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "uniform": lambda rng, size: rng.uniform(-(3**0.5), 3**0.5, size),
    "laplace": lambda rng, size: rng.laplace(scale=0.5**0.5, size=size),
    "exponential": _exponential,
    "student": lambda rng, size: rng.standard_t(3, size) / 3**0.5,
    "bimodal": _bimodal,
    "lognormal": _lognormal,
}
