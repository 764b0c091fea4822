"""What does the shared loop cost? `butfor.train` against a bare PyTorch loop, on the same batches, in one run.

    loop   butfor.train.loop.train with the standard method: logging, finite checks, meters, no checkpoint in the window
    bare   for batch in batches: forward, backward, clip, AdamW, schedule; nothing else

Both train the same model from the same weights on the same planned batches with the same optimiser. Every repetition
times one after the other, in turns, so that a busy machine slows them alike. "steps" is the ratio of the seconds of
the steps, "call" that of the whole call (planning, fingerprints, one batch more for counting operations); each is the
median of the repetitions' ratios, with their range. Before any timing, the two must end with the same weights.

    python bench/training.py [--repeats 5] [--models debug smollm2-135m]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from butfor.data.corpora import rows
from butfor.lm import LM
from butfor.lm.load import load
from butfor.train.batches import Batches, batches, numbered
from butfor.train.loop import TrainFacts, TrainSettings, train
from butfor.train.standard import Standard

RATE = 1e-4
SIZES = {"debug": (100, 8, 64), "smollm2-135m": (4, 4, 64)}  # steps, rows in a batch, tokens in a row
ROWS = rows("plain")


def settings(model: str) -> TrainSettings:
    steps, batch_size, length = SIZES.get(model, SIZES["smollm2-135m"])
    return TrainSettings(steps=steps, batch_size=batch_size, length=length, learning_rate=RATE, save_every=10**6)


def loop(lm: LM, how: TrainSettings) -> tuple[TrainFacts, float]:
    """Our loop; what it says of itself, and the seconds of the whole call."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        facts = train(lm, ROWS, Standard(), settings=how, seed=0, folder=Path(folder))
        return facts, time.perf_counter() - began


def bare(lm: LM, planned: Batches) -> float:
    """The seconds of a hand-written loop."""
    model, began = lm.model.train(), time.perf_counter()
    groups = [
        {"params": [p for name, p in model.named_parameters() if "norm" in name], "weight_decay": 0.0},
        {"params": [p for name, p in model.named_parameters() if "norm" not in name], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(planned))
    for step in range(len(planned)):
        batch = {name: value.to(lm.device) for name, value in planned[step].items() if name != "row"}
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    if lm.device.type == "cuda":
        torch.cuda.synchronize(lm.device)
    return time.perf_counter() - began


def shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"


def measure(name: str, repeats: int) -> None:
    """Print one line for one model."""
    how = settings(name)
    options = {key: value for key, value in asdict(how).items() if key in ("batch_size", "length", "steps", "tokens")}
    ours, theirs = load(name), load(name)
    planned = batches(numbered(ROWS), ours.tokenizer, seed=0, **options)
    loop(ours, how), bare(theirs, planned)
    gap = max(
        (a - b).abs().max().item() for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True)
    )
    if gap > 1e-6:
        sys.exit(f"{name}: the two loops end {gap:.1e} apart; they do not do the same work")
    steps, calls = [], []
    for repeat in range(repeats):
        one, other = load(name), load(name)
        if repeat % 2:
            seconds = bare(other, planned)
            facts, call = loop(one, how)
        else:
            facts, call = loop(one, how)
            seconds = bare(other, planned)
        steps.append(facts.seconds / seconds)
        calls.append(call / seconds)
    size = f"{how.steps} steps of {how.batch_size} x {how.length}, bare {seconds / len(planned) * 1000:.1f} ms a step"
    print(f"{name:14} steps {shown(steps)}   call {shown(calls)}   n={repeats}, {size}, weights {gap:.0e} apart")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=list(SIZES))
    asked = parser.parse_args()
    print("training: seconds of butfor's loop over those of a bare PyTorch loop, median [range]")
    for name in asked.models:
        measure(name, asked.repeats)


if __name__ == "__main__":
    main()
