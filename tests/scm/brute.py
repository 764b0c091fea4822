"""Truth by enumeration: random worlds with latent causes written out, and their interventional distributions.

Nothing here uses the engine: a world is a list of tables P(v | parents, latents) and one einsum over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.scm.graph import Graph


@dataclass(frozen=True)
class World:
    """Variables in the graph's order of names, then one latent for each bidirected edge."""

    graph: Graph
    tables: list[tuple[NDArray[np.float64], list[int]]]  # P(v | …) [v, its causes…] and the axes it stands on
    latent: list[NDArray[np.float64]]

    @property
    def labels(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(range(self.tables[i][0].shape[0])) for i, name in enumerate(self.graph.names)}

    def joint(self, names: list[str] | tuple[str, ...]) -> NDArray[np.float64]:
        return self.after({}, names)

    def after(self, do: dict[str, int] | set[str], names: list[str] | tuple[str, ...]) -> NDArray[np.float64]:
        """P(names | do): `do` a set leaves the set variables as axes; a dict fixes them."""
        n = len(self.graph.names)
        operands: list[object] = []
        for i, (table, axes) in enumerate(self.tables):
            if self.graph.names[i] not in do:
                operands += [table, axes]
        for k, prior in enumerate(self.latent):
            operands += [prior, [n + k]]
        for i, name in enumerate(self.graph.names):
            if name in do:
                size = self.tables[i][0].shape[0]
                here = np.ones(size) if not isinstance(do, dict) else np.eye(size)[do[name]]
                operands += [here, [i]]
        return np.asarray(np.einsum(*operands, [self.graph.index[name] for name in names], optimize=True))


def random_world(graph: Graph, rng: Generator, levels: int = 2) -> World:
    """Dirichlet tables for every variable; each bidirected edge is a latent cause with two or three values."""
    n = len(graph.names)
    sizes = [int(rng.integers(2, levels + 1)) for _ in range(n)]
    pairs = [(graph.index[a], graph.index[b]) for a, b in graph.confounded]
    latent = [rng.dirichlet(np.ones(int(rng.integers(2, 4)))) for _ in pairs]
    tables: list[tuple[NDArray[np.float64], list[int]]] = []
    for i in range(n):
        axes = [j for j in range(n) if graph.pa[i] >> j & 1]
        axes += [n + k for k, pair in enumerate(pairs) if i in pair]
        shape = [sizes[a] if a < n else len(latent[a - n]) for a in axes]
        rows = rng.dirichlet(np.ones(sizes[i]), size=shape)
        tables.append((np.moveaxis(rows, -1, 0), [i, *axes]))
    return World(graph, tables, latent)


def random_admg(n: int, rng: Generator, edges: float = 0.5, latents: float = 0.3) -> Graph:
    """A random graph over A, B, C, …; the order of names is not the causal order."""
    names = [chr(65 + i) for i in range(n)]
    order = [names[i] for i in rng.permutation(n)]
    pairs = [(order[i], order[j]) for i in range(n) for j in range(i + 1, n)]
    return Graph(names, [p for p in pairs if rng.random() < edges], [p for p in pairs if rng.random() < latents])
