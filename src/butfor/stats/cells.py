"""What the calibration counts, on data whose truth is known, and the table that it prints.

A `Cell` is one figure: the share of repetitions in which an interval held the truth, or a true null was rejected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from butfor.stats.quantiles import Floats

SIZES = (8, 16, 32, 64, 200)
LEVEL = 0.95
Draw = Callable[[Generator, tuple[int, ...]], Floats]


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of the table."""

    study: str
    data: str
    method: str
    n: str
    rate: float
    reps: int
    promise: float | None  # 0.95: at least; 0.05 or less: at most; None: nothing is promised

    @property
    def margin(self) -> float:
        """How far luck alone takes a rate of `reps` repetitions, at 99.9 %."""
        share = LEVEL if self.promise is None else self.promise
        return 3.3 * math.sqrt(share * (1 - share) / self.reps)

    @property
    def broken(self) -> bool:
        """Worse than promised, beyond luck."""
        if self.promise is None:
            return False
        worse = self.promise - self.rate if self.promise > 0.5 else self.rate - self.promise
        return worse > self.margin


def _tied(rng: Generator, shape: tuple[int, ...]) -> Floats:
    x = np.round(rng.exponential(size=shape)) * (rng.random(shape) < 0.5)
    k = np.arange(1, 60)
    return x - 0.5 * float(np.sum(k * (np.exp(0.5 - k) - np.exp(-0.5 - k))))


def three(won: float, lost: float) -> Draw:
    def draw(rng: Generator, shape: tuple[int, ...]) -> Floats:
        u = rng.random(shape)
        return np.where(u < won, 1.0, np.where(u < won + lost, -1.0, 0.0))

    return draw


DATA: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "lognormal": lambda rng, shape: rng.lognormal(size=shape) - math.exp(0.5),
    "t3": lambda rng, shape: rng.standard_t(3, size=shape),
    "tied (half zeros)": _tied,
    "-1/0/1 (.25, .10)": lambda rng, shape: three(0.25, 0.10)(rng, shape) - 0.15,
    "-1/0/1 (.08, .02)": lambda rng, shape: three(0.08, 0.02)(rng, shape) - 0.06,
    "lognormal, σ = 1.5": lambda rng, shape: rng.lognormal(sigma=1.5, size=shape) - math.exp(1.125),
    "lognormal, σ = 2": lambda rng, shape: rng.lognormal(sigma=2, size=shape) - math.exp(2),
}


def holds(distance: Floats, down: Floats, up: Floats) -> Floats:
    """The interval around an estimate that lies `distance` above the truth holds it."""
    return ((distance <= down) & (-distance <= up)).astype(np.float64)


def share_of(flags: Iterable[object]) -> float:
    values = np.array(list(flags), dtype=np.float64)
    return float(values.mean()) if len(values) else math.nan


def markdown(cells: list[Cell]) -> str:
    """One table a study; per cent; bold where a promise is broken beyond luck."""
    lines: list[str] = []
    for study in dict.fromkeys(cell.study for cell in cells):
        here = [cell for cell in cells if cell.study == study]
        columns = list(dict.fromkeys(cell.n for cell in here))
        lines += [
            f"### {study}",
            "",
            f"| data | method | {' | '.join(columns)} |",
            "|---|---|" + "---:|" * len(columns),
        ]
        for data, method in dict.fromkeys((cell.data, cell.method) for cell in here):
            row = {cell.n: cell for cell in here if (cell.data, cell.method) == (data, method)}
            lines.append(f"| {data} | {method} | " + " | ".join(_figure(row.get(n)) for n in columns) + " |")
        lines.append("")
    return "\n".join(lines)


def _figure(cell: Cell | None) -> str:
    if cell is None or math.isnan(cell.rate):
        return "–"
    text = f"{100 * cell.rate:.{2 if cell.promise and cell.promise < 0.01 else 1}f}"
    return f"**{text}**" if cell.broken else text
