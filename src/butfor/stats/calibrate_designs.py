"""Calibration of designs: items in clusters, and seeds × items (`calibrate` is the command)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.stats.cells import DATA, LEVEL, SIZES, Cell, holds, share_of
from butfor.stats.compare import mean, mean_reach
from butfor.stats.crossed import seeds_reach
from butfor.stats.multiplicity import adjust
from butfor.stats.quantiles import Floats
from butfor.stats.reach import JoinedReach, p_values


def _one_to_nine(rng: Generator, n: int) -> NDArray[np.int64]:
    return rng.integers(1, 10, size=n)


def _pareto(rng: Generator, n: int) -> NDArray[np.int64]:
    return np.minimum(np.ceil(3 * rng.pareto(1.5, size=n) + 1), 500).astype(np.int64)


def _one_giant(rng: Generator, n: int) -> NDArray[np.int64]:  # noqa: ARG001
    return np.array([5] * (n - 1) + [100])


CLUSTERS: dict[str, Callable[[Generator, int], NDArray[np.int64]]] = {
    "1 to 9 items": _one_to_nine,
    "Pareto sizes": _pareto,
    "one of 100, others of 5": _one_giant,
}


def clustered(rng: Generator, reps: int, sizes: Iterable[int] = SIZES) -> list[Cell]:
    """Items in clusters that share half of their variance; n is the number of clusters."""
    study, cells = "Items in clusters (n = clusters): coverage of 95 % intervals", list[Cell]()
    for (shape, draw), name in product(CLUSTERS.items(), ("normal", "exponential")):
        for n in sizes:
            given, naive, quiet, right = 0, 0, 0, 0
            for _ in range(reps):
                label = np.repeat(np.arange(n), draw(rng, n))
                x = DATA[name](rng, (n,))[label] + rng.normal(size=len(label))
                effect = mean(x, clusters=label)
                given += not effect.excludes(0)
                quiet, right = quiet + effect.ok, right + (effect.ok and not effect.excludes(0))
                if shape == "1 to 9 items":
                    naive += not mean(x).excludes(0)
            data, warned = f"{name}, {shape}", 1 - quiet / reps
            cells += [
                Cell(study, data, "default, clusters given", str(n), given / reps, reps, 0.95),
                Cell(study, data, "share with a warning", str(n), warned, reps, None),
                Cell(study, data, "coverage without a warning", str(n), right / quiet, quiet, 0.95)
                if quiet
                else Cell(study, data, "coverage without a warning", str(n), math.nan, 1, None),
            ]
            if shape == "1 to 9 items":
                cells.append(Cell(study, data, "clusters not given", str(n), naive / reps, reps, None))
    return cells


def seeds(rng: Generator, reps: int, sizes: Iterable[int] = (16, 64, 200)) -> list[Cell]:
    """Seeds × items with no true difference; variances of seed, item and noise, seeds' in units of noise / n."""
    study, cells = "Seeds × items: how often the default rejects a true null at 5 %", list[Cell]()
    grid = {"noise alone (A/A)": (0.0, 0.0, 1.0), "items and noise": (0.0, 1.0, 1.0), "small seeds": (1.0, 0.0, 1.0),
            "items, small seeds": (1.0, 1.0, 0.1), "large seeds": (-1.0, 1.0, 1.0),
            "seeds alone": (-1.0, 0.01, 0.01)}  # fmt: skip
    for name, (seed, item, noise) in grid.items():
        for draw in ("normal", "exponential") if item == 1 else ("normal",):
            for n in sizes:
                for s in (2, 3, 5, 8):
                    of_seed = 1.0 if seed < 0 else seed / n
                    x = math.sqrt(item) * DATA[draw](rng, (reps, 1, n)) + math.sqrt(noise) * rng.normal(
                        size=(reps, s, n)
                    )
                    m, reach = crossed_reach(x + math.sqrt(of_seed) * rng.normal(size=(reps, s, 1)))
                    rate = 1 - float(holds(m, *reach(LEVEL)).mean())
                    data = name + (", skewed items" if draw != "normal" else "")
                    cells.append(Cell(study, data, f"{s} seeds", f"{n} items", rate, reps, 0.05))
    return cells


def tails(rng: Generator, reps: int, sizes: Iterable[int] = (16, 64, 200)) -> list[Cell]:
    """Seeds × items where Holm's correction lives; the seeds' variance is `spread` times the noise's / n."""
    study, cells = "Seeds × items far into the tail: rejections of a true null, and Holm over 20 of them", list[Cell]()
    for spread, n, s in product((1, 3, 5, 8), sizes, (2, 3, 5)):
        x = rng.normal(size=(reps, s, n))
        m, reach = crossed_reach(x + math.sqrt(spread / n) * rng.normal(size=(reps, s, 1)))
        data, size = f"seeds' variance {spread} × noise / n", f"{n} items"
        for alpha in (0.05, 0.01, 0.0025):
            rate = 1 - float(holds(m, *reach(1 - alpha)).mean())
            cells.append(Cell(study, data, f"{s} seeds, p < {100 * alpha:g} %", size, rate, reps, alpha))
        families = p_values(reach, m)[: 20 * (reps // 20)].reshape(-1, 20)
        wrong = share_of((adjust(ps) <= 0.05).any() for ps in families)
        cells.append(Cell(study, data, f"{s} seeds, Holm over 20", size, wrong, len(families), 0.05))
    return cells


def crossed_reach(x: Floats) -> tuple[Floats, JoinedReach]:
    """Grand means of x [reps, S, n], and the reach that `paired` gives them."""
    m = x.mean((1, 2))
    z = x - m[:, None, None]
    return m, JoinedReach(mean_reach(z.mean(1)), seeds_reach(z))
