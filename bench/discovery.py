"""What our layer over andrey-core costs, and how near the searches come to planted truths.

1  cost      processor time of one discover() without resamples on 50 columns × 5,000 rows, read beforehand, the search
             of andrey-core timed apart: (all of it - the search) / the search. Methods in rotating order; the median of
             the repetitions' shares, with their range. The promise is under 10 %; each line says whether it is kept.
2  worlds    random linear models (Gaussian, exponential noise) and random tables: SHD to the true class, F1 of joined
             pairs and of arrows, SID's range over the class, mean over worlds
3  beliefs   the same for small samples with no beliefs, with right and with wrong ones (p = 0.9 on half of the edges)
4  yardstick exact posterior probabilities and resampled frequencies of joined pairs, against how often they are true
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from butfor.core.extras import need
from butfor.scm.columns import Columns
from butfor.scm.discovery.agreement import arrows, shd, sid_bounds, skeleton
from butfor.scm.discovery.found import Discovery
from butfor.scm.discovery.posterior import posterior
from butfor.scm.discovery.priors import Prior
from butfor.scm.discovery.run import discover
from butfor.scm.discovery.search import METHODS
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import cpdag

PROMISED = 0.10
COSTED = ("pc", "ges", "fci", "boss")


def world(d: int, n: int, seed: int, kind: str, degree: float = 2.0) -> tuple[dict[str, Any], Graph]:
    """Columns in a shuffled order and the graph they come from."""
    rng = np.random.default_rng([seed, d, n])
    order = rng.permutation(d)
    there = np.triu(rng.random((d, d)) < degree / (d - 1), 1)
    x = np.zeros((n, d))
    for j in range(d):
        causes = np.flatnonzero(there[:, j])
        if kind == "tables":
            level = x[:, causes].astype(int) @ 2 ** np.arange(len(causes)) if len(causes) else np.zeros(n, dtype=int)
            x[:, j] = rng.random(n) < rng.uniform(0.05, 0.95, 2 ** len(causes))[level]
        else:
            noise = rng.normal(size=n) if kind == "gaussian" else rng.exponential(size=n) - 1
            signs = rng.choice([-1.0, 1.0], len(causes))
            x[:, j] = x[:, causes] @ (rng.uniform(0.4, 1.0, len(causes)) * signs) + noise
    names = [f"V{order[j]}" for j in range(d)]
    edges = [(names[i], names[j]) for i, j in np.argwhere(there).tolist()]
    columns = {names[j]: np.ascontiguousarray(x[:, j]) for j in range(d)}
    return {name: columns[name] for name in sorted(columns)}, Graph(sorted(columns), edges)


def shares(method: str, data: Columns) -> tuple[float, float]:
    """Seconds of one discover(), and those that andrey-core's search took of them."""
    andrey: Any = need("andrey")
    call = METHODS[method].call
    search, inside = getattr(andrey, call), list[float]()

    def timed(*args: Any, **options: Any) -> Any:
        begin = time.process_time()
        found = search(*args, **options)
        inside.append(time.process_time() - begin)
        return found

    setattr(andrey, call, timed)
    try:
        begin = time.process_time()
        discover(data, method, bootstraps=0)
        return time.process_time() - begin, sum(inside)
    finally:
        setattr(andrey, call, search)


def cost(repeats: int) -> None:
    raw, graph = world(50, 5000, 0, "gaussian")
    data = Columns.read(raw)
    print(f"cost: 50 columns × 5,000 rows, {len(graph.edges)} true edges, median of {repeats} (range)")
    seconds: dict[str, list[tuple[float, float]]] = {method: [] for method in COSTED}
    for turn in range(repeats + 1):
        for method in COSTED[turn % len(COSTED) :] + COSTED[: turn % len(COSTED)]:
            seconds[method].append(shares(method, data))
    for method, found in seconds.items():
        extra = [whole / search - 1 for whole, search in found[1:]]
        share, took = statistics.median(extra), statistics.median(search for _, search in found[1:])
        verdict = "kept" if share < PROMISED else "missed"
        spread = f"({min(extra):.1%} to {max(extra):.1%})"
        print(f"  {method:6s} search {took * 1000:6.1f} ms   our layer {share:6.1%} {spread}   under 10 %: {verdict}")


