"""Published graphs drawn by a model, by a search of rows, and by both; and what of a drawing goes by names.

1  graphs   asia, cancer, child, sachs under the names that `--names` says: SHD (pairs), SID (ordered pairs), F1 of
            arrows, AUROC of the shares, calls, tokens, refused edges, conflicts; mean over `--draws` times 500 rows
2  control  F1 of a drawing with itself when names are shuffled or taken away (`infer/discover/recite.py`)
3  planted  the same as 1 with a planted model in the place of a real one: it knows the graph, but of a share of pairs,
            drawn at random, it firmly believes something else; what must a model know to be worth asking?
Every answer is asked once and kept in `--transcript`: methods that ask the same share it, each is charged in full, and
a killed process goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from butfor.core.registry import resolve
from butfor.core.seeds import derive
from butfor.evaluate.graph.known import KnownGraphs, posed_of
from butfor.infer.discover.recite import controlled
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange, Said, Weigh, converse
from butfor.lm.load import load

PRIOR = "infer.discover.prior"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "rows alone": (PRIOR, {"weight": 0.0}),
    "rows alone, pc": (PRIOR, {"weight": 0.0, "search": "pc", "use": "hard"}),
    "pairwise": ("infer.discover.pairwise", {}),
    "pairwise, one way": ("infer.discover.pairwise", {"asks": 1}),
    "pairwise + rows, soft": (PRIOR, {}),
    "pairwise, one way + rows, soft": (PRIOR, {"asks": 1}),
    "pairwise + rows, soft, ges": (PRIOR, {"search": "ges"}),
    "pairwise + rows, hard": (PRIOR, {"use": "hard", "sure": 0.51}),
    "pairwise + rows, hard, pc": (PRIOR, {"use": "hard", "sure": 0.51, "search": "pc"}),
    "pairwise + rows, order": (PRIOR, {"use": "order"}),
    "bfs": ("infer.discover.bfs", {}),
    "bfs + rows, soft": (PRIOR, {"by_asking": "bfs"}),
    "triplets": ("infer.discover.triplets", {}),
    "triplets + rows, order": (PRIOR, {"by_asking": "triplets", "asks": 1, "use": "order"}),
}
SIZES = {"cancer": 5, "asia": 8, "sachs": 11, "child": 20}
NAME, ITEM = re.compile(r'"(?:[^"\\]|\\.)*"'), re.compile(r'\d+\. "')
DRAWN = ("bfs", "bfs + rows, soft")  # other draws, other answers: one draw
KNOWING = ("rows alone", "pairwise", "pairwise + rows, soft", "pairwise + rows, hard", "pairwise + rows, order", "bfs")
FIGURES = ("wrong_pairs", "sid", "f1", "auroc", "calls", "tokens", "refused", "conflicts", "recited")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--networks", default="cancer,asia,sachs,child")
    parser.add_argument("--names", default="told")
    parser.add_argument("--methods", default="", help="a;b, default: all")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--control", default="", help="networks to draw thrice")
    parser.add_argument("--planted", default="", help="shares of pairs of which a planted model is wrong: 0,0.2,0.5")
    parser.add_argument("--transcript", type=Path, default=Path("discover-llm.jsonl"))
    given = parser.parse_args()
    for net in filter(None, given.networks.split(",")) if given.planted else ():
        for wrong in map(float, given.planted.split(",")):
            for label in KNOWING:
                planted(net, label, wrong, given.draws)
    if given.planted:
        return
    world, memory = load(given.model, dtype="auto"), Memory(given.transcript)
    for net in filter(None, given.networks.split(",")):
        for names in given.names.split(","):
            for label in [m.strip() for m in given.methods.split(";") if m] or METHODS:
                graphs(world, memory, net, names, label, 1 if label in DRAWN else given.draws)
    for net in filter(None, given.control.split(",")):
        for label in ("pairwise", "bfs"):
            control(world, memory, net, label)


def graphs(world: Any, memory: Memory, net: str, names: str, label: str, draws: int) -> None:
    """One line of the table."""
    method = made(label)
    suite = KnownGraphs(networks=(net,), names=(names,), draws=draws)  # type: ignore[arg-type]
    drawing = SimpleNamespace(kind="lm", discovers=lambda tasks: method.draw(world, tasks, memory=memory))
    show(f"{net} | {names} | {label}", SIZES[net], suite.measure(drawing, suite.items(world)))


def planted(net: str, label: str, wrong: float, draws: int) -> None:
    """One line of the table of a planted model."""
    method = made(label)
    suite = KnownGraphs(networks=(net,), draws=draws)  # type: ignore[arg-type]
    items = suite.items(None)  # type: ignore[arg-type]
    said = {}
    for item in items:
        task, truth, _ = posed_of(item)
        exchange: Any = Planted(task.study.names, truth, wrong, derive(0, "planted", item.id))
        ((drawn, cost),) = converse(exchange, [method.drawing(task, derive(0, "draw", task.id))])
        said[task.id] = replace(drawn, cost=cost)
    world = SimpleNamespace(kind="lm", discovers=lambda tasks: [said[task.id] for task in tasks])
    show(f"{net} | {wrong:g} | {label}", SIZES[net], suite.measure(world, items))


class Planted:
    """Answers by a graph, but for a share of the pairs of which it believes one of the other two states."""

    def __init__(self, names: tuple[str, ...], truth: Any, wrong: float, seed: int) -> None:
        rng = np.random.default_rng(seed % 2**32)
        self.causes: set[tuple[str, str]] = set()
        for (i, a), (j, b) in combinations(enumerate(names), 2):
            state = 0 if truth[i, j] else 1 if truth[j, i] else 2
            if rng.random() < wrong:
                state = (state + int(rng.integers(1, 3))) % 3
            self.causes |= {0: {(a, b)}, 1: {(b, a)}, 2: set()}[state]

    def __call__(self, asks: Any) -> list[Said]:
        return [Said(logprobs=self._weighed(ask)) if isinstance(ask, Weigh) else self._listed(ask) for ask in asks]

    def _weighed(self, ask: Any) -> tuple[float, ...]:
        """0.8 for what it believes, 0.1 for each of the others."""
        lines = [line for line in ask.prompt.user.splitlines() if line[1:3] == ". "]
        named = [tuple(map(json.loads, NAME.findall(line))) for line in lines]
        best = next((at for at, pair in enumerate(named) if pair in self.causes), named.index(()))
        return tuple(np.log(0.8 if at == best else 0.1) for at in range(len(lines)))

    def _listed(self, ask: Any) -> Said:
        lines = [line for line in ask.prompt.user.splitlines() if ITEM.match(line)]
        items = [json.loads(NAME.findall(line)[0]) for line in lines]
        of = re.search(rf"One of its variables is ({NAME.pattern})", ask.prompt.user)
        effects = {b for a, b in self.causes if of and a == json.loads(of[1])}
        wanted = effects if of else set(items) - {b for _, b in self.causes}
        return Said(str([number for number, name in enumerate(items, 1) if name in wanted]))


def show(head: str, count: int, records: Any) -> None:
    """Means over the records."""
    told = []
    for figure in FIGURES:
        values = [record.metrics[figure] for record in records if figure in record.metrics]
        scale = count * (count - 1) if figure == "sid" else 1
        told.append(f"{scale * np.mean(values):.2f}" if values else "–")
    lost = sum(not record.metrics["answered"] for record in records)
    print(f"| {head} | {' | '.join(told)} |" + (f" {lost} failed" if lost else ""), flush=True)


def control(world: Any, memory: Memory, net: str, label: str) -> None:
    """The same study as it is, with its names shuffled, and without names."""
    method = made(label)
    suite = KnownGraphs(networks=(net,), rows=0)  # type: ignore[arg-type]
    task, _, _ = posed_of(suite.items(world)[0])
    seed = derive(0, "draw", task.id)
    exchange = Exchange(world, memory)
    ((drawn, _),) = converse(exchange, [method.drawing(task, seed)])
    ((found, _),) = converse(exchange, [controlled(method, task, drawn, seed)])
    told = f"{len(drawn.edges)} edges | {found.names.f1:.2f} | {found.places.f1:.2f} | {found.nameless.f1:.2f}"
    print(f"control | {net} | {label} | {told} |", flush=True)


def made(label: str) -> Any:
    name, knobs = METHODS[label]
    return resolve("method", name)(**knobs)


if __name__ == "__main__":
    print(f"| network | names | method | {' | '.join(FIGURES)} |", flush=True)
    main()
