"""How fast is an audit? The questions of three suites, asked by butfor and by lm-evaluation-harness, in one run.

    butfor   suite.measure(lm, items): prompts rendered and tokenised, every order and wording weighed, records made
    lm-eval  HFLM.loglikelihood of lm-evaluation-harness 0.4.13 on the finished texts: the same (prompt, choice) pairs

Items, model, precision and threads are the same, and repetitions alternate, so that a busy machine slows both alike;
a ratio is the median of the repetitions' ratios, with their range. "Tokens a second" counts every token of every pair,
however it was computed: butfor computes what pairs share once, lm-eval takes one-token choices of a prompt together.
Before any timing the sums of log-probabilities must agree. Where two float32 sums differ by more than the 1e-4 that is
promised, a float64 copy of the model tells which of the two is nearer. Promised: 1.5 times lm-eval.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if (Path(__file__).parents[2] / "shared/data").is_dir():
    os.environ.setdefault("BUTFOR_DATA", str(Path(__file__).parents[2] / "shared/data"))

import torch

from butfor.core.errors import MissingData
from butfor.core.registry import resolve
from butfor.evaluate import questions
from butfor.lm import LM, score
from butfor.lm.load import load
from butfor.lm.logprobs import Work
from butfor.lm.prompt import rendered
from butfor.lm.tokens import tokenized
from scoring import by_harness

SUITES = ("reason.cladder", "reason.causal_judgement", "reason.copa")
PROMISED, EQUAL = 1.5, 1e-4  # times lm-eval; nats a choice
NOISE = 2e-4  # nats a token: beyond it the two do not compute the same thing

Pairs = list[dict[str, Any]]
Times = dict[str, list[float]]


def asked(lm: LM, suite: Any, items: Sequence[Any]) -> Pairs:
    """What the suite weighs for these items, in every order and wording, as finished texts."""
    heard: Pairs = []

    def listening(world: Any, forms: Sequence[Any]) -> Any:
        heard.extend({"prompt": rendered(world, p, scoring=True), "choices": list(choices)} for p, choices in forms)
        return weigh(world, forms)

    weigh, questions.weigh = questions.weigh, listening
    try:
        measured(lm, suite, items)
    finally:
        questions.weigh = weigh
    return heard


def measured(lm: LM, suite: Any, items: Sequence[Any]) -> None:
    """What an audit does with these items."""
    for at in range(0, len(items), suite.chunk):
        suite.measure(lm, items[at : at + suite.chunk])


def differences(lm: LM, pairs: Pairs, theirs: list[list[float]]) -> list[tuple[float, float, int, int]]:
    """For every choice: nats apart, the same a token, and whose it is; largest first."""
    found = [
        (abs(mine - other), abs(mine - other) / count, number, place)
        for number, (s, row) in enumerate(zip(score(lm, pairs), theirs, strict=True))
        for place, (mine, count, other) in enumerate(zip(s.logprobs, s.counts, row, strict=True))
    ]
    return sorted(found, reverse=True)


def against_float64(exact: LM, lm: LM, pairs: Pairs, theirs: list[list[float]], at: Sequence[int]) -> tuple[float, ...]:
    """The largest distance of butfor, and of lm-eval, from the same model in float64, over the questions `at`."""
    some = [pairs[number] for number in at]
    true, mine = ([s.logprobs for s in score(model, some)] for model in (exact, lm))
    return tuple(
        max(abs(a - b) for row, right in zip(rows, true, strict=True) for a, b in zip(row, right, strict=True))
        for rows in (mine, [theirs[number] for number in at])
    )


@contextmanager
def clock(into: list[float]) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    into.append(time.perf_counter() - begin)


def compared(lm: LM, exact: LM, name: str, chosen: argparse.Namespace, harness: Callable[[Pairs], Any]) -> Times:
    """One suite: its lines, and the seconds of both in every repetition."""
    suite = replace(resolve("suite", name)(), limit=chosen.limit)
    items = list(suite.items(lm))
    pairs = asked(lm, suite, items)
    theirs = harness(pairs)
    apart = differences(lm, pairs, theirs)
    if max(token for _, token, _, _ in apart) > NOISE:
        sys.exit(f"{name}: lm-eval disagrees by {apart[0][0]:.1e} nats on {pairs[apart[0][2]]}")
    worst = list(dict.fromkeys(number for _, _, number, _ in apart[:4]))
    ours64, theirs64 = against_float64(exact, lm, pairs, theirs, worst)
    prepared, work = tokenized(lm, pairs), Work()
    for at in range(0, len(pairs), 96):
        score(lm, pairs[at : at + 96], work=work)
    tokens = sum(len(ids) for choices in prepared for ids in choices.ids)
    seconds: Times = {"butfor": [], "lm-eval": []}
    ways = {"butfor": lambda: measured(lm, suite, items), "lm-eval": lambda: harness(pairs)}
    for turn in range(chosen.repeats):
        for way in ("butfor", "lm-eval") if turn % 2 == 0 else ("lm-eval", "butfor"):
            with clock(seconds[way]):
                ways[way]()
    print(
        f"{name}: {len(items)} items, {len(pairs)} prompts, {len(apart)} choices, {tokens} tokens "
        f"({work.tokens} through butfor's layers)",
    )
    for way, spent in seconds.items():
        middle = statistics.median(spent)
        print(f"  {way:8s} {middle:6.2f} s  {len(items) / middle:6.1f} items/s  {tokens / middle:7.0f} tokens/s")
    verdict(seconds)
    over = sum(nats > EQUAL for nats, *_ in apart)
    kept = f"{over} of {len(apart)} choices beyond" if over else "kept"
    print(
        f"  largest difference {apart[0][0]:.1e} nats a choice ({max(token for _, token, *_ in apart):.1e} a token)  "
        f"promised {EQUAL:.0e}: {kept}\n"
        f"  from float64, on the {len(worst)} prompts furthest apart: butfor {ours64:.1e}, lm-eval {theirs64:.1e}",
        flush=True,
    )
    return seconds


def verdict(seconds: Times) -> None:
    """How many times butfor's time lm-eval takes, and whether that is what was promised."""
    ratios = [theirs / mine for theirs, mine in zip(seconds["lm-eval"], seconds["butfor"], strict=True)]
    ratio = statistics.median(ratios)
    kept = "kept" if ratio >= PROMISED else "missed"
    print(f"  lm-eval / butfor {ratio:.2f}× ({min(ratios):.2f} to {max(ratios):.2f})  promised {PROMISED}×: {kept}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=40, help="items of each suite")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--suites", default=",".join(SUITES))
    chosen = parser.parse_args()
    lm, exact = load(chosen.model, device="cpu"), load(chosen.model, device="cpu", dtype="float64")
    assert isinstance(lm, LM) and isinstance(exact, LM)
    harness = by_harness(lm)
    if harness is None:
        return
    print(f"{chosen.model}, float32, {torch.get_num_threads()} thread(s), median of {chosen.repeats} (range)")
    total: Times = {"butfor": [0.0] * chosen.repeats, "lm-eval": [0.0] * chosen.repeats}
    for name in chosen.suites.split(","):
        try:
            seconds = compared(lm, exact, name, chosen, harness)
            total = {way: [a + b for a, b in zip(total[way], seconds[way], strict=True)] for way in total}
        except MissingData as error:
            print(f"{name} is left out: {error}")
    if any(total["butfor"]):
        print("all items together:")
        verdict(total)


if __name__ == "__main__":
    main()
