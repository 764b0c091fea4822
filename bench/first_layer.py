"""A latent graph enters the first layer: attention on the planted parents, step by step, as one drawing.

    python bench/first_layer.py --steps 400 --seeds 5 --out docs/first-layer.svg

Trains `disentangled:2` on the corpus "in-context", with one graph for all texts (method latent_graph, one line a seed)
and with a graph of each text's own (standard training, dashed), by the loop and settings of the recipe `in_context`.
Minutes, and it writes into docs/: no part of `make bench`.
Left: mass on the parents by step, on texts that nobody trains on. Right: the planted graph, and the first layer of the
first seed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from butfor.core.seeds import derive
from butfor.data.corpora import rows
from butfor.data.in_context import LENGTH, ROOT, draws, filled, parents, told
from butfor.evaluate.first_layer import looked, on_parents
from butfor.lm.load import load
from butfor.pretrain.corpus.latent_graph import LatentGraph
from butfor.train.loop import TrainSettings, train
from butfor.train.method import Method
from butfor.train.standard import Standard

TREE = parents("tree")
TEXTS = [text[:LENGTH] for text in told(filled(draws("drawn", 100), TREE))]
WIDE, HIGH, LEFT, TOP = 420, 250, 60, 40
CELL = 11
INK, MUTED, ARM, GRID = "#1c2733", "#66717d", "#0b63b5", "#d9dee3"
PLANTED = f'stroke="{ARM}" stroke-width="2"'
OWN = f'stroke="{MUTED}" stroke-width="2" stroke-dasharray="6 4"'
EVEN = f'stroke="{INK}" stroke-dasharray="1 4"'


def seen(lm: Any) -> np.ndarray:
    """The first layer's attention, mean over texts."""
    return looked(lm, TEXTS, 0)[:, 0].mean(0)


def path(method: Method, seed: int, steps: int, every: int) -> tuple[list[tuple[int, float]], np.ndarray]:
    """Mass on the parents by step, and the attention at the end."""
    lm: Any = load("disentangled:2", seed=derive(seed, "init"))  # the seeds of an experiment
    found = [(0, on_parents(seen(lm)[None], TREE)[0][0])]

    def look(step: int, _: int, __: float) -> None:
        if step % every == 0:
            found.append((step, on_parents(seen(lm)[None], TREE)[0][0]))

    settings = TrainSettings(steps=steps, batch_size=128, length=17, learning_rate=0.05, warmup=20, save_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        train(
            lm,
            rows("in-context"),
            method,
            settings=settings,
            seed=derive(seed, "train"),
            folder=Path(folder),
            progress=look,
        )
    print(type(method).__name__, seed, " ".join(f"{step}:{mass:.2f}" for step, mass in found), flush=True)
    return found, seen(lm)


def curve(points: list[tuple[int, float]], steps: int, style: str) -> str:
    dots = " ".join(f"{LEFT + WIDE * step / steps:.1f},{TOP + HIGH * (1 - mass):.1f}" for step, mass in points)
    return f'<polyline points="{dots}" fill="none" {style}/>'


def heat(weights: np.ndarray, left: float, top: float, title: str) -> str:
    """A matrix of shares: row = who looks, column = at whom."""
    size = len(weights)
    parts = [f'<text x="{left}" y="{top - 8}" class="t">{title}</text>']
    parts.append(
        f'<rect x="{left}" y="{top}" width="{size * CELL}" height="{size * CELL}" fill="none" stroke="{GRID}"/>'
    )
    for row, column in np.argwhere(weights > 0.02):
        x, y = left + column * CELL, top + row * CELL
        shade = min(1.0, float(weights[row, column]))
        parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{ARM}" opacity="{shade:.2f}"/>')
    return "".join(parts)


def drawing(curves: list[tuple[list[tuple[int, float]], bool]], steps: int, learned: np.ndarray) -> str:
    even = on_parents(np.tril(np.ones((1, LENGTH, LENGTH))) / np.arange(1, LENGTH + 1)[:, None], TREE)[2]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 470" width="720" role="img" '
        'aria-label="Attention on planted parents by training step">',
        f"<style>text{{font:12px system-ui,sans-serif;fill:{INK}}}.t{{font-weight:600}}.m{{fill:{MUTED}}}</style>",
        '<rect width="720" height="470" fill="#fff"/>',
        f'<text x="{LEFT}" y="{TOP - 16}" class="t">First-layer attention on the planted parents</text>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = TOP + HIGH * (1 - share)
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + WIDE}" y2="{y}" stroke="{GRID}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" class="m">{share:g}</text>')
    for step in range(0, steps + 1, max(1, steps // 4)):
        x = LEFT + WIDE * step / steps
        parts.append(f'<text x="{x}" y="{TOP + HIGH + 18}" text-anchor="middle" class="m">{step}</text>')
    parts.append(
        f'<text x="{LEFT + WIDE / 2}" y="{TOP + HIGH + 38}" text-anchor="middle" class="m">training step</text>'
    )
    parts.append(curve([(0, even), (steps, even)], steps, EVEN))
    parts += [curve(points, steps, PLANTED if planted else OWN) for points, planted in curves]
    told_apart = (
        (PLANTED, "one graph for all texts (a line a seed)"),
        (OWN, "a graph of each text's own (standard)"),
        (EVEN, "attention spread evenly"),
    )
    for number, (style, words) in enumerate(told_apart):
        y = TOP + HIGH + 66 + 22 * number
        parts.append(f'<line x1="{LEFT}" y1="{y - 4}" x2="{LEFT + 34}" y2="{y - 4}" {style}/>')
        parts.append(f'<text x="{LEFT + 44}" y="{y}">{words}</text>')
    adjacency = np.zeros((LENGTH, LENGTH))
    places = np.flatnonzero(TREE[:LENGTH] != ROOT)
    adjacency[places, TREE[places]] = 1
    parts.append(heat(adjacency, 520, TOP, "planted graph"))
    parts.append(heat(learned, 520, TOP + LENGTH * CELL + 44, "first layer, trained"))
    parts.append('<text x="520" y="462" class="m">row looks at column</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--steps", type=int, default=400)
    given.add_argument("--seeds", type=int, default=5)
    given.add_argument("--every", type=int, default=20)
    given.add_argument("--out", type=Path, default=Path("docs/first-layer.svg"))
    args = given.parse_args()
    treated = [path(LatentGraph(), seed, args.steps, args.every) for seed in range(args.seeds)]
    control = [path(Standard(), seed, args.steps, args.every) for seed in range(args.seeds)]
    curves = [(points, False) for points, _ in control] + [(points, True) for points, _ in treated]
    args.out.write_text(drawing(curves, args.steps, treated[0][1]), encoding="utf-8")


if __name__ == "__main__":
    main()
