"""How fast is identification, and how does its cost grow with the graph? Three engines in one run, interleaved.

    butfor      identify("P(y | do(x))", graph): the estimand with its derivation
    antecedent  antecedent.identify(graph=..., query=AverageEffect(x, y)), compiled
    dowhy       identify_effect_auto(...) as it comes: back-door, instruments, front-door

A peer that is missing is left out. Random graphs of 20 to 1,000 nodes, each node with about two causes among the tenth
of the nodes before it, and a latent common cause for every tenth node; x is an early node and y an effect of it. Before
any timing the answers must agree: antecedent decides the same, and what dowhy adjusts for is valid. Graphs are built
before the clock runs. Every repetition takes all graphs of one size with each engine in turn, in rotating order. A
ratio is the median over questions, then over repetitions, with the range over these. One dowhy call gets `--limit`
seconds; where some run out of them its ratio is "more than", and the first size at which most do is its last. Questions
that adjustment or a front door answers, those that take the whole of ID, and those that have no answer differ in cost,
so each size gets six, three and one of them, as far as 400 random graphs hold them, and they are told apart.
`--plot docs` writes the growth as data, drawing and sentence, in multiples of butfor's own time at 20 nodes.

    pip install antecedent dowhy==0.14
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import signal
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from butfor.core.errors import NotIdentified
from butfor.scm import Graph, identify
from butfor.scm.graphs.adjust import is_adjustment_set

SIZES = (20, 50, 100, 200, 500, 1000)
PROMISED = {"antecedent": 0.1, "dowhy": 20.0}  # their time over ours
KINDS = {"simple": "adjustment or front door", "general": "the whole of ID", "none": "not identified"}
QUOTA = {"simple": 6, "general": 3, "none": 1}  # questions a size
COLOURS = {"butfor": "#00629b", "antecedent": "#5c5f66", "dowhy": "#b2400b"}


@dataclass(frozen=True, slots=True)
class Task:
    """One question, with the graph in every engine's own form."""

    graph: Graph
    x: str
    y: str
    kind: str  # how butfor answers it
    forms: Mapping[str, Any]


class OutOfTime(Exception):
    """A call took longer than its limit."""


