"""Effects on public data beside the published ones.

    python bench/estimates.py [--data DIR] [--quick]       DIR: $BUTFOR_DATA; --quick: one replication instead of five

IHDP     747 children with simulated outcomes: error of the ATE, and PEHE, the root mean square error of single effects
         (Hill 2011; files of Louizos et al. 2017)
ACIC     4,802 pregnancies, simulations of the 2016 challenge (Dorie et al. 2019): the same two
LaLonde  the training programme of 1975-78: effect on the trained, by experiment and by survey controls
         (Dehejia & Wahba 1999)
NHEFS    weight gain of those who gave up smoking (Hernán & Robins 2020, part II)

Seconds are of the processor. Published figures are from the papers.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from butfor.data.acic import acic
from butfor.data.ihdp import ihdp
from butfor.data.known import Known, X, Y
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, cate
from butfor.stats import Effect

Floats = NDArray[np.float64]
NHEFS = ("sex", "race", "age", "school", "smokeintensity", "smokeyrs", "exercise", "active", "wt71")
WORDS = {"sex", "race", "education", "exercise", "active"}


def lalonde(root: Path) -> Iterator[tuple[str, Columns, tuple[str, ...]]]:
    """The experiment of Dehejia and Wahba, and its treated with the controls of two surveys."""
    names = ("age", "educ", "black", "hisp", "marr", "nodeg", "re74", "re75")
    for label, file in (("experiment", "DAAG/nsw74demo.csv"), ("PSID-3 controls", "DAAG/nsw74psid3.csv"),
                        ("PSID-1 controls", "DAAG/nsw74psid1.csv")):  # fmt: skip
        yield label, Columns.read(root / "lalonde" / file, ("trt", "re78", *names)), names
    names = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")
    trained = Columns.read(root / "lalonde/causaldata/nsw_mixtape.csv", ("treat", "re78", *names))
    survey = Columns.read(root / "lalonde/causaldata/cps_mixtape.csv", ("treat", "re78", *names))
    kept = trained.take(trained["treat"] == 1)
    both = {name: np.concatenate([kept[name], survey[name]]) for name in trained.names}
    both["trt"] = both.pop("treat")
    yield "CPS-1 controls", Columns.read(both), names


def nhefs(root: Path) -> tuple[Columns, tuple[str, ...]]:
    """The 1,566 people with a weight in 1982; categories as labels."""
    with (root / "nhefs/nhefs/NHEFS.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["wt82_71"]]
    columns: dict[str, object] = {"qsmk": [float(row["qsmk"]) for row in rows]}
    columns["gain"] = [float(row["wt82_71"]) for row in rows]
    for name in NHEFS:
        columns[name] = [f"{name}{row[name]}" if name in WORDS else float(row[name]) for row in rows]
    return Columns.read(columns), NHEFS


def simulated(name: str, replications: list[Known], published: str) -> None:
    """Error of the ATE and PEHE, averaged over replications."""
    print(f"\n### {name}\n\n| method | error of the ATE | intervals that hold | PEHE | seconds |")
    print("|---|---:|---:|---:|---:|")
    for learner in ("linear", "spline", "boosted"):
        row = [_one(known, learner) for known in replications]
        off, held, pehe, taken = (np.array(column, dtype=np.float64) for column in zip(*row, strict=True))
        print(f"| AIPW and T-learner, {learner} | {off.mean():.3f} | {held.sum():.0f} of {len(held)} |"
              f" {pehe.mean():.2f} | {taken.mean():.2f} |")  # fmt: skip
    print(f"\nPublished: {published}")


def _one(known: Known, learner: str) -> tuple[float, bool, float, float]:
    start = time.process_time()
    effect = Adjust(X, Y, known.given, outcome=learner)(known.data)  # type: ignore[arg-type]
    each = cate(known.data, X, Y, known.given, how="t", learner=learner)  # type: ignore[arg-type]
    taken = time.process_time() - start
    off = abs(effect.estimate - known.truth)
    return off, not effect.excludes(known.truth), float(np.sqrt(np.mean((each - known.each) ** 2))), taken


def real(name: str, effects: list[tuple[str, Callable[[], Effect]]], published: str) -> None:
    """One line an estimator, with the checks that fired."""
    print(f"\n### {name}\n\n| data and method | effect | checks that fired |\n|---|---:|---|")
    for label, run in effects:
        effect = run()
        fired = ", ".join(check.code for check in effect.checks if not check.ok) or "–"
        print(f"| {label} | {effect.estimate:,.2f} [{effect.low:,.2f}, {effect.high:,.2f}] | {fired} |")
    print(f"\nPublished: {published}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BUTFOR_DATA", "../shared/data")))
    parser.add_argument("--quick", action="store_true", help="one replication instead of five")
    options = parser.parse_args()
    count = 1 if options.quick else 5
    simulated("IHDP", ihdp(options.data)[:count],
              "CFR-WASS 0.27 and 0.76 over 1,000 replications (Shalit et al. 2017)")  # fmt: skip
    simulated("ACIC 2016", acic(options.data)[:count],
              "none for these five files alone")  # fmt: skip
    effects: list[tuple[str, Callable[[], Effect]]] = []
    for label, data, given in lalonde(options.data):
        for how in ("regression", "ipw", "matching", "aipw"):
            adjust = Adjust("trt", "re78", given, how=how, target="att")  # type: ignore[arg-type]
            effects.append((f"{label}, {how}", lambda a=adjust, d=data: a(d)))
        if label == "experiment":
            bare = Adjust("trt", "re78", how="regression", target="att")
            effects.append((f"{label}, difference of means", lambda a=bare, d=data: a(d)))
    real("LaLonde: effect on the trained, dollars of 1978", effects,
         "1,794 in the experiment (Dehejia & Wahba 1999; LaLonde's own sample: 886)")  # fmt: skip
    data, given = nhefs(options.data)
    curves = {name: data[name] for name in given if data.is_number(name)}
    squares = data.with_(**{f"{name}2": column**2 for name, column in curves.items()})
    more = (*given, *(f"{name}2" for name in curves))
    effects = [("difference of means", lambda: Adjust("qsmk", "gain", how="regression")(data))]
    for how in ("regression", "ipw"):
        adjust = Adjust("qsmk", "gain", more, how=how)  # type: ignore[arg-type]
        effects.append((f"{how}, with squares", lambda a=adjust: a(squares)))
    for how in ("aipw", "dml", "matching"):
        adjust = Adjust("qsmk", "gain", given, how=how)  # type: ignore[arg-type]
        effects.append((how, lambda a=adjust: a(data)))
    real("NHEFS: kilograms gained by giving up smoking", effects,
         "2.5 bare; 3.4 [2.4, 4.5] by weights, 3.5 [2.6, 4.5] by the g-formula (Hernán & Robins 2020)")  # fmt: skip


if __name__ == "__main__":
    main()
