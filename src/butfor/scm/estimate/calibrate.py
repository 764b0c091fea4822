"""Do the intervals hold, and do the checks fire? Simulations behind `butfor.scm.estimate`, as one command:

    python -m butfor.scm.estimate.calibrate [--quick] [--jobs N] [--out FILE]

500 worlds a row (`--quick`: 100) of 1,000 rows each, on streams of their own: the same table whatever the number of
jobs. A row that promises coverage has the assumptions of its estimator on its side, and should show 93 to 97 %. A row
that promises a warning has not, and its check should fire. Rows that promise nothing are shown for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal
from zlib import crc32

import numpy as np

from butfor.scm.columns import Columns
from butfor.scm.estimate import calibrate_worlds as worlds
from butfor.scm.estimate.adjust import Adjust
from butfor.scm.estimate.frontdoor import FrontDoor
from butfor.scm.estimate.instrument import Instrument
from butfor.scm.estimate.mediate import Mediate
from butfor.scm.estimate.nuisance import Learner
from butfor.scm.estimate.plugin import Empirical, Plugin
from butfor.stats.study import command

SEED = 20261121
WORLDS, QUICK = 500, 100
ROWS = 1000
COVERED = (0.93, 0.97)
FIRED = 0.9
Promise = Literal["covers", "warns", ""]


@dataclass(frozen=True, slots=True)
class Seen:
    """One world: did the interval hold the truth, by how much was the estimate off, how wide, which checks fired?"""

    held: bool
    off: float
    width: float
    fired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table before it is run."""

    study: str
    data: str
    method: str
    draw: worlds.Draw
    estimate: Callable[[Columns, float], Seen]
    promise: Promise


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    study: str
    data: str
    method: str
    promise: Promise
    coverage: float
    bias: float
    width: float
    fired: float
    which: str
    worlds: int

    @property
    def broken(self) -> bool:
        """Not what was promised, beyond luck (99.9 %)."""
        luck = 3.3 * math.sqrt(0.95 * 0.05 / self.worlds)
        if self.promise == "covers":
            return not COVERED[0] - luck / 2 <= self.coverage <= COVERED[1] + luck / 2
        return self.promise == "warns" and self.fired < FIRED


def of_effect(estimator: Callable[[Any], Any], data: Columns, truth: float) -> Seen:
    """An estimator of this package on one world."""
    effect = estimator(data)
    fired = tuple(check.code for check in effect.checks if not check.ok)
    return Seen(effect.low <= truth <= effect.high, effect.estimate - truth, effect.high - effect.low, fired)


def of_region(estimator: Instrument, data: Columns, truth: float) -> Seen:
    """The Anderson–Rubin region on one world."""
    fit = estimator.fit(data)
    region = fit.anderson_rubin
    width = sum(high - low for low, high in region.pieces)
    fired = tuple(check.code for check in fit.effect.checks if not check.ok)
    return Seen(truth in region, fit.effect.estimate - truth, width, fired)


def backdoor(distribution: Empirical) -> float:
    """Σ_z P(z) (E[Y | X = 1, z] - E[Y | X = 0, z]), on a table of Z, X, Y."""
    joint = distribution.joint(("Z", "X", "Y"))
    mean = joint[:, :, 1] / joint.sum(axis=2)
    return float(joint.sum(axis=(1, 2)) @ (mean[:, 1] - mean[:, 0]))


def adjustment() -> list[Case]:
    """Covariates that are seen."""
    cases: list[Case] = []
    base = Adjust("X", "Y", ("Z0", "Z1"))
    straight = ("linear", "effects differ", "effects differ, att", "binary outcome")
    for name in (*straight, "curved", "curved, att"):
        target = worlds.CONFOUNDED[name].target
        for how in ("aipw", "dml", "regression", "ipw", "matching"):
            promise: Promise = "covers" if name in straight or how in ("aipw", "dml") else ""
            if how == "ipw" and name not in straight:
                promise = "warns"
            estimator = replace(base, how=how, target=target)
            cases.append(_case("Covariates that are seen", name, how, worlds.CONFOUNDED[name], estimator, promise))
    study = "One of two nuisances wrong, and both"
    curved, bent = "curved outcome, straight propensity", "straight outcome, curved propensity"
    nuisances: list[tuple[str, str, Learner, Learner, Promise]] = [
        (curved, "aipw, outcomes ignore covariates", "mean", "linear", "covers"),
        (curved, "aipw, outcomes straight", "linear", "linear", "covers"),
        (bent, "aipw, propensities straight", "linear", "linear", "covers"),
        (bent, "aipw, propensities ignore covariates", "linear", "mean", "covers"),
        ("linear", "aipw, both ignore covariates", "mean", "mean", "warns"),
    ]
    for name, method, outcome, propensity, promised in nuisances:
        estimator = replace(base, outcome=outcome, propensity=propensity)
        cases.append(_case(study, name, method, worlds.CONFOUNDED[name], estimator, promised))
    study = "Weak overlap: some are hardly ever in one of the arms"
    for how in ("aipw", "dml", "regression", "ipw", "matching"):
        estimator = replace(base, how=how)
        cases.append(_case(study, "weak overlap", how, worlds.CONFOUNDED["weak overlap"], estimator, "warns"))
    study = "Discrete data"
    counted = Adjust("X", "Y", ("Z",), how="plugin")
    cases.append(_case(study, "three variables", "plugin", worlds.discrete, counted, "covers"))
    plugin = Plugin(("Z", "X", "Y"), backdoor, draws=499)
    cases.append(_case(study, "three variables", "Plugin, bootstrap", worlds.discrete, plugin, "covers"))
    study = "A number as treatment"
    for name, draw in (("straight", worlds.dose), ("curved", worlds.curved_dose)):
        for how in ("dml", "regression"):
            promise = "covers" if name == "straight" or how == "dml" else "warns"
            cases.append(_case(study, name, how, draw, replace(base, how=how), promise))
    return cases


