"""What does causal attention cost? A training step of each kind against standard attention, same model and batches.

    python bench/attention.py [--repeats 5] [--models scratch smollm2-135m] [--only dag cat] [--effects 5]

Every kind trains the same weights on the same batches with the shared loop, in turns, the order turned around every
time; what a method does before the first step is not in it. A ratio is that of one turn, to standard attention in the
same turn; shown are the median of the turns' ratios and their range.

    time    from the end of the first step to the end of the last: of this process on a CPU (a busy machine does not
            stretch it), of the wall on CUDA
    memory  the most in use at once: of the whole process on a CPU, of torch's allocator on CUDA
    flops   of a step, forward and backward, matrix products and attention

The texts are the spurious token game, people told one after another until a row is full, with spans and links, so that
every method has something to do, and standard attention needs no mask: the hardest it can be made for the others.

--effects N adds the estimator of effects under a causal mask (`pretrain.attention.dag_effect`) beside the engine's, on
the first N tables of IHDP and of ACIC 2016, where BUTFOR_DATA has them; seconds are of the processor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np

from butfor.core.errors import UserError
from butfor.core.registry import build, resolve
from butfor.data.stg import as_row, drawn
from butfor.lm import LM
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train
from butfor.train.method import Rows

GRAPH = 'Smoking, Weight, Exercise -> Risk; "Yellow fingers"; "Clothing size"; Hormones; "Room size"; "Certain gene"'
DAG = {"graph": GRAPH, "variables": {"Risk": "Answer:[^.]*"}}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("standard", {}),
    "dag, hard": ("pretrain.attention.dag", DAG),
    "dag, soft": ("pretrain.attention.dag", {**DAG, "strength": 4.0}),
    "dag, eager": ("pretrain.attention.dag", {**DAG, "backend": "eager"}),
    "cat": ("pretrain.attention.cat", {}),
    "cat, path": ("pretrain.attention.cat", {"path": True}),
    "catt": ("pretrain.attention.catt", {}),
    "caam": ("pretrain.attention.caam", {}),
}
MODELS = {"scratch": "scratch:4x128,heads=4,tokens=stg/512,positions=none", "smollm2-135m": "smollm2-135m"}
SIZES = {"scratch": (8, 8, 128), "smollm2-135m": (3, 2, 96)}  # steps, rows in a batch, tokens in a row
MOST = {"smollm2-135m": 3}  # repeats: a turn of all kinds takes minutes


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one training."""

    time: float
    memory: float
    flops: float


def corpus(rows: int, people: int) -> Rows:
    """Rows of several people each, their marks moved to where they stand now."""
    told = [as_row(person) for person in drawn("train", rows * people)]
    found: Rows = []
    for start in range(0, len(told), people):
        text, spans, links = "", list[list[Any]](), list[list[int]]()
        for row in told[start : start + people]:
            links += [[a + len(spans), b + len(spans)] for a, b in row["links"]]
            spans += [[a + len(text), b + len(text), name] for a, b, name in row["spans"]]
            text += row["text"] + ". "
        found.append({"text": text, "spans": spans, "links": links, "answer_at": told[start]["answer_at"]})
    return found


