"""Do refuters alarm as often as they promise, and when they should? The worlds behind the tables of docs/refute.md:

    python -m butfor.scm.refuters.calibrate [--worlds 500]

False alarms   the share of flawless worlds in which `ok` is False; the level is 5 %, and a tolerance makes it less
Alarms         the same where one thing is wrong: a covariate in the wrong form, an interval too narrow by a factor, a
               hidden confounder (with a negative control that shares it)
Hidden         a confounder `strength` times as strong as the observed one in a world without effect: the estimate that
               it makes, and the tipping point, which should be the strength squared (a ratio of shares of variance)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.estimate.adjust import Adjust
from butfor.scm.refuters.control import NegativeControl
from butfor.scm.refuters.run import Refuter, refute, tipping_point
from butfor.stats.effect import Effect

Floats = NDArray[np.float64]
World = Callable[[int, int], dict[str, Floats]]

LINEAR = Adjust("X", "Y", given=("Z",), how="regression")
IPW = Adjust("X", "Y", given=("Z",), how="ipw")
NULLS = ("placebo", "dummy_outcome", "simulated_null", "random_cause", "subset", "bootstrap")


def world(n: int, seed: int, *, effect: float = 0.5, hidden: float = 0.0, arms: bool = False) -> dict[str, Floats]:
    """Z confounds X and Y, and so does U, `hidden` times as strongly; W shares both and is not moved by X."""
    rng = generator(seed, "refute", "world")
    z, u = rng.normal(size=(2, n))
    push = 0.7 * z + 0.7 * hidden * u
    x = (rng.random(n) < 1 / (1 + np.exp(-push))).astype(np.float64) if arms else push + rng.normal(size=n)
    y = effect * x + push + rng.normal(size=n)
    return {"X": x, "Y": y, "Z": z, "W": 0.5 * z + hidden * u + rng.normal(size=n)}


def bent(n: int, seed: int) -> dict[str, Floats]:
    """Treatment and outcome both bend with Z."""
    rng = generator(seed, "refute", "bent")
    z = rng.normal(size=n)
    x = 0.5 * z**2 + rng.normal(size=n)
    return {"X": x, "Z": z, "Y": 0.5 * x + 0.5 * z**2 + rng.normal(size=n)}


@dataclass(frozen=True, slots=True)
class Narrow:
    """An estimator whose interval is `by` times as wide as it should be."""

    inner: Adjust
    by: float

    @property
    def x(self) -> str:
        return self.inner.x

    @property
    def y(self) -> str:
        return self.inner.y

    def point(self, data: Columns) -> float:
        return self.inner.point(data)

    def __call__(self, data: Any) -> Effect:
        found = self.inner(data)
        low, high = (found.estimate + self.by * (end - found.estimate) for end in (found.low, found.high))
        return replace(found, low=low, high=high)


def alarms(make: World, ask: Any, which: Iterable[str | Refuter], n: int, worlds: int, **how: Any) -> dict[str, float]:
    """The share of worlds in which each refuter is not ok."""
    counts: dict[str, int] = {}
    for seed in range(worlds):
        for found in refute(make(n, seed), ask, which=which, seed=seed, jobs=1, **how):
            counts[found.name] = counts.get(found.name, 0) + (not found.ok)
    return {name: count / worlds for name, count in counts.items()}


def hidden(strength: float, ask: Adjust, n: int = 50_000, worlds: int = 10) -> tuple[float, float]:
    """The mean estimate in worlds without effect, and the mean tipping point."""
    found: list[tuple[float, float]] = []
    for seed in range(worlds):
        data = Columns.read(world(n, seed, effect=0.0, hidden=strength, arms=ask.how == "ipw"))
        effect = ask(data)
        found.append((effect.estimate, tipping_point(data, ask, effect=effect, draws=20, seed=seed).k))
    estimate, k = np.mean(found, axis=0)
    return float(estimate), float(k)


def level(worlds: int) -> None:
    """The table of false alarms."""
    print(f"False alarms, {worlds} worlds a row\n")
    print(f"| estimator, rows, tolerance | {' | '.join(NULLS)} | negative_control |")
    print("|---|" + "---|" * (len(NULLS) + 1))
    asked = (*NULLS, NegativeControl(outcome="W"))
    for ask, arms, name in ((LINEAR, False, "slope"), (LINEAR, True, "regression"), (IPW, True, "weighting")):
        for n, tolerance in ((100, 0.0), (100, 0.2), (500, 0.0), (500, 0.2)):
            rates = alarms(partial(world, arms=arms), ask, asked, n, worlds, tolerance=tolerance)
            print(f"| {name}, {n}, {tolerance} | " + " | ".join(f"{rate:.3f}" for rate in rates.values()) + " |")


def power(worlds: int) -> None:
    """How often an alarm comes where one is due."""
    print(f"\nAlarms where something is wrong, {worlds} worlds, 500 rows\n")
    print("| what is wrong | refuter | alarms |\n|---|---|---|")
    confounded, control = partial(world, effect=0.0, hidden=1.0), NegativeControl(outcome="W")
    cases: tuple[tuple[str, World, Any, str | Refuter], ...] = (
        ("covariates bend, adjusted for straight", bent, LINEAR, "simulated_null"),
        ("nothing: the same, adjusted for by splines", bent, replace(LINEAR, outcome="spline"), "simulated_null"),
        ("an interval of 0.7 times its width", world, Narrow(LINEAR, 0.7), "subset"),
        ("an interval of 0.7 times its width", world, Narrow(LINEAR, 0.7), "bootstrap"),
        ("an interval of half its width", world, Narrow(LINEAR, 0.5), "bootstrap"),
        ("a hidden confounder as strong as Z", confounded, LINEAR, control),
        ("a hidden confounder as strong as Z", confounded, LINEAR, "placebo"),
    )
    for told, make, ask, which in cases:
        name, rate = next(iter(alarms(make, ask, [which], 500, worlds).items()))
        print(f"| {told} | {name} | {rate:.2f} |")


def tipping(worlds: int) -> None:
    """What a hidden confounder does, and whether the tipping point knows its strength."""
    print(f"\nHidden confounders, {worlds} worlds of 50,000 rows, the truth 0\n")
    print("| estimator | strength (Z: 1) | mean estimate | mean tipping point | strength² |\n|---|---|---|---|---|")
    for ask, name in ((LINEAR, "slope"), (IPW, "weighting")):
        for strength in (0.4, 0.7, 1.0):
            estimate, k = hidden(strength, ask, worlds=worlds)
            print(f"| {name} | {strength:.1f} | {estimate:.3f} | {k:.3f} | {strength**2:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, default=500)
    worlds = parser.parse_args().worlds
    level(worlds)
    power(max(20, worlds // 5))
    tipping(max(2, worlds // 50))


if __name__ == "__main__":
    main()
