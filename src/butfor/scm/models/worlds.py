"""Random worlds: seeded graphs and models, where every claim of the engine can be tried on a known truth.

    random_graph(20, seed=0)                 20 variables, 1.5 causes each, a latent common cause for every fifth
    motif("napkin")                          the graphs that textbooks argue about
    planted(confounders=2, mediators=1)      X and Y with what stands between, before and after them
    random_scm(graph, 0, "discrete")         also "linear" and "functional"; `SCM.random` is the same

Graphs        An order is drawn, then so many of the n(n-1)/2 pairs for `->` (the earlier causes the later), then some
              for `<->`. The order of names says nothing about the order of causes.
Discrete      Each `A <-> B` is a latent root U(A, B). Each variable with causes has a latent root N(V) that chooses one
              of its response functions: a constant for each level, then random ones, to which every cause matters. Rung
              3 is as general as these are many, and each P(v | causes) is at least `least`. noise="tables": random rows
              instead.
Linear        All variables have mean 0 and variance 1: neither variances nor their order betray the graph.
Functional    Sums of random curves of each cause plus noise, normal or uniform, scaled likewise.

Source    Reisach, Seiler & Weichwald 2021 (why the scaling).
Limits    Degrees are near Poisson: there are no hubs. Same seed and numpy version, same world, on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.core.seeds import derive, generator
from butfor.scm.graph import Edge, Graph, bits
from butfor.scm.models.discrete import Discrete, discrete
from butfor.scm.models.event import EventLike, read_conditions, told
from butfor.scm.models.functional import Functional, functional, holds
from butfor.scm.models.gaussian import LinearGaussian
from butfor.scm.models.mechanism import Function, NormalNoise, UniformNoise
from butfor.scm.models.model import SCM, Sample
from butfor.scm.models.table import Table

Floats = NDArray[np.float64]

PILOT = 4096  # draws by which functions are scaled
ROUNDS = 200  # of rejection

MOTIFS = {
    "chain": "X -> M -> Y",
    "fork": "X <- Z -> Y",
    "collider": "X -> Z <- Y",
    "confounded": "Z -> X -> Y; Z -> Y",
    "mediated": "X -> M -> Y; X -> Y",
    "selection": "X -> Y; X -> S; Y -> S",
    "bow": "X -> Y; X <-> Y",
    "front-door": "X -> M -> Y; X <-> Y",
    "napkin": "W -> Z -> X -> Y; W <-> X; W <-> Y",
    "instrument": "Z -> X -> Y; X <-> Y",
    "m-bias": "X -> Y; X <-> Z; Z <-> Y",
    "verma": "X -> A -> B -> Y; A <-> Y",
}


def motif(name: str) -> Graph:
    """A named graph: chain, fork, collider, bow, front-door, napkin, instrument, m-bias, verma and a few more."""
    try:
        return Graph.parse(MOTIFS[name])
    except KeyError:
        raise UnknownName("motif", name, MOTIFS) from None


def random_graph(n: int, seed: int = 0, *, density: float | None = None, latent: float = 0.2) -> Graph:
    """A random ADMG over V0 … V(n-1).

    `density`: the share of all pairs that a directed edge joins; by default 1.5 edges a variable.
    `latent`: bidirected edges per variable.
    """
    if n < 1:
        raise GraphError(f"a graph needs a variable or more, not n = {n}")
    if density is not None and not 0 <= density <= 1:
        raise GraphError(f"density is a share of all pairs, between 0 and 1, not {density}")
    if latent < 0:
        raise GraphError(f"latent is a number of bidirected edges per variable, not {latent}")
    rng = generator(seed, "random graph", n)
    pairs = n * (n - 1) // 2
    directed = min(pairs, round(1.5 * n if density is None else density * pairs))
    order = rng.permutation(n)
    names = [f"V{i}" for i in range(n)]
    arrows = _pairs(directed, pairs, rng)
    both = _pairs(min(pairs, round(latent * n)), pairs, rng)
    return Graph(names, _edges(arrows, order, names), _edges(both, order, names))


def planted(
    *, confounders: int = 1, hidden: int = 0, mediators: int = 1, selection: int = 0, instruments: int = 0,
    direct: bool = True, noise: int = 0,
) -> Graph:  # fmt: skip
    """X and Y with a known role for everything else.

    Confounders C1 … cause both, `hidden` ones are bidirected edges through H1 … (the first joins X and Y themselves),
    mediators M1 … lie between, S1 … is caused by both, instruments Z1 … cause X alone, noise N1 … touches nothing.
    """
    names = ["X", "Y"]
    edges: list[Edge] = [("X", "Y")] if direct or not mediators else []
    for letter, count, of in (
        ("C", confounders, (("", "X"), ("", "Y"))),
        ("M", mediators, (("X", ""), ("", "Y"))),
        ("S", selection, (("X", ""), ("Y", ""))),
        ("Z", instruments, (("", "X"),)),
        ("N", noise, ()),
        ("H", hidden - 1, (("", "Y"),)),
    ):
        for i in range(1, count + 1):
            names.append(f"{letter}{i}")
            edges += [(a or f"{letter}{i}", b or f"{letter}{i}") for a, b in of]
    both = [("X", "Y" if i == 0 else f"H{i}") for i in range(hidden)]
    return Graph(names, edges, both)


def _pairs(count: int, total: int, rng: Generator) -> NDArray[np.int64]:
    """`count` different pairs (earlier, later) [count, 2] out of all, every choice equally likely."""
    chosen = np.sort(rng.choice(total, size=count, replace=False)) if count else np.zeros(0, dtype=np.int64)
    later = ((1 + np.sqrt(1 + 8 * chosen.astype(np.float64))) / 2).astype(np.int64)
    later -= later * (later - 1) // 2 > chosen  # the square root may round up
    return np.stack([chosen - later * (later - 1) // 2, later], axis=1)


def _edges(pairs: NDArray[np.int64], order: NDArray[np.int64], names: list[str]) -> list[Edge]:
    return [(names[i], names[j]) for i, j in order[pairs].tolist()]


# models ---------------------------------------------------------------------------------------------------------------


def random_scm(graph: Graph | str, seed: int = 0, kind: str = "discrete", **how: Any) -> SCM:
    """A random model on a graph: discrete (levels, noise, responses, least), linear or functional (signal)."""
    kinds: dict[str, Callable[..., SCM]] = {
        "discrete": random_discrete, "linear": random_linear, "functional": random_functional,
    }  # fmt: skip
    if kind not in kinds:
        raise UnknownName("kind of model", kind, kinds)
    return kinds[kind](Graph.parse(graph) if isinstance(graph, str) else graph, seed, **how)


def random_discrete(
    graph: Graph, seed: int = 0, *, levels: int = 2, noise: Literal["explicit", "tables"] = "explicit",
    responses: int = 4, least: float = 0.05,
) -> Discrete:  # fmt: skip
    """Variables of 2 to `levels` levels; `responses` random functions each, beside one constant for each level."""
    if levels < 2 or not 0 < least * levels < 1:
        raise QueryError(f"levels={levels} needs two or more, and least={least} must leave room for {levels} of them")
    tables: dict[str, Table] = {}
    hidden: list[str] = []
    size = {name: int(generator(seed, "levels", name).integers(2, levels + 1)) for name in graph.names}
    roots: dict[str, list[str]] = {name: [] for name in graph.names}
    for a, b in graph.confounded:
        root = f"U({a}, {b})"
        size[root] = int(generator(seed, "levels", root).integers(2, levels + 1))
        tables[root] = Table((), tuple(range(size[root])), _row(size[root], size[root], least, seed, root))
        hidden.append(root)
        roots[a].append(root)
        roots[b].append(root)
    for i, name in enumerate(graph.names):
        rng, k = generator(seed, "mechanism", name), size[name]
        causes = (*graph.named(graph.pa[i]), *roots[name])
        shape = tuple(size[cause] for cause in causes)
        if not causes or noise == "tables":
            rows = least + (1 - k * least) * rng.dirichlet(np.ones(k), size=shape)
            tables[name] = Table(causes, tuple(range(k)), rows)
            continue
        own = f"N({name})"
        hidden.append(own)
        tables[own] = Table((), tuple(range(k + responses)), _row(k + responses, k, least, seed, own))
        constant = np.broadcast_to(np.arange(k), (*shape, k))
        chosen = np.concatenate([constant, _responses(k, shape, responses, rng)], axis=-1)
        tables[name] = Table((*causes, own), tuple(range(k)), np.eye(k)[chosen])
    return discrete(tables, latent=hidden)


def _responses(k: int, shape: tuple[int, ...], count: int, rng: Generator) -> NDArray[np.int64]:
    """Random response functions [*causes, count], drawn anew until every cause matters to one of them."""
    while True:
        drawn = rng.integers(0, k, size=(*shape, count))
        if not count or all(np.ptp(drawn, axis=axis).any() for axis in range(len(shape))):
            return drawn


def random_linear(graph: Graph, seed: int = 0, *, signal: tuple[float, float] = (0.3, 0.8)) -> LinearGaussian:
    """A linear model; causes, latent ones among them, explain a share within `signal` of each variable."""
    n, both = len(graph.names), graph.confounded
    whole = n + len(both)  # the latent roots come last
    weights, left = np.zeros((n, whole)), np.zeros(n)
    cov = np.eye(whole)  # among all, as far as they are built
    above = [list(bits(parents)) for parents in graph.pa]
    for i in range(n):
        above[i] += [n + u for u, pair in enumerate(both) if graph.names[i] in pair]
    for i in graph.order:
        rng = generator(seed, "mechanism", graph.names[i])
        weight = rng.uniform(0.5, 1.0, len(above[i])) * rng.choice([-1.0, 1.0], len(above[i]))
        share = rng.uniform(*signal)
        total = float(weight @ cov[np.ix_(above[i], above[i])] @ weight)
        if total > 0:
            weight *= np.sqrt(share / total)
        weights[i, above[i]] = weight
        cov[i] = weight @ cov[above[i]]
        cov[:, i] = cov[i]
        left[i] = 1 - share if total > 0 else 1.0
        cov[i, i] = 1.0
    loads = weights[:, n:]
    edges = frozenset(graph.edges)
    return LinearGaussian(graph.names, weights[:, :n], np.zeros(n), loads @ loads.T + np.diag(left), edges)


def random_functional(
    graph: Graph, seed: int = 0, *, signal: tuple[float, float] = (0.3, 0.8), draws: int = 20_000
) -> Functional:
    """Additive noise, random curves; each `A <-> B` is a latent root U(A, B)."""
    made: dict[str, Function] = {}
    hidden = [f"U({a}, {b})" for a, b in graph.confounded]
    seen = {name: generator(seed, "pilot", name).standard_normal(PILOT) for name in hidden}
    for name in hidden:
        made[name] = Function(_Sum((), (), 0.0, 0.0), (), NormalNoise(), additive=True)
    for i in graph.order:
        name = graph.names[i]
        rng = generator(seed, "mechanism", name)
        causes = (
            *graph.named(graph.pa[i]),
            *(u for u, pair in zip(hidden, graph.confounded, strict=True) if name in pair),
        )
        share = rng.uniform(*signal) if causes else 0.0
        curves = tuple(_Curve(int(rng.integers(4)), *rng.uniform((0.5, -1.0), (1.5, 1.0)).tolist()) for _ in causes)
        signs = tuple((rng.uniform(0.5, 1.0, len(causes)) * rng.choice([-1.0, 1.0], len(causes))).tolist())
        raw = _Sum(curves, signs, 0.0, 1.0)(*(seen[cause] for cause in causes), np.zeros(PILOT))
        scale = float(np.sqrt(share) / max(raw.std(), 1e-9))
        function = _Sum(curves, signs, float(raw.mean()), scale)
        sd = float(np.sqrt(1 - share))
        noise = NormalNoise(sd) if rng.random() < 0.5 else UniformNoise(-sd * 3**0.5, sd * 3**0.5)
        made[name] = Function(function, causes, noise, additive=True)
        drawn = noise.draw(PILOT, generator(seed, "pilot", name))
        seen[name] = function(*(seen[cause] for cause in causes), drawn)
    return functional({**{name: made[name] for name in graph.names}, **made}, latent=hidden, draws=draws, seed=seed)


def selected(model: SCM, event: EventLike, n: int, seed: int = 0) -> Sample:
    """n draws among those where the event holds: data with planted selection."""
    conditions = read_conditions(event)
    kept: list[Sample] = []
    found = 0
    for attempt in range(ROUNDS):
        drawn = model.sample(max(n, 1000), derive(seed, "selected", attempt))
        inside = np.all([holds(condition, drawn[condition.name]) for condition in conditions], axis=0)
        kept.append({name: column[inside] for name, column in drawn.items()})
        found += int(inside.sum())
        if found >= n:
            return {name: np.concatenate([part[name] for part in kept])[:n] for name in drawn}
    raise Impossible(f"{told(conditions)} is too rare to sample: {found} of {ROUNDS * max(n, 1000)} draws")


@final
@dataclass(frozen=True, slots=True)
class _Curve:
    """Line, hill, wave or bend of one cause."""

    kind: int
    pitch: float
    shift: float

    def __call__(self, x: Floats) -> Floats:
        z = self.pitch * x + self.shift
        return (z, np.exp(-(z**2)), np.sin(2 * z), np.tanh(2 * z))[self.kind]


@final
@dataclass(frozen=True, slots=True)
class _Sum:
    """A weighted sum of curves, centred and scaled, plus noise."""

    curves: tuple[_Curve, ...]
    weights: tuple[float, ...]
    center: float
    scale: float

    def __call__(self, *values: Floats) -> Floats:
        *causes, noise = values
        total = np.zeros(noise.shape)
        for curve, weight, x in zip(self.curves, self.weights, causes, strict=True):
            total = total + weight * curve(x)
        return self.scale * (total - self.center) + noise


def _row(size: int, floors: int, least: float, seed: int, name: str) -> Floats:
    """Probabilities [size]; the first `floors` of them are at least `least`."""
    row = (1 - floors * least) * generator(seed, "root", name).dirichlet(np.ones(size))
    row[:floors] += least
    return row
