"""Random worlds: seeded causal graphs, where every claim of the engine can be tried on a known truth.

    random_graph(20, seed=0)                 20 variables, 1.5 causes each, a latent common cause for every fifth
    motif("napkin")                          the graphs that textbooks argue about
    planted(confounders=2, mediators=1)      X and Y with what stands between, before and after them

A random graph draws an order, then so many of the n(n-1)/2 pairs for `->` (the earlier causes the later), then as many
for `<->`. The order of names says nothing about the order of causes. Random models on such graphs: `random_models`.

Limits    Degrees are near Poisson: there are no hubs. Same seed and numpy version, same world, on any machine.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.core.errors import GraphError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.graph import Edge, Graph

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
