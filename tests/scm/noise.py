"""Random discrete models whose noise is written out: every question by enumeration, as slow and as plain as can be.

A variable is a function of its parents and of one noise number of finitely many; a model's states of noise are the rows
of an array. Nothing here uses the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Enumerated:
    """All states of noise, with their weights, and the functions of the variables."""

    parents: dict[str, tuple[str, ...]]  # causes first
    functions: dict[str, Ints]  # [levels of parents…, noises]
    noise: dict[str, Ints]  # [states]
    weight: Floats  # [states]

    def value(self, name: str, codes: dict[str, Ints], n: int) -> Ints:
        return self.functions[name][(*(codes[parent] for parent in self.parents[name]), self.noise[name])]

    def world(
        self, do: dict[str, int] | None = None, reads: dict[tuple[str, str], int] | None = None,
        earlier: list[dict[str, Ints]] | None = None,
    ) -> dict[str, Ints]:  # fmt: skip
        codes: dict[str, Ints] = {}
        for name, above in self.parents.items():
            if name in (do or {}):
                codes[name] = np.full(len(self.weight), do[name])
                continue
            seen = dict(codes)
            for parent in above:
                if (parent, name) in (reads or {}):
                    seen[parent] = earlier[reads[parent, name]][parent]
            codes[name] = self.value(name, seen, len(self.weight))
        return codes

    def along(self, x: str, name: str, carried: set[tuple[str, ...]], codes: dict[str, int]) -> Ints:
        """The value of a variable when X's change arrives by the paths `carried` alone; `codes`: without, with."""
        if name == x:
            return np.full(len(self.weight), codes["with" if carried else "without"])
        values = {
            parent: self.along(x, parent, {path[:-1] for path in carried if path[-2:] == (parent, name)}, codes)
            for parent in self.parents[name]
        }
        return self.value(name, values, len(self.weight))

    def p(self, holds: NDArray[np.bool_], given: NDArray[np.bool_] | None = None) -> float:
        if given is None:
            return float(self.weight[holds].sum())
        return float(self.weight[holds & given].sum() / self.weight[given].sum())

    def mean(self, values: NDArray[Any], given: NDArray[np.bool_] | None = None) -> float:
        w = self.weight if given is None else self.weight * given
        return float(w @ values / w.sum())


def random_tables(
    rng: np.random.Generator, size: int = 4, levels: int = 3, hidden: int = 1, dense: bool = False
) -> dict[str, Any]:
    """Random parents and rows: name -> (parents, p [.., levels]); names U… stand first and have no parents."""
    names = [f"U{i}" for i in range(hidden)] + [f"V{i}" for i in range(size)]
    tables: dict[str, Any] = {}
    for at, name in enumerate(names):
        count = 0 if at < hidden else int(rng.integers(min(at, 2) if dense else 0, min(at, 3) + 1))
        above = tuple(names[i] for i in sorted(rng.choice(at, count, replace=False))) if count else ()
        shape = [tables[parent][1].shape[-1] for parent in above]
        k = int(rng.integers(2, levels + 1)) if count < 3 else 2
        p = rng.dirichlet(np.full(k, rng.choice([0.4, 1.0, 3.0])), size=shape)
        p = np.where(rng.random(p.shape) < 0.1, 0.0, p) if rng.random() < 0.5 else p
        p[p.sum(axis=-1) == 0] = np.eye(k)[0]
        if rng.random() < 0.15:
            p = np.eye(k)[p.argmax(axis=-1)]
        tables[name] = (above, p / p.sum(axis=-1, keepdims=True))
    return tables


def enumerate_noise(tables: dict[str, Any], coupling: str, most: int) -> Enumerated | None:
    """The noise of each variable, under a coupling that has finitely many states; None where these are too many."""
    functions: dict[str, Ints] = {}
    weights: dict[str, Floats] = {}
    for name, (_, p) in tables.items():
        rows = p.reshape(-1, p.shape[-1])
        if coupling == "comonotone":
            points = np.array(sorted({0.0, 1.0, *np.round(np.cumsum(rows, axis=1)[:, :-1].ravel(), 14)}))
            widths = np.diff(points)
            middles = points[:-1] + widths / 2
            found = [[int((np.cumsum(row)[:-1] <= middle).sum()) for middle in middles] for row in rows]
        else:
            if float(rows.shape[1]) ** len(rows) > most:
                return None
            draws = list(product(range(rows.shape[1]), repeat=len(rows)))
            widths = np.array([np.prod([row[i] for row, i in zip(rows, draw, strict=True)]) for draw in draws])
            found = [[draw[i] for draw in draws] for i in range(len(rows))]
            keep = widths > 0
            widths, found = widths[keep], [[v for v, k in zip(row, keep, strict=True) if k] for row in found]
        weights[name] = np.asarray(widths)
        functions[name] = np.array(found).reshape(*p.shape[:-1], len(widths))
    if np.prod([float(len(w)) for w in weights.values()]) > most:
        return None
    grids = np.meshgrid(*[np.arange(len(w)) for w in weights.values()], indexing="ij")
    noise = {name: grid.ravel() for name, grid in zip(weights, grids, strict=True)}
    weight = np.prod([w[noise[name]] for name, w in weights.items()], axis=0)
    return Enumerated({name: above for name, (above, _) in tables.items()}, functions, noise, weight)