def world(n: int, seed: int) -> tuple[Graph, str, str]:
    """A random graph, an early node, and one of its effects."""
    rng = np.random.default_rng([seed, n])
    names, reach = [f"v{i}" for i in rng.permutation(n)], max(10, n // 10)

    def before(j: int) -> str:
        return names[int(rng.integers(max(0, j - reach), j))]

    edges = {(before(j), names[j]) for j in range(1, n) for _ in range(2)}
    latent = {(before(j), names[j]) for j in rng.integers(1, n, n // 10).tolist()}
    graph = Graph(names, sorted(edges), sorted(latent))
    early = [name for name in names[: n // 3] if graph.children(name)]
    x = early[int(rng.integers(len(early)))]
    late = sorted(graph.descendants(x) - {x})
    return graph, x, late[int(rng.integers(len(late)))]


def ours(task: Task) -> object:
    try:
        return identify(f"P({task.y} | do({task.x}))", task.graph)
    except NotIdentified as error:
        return error


def antecedent() -> tuple[Callable[[Graph], Any], Callable[[Task], object]] | None:
    """How antecedent takes a graph and answers a question; None where it is not installed."""
    try:
        import antecedent as peer
    except ModuleNotFoundError:
        print("antecedent is left out; to compare: pip install antecedent")
        return None

    def run(task: Task) -> object:
        try:
            return peer.identify(graph=task.forms["antecedent"], query=peer.AverageEffect(task.x, task.y)).verdict
        except Exception as error:  # it says "not identified" by an error of its own
            return str(error)

    return lambda graph: peer.Admg.from_edges(list(graph.names), graph.edges, graph.confounded), run


def dowhy() -> tuple[Callable[[Graph], Any], Callable[[Task], object]] | None:
    """The same for dowhy."""
    try:
        from dowhy.causal_identifier import EstimandType, identify_effect_auto
    except ModuleNotFoundError:
        print("dowhy is left out; to compare: pip install dowhy==0.14")
        return None
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")

    def run(task: Task) -> object:
        return identify_effect_auto(
            task.forms["dowhy"], [task.x], [task.y], list(task.graph.names), EstimandType.NONPARAMETRIC_ATE
        )

    return lambda graph: graph.to_networkx(), run


def within(limit: float, call: Callable[[], object]) -> tuple[float, object]:
    """Seconds that a call takes and what it gives; OutOfTime after `limit`."""

    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    begin = time.perf_counter()
    try:
        found = call()
    except OutOfTime:
        found = OutOfTime()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return time.perf_counter() - begin, found


@dataclass(slots=True)
class Tally:
    """What dowhy made of the questions of one size."""

    late: int = 0
    found: int = 0
    identified: int = 0

    def __str__(self) -> str:
        told = f"dowhy finds an estimand for {self.found} of {self.identified} questions that have one"
        return told + (f"; {self.late} calls ran out of time" if self.late else "")


def agree(task: Task, engines: Mapping[str, Callable[[Task], object]], limit: float, tally: Tally) -> None:
    """Every engine once; a contradiction ends the run."""
    mine = ours(task)
    tally.identified += not isinstance(mine, NotIdentified)
    if "antecedent" in engines and (engines["antecedent"](task) == "identified") == isinstance(mine, NotIdentified):
        sys.exit(f"antecedent disagrees: P({task.y} | do({task.x})) in {task.graph}\nbutfor: {mine}")
    if "dowhy" not in engines:
        return
    _, found = within(limit, lambda: engines["dowhy"](task))
    if isinstance(found, OutOfTime):
        tally.late += 1
        return
    for given in (getattr(found, "backdoor_variables", None) or {}).values():
        if given is not None and not is_adjustment_set(task.graph, task.x, task.y, list(given)):
            sys.exit(f"dowhy adjusts for {given}, which is not valid for {task.x}, {task.y} in {task.graph}")
    estimands = getattr(found, "estimands", None) or {}
    tally.found += any(estimands.get(way) is not None for way in ("backdoor", "frontdoor", "general_adjustment"))


def timed(
    tasks: Sequence[Task], engines: Mapping[str, Callable[[Task], object]], repeats: int, limit: float
) -> dict[str, list[list[float]]]:
    """Seconds [engine][repetition][task], the order of the engines rotating."""
    names = list(engines)
    seconds: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run = engines[name]
            seconds[name].append([within(limit, lambda run=run, task=task: run(task))[0] for task in tasks])
    return seconds


def ratio(theirs: Sequence[Sequence[float]], mine: Sequence[Sequence[float]], which: Sequence[int]) -> list[float]:
    """In each repetition the median ratio over some of the tasks."""
    return [statistics.median(a[k] / b[k] for k in which) for a, b in zip(theirs, mine, strict=True)]


def report(n: int, tasks: Sequence[Task], seconds: Mapping[str, list[list[float]]], tally: Tally) -> None:
    """One line a peer and kind of question."""
    for kind, words in {"all": "all questions", **KINDS}.items():
        which = [k for k, task in enumerate(tasks) if kind in {"all", task.kind}]
        for peer in [name for name in seconds if name != "butfor" and which]:
            ratios = ratio(seconds[peer], seconds["butfor"], which)
            middle = statistics.median(ratios)
            more = "more than" if peer == "dowhy" and tally.late else ""
            line = f"{n:5d} nodes  {words:24s} ({len(which):2d})  {peer:10s} / butfor {more:9s} {middle:8.2f}×"
            promise = f"  promised {PROMISED[peer]:g}×: {'kept' if middle >= PROMISED[peer] else 'missed'}"
            print(f"{line}  ({min(ratios):.2f} to {max(ratios):.2f}){promise}", flush=True)
    if "dowhy" in seconds:
        print(f"            {tally}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=2.0, help="seconds for one call of dowhy")
    parser.add_argument("--plot", type=Path, help="a folder for identification.json and identification.svg")
    chosen = parser.parse_args()
    peers = {name: made for name, make in {"antecedent": antecedent, "dowhy": dowhy}.items() if (made := make())}
    growth: dict[str, dict[int, float]] = {}
    cut_off = 0  # the size at which most of dowhy's calls ran out of time
    for n in chosen.sizes:
        tasks = drawn(n, peers)
        engines: dict[str, Callable[[Task], object]] = {
            "butfor": ours,
            **{name: run for name, (_, run) in peers.items()},
        }
        tally = Tally()
        for task in tasks:
            agree(task, engines, chosen.limit, tally)
        seconds = timed(tasks, engines, chosen.repeats, chosen.limit)
        report(n, tasks, seconds, tally)
        for name, turns in seconds.items():
            growth.setdefault(name, {})[n] = statistics.median(statistics.median(turn) for turn in turns)
        if 2 * tally.late > len(tasks):
            cut_off = n
            del peers["dowhy"]
    if chosen.plot:
        plot(chosen.plot, growth, cut_off, chosen)


def drawn(n: int, peers: Mapping[str, tuple[Callable[[Graph], Any], Any]]) -> list[Task]:
    """The questions of one size, as many of each kind as it should have."""
    left, found = dict(QUOTA), list[Task]()
    for seed in range(400):
        graph, x, y = world(n, seed)
        way = getattr(ours(Task(graph, x, y, "", {})), "way", "none")
        kind = way if way in left else "simple"
        if left[kind]:
            left[kind] -= 1
            forms = {name: take(graph) for name, (take, _) in peers.items()}
            found.append(Task(graph, x, y, kind, forms))
        if not any(left.values()):
            break
    return found


# the growth, as data, drawing and sentence ----------------------------------------------------------------------------


def plot(folder: Path, growth: Mapping[str, Mapping[int, float]], cut_off: int, chosen: argparse.Namespace) -> None:
    """Both axes are logarithmic; one line an engine; a hollow point is a limit that most calls ran into."""
    unit = growth["butfor"][min(growth["butfor"])]
    times = {name: {n: seconds / unit for n, seconds in points.items()} for name, points in growth.items()}
    small, large = min(times["butfor"]), max(times["butfor"])
    parts = [
        f"The median question takes butfor {times['butfor'][large]:.0f} times as long in a graph of {large:,} nodes "
        f"as in one of {small}"
    ]
    for name, points in times.items():
        if name != "butfor":
            last = max(points)
            more = "more than " if name == "dowhy" and last == cut_off else ""
            share = points[last] / times["butfor"][last]
            parts.append(f"{name} takes {more}{share:,.{0 if share > 20 else 1}f} times as long as butfor at {last:,}")
    sentence = "; ".join(parts) + "."
    facts = {
        "sentence": sentence,
        "unit": f"butfor's median time for one question in a graph of {small} nodes",
        "times": {name: {str(n): round(t, 3) for n, t in points.items()} for name, points in times.items()},
        "dowhy_out_of_time_at": cut_off,
        "questions": QUOTA,
        "repeats": chosen.repeats,
    }
    folder.joinpath("identification.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    folder.joinpath("identification.svg").write_text(drawing(times, cut_off, sentence), encoding="utf-8")
    print(sentence)


def drawing(times: Mapping[str, Mapping[int, float]], cut_off: int, sentence: str) -> str:
    width, height, left, top, right, bottom = 660, 380, 80, 44, 110, 46
    sizes = sorted({n for points in times.values() for n in points})
    values = [t for points in times.values() for t in points.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def at(n: float, t: float) -> tuple[float, float]:
        x = left + (width - left - right) * math.log(n / sizes[0]) / math.log(sizes[-1] / sizes[0])
        return x, height - bottom - (height - top - bottom) * (math.log10(t) - low) / (high - low)

    body = ['<text x="12" y="20">time for one question; 1× is butfor at 20 nodes</text>']
    for power in range(low, high + 1):
        _, y = at(sizes[0], 10.0**power)
        body.append(f'<path class="rule" d="M{left} {y:.1f}H{width - right}"/>')
        body.append(f'<text class="end" x="{left - 8}" y="{y + 4:.1f}">{10.0**power:,.6g}×</text>')
    for n in sizes:
        x, _ = at(n, 1.0)
        body.append(f'<text class="mid" x="{x:.1f}" y="{height - bottom + 18}">{n:,}</text>')
    body.append(f'<text class="mid" x="{(left + width - right) / 2}" y="{height - 8}">nodes</text>')
    for name, points in times.items():
        spots = [at(n, t) for n, t in sorted(points.items())]
        line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        body.append(f'<path class="line {name}" d="{line}"/>')
        for n, (x, y) in zip(sorted(points), spots, strict=True):
            hollow = " hollow" if name == "dowhy" and n == cut_off else ""
            body.append(f'<circle class="{name}{hollow}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
        word = f"{name} (more than)" if name == "dowhy" and cut_off else name
        body.append(f'<text class="{name}" x="{spots[-1][0] + 8:.1f}" y="{spots[-1][1] + 4:.1f}">{word}</text>')
    colours = "".join(
        f".growth .line.{name}{{stroke:{colour}}}.growth circle.{name},.growth text.{name}{{fill:{colour}}}"
        for name, colour in COLOURS.items()
    )
    style = (
        ".growth{color-scheme:light dark;font:13px system-ui,sans-serif;max-width:100%;height:auto}"
        ".growth .ground{fill:#fdfdfb}.growth text{fill:#5c5f66}.growth .end{text-anchor:end}"
        ".growth .mid{text-anchor:middle}.growth .rule{stroke:#dcdcd6}.growth .line{fill:none;stroke-width:2}"
        f"{colours}@media(prefers-color-scheme:dark){{.growth .ground{{fill:#15171a}}.growth .rule{{stroke:#383b41}}"
        ".growth text,.growth text.antecedent{fill:#a4a6ab}.growth circle.butfor,.growth text.butfor{fill:#6fbdec}"
        ".growth .line.butfor{stroke:#6fbdec}.growth circle.dowhy,.growth text.dowhy{fill:#f59a68}"
        ".growth .line.dowhy{stroke:#f59a68}}.growth circle.hollow{fill:none;stroke:#d06a35;stroke-width:2}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="growth" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>{sentence}</title><style>{style}</style>'
        f'<rect class="ground" width="{width}" height="{height}"/>{"".join(body)}</svg>\n'
    )


if __name__ == "__main__":
    main()
