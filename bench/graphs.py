"""Causal graphs of random worlds and of the Sachs cells: the amortised network beside classical searches.

    python bench/graphs.py [--each 40] [--checkpoint FILE] [--seed 0] [--out scores.json]

The tables of docs/foundation.md are those of the default. `make bench` takes 4 worlds a family: a first look.

Prints a markdown table of each score by family of worlds (`graph.worlds`), the difference of the network from the
engine's own choice, paired by world, with its 95 % interval; the seconds of the processor that a graph takes; and how
often an edge is there that the network gives some probability (reliability), in and out of distribution.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from butfor.core.errors import MissingData
from butfor.data.graph_worlds import one
from butfor.evaluate.graph.asked import named
from butfor.evaluate.graph.sachs import Sachs
from butfor.evaluate.graph.scores import reliability
from butfor.evaluate.graph.worlds import NAMES, GraphWorlds
from butfor.evaluate.suite import Item, Record
from butfor.pretrain.foundation.discovery import SHIPPED, Network
from butfor.scm.analyst import Analyst, searched
from butfor.scm.columns import Columns, Floats
from butfor.stats import mean, paired

SEARCHES = ("auto", "pc", "ges", "lingam")
SCORES = ("shd", "auroc", "orientation")
Found = tuple[dict[str, list[Record]], dict[int, float]]


def records(find: Callable[[Columns], Floats], each: int, seed: int, cells: list[Item]) -> Found:
    """Of each family the records; and the median seconds of a graph by number of variables."""
    seconds = defaultdict[int, list[float]](list)

    def timed(data: Columns) -> Floats:
        begin = time.process_time()
        try:
            return find(data)
        finally:
            seconds[len(data.names)].append(time.process_time() - begin)

    world = Analyst(discover=timed)
    found = defaultdict[str, list[Record]](list)
    suite = GraphWorlds(each=each, seed=seed)
    for record in suite.measure(world, suite.items(world)):
        found[record.group["family"]].append(record)
    if cells:
        found["sachs"] = Sachs(seed=seed).measure(world, cells)
    return dict(found), {d: float(np.median(each)) for d, each in sorted(seconds.items())}


def sachs(seed: int) -> list[Item]:
    """The samples of cells; none where the data set is not here."""
    try:
        return list(Sachs(seed=seed).items(Analyst()))
    except MissingData as error:
        print(f"sachs is left out: {str(error).splitlines()[0]}\n")
        return []


def values(rows: list[Record], metric: str) -> list[float]:
    return [row.metrics[metric] for row in rows if metric in row.metrics]


def table(arms: dict[str, dict[str, list[Record]]], metric: str) -> str:
    """Mean of each arm by family, and network minus auto."""
    null = ["shd_empty"] if metric == "shd" else []
    lines = [f"| {metric} | {' | '.join(arms)} |{' empty |' if null else ''} network − auto |"]
    lines.append("|---" * (len(arms) + 2 + len(null)) + "|")
    for family in arms["network"]:
        cells = [f"{np.mean(values(rows[family], metric)):.3f}" for rows in arms.values()]
        cells += [f"{np.mean(values(arms['network'][family], name)):.3f}" for name in null]
        pairs = [
            (a.metrics[metric], b.metrics[metric])
            for a, b in zip(arms["network"][family], arms["auto"][family], strict=True)
            if metric in a.metrics and metric in b.metrics
        ]
        network, auto = np.array(pairs).T
        effect = paired(network, auto)
        lines.append(
            f"| `{family}` | {' | '.join(cells)} | {effect.estimate:+.3f} [{effect.low:+.3f}, {effect.high:+.3f}] |"
        )
    return "\n".join(lines)


def calibration(network: Network, each: int, seed: int) -> dict[str, list[tuple[float, float, int]]]:
    """The reliability of the network's probabilities in and out of distribution."""
    both: dict[str, list[tuple[Floats, Floats]]] = {"in": [], "out": []}
    for family in NAMES:
        for number in range(each):
            world = one(family, seed, number)
            off = ~np.eye(world.edges.shape[1], dtype=bool)
            p = network.edges(named(world.x[0]))
            both["out" if family.startswith("out_") else "in"].append((p[off], world.edges[0][off].astype(float)))
    return {
        name: reliability(np.concatenate([p for p, _ in rows]), np.concatenate([t for _, t in rows]))
        for name, rows in both.items()
    }


def report(found: dict[str, Found], network: Network, each: int, seed: int) -> dict[str, Any]:
    """Print all tables; the scores as they are kept beside a checkpoint."""
    arms = {name: rows for name, (rows, _) in found.items()}
    for metric in SCORES:
        print(table(arms, metric), end="\n\n")
    sizes = [d for d in (4, 8, 11, 12, 20, 30) if d in found["network"][1]]
    print(
        f"| seconds of a graph, median | {' | '.join(f'd = {d}' for d in sizes)} |\n" + "|---" * (len(sizes) + 1) + "|"
    )
    for name, (_, seconds) in found.items():
        print(f"| {name} | {' | '.join(f'{seconds[d]:.4f}' for d in sizes)} |")
    print("\n| probability | in: edges there | pairs | out: edges there | pairs |\n|---|---|---|---|---|")
    held = calibration(network, each, seed)
    for (p, there, pairs), (q, out_there, out_pairs) in zip(held["in"], held["out"], strict=True):
        print(f"| {p:.2f}, {q:.2f} | {there:.3f} | {pairs:,} | {out_there:.3f} | {out_pairs:,} |")
    kept = {
        arm: {
            family: {metric: round(mean(values(rows, metric)).estimate, 4) for metric in (*SCORES, "brier", "cyclic")}
            for family, rows in families.items()
        }
        for arm, families in arms.items()
    }
    return {"each": each, "seed": seed, "scores": kept, "reliability": held}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Causal graphs: the amortised network beside classical searches.")
    parser.add_argument("--each", type=int, default=40, help="worlds of a family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--out", type=Path, help="the scores as JSON, too")
    given = parser.parse_args()
    network = Network.load(given.checkpoint)
    cells = sachs(given.seed)
    finders = {"network": network.edges, **{name: partial(searched, algorithm=name) for name in SEARCHES}}
    found = {name: records(find, given.each, given.seed, cells) for name, find in finders.items()}
    kept = report(found, network, given.each, given.seed)
    if given.out:
        given.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
