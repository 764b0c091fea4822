"""How fast is refutation? butfor's refuters and dowhy's on the same estimates, in one run, interleaved.

    linear      least squares of a number as treatment (dowhy: backdoor.linear_regression)
    weighting   normalised inverse propensity weights of two arms (dowhy: backdoor.propensity_score_weighting)

Both draw as many copies of the data (`--draws`) and estimate on each. Before any timing the two estimates must agree.
Every repetition times the two one after the other, in rotating order; a ratio is the median of the repetitions' ratios,
with their range. "one by one" is butfor without its products of matrices: what an estimator of your own would take.
dowhy's `bootstrap_refuter` adds noise to the covariates, and its unobserved cause is a grid of as many strengths as
there are draws; both cost it one estimate each, as here. The promise is 10 times for every refuter.

    pip install dowhy==0.14        (left out where it is missing: then butfor's times alone)
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust
from butfor.scm.refuters import fast, refute

PROMISED = 10.0
AGREE = {"linear": 1e-8, "weighting": 0.02}  # dowhy's propensities are penalised
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "placebo": ("placebo_treatment_refuter", {"placebo_type": "permute"}),
    "dummy_outcome": ("dummy_outcome_refuter", {}),
    "random_cause": ("random_common_cause", {}),
    "subset": ("data_subset_refuter", {"subset_fraction": 0.8}),
    "bootstrap": ("bootstrap_refuter", {}),
    "unobserved_cause": ("add_unobserved_common_cause", {"simulation_method": "direct-simulation"}),
}
METHODS = {
    "linear": ("backdoor.linear_regression", {}),
    "weighting": ("backdoor.propensity_score_weighting", {"weighting_scheme": "ips_normalized_weight"}),
}


def world(n: int, arms: bool) -> dict[str, Any]:
    """Four covariates, two of which confound."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4, n))
    push = 0.6 * z[0] - 0.4 * z[1]
    x = (rng.random(n) < 1 / (1 + np.exp(-push))).astype(float) if arms else push + rng.normal(size=n)
    y = 0.5 * x + 0.8 * z[0] + 0.3 * z[2] + rng.normal(size=n)
    return {"X": x, "Y": y, **{f"Z{i}": column for i, column in enumerate(z)}}


def peer(data: dict[str, Any], kind: str, draws: int) -> tuple[float, Callable[[str], object]] | None:
    """dowhy's estimate and its refuters, or None where it is not installed."""
    try:
        import pandas as pd
        from dowhy import CausalModel
    except ModuleNotFoundError as error:
        print(f"dowhy is left out ({error.name} is missing); to compare: pip install dowhy==0.14")
        return None
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    names = [name for name in data if name.startswith("Z")]
    frame = pd.DataFrame(data)
    if kind == "weighting":
        frame["X"] = frame["X"].astype(int)
    model = CausalModel(frame, treatment="X", outcome="Y", common_causes=names)
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    method, how = METHODS[kind]
    found = model.estimate_effect(estimand, method_name=method, method_params=how)
    side = max(2, round(draws**0.5))
    binary = {"confounders_effect_on_treatment": "binary_flip" if kind == "weighting" else "linear"}
    grid = np.linspace(0.01, 0.2, side)

    def run(name: str) -> object:
        refuter, options = PEERS[name]
        options = {**options, "num_simulations": draws}
        if name == "unobserved_cause":
            options = {
                **PEERS[name][1], **binary, "confounders_effect_on_outcome": "linear", "plotmethod": None,
                "effect_strength_on_treatment": grid, "effect_strength_on_outcome": grid,
            }  # fmt: skip
        return model.refute_estimate(estimand, found, method_name=refuter, show_progress_bar=False, **options)

    return float(found.value), run


def timed(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def slowly(call: Callable[[], object]) -> Callable[[], object]:
    """The same without products of matrices."""

    def run() -> object:
        usual = fast.can
        fast.can = lambda *_: False
        try:
            return call()
        finally:
            fast.can = usual

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{chosen.rows} rows, {chosen.draws} draws, 1 thread, median of {chosen.repeats} (range)")
    for kind in METHODS:
        data = world(chosen.rows, kind == "weighting")
        columns = Columns.read(data)
        names = tuple(name for name in data if name.startswith("Z"))
        ask = Adjust("X", "Y", given=names, how="regression" if kind == "linear" else "ipw")
        effect = ask(columns)
        other = peer(data, kind, chosen.draws)
        if other and abs(other[0] - effect.estimate) > AGREE[kind]:
            sys.exit(f"{kind}: dowhy estimates {other[0]}, butfor {effect.estimate}")
        print(f"{kind}: estimate {effect}")
        for name in PEERS:
            ours = _call(columns, ask, effect, name, chosen.draws)
            ways = {"butfor": ours, "one by one": slowly(ours)}
            if other:
                ways["dowhy"] = _peer_call(other[1], name)
            report(name, compared(ways, chosen.repeats))


def compared(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every way in every repetition, the order rotating, after one unmeasured round of ours."""
    ways["butfor"]()
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for turn in range(repeats):
        for way in order[turn % len(order) :] + order[: turn % len(order)]:
            seconds[way].append(timed(ways[way]))
    return seconds


def report(name: str, seconds: dict[str, list[float]]) -> None:
    """One line a refuter."""
    mine = seconds["butfor"]
    told = f"  {name:17s} butfor {1e3 * statistics.median(mine):7.1f} ms"
    told += f"   one by one {_ratio(seconds['one by one'], mine)[0]:5.1f}×"
    if "dowhy" in seconds:
        ratio, low, high = _ratio(seconds["dowhy"], mine)
        told += (
            f"   dowhy {1e3 * statistics.median(seconds['dowhy']):8.1f} ms = {ratio:6.1f}× ({low:.1f} to {high:.1f})"
        )
        told += f"   promised {PROMISED:.0f}×: {'kept' if ratio >= PROMISED else 'missed'}"
    print(told)


def _ratio(theirs: Sequence[float], mine: Sequence[float]) -> tuple[float, float, float]:
    ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def _call(columns: Columns, ask: Adjust, effect: Any, name: str, draws: int) -> Callable[[], object]:
    return lambda: refute(columns, ask, effect=effect, which=name, draws=draws, jobs=1)


def _peer_call(run: Callable[[str], object], name: str) -> Callable[[], object]:
    return lambda: run(name)


if __name__ == "__main__":
    main()