def scored(found: Discovery, graph: Graph) -> list[float]:
    """SHD to the true class, F1 of joined pairs and of arrows, and the range of SID over the class."""
    classes = not METHODS[found.method].latent
    low, high = sid_bounds(graph, found.pattern) if classes and found.method != "pc" else (np.nan, np.nan)
    truth = graph if found.method == "lingam" else cpdag(graph)
    pairs, heads = skeleton(graph, found.pattern).f1, arrows(truth, found.pattern).f1
    return [shd(truth, found.pattern), pairs, heads, low, high]


def worlds(count: int) -> None:
    for kind in ("gaussian", "exponential", "tables"):
        for d, n in ((8, 500), (20, 2000)):
            print(f"{kind}, {d} columns × {n} rows, mean of {count} worlds")
            chosen = ["auto", "pc", "ges", "boss", *(["exact"] if d <= 8 else [])]
            for method in chosen + (["lingam"] if kind != "tables" else []):
                rows = list[list[float]]()
                used = set[str]()
                for seed in range(count):
                    data, graph = world(d, n, seed, kind)
                    found = discover(data, method, bootstraps=0)
                    used.add(found.method)
                    rows.append(scored(found, graph))
                show(f"{method}" + (f" ({', '.join(sorted(used))})" if method == "auto" else ""), rows)


def show(name: str, rows: Sequence[Sequence[float]]) -> None:
    distance, pairs, heads, low, high = np.array(rows).mean(axis=0)
    reach = "" if np.isnan(low) else f"   SID {low:5.1f} to {high:5.1f}"
    print(f"  {name:22s} SHD {distance:5.2f}   F1 pairs {pairs:.2f} arrows {heads:.2f}{reach}")


def beliefs(count: int) -> None:
    for method, d, n in (("exact", 6, 100), ("boss", 12, 200)):
        print(f"beliefs: {method}, Gaussian, {d} columns × {n} rows, mean of {count} worlds, against the true DAG")
        rows: dict[str, list[list[float]]] = {"none": [], "right": [], "wrong": []}
        for seed in range(count):
            data, graph = world(d, n, 1000 + seed, "gaussian")
            half = graph.edges[::2]
            for name in rows:
                known = {"none": {}, "right": dict.fromkeys(half, 0.9), "wrong": {(b, a): 0.9 for a, b in half}}[name]
                found = discover(data, method, Prior(beliefs=known), bootstraps=0)
                _, pairs, _, low, high = scored(found, graph)
                rows[name].append([shd(graph, found.pattern), pairs, arrows(graph, found.pattern).f1, low, high])
        for name, found in rows.items():
            show(name, found)


def yardstick(count: int) -> None:
    print(
        f"yardstick: how often a pair is truly joined, by exact posterior and by frequency; {count} worlds of 6 × 200"
    )
    told: dict[str, list[tuple[float, bool]]] = {"posterior": [], "boss, 50 resamples": []}
    for seed in range(count):
        data, graph = world(6, 200, 2000 + seed, "gaussian")
        exact, found = posterior(data), discover(data, "boss", bootstraps=50, seed=seed)
        for a, b in pairs_of(graph):
            true = graph.at(b) in {graph.at(c) for c in graph.parents(a) | graph.children(a)}
            told["posterior"].append((exact.adjacent(a, b), true))
            told["boss, 50 resamples"].append((found.edge(a, b).adjacent.value, true))
    for name, found in told.items():
        p, true = np.array([value for value, _ in found]), np.array([yes for _, yes in found])
        print(f"  {name}: Brier score {((p - true) ** 2).mean():.3f}")
        for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
            inside = (p >= low) & (p < high)
            if inside.any():
                print(f"    said {p[inside].mean():.2f}, true {true[inside].mean():.2f} (n={inside.sum()})")


def pairs_of(graph: Graph) -> Iterator[tuple[str, str]]:
    for i, a in enumerate(graph.names):
        for b in graph.names[i + 1 :]:
            yield a, b


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--worlds", type=int, default=20)
    chosen = parser.parse_args()
    cost(chosen.repeats)
    worlds(chosen.worlds)
    beliefs(2 * chosen.worlds)
    yardstick(chosen.worlds)


if __name__ == "__main__":
    main()
