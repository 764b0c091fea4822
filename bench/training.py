"""What does the shared loop cost? `butfor.train` against a bare PyTorch loop, on the same batches, in one run.

    loop   butfor.train.loop.train with the standard method: log, checks, meters; no checkpoint in the window
    bare   for batch in batches: forward, backward, clip, AdamW, schedule, loss.item(); nothing else

Both train the same model from the same weights on the same planned batches with the same optimiser, and must end with
the same weights. Every repetition times one after the other, in turns. "steps" compares the time from the end of the
first step to the end of the last, with all that happens between; "call" the whole call (planning, fingerprints, one
batch more for counting operations) with all steps of the bare loop. Each is the median of the repetitions' ratios, with
their range; on a CPU in seconds of this process, which a busy machine does not stretch, on CUDA in wall seconds.

    python bench/training.py [--repeats 5] [--models debug smollm2-135m]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from butfor.data.corpora import rows
from butfor.lm import LM
from butfor.lm.load import load
from butfor.train.batches import Batches, batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

RATE = 1e-4
SIZES = {"debug": (100, 8, 64), "smollm2-135m": (4, 4, 32)}  # steps, rows in a batch, tokens in a row
ROWS = rows("plain")


def settings(name: str) -> TrainSettings:
    steps, batch_size, length = SIZES.get(name, SIZES["smollm2-135m"])
    return TrainSettings(steps=steps, batch_size=batch_size, length=length, learning_rate=RATE, save_every=10**6)


def loop(lm: LM, how: TrainSettings) -> tuple[float, float]:
    """Our loop: time between the first step's end and the last's, and of the whole call."""
    clock = time.perf_counter if lm.device.type == "cuda" else time.process_time
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        began = clock()
        train(lm, ROWS, Standard(), settings=how, seed=0, folder=Path(folder), progress=lambda *_: ends.append(clock()))
        return ends[-1] - ends[0], clock() - began


def bare(lm: LM, planned: Batches) -> tuple[float, float]:
    """A hand-written loop: the same two times."""
    clock = time.perf_counter if lm.device.type == "cuda" else time.process_time
    model, began, ends = lm.model.train(), clock(), list[float]()
    groups = [
        {"params": [p for name, p in model.named_parameters() if "norm" in name], "weight_decay": 0.0},
        {"params": [p for name, p in model.named_parameters() if "norm" not in name], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(planned))
    for step in range(len(planned)):
        batch = {name: value.to(lm.device) for name, value in planned[step].items() if name != "row"}
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        ends.append(clock())
    return ends[-1] - ends[0], clock() - began


def model(name: str) -> LM:
    made = load(name)
    assert isinstance(made, LM)
    return made


def shown(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, {max(ratios):.3f}]"


def measure(name: str, repeats: int) -> None:
    """Print one line for one model."""
    how = settings(name)
    ours, theirs = model(name), model(name)
    planned = batches(
        numbered(ROWS), ours.tokenizer, seed=0, batch_size=how.batch_size, length=how.length, steps=how.steps
    )
    loop(ours, how)
    bare(theirs, planned)
    pairs = zip(ours.model.parameters(), theirs.model.parameters(), strict=True)
    gap = max((a - b).abs().max().item() for a, b in pairs)
    if gap > 1e-6:
        sys.exit(f"{name}: the two loops end {gap:.1e} apart; they do not do the same work")
    times: list[tuple[float, ...]] = []
    for repeat in range(repeats):
        one, other = model(name), model(name)
        if repeat % 2:
            theirs_took = bare(other, planned)
            times.append((*loop(one, how), *theirs_took))
        else:
            times.append((*loop(one, how), *bare(other, planned)))
    steps, calls = [a / c for a, _, c, _ in times], [b / d for _, b, _, d in times]
    step = statistics.median(c for _, _, c, _ in times) / (len(planned) - 1) * 1000
    size = f"{how.steps} steps of {how.batch_size} x {how.length}, bare {step:.1f} ms a step"
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
