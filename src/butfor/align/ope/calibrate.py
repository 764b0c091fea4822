"""Do the intervals of off-policy estimators hold, and which of them is nearest? Simulations, as one command:

    python -m butfor.align.ope.calibrate [--far] [--quick] [--jobs N] [--out FILE]

200 logs a row (`--quick`: 40): ten each of twenty worlds of `data/policy_worlds.py`, 1,000 rows, a target at distance
0.5, on a seed that no suite uses. Every log is answered by every estimator, with `abstain = false`, so that three
tables come of it (`--far`: distance 1, 300 rows, three estimators, and the last table alone):

    estimators   error, width and coverage by family
    refusals     coverage of what would have been answered, and of what would have been refused
    overlap      coverage by what the log is expected to hold, and by what was seen of it; families without faults
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from butfor.align.ope import direct, doubly_robust, sensitivity, weighting
from butfor.align.ope.overlap import overlap
from butfor.core.seeds import generator
from butfor.data.policy_worlds import FACTOR, FAMILIES, HARD, world
from butfor.scm.policies import Log
from butfor.stats.effect import Effect

SEED = 20261122
WORLDS, LOGS, QUICK = 20, 10, 2
NEAR, FAR = (0.5, 1000), (1.0, 300)  # distance and rows
BANDS = (0.0, 15.0, 30.0, 60.0, 120.0, float("inf"))
WEIGHED = ("ips", "snips", "dr")  # what overlap is judged for
ESTIMATORS: dict[str, Callable[[Log], Effect]] = {
    "ips": partial(weighting.estimate, how="ips", abstain=False),
    "snips": partial(weighting.estimate, how="snips", abstain=False),
    "clipped": partial(weighting.estimate, how="clipped"),
    "switch": partial(weighting.estimate, how="switch"),
    "direct": partial(direct.estimate, abstain=False),
    "dr": partial(doubly_robust.estimate, abstain=False),
    "dr, spline": partial(doubly_robust.estimate, learner="spline", abstain=False),
    "mrdr": partial(doubly_robust.estimate, how="mrdr", abstain=False),
    "tmle": partial(doubly_robust.estimate, how="tmle", abstain=False),
}
BOUNDED = ("hidden", "linear")  # where the bounds are asked, too
DRAWS = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer to one log."""

    family: str
    method: str
    off: float  # in deviations of the outcome
    width: float
    held: bool
    refused: bool
    expected: float
    effective: float


def one_world(place: tuple[str, int], logs: int = LOGS, far: bool = False) -> list[Seen]:
    """All answers to the logs of one world."""
    family, number = place
    known = world(family, number, SEED)
    distance, rows = FAR if far else NEAR
    truth = known.value(distance)
    seen: list[Seen] = []
    for i in range(logs):
        log = known.log(distance, rows, generator(SEED, "calibrate", family, number, i))
        judged, scale = overlap(log), float(log.outcome.std())
        ends = {name: (found.estimate, found.low, found.high) for name, found in answers(log, far).items()}
        if family in BOUNDED and not far:
            bounds = sensitivity.bounded(log, DRAWS)
            ends["bounds"] = (float(bounds.ends(1.0)[0][0]), *bounds.interval(FACTOR))
        for name, (middle, low, high) in ends.items():
            found = ((middle - truth) / scale, (high - low) / scale, low <= truth <= high)
            seen.append(Seen(family, name, *found, judged.verdict == "abstain", judged.expected, judged.effective))
    return seen


def answers(log: Log, far: bool) -> dict[str, Effect]:
    """What every estimator says of a log, or those whose overlap is judged."""
    return {name: estimate(log) for name, estimate in ESTIMATORS.items() if name in WEIGHED or not far}


def run(quick: bool = False, jobs: int = 1, far: bool = False) -> list[Seen]:
    """All answers; the figures do not depend on `jobs`."""
    families = [family for family in FAMILIES if not (far and family in HARD)]
    places = [(family, number) for family in families for number in range(WORLDS)]
    ask = partial(one_world, logs=QUICK if quick else LOGS, far=far)
    if jobs == 1:
        return [one for place in places for one in ask(place)]
    with ProcessPoolExecutor(jobs) as pool:
        return [one for found in pool.map(ask, places) for one in found]


def coverage(seen: list[Seen]) -> str:
    """In percent, with how many there were."""
    return f"{100 * np.mean([one.held for one in seen]):.1f} ({len(seen)})" if seen else "–"


def estimators(seen: list[Seen]) -> list[str]:
    """Error, bias, width and coverage."""
    lines = [
        "| family | method | root mean square error | bias | width | coverage % |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for family in dict.fromkeys(one.family for one in seen):
        here = [one for one in seen if one.family == family]
        for method in dict.fromkeys(one.method for one in here):
            of = [one for one in here if one.method == method]
            off = np.array([one.off for one in of])
            lines.append(
                f"| {family} | {method} | {np.sqrt(np.mean(off**2)):.3f} | {off.mean():+.3f} |"
                f" {np.median([one.width for one in of]):.3f} | {100 * np.mean([one.held for one in of]):.1f} |"
            )
    return lines


def refusals(seen: list[Seen]) -> list[str]:
    """Coverage of what would have been answered and refused."""
    lines = [
        "| family | refused % | method | coverage % (logs) where answered | where refused |",
        "|---|---:|---|---:|---:|",
    ]
    for family in dict.fromkeys(one.family for one in seen):
        for method in WEIGHED:
            of = [one for one in seen if (one.family, one.method) == (family, method)]
            kept, refused = ([one for one in of if one.refused == what] for what in (False, True))
            share = 100 * len(refused) / len(of)
            lines.append(f"| {family} | {share:.1f} | {method} | {coverage(kept)} | {coverage(refused)} |")
    return lines


def bands(seen: list[Seen]) -> list[str]:
    """Coverage by effective rows, expected and seen, where nothing else is wrong."""
    lines = ["| effective rows | method | coverage % (logs) by expected | by seen |", "|---|---|---:|---:|"]
    fair = [one for one in seen if one.family not in HARD]
    for low, high in pairwise(BANDS):
        for method in WEIGHED:
            of = [one for one in fair if one.method == method]
            expected = [one for one in of if low <= one.expected < high]
            effective = [one for one in of if low <= one.effective < high]
            name = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
            lines.append(f"| {name} | {method} | {coverage(expected)} | {coverage(effective)} |")
    return lines


def markdown(seen: list[Seen], far: bool = False) -> str:
    """The tables."""
    parts = {} if far else {"Estimators": estimators(seen), "Refusals": refusals(seen)}
    parts["Overlap"] = bands(seen)
    return "\n".join("\n".join((f"### {title}", "", *lines, "")) for title, lines in parts.items())


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m butfor.align.ope.calibrate", description="Simulate promises.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} logs a world instead of {LOGS}")
    parser.add_argument("--far", action="store_true", help="the overlap of a policy far off, in short logs")
    parser.add_argument("--out", type=Path, help="write the tables here instead of printing them")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    options = parser.parse_args()
    table = markdown(run(options.quick, options.jobs, options.far), options.far)
    if options.out:
        options.out.write_text(table, encoding="utf-8")
    else:
        print(table)


if __name__ == "__main__":
    main()