def cost(name: str, method: Any, rows: Rows, how: TrainSettings) -> Cost:
    """Train afresh by one method."""
    lm = load(MODELS[name])
    assert isinstance(lm, LM)
    cuda = lm.device.type == "cuda"
    clock: Callable[[], float] = time.perf_counter if cuda else time.process_time
    ends: list[float] = []
    method.model(lm, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder:
        facts = train(
            lm, rows, method, settings=how, seed=0, folder=Path(folder), progress=lambda *_: ends.append(clock())
        )
    return Cost((ends[-1] - ends[0]) / (len(ends) - 1), facts.peak_memory_bytes or 0, facts.flops / len(ends))


def shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"


def methods(only: list[str]) -> dict[str, Any]:
    """Every kind that is there, standard first; the others are named with the reason."""
    found: dict[str, Any] = {}
    for kind, (name, knobs) in KINDS.items():
        if only and kind != "standard" and kind.partition(",")[0] not in only:
            continue
        try:
            made, problems = build(resolve("method", name), knobs)
        except UserError as error:
            made, problems = None, [("", str(error))]
        if made is None:
            print(f"{kind} is left out: {problems[0][1]}")
        else:
            found[kind] = made
    return found


def measure(name: str, kinds: dict[str, Any], repeats: int) -> None:
    """Print one table for one model."""
    steps, batch, length = SIZES[name]
    how = TrainSettings(steps=steps, batch_size=batch, length=length, learning_rate=1e-4, save_every=10**6)
    rows = corpus(steps * batch, 3)
    costs: dict[str, list[Cost]] = {kind: [] for kind in kinds}
    for repeat in range(repeats + 1):  # the first turn warms up
        for kind in list(kinds)[:: -1 if repeat % 2 else 1]:
            if kind not in costs:
                continue
            try:
                found = cost(name, kinds[kind], rows, how)
            except UserError as error:
                print(f"{kind} is left out: {error}")
                del costs[kind]
                continue
            if repeat:
                costs[kind].append(found)
    plain = costs["standard"]
    step = statistics.median(one.time for one in plain)
    print(f"\n{MODELS[name]}, {batch} x {length} tokens, standard {step * 1000:.0f} ms a step, n = {repeats}\n")
    print("| attention | time | memory | flops |\n|---|---:|---:|---:|")
    for kind, found in costs.items():
        cells = [
            shown(
                [getattr(one, part) / max(getattr(other, part), 1e-9) for one, other in zip(found, plain, strict=True)]
            )
            for part in ("time", "memory")
        ]
        print(f"| {kind} | {' | '.join(cells)} | {found[0].flops / plain[0].flops:.3f} |", flush=True)


def effects(count: int) -> None:
    """Error of the ATE, whether its interval holds the truth, PEHE and seconds, of each estimator."""
    from butfor.data.acic import acic
    from butfor.data.ihdp import ihdp
    from butfor.data.known import Known
    from butfor.pretrain.attention.dag_effect import DAGEffect
    from butfor.scm.analyst import Answer
    from butfor.scm.estimate import Adjust, cate

    def engine(known: Known) -> Answer:
        found = known.table
        each = cate(found.data, found.x, found.y, found.given, how="t")
        return Answer(Adjust(found.x, found.y, found.given)(found.data), each)

    estimators: dict[str, Callable[[Known], Answer]] = {
        "aipw, t-learner of curves": engine,
        "dag_effect": lambda known: DAGEffect().estimate(known.table, 0),
    }
    print("\n| table | estimator | error of the ATE | interval | holds | PEHE | s |\n|---|---|---:|---|---|---:|---:|")
    for tables in (ihdp, acic):
        for known in tables()[:count]:
            for label, run in estimators.items():
                start = time.process_time()
                answer = run(known)
                took = time.process_time() - start
                effect, each = answer.effect, answer.each
                assert each is not None
                pehe = float(np.sqrt(np.mean((each - known.each) ** 2)))
                cells = (
                    f"{abs(effect.estimate - known.truth):.3f}", f"[{effect.low:.2f}, {effect.high:.2f}]",
                    "no" if effect.excludes(known.truth) else "yes", f"{pehe:.2f}", f"{took:.1f}",
                )  # fmt: skip
                print(f"| {known.id} | {label} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--effects", type=int, default=0)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    kinds = methods(asked.only)
    for name in asked.models:
        try:
            measure(name, kinds, min(asked.repeats, MOST.get(name, asked.repeats)))
        except UserError as error:
            print(f"{name} is left out: {error}")
    if asked.effects:
        effects(asked.effects)


if __name__ == "__main__":
    main()
