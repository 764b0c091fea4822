"""An effect never travels without its uncertainty.

`Effect` is the one value that every comparison in the house ends in: the estimate, a confidence interval at `level`,
the p-value of the same null, n and its unit, the number of seeds, the method that made it and the checks it passed.
It prints as `0.312 [0.250, 0.371] (n=396)`. A bound that the data cannot give is infinite, never missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `ok` is False where the effect should not be taken at face value."""

    code: str
    ok: bool
    message: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'WARNING'} {self.code}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What changed: treatment minus control (or a ratio, or one arm's level), with its interval."""

    estimate: float
    low: float
    high: float
    level: float = 0.95
    p: float | None
    n: int
    unit: str = ""
    seeds: int = 1
    method: str
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {self.level}; 0.95 is usual")
        if not self.low <= self.estimate <= self.high:
            raise ValueError(f"an estimate of {self.estimate} lies outside its interval [{self.low}, {self.high}]")

    @property
    def ok(self) -> bool:
        """Every check passed."""
        return all(check.ok for check in self.checks)

    def excludes(self, value: float = 0.0) -> bool:
        """The interval does not hold `value`."""
        return not self.low <= value <= self.high

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{_number(self.estimate)} [{_number(self.low)}, {_number(self.high)}]{unit} (n={self.n})"


def _number(value: float) -> str:
    """Three decimals; scientific where that would hide the number or drown it."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    return f"{value:.3g}" if size >= 1e5 or 0 < size < 0.0005 else f"{value:.3f}"
