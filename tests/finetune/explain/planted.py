"""A planted shortcut: opinions cause the label; a colour nearly always goes with it, and in the test against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from butfor.lm.head import classify
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train

OPINIONS = (("bad", "sad", "mad", "vile"), ("good", "fine", "nice", "fun"))
COLOURS = ("red", "blue")
MODEL = "scratch:1x32,heads=2,tokens=bytes"
STEPS = 60


def rows(count: int, agrees: float, seed: int) -> list[dict[str, Any]]:
    """A colour that agrees with the label so often, then three opinions, two of them or more of the label's side."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for number in range(count):
        label = int(rng.integers(2))
        colour = COLOURS[label if rng.random() < agrees else 1 - label]
        odd = int(rng.integers(6))
        words = [OPINIONS[label if place != odd else 1 - label][int(rng.integers(4))] for place in range(3)]
        text = f"{colour} {' '.join(words)}"
        found.append({"id": str(number), "text": text, "label": label, "spans": [[0, len(colour), "colour"]]})
    return found


def trained(method: Any, folder: Any, seed: int = 0, **settings: Any) -> Any:
    """The model that learns the labels of a world in which the colour nearly always agrees."""
    lm: Any = load(MODEL, seed=seed)
    given = {"steps": STEPS, "batch_size": 16, "length": 24, "learning_rate": 1e-2, "objective": "label", **settings}
    train(lm, rows(400, 0.97, 1), method, settings=TrainSettings(**given), seed=seed, folder=folder)
    return lm


def right(lm: Any, agrees: float) -> float:
    """The share of new rows that are judged right, where the colour agrees so often."""
    asked = rows(200, agrees, 2)
    return float((classify(lm, [row["text"] for row in asked]).argmax(1) == [row["label"] for row in asked]).mean())


def slopes(model: Any, penalty: Callable[[], torch.Tensor]) -> tuple[float, float, float]:
    """How a penalty rises along one way of the weights, by its gradient and by two values; and the first value."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    ways = [torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)).double() for weight in weights]
    gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    slope = sum(float((one * way).sum()) for one, way in zip(gradients, ways, strict=True) if one is not None)
    values: list[float] = []
    for step in (1e-3, -2e-3):
        for weight, way in zip(weights, ways, strict=True):
            weight.data += step * way
        values.append(float(penalty().detach()))
    return slope, (values[0] - values[1]) / 2e-3, values[0]
