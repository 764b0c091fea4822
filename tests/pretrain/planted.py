"""Word vectors with a planted concept, stereotypes along it, and a main task that has nothing to do with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from butfor.lm import Vectors
from butfor.stats.nullspace import softmax_fit

PAIRS = 60
NEUTRAL = 3000
DIM = 24


@dataclass
class Planted:
    """The world, the true directions of concept and task, and what is true of each neutral word."""

    world: Vectors
    concept: str  # path of the pairs
    direction: NDArray[np.float64]
    stereotype: NDArray[np.int64]
    task: NDArray[np.int64]

    @property
    def neutral(self) -> NDArray[np.float64]:
        return np.asarray(self.world.matrix[2 * PAIRS :], dtype=np.float64)

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """Of a linear probe of the labels, on the half of the neutral words that it was not fitted on."""
        x, half = self.neutral, NEUTRAL // 2
        weights, offsets = softmax_fit(x[:half], labels[:half], 2)
        return float(np.mean(np.argmax(x[half:] @ weights.T + offsets, axis=1) == labels[half:]))


def planted(folder: Path, seed: int = 0) -> Planted:
    """Pairs differ by 2·direction; neutral words carry ±0.8 of it (their stereotype) and ±1 of the task's direction."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0].T
    concept, main = axes[0], axes[1]
    base = rng.normal(scale=0.3, size=(PAIRS, DIM))
    pairs = [base + concept + rng.normal(scale=0.05, size=base.shape) for concept in (concept, -concept)]
    stereotype, task = rng.integers(0, 2, NEUTRAL), rng.integers(0, 2, NEUTRAL)
    neutral = rng.normal(scale=0.3, size=(NEUTRAL, DIM))
    neutral += 0.8 * np.outer(2 * stereotype - 1, concept) + np.outer(2 * task - 1, main)
    words = [f"{side}{i}" for side in "fm" for i in range(PAIRS)] + [f"w{i}" for i in range(NEUTRAL)]
    path = folder / "planted.json"
    path.write_text(json.dumps([[f"f{i}", f"m{i}"] for i in range(PAIRS)]))
    matrix = np.concatenate([*pairs, neutral]).astype(np.float32)
    return Planted(Vectors("planted", words, matrix), str(path), concept, stereotype, task)