def others() -> list[Case]:
    """The front door, instruments, mediation."""
    door = FrontDoor("X", ("M1", "M2"), "Y")
    study = "Front door"
    cases = [
        _case(study, "two binary mediators", "plugin", worlds.front_discrete, door, "covers"),
        _case(study, "two binary mediators", "onestep", worlds.front_discrete, replace(door, how="onestep"), "covers"),
        _case(study, "two continuous mediators", "onestep", worlds.front_continuous, replace(door, given=("Z",)),
              "covers"),
        _case(study, "mediator repeats the treatment", "plugin", worlds.front_closed,
              FrontDoor("X", ("M",), "Y"), "warns"),
    ]  # fmt: skip
    study = "Instruments"
    one, two = (Instrument("X", "Y", names, ("W",)) for names in (("Z0",), ("Z0", "Z1")))
    three = replace(one, instruments=("Z0", "Z1", "Z2"))
    strong, weak = worlds.Instrumented(0.4, 2), worlds.Instrumented(0.06, 1)
    moved: list[tuple[str, worlds.Instrumented, Instrument, Promise]] = [
        ("strong", strong, two, "covers"),
        ("strong, uneven noise", replace(strong, uneven=True), two, "covers"),
        ("weak", weak, one, "warns"),
        ("weak, three instruments", replace(weak, count=3), three, "warns"),
        ("one of three acts directly", worlds.Instrumented(0.4, 3, 0.5), three, "warns"),
    ]
    for name, draw, estimator, promise in moved:
        for how in ("2sls", "liml"):
            cases.append(_case(study, name, how, draw, replace(estimator, how=how), promise))
        promise = "covers" if promise == "covers" or name.startswith("weak") else "warns"
        region = partial(of_region, estimator)
        cases.append(Case(study, name, "Anderson–Rubin", draw, region, promise))
    study = "Mediation"
    indirect = Mediate("X", ("M",), "Y", ("Z",))
    direct = replace(indirect, what="direct")
    cases += [
        _case(study, "mediator and treatment interact", "indirect", worlds.mediated, indirect, "covers"),
        _case(study, "mediator and treatment interact", "direct", worlds.mediated_direct, direct, "covers"),
        _case(study, "mediator repeats the treatment", "direct", worlds.mediated_fully, direct, "warns"),
    ]
    return cases


def _case(
    study: str, data: str, method: str, draw: worlds.Draw, estimator: Callable[[Any], Any], promise: Promise
) -> Case:
    return Case(study, data, method, draw, partial(of_effect, estimator), promise)


def cases() -> list[Case]:
    """Every row, in order."""
    return [*adjustment(), *others()]


def run_case(case: Case, count: int, rows: int = ROWS) -> Row:
    """One row: `count` worlds, each with a stream that its data and number name."""
    return row_of(case, [one_world(case, i, rows) for i in range(count)])


def one_world(case: Case, i: int, rows: int = ROWS) -> Seen:
    """World number i of a row."""
    data, truth = case.draw(np.random.default_rng([SEED, crc32(case.data.encode()), i]), rows)
    return case.estimate(Columns.read(data), truth)


def row_of(case: Case, seen: list[Seen]) -> Row:
    """What the worlds of a row came to."""
    fired = [one.fired for one in seen]
    codes = sorted({code for some in fired for code in some}, key=lambda code: -sum(code in some for some in fired))
    return Row(
        case.study, case.data, case.method, case.promise,
        coverage=float(np.mean([one.held for one in seen])),
        bias=float(np.median([one.off for one in seen])),
        width=float(np.median([one.width for one in seen])),
        fired=float(np.mean([bool(some) for some in fired])),
        which=", ".join(codes[:2]), worlds=len(seen),
    )  # fmt: skip


def _place(place: int, count: int) -> Row:
    return run_case(cases()[place], count)


def run(quick: bool = False, jobs: int = 1) -> list[Row]:
    """All rows; the figures do not depend on `jobs`."""
    places, count = range(len(cases())), QUICK if quick else WORLDS
    if jobs == 1:
        return [_place(place, count) for place in places]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(partial(_place, count=count), places))


def markdown(rows: list[Row]) -> str:
    """One table a study; bold where a promise is broken."""
    lines: list[str] = []
    for study in dict.fromkeys(row.study for row in rows):
        lines += [f"### {study}", "", "| data | method | promise | coverage % | bias | width | warned % | by |"]
        lines.append("|---|---|---|---:|---:|---:|---:|---|")
        for row in rows:
            if row.study != study:
                continue
            coverage, fired = f"{100 * row.coverage:.1f}", f"{100 * row.fired:.1f}"
            if row.broken:
                coverage, fired = (f"**{coverage}**", fired) if row.promise == "covers" else (coverage, f"**{fired}**")
            lines.append(
                f"| {row.data} | {row.method} | {row.promise or '–'} | {coverage} | {row.bias:+.3f} | {row.width:.3f} |"
                f" {fired} | {row.which or '–'} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    command(
        "butfor.scm.estimate.calibrate",
        "Simulate promises.",
        f"{QUICK} worlds a row instead of {WORLDS}",
        lambda quick, jobs: markdown(run(quick, jobs)),
    )


if __name__ == "__main__":
    main()
