"""Train the amortised network of CInA, as the checkpoint that ships was trained.

    python -m butfor.pretrain.foundation.train_cina --minutes 25 --out cina.safetensors

Loss      the mean over data sets of log [ error(w) / least ] for the weights that are read off, and the same for those
          weights calibrated; error = mean square error of the effect over the functions of `cina_worlds` with noise of
          variance σ² = 0.5, least = σ² (1 / n₁ + 1 / n₀), what noise alone would cost with equal weights. By the
          logarithm every data set counts alike, whatever its size and overlap.
Log       cina.jsonl beside the checkpoint: a line every 50 steps, with the errors on data sets that are never trained
          on (the same 24 shapes each time).
Limits    A length in minutes depends on the machine; `--steps` is exact. One thread, float32.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.seeds import derive
from butfor.pretrain.foundation.cina_net import Size, Weights, calibrated, fresh, scores, shares
from butfor.pretrain.foundation.cina_worlds import Worlds, draw

if TYPE_CHECKING:
    from torch import Tensor

NOISE = 0.5
EFFECT = 0.5  # how much an effect's error counts, against a level's
EVERY = 50
HELD_OUT = 24


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    minutes: float = 25.0
    steps: int = 0  # where given, instead of minutes
    rows: int = 4096  # of all data sets of a step
    rate: float = 2e-3
    warmup: int = 50
    seed: int = 0
    size: Size = field(default_factory=Size)


def error(one: Tensor, none: Tensor, worlds: Worlds) -> Tensor:
    """Mean square error of the effect by these weights of the treated and control rows, over `least` [B]."""
    level = ((one - none)[:, None] @ worlds.levels)[:, 0]  # [B, k]
    effect = (0.5 * (one + none)[:, None] @ worlds.effects)[:, 0]  # the functions have mean 0
    noise = NOISE * (one * one + none * none).sum(dim=1)
    treated = worlds.w.sum(dim=1)
    least = NOISE * (1 / treated + 1 / (worlds.w.shape[1] - treated))
    return ((level**2).mean(dim=1) + EFFECT * (effect**2).mean(dim=1) + noise) / least


def errors(weights: Weights, worlds: Worlds) -> tuple[Tensor, Tensor]:
    """The errors [B] of the weights as they are read off, and calibrated."""
    one, none = shares(scores(weights, worlds.x, worlds.w), worlds.w)
    return error(one, none, worlds), error(calibrated(one, worlds.x), calibrated(none, worlds.x), worlds)


def held_out(weights: Weights, plan: Plan) -> dict[str, float]:
    """Geometric mean errors over data sets that are never trained on, beside those of equal weights."""
    import torch

    rng = torch.Generator().manual_seed(derive(plan.seed, "cina", "held out"))
    found: list[list[float]] = []
    with torch.no_grad():
        for _ in range(HELD_OUT):
            worlds = draw(rng, rows=1024)
            treated = worlds.w / worlds.w.sum(dim=1, keepdim=True)
            control = (1 - worlds.w) / (1 - worlds.w).sum(dim=1, keepdim=True)
            naive = error(treated, control, worlds), error(calibrated(treated, worlds.x),
                                                           calibrated(control, worlds.x), worlds)  # fmt: skip
            found.append([float(part.log().mean()) for part in (*errors(weights, worlds), *naive)])
    names = ("read", "calibrated", "equal", "equal_calibrated")
    return {name: round(math.exp(sum(row[i] for row in found) / HELD_OUT), 4) for i, name in enumerate(names)}


def train(plan: Plan, log: Path) -> dict[str, Tensor]:
    """Weights trained to plan; a line of `log` every 50 steps."""
    import torch

    weights = fresh(plan.size, torch.Generator().manual_seed(derive(plan.seed, "cina", "weights")))
    averaged = {name: value.clone() for name, value in weights.items()}
    for value in weights.values():
        value.requires_grad_(True)
    optimiser = torch.optim.AdamW(weights.values(), lr=plan.rate, weight_decay=1e-4, betas=(0.9, 0.98))
    rng = torch.Generator().manual_seed(derive(plan.seed, "cina", "worlds"))
    begin, step, share = time.monotonic(), 0, 0.0
    with log.open("w", encoding="utf-8") as file:
        while share < 1.0:
            rate = plan.rate * min(1.0, (step + 1) / plan.warmup) * (0.5 + 0.5 * math.cos(math.pi * share))
            for group in optimiser.param_groups:
                group["lr"] = rate
            read, moved = errors(weights, draw(rng, rows=plan.rows))
            loss = 0.5 * (read.log().mean() + moved.clamp_max(1e4).log().mean())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
            optimiser.step()
            step += 1
            with torch.no_grad():
                keep = min(0.995, step / (step + 10))
                for name, value in weights.items():
                    averaged[name].lerp_(value, 1 - keep)
            seconds = time.monotonic() - begin
            share = step / plan.steps if plan.steps else seconds / (60 * plan.minutes)
            if step % EVERY == 0 or share >= 1.0:
                told = round(float(loss.detach()), 4)
                line: dict[str, Any] = {"step": step, "seconds": round(seconds, 1), "loss": told}
                file.write(json.dumps({**line, "rate": round(rate, 6), **held_out(averaged, plan)}) + "\n")
                file.flush()
    return averaged


def save(weights: Weights, path: Path, plan: Plan) -> None:
    """A checkpoint in bfloat16, with how it was made."""
    import torch
    from safetensors.torch import save_file

    length = f"--steps {plan.steps}" if plan.steps else f"--minutes {plan.minutes:g}"
    made = f"python -m butfor.pretrain.foundation.train_cina {length} --seed {plan.seed}"
    kept = {name: value.detach().to(torch.bfloat16).contiguous() for name, value in weights.items()}
    save_file(kept, path, {"made by": made})


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--steps", type=int, default=0, help="instead of minutes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    import torch

    torch.set_num_threads(1)
    plan = Plan(minutes=options.minutes, steps=options.steps, seed=options.seed)
    save(train(plan, options.out.with_suffix(".jsonl")), options.out, plan)


if __name__ == "__main__":
    main()
