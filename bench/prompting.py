"""The table of a run of the recipe `prompting`: ways of asking by suites, from the records that are there so far.

    butfor run prompting --preset tiny --out runs
    python bench/prompting.py runs/prompting-…

First share right, with the share that could be read in brackets where it is not 1, and tokens for an answer; of
bias.questions the share of answers that change with the asker, and in brackets with an idle sentence. Then paired
differences in accuracy from the arm that each arm is compared with, of suites with a right answer alone and together.
Suites that an arm has not finished stay empty.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from butfor.stats import paired

Rows = dict[tuple[int, str], dict[str, Any]]  # (seed, item) → record
BIAS = "bias.questions"


def records(folder: Path, arm: str, suite: str) -> Rows:
    """Every record of an arm and suite, over the seeds."""
    found: Rows = {}
    for file in sorted((folder / arm).glob(f"seed-*/records/{suite}.jsonl")):
        seed = int(file.parents[1].name.removeprefix("seed-"))
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[seed, row["item"]] = row
    return found


def told(rows: Rows, suite: str) -> str:
    """One cell: what is right, what could be read, what it cost."""
    if not rows:
        return ""
    tokens = f"{_mean(rows, 'tokens'):.0f}"
    if suite == BIAS:
        return f"{_mean(rows, 'flip'):.2f} ({_mean(rows, 'placebo_flip'):.2f}) · {tokens}"
    read = _mean(rows, "parsed")
    return f"{_mean(rows, 'accuracy'):.2f}{f' ({read:.2f})' if read < 1 else ''} · {tokens}"


def difference(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """One arm's accuracy minus the other's, on the same items."""
    if len(pairs) < 2:
        return ""
    one, other = ([pair[side]["metrics"]["accuracy"] for pair in pairs] for side in (0, 1))
    kind = "binary" if {*one, *other} <= {0.0, 1.0} else "mean"
    return str(paired(one, other, clusters=[pair[0]["cluster"] for pair in pairs], kind=kind))


def main() -> None:
    if len(sys.argv) != 2 or not (folder := Path(sys.argv[1])).is_dir():
        sys.exit("usage: python bench/prompting.py RUNFOLDER")
    experiment = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    suites = [measure["suite"] for measure in experiment["measures"]]
    against = {arm["name"]: arm["against"] for arm in experiment["arms"] if arm["against"]}
    arms = ["control", *against]
    found = {(arm, suite): records(folder, arm, suite) for arm in arms for suite in suites}
    named = {"control": "direct", "treatment": "front_door"}
    print("| asked by | " + " | ".join(suites) + " | calls |\n|---|" + "---|" * (len(suites) + 1))
    for arm in arms:
        every = {(suite, *key): row for suite in suites for key, row in found[arm, suite].items()}
        calls = f"{_mean(every, 'calls'):.1f}" if every else ""  # type: ignore[arg-type]
        cells = [told(found[arm, suite], suite) for suite in suites]
        print(f"| {named.get(arm, arm)} | " + " | ".join(cells) + f" | {calls} |")
    right = [suite for suite in suites if suite != BIAS]
    print("\n| asked by | against | " + " | ".join(right) + " | together |\n|---|---|" + "---|" * (len(right) + 1))
    for arm, other in against.items():
        shared = [
            [(found[arm, suite][key], row) for key, row in found[other, suite].items() if key in found[arm, suite]]
            for suite in right
        ]
        cells = [difference(pairs) for pairs in (*shared, [pair for pairs in shared for pair in pairs])]
        print(f"| {named.get(arm, arm)} | {named.get(other, other)} | " + " | ".join(cells) + " |")


def _mean(rows: Rows, metric: str) -> float:
    values = [row["metrics"][metric] for row in rows.values() if metric in row["metrics"]]
    return sum(values) / len(values) if values else float("nan")


if __name__ == "__main__":
    main()
