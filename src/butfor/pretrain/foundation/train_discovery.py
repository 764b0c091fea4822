"""Train the network of amortised discovery on random worlds; the command that made the checkpoint in this package.

    python -m butfor.pretrain.foundation.train_discovery --steps 5400 --out discovery.safetensors

Idea      Every step draws worlds of one size from `TRAINING` (data/graph_worlds.py), as many as hold some 8,000 cells,
          and lowers the cross-entropy of each pair of variables: i causes j, j causes i, neither. No world comes
          twice.
Rate      Warm-up, a plateau, and a straight decline to 0 over the last quarter of the steps.
Resume    The same command goes on from <out>.state, kept every 200 steps; step k draws from a stream of its own and
          the first three quarters do not depend on `steps`, so a killed run, or one made longer before its decline, is
          the same run. Weights are kept in bfloat16; <out stem>.log.jsonl holds the losses.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from butfor.core.errors import UserError
from butfor.core.seeds import derive, generator
from butfor.data.graph_worlds import FIRST, TRAINING, Worlds, draw
from butfor.pretrain.foundation.discovery_net import Shape, drawn, loss, odds

if TYPE_CHECKING:
    import torch

    from butfor.pretrain.foundation.discovery_net import Weights

CELLS = 8000  # n · d · batch of a step
RATE, WARMUP, DECLINE = 1.5e-3, 200, 0.25
EVERY = 200
MIXED = 2600  # the step from which half of the worlds are scaled after they are drawn
PARTS = ("exp_avg", "exp_avg_sq")


def worlds(seed: int, step: int) -> Worlds:
    """The worlds of a step: rows log-uniform, variables uniform."""
    rng = generator(seed, "discovery", "train", step)
    low, high = np.log(TRAINING.rows)
    n = round(float(np.exp(rng.uniform(low, high))))
    d = int(rng.integers(TRAINING.variables[0], TRAINING.variables[1] + 1))
    return draw(FIRST if step < MIXED else TRAINING, max(2, min(64, CELLS // (n * d))), n, d, rng)


def rate(step: int, steps: int) -> float:
    """The learning rate of a step (0, 1, …)."""
    return RATE * min(1.0, (step + 1) / WARMUP, (steps - step) / (DECLINE * steps))


def train(steps: int, out: Path, shape: Shape | None = None, seed: int = 0) -> Weights:
    """Train, or go on; the finished weights, also in `out`."""
    import torch

    shape = shape or Shape()
    weights = drawn(shape, derive(seed, "discovery", "init") % 2**31)
    for value in weights.values():
        value.requires_grad_(True)
    optimiser = torch.optim.AdamW(list(weights.values()), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    state, log = out.with_suffix(".state"), out.with_suffix(".log.jsonl")
    start = _resumed(state, weights, optimiser, seed) if state.exists() else 0
    if start == 0:
        log.write_text("", encoding="utf-8")
    losses, seen, begin = list[float](), 0, time.process_time()
    for step in range(start, steps):
        drawn_now = worlds(seed, step)
        x = torch.tensor(drawn_now.x, dtype=torch.float32)
        value = loss(odds(weights, shape, x), torch.tensor(drawn_now.edges))
        optimiser.param_groups[0]["lr"] = rate(step, steps)
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimiser.step()
        losses.append(value.item())
        seen += len(x)
        if (step + 1) % EVERY == 0 or step + 1 == steps:
            row = {"step": step + 1, "loss": round(float(np.mean(losses)), 4), "worlds": seen}
            row["processor_seconds"] = round(time.process_time() - begin, 1)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            losses, seen, begin = [], 0, time.process_time()
            _keep(state, weights, optimiser, step + 1, seed)
    save(out, weights, shape, {"steps": str(steps), "seed": str(seed)})
    return {name: value.detach() for name, value in weights.items()}


def save(out: Path, weights: Weights, shape: Shape, about: dict[str, str]) -> None:
    """The weights in bfloat16, with the shape and what made them in the header."""
    import torch
    from safetensors.torch import save_file

    kept = {name: value.detach().to(torch.bfloat16).contiguous() for name, value in weights.items()}
    save_file(kept, out, metadata={"form": "discovery", **shape.told(), **about})


def _keep(state: Path, weights: Weights, optimiser: torch.optim.Optimizer, step: int, seed: int) -> None:
    from safetensors.torch import save_file

    kept = {f"weight {name}": value.detach() for name, value in weights.items()}
    for name, value in weights.items():
        kept |= {f"{part} {name}": optimiser.state[value][part] for part in PARTS}
    beside = state.with_suffix(".part")
    save_file(kept, beside, metadata={"step": str(step), "seed": str(seed)})
    beside.replace(state)


def _resumed(state: Path, weights: Weights, optimiser: torch.optim.Optimizer, seed: int) -> int:
    """Put weights and moments back; the step to go on with."""
    import torch
    from safetensors import safe_open

    with safe_open(state, "pt") as file:
        step = int(file.metadata()["step"])
        if file.metadata().get("seed") != str(seed):
            raise UserError(f"{state} is of another --seed; remove it, or give another --out")
        if any(f"weight {name}" not in file.keys() for name in weights):  # noqa: SIM118
            raise UserError(f"{state} is of a network of another shape; remove it, or give another --out")
        for name, value in weights.items():
            value.data.copy_(file.get_tensor(f"weight {name}"))
            moments = {part: file.get_tensor(f"{part} {name}") for part in PARTS}
            optimiser.state[value] = {"step": torch.tensor(float(step)), **moments}
    return step


def main() -> None:
    """The command."""
    import torch

    parser = argparse.ArgumentParser(description="Train the network of amortised discovery on random worlds.")
    parser.add_argument("--steps", type=int, default=5400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("discovery.safetensors"))
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    train(given.steps, given.out, seed=given.seed)


if __name__ == "__main__":
    main()
