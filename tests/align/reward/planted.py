"""A planted world for rewards: texts of known quality and length, which a head reads as they are; and its training.

Each text stands for numbers u = (quality, length, nothing …); the head reads a rotation of (u, −u, c, −c), which its
layer norm leaves alone. So rewards are linear in u, and the effect of length on a reward is a difference of two texts.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from butfor.align.reward import sides
from butfor.lm.head import NAME
from butfor.train.batches import Batches
from butfor.train.task import read

WIDTH, SCALE = 8, 0.5
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(WIDTH, WIDTH)))[0]


def seen(u):
    """What the head reads [n, 2 WIDTH + 2] of texts that stand for u [n, 2 or more]."""
    u = np.concatenate([u, np.zeros((len(u), WIDTH - u.shape[1]))], 1) if u.shape[1] < WIDTH else u
    u = SCALE * u @ TURN
    rest = np.sqrt(WIDTH + 1 - (u**2).sum(1, keepdims=True))
    return np.concatenate([u, rest, -u, -rest], 1)


class World:
    """Rows, and what the head reads of their texts."""

    def __init__(self):
        self.read, self.rows = {}, []

    def text(self, u, **columns):
        name = f"t{len(self.read)}"
        self.read[name] = seen(u[None])[0]
        return {"text": name, **columns}

    def pair(self, won, lost, **columns):
        self.rows.append({**won, **columns, "row": len(self.rows), "beside": {"rejected": lost}})

    def score(self, text, score, **columns):
        self.rows.append({**text, **columns, "row": len(self.rows), "score": score})


def drawn(rng, correlation=0.0, tells=1.0):
    """u of a text, and its length: `tells` is the share of the length's deviation that can be read."""
    quality = rng.normal()
    length = correlation * quality + np.sqrt(1 - correlation**2) * rng.normal()
    read = tells * length + np.sqrt(1 - tells**2) * rng.normal()
    return np.clip(np.array([quality, read, *rng.normal(size=WIDTH - 2)]), -2.5, 2.5), float(np.clip(length, -2.5, 2.5))


def preferences(seed=0, n=600, correlation=0.0, tells=0.9, beta=2.0, gamma=1.5):
    """Pairs preferred for their quality, and for their length."""
    rng, world = np.random.default_rng(seed), World()
    for _ in range(n):
        (a, long), (b, short) = drawn(rng, correlation, tells), drawn(rng, correlation, tells)
        both = [world.text(a, length=long), world.text(b, length=short)]
        if rng.random() > 1 / (1 + np.exp(-beta * (a[0] - b[0]) - gamma * (long - short))):
            both.reverse()
        world.pair(*both)
    return world


def learnt(method, world, monkeypatch, steps=100, rate=0.07):
    """The head that a method trains on the whole world at once, and what it noted."""
    names = list(world.read)
    table = np.array([world.read[name] for name in names], dtype=np.float32)
    place = {name: n for n, name in enumerate(names)}
    monkeypatch.setattr(sides, "frozen", lambda lm, texts, length: table[[place[text] for text in texts]])
    torch.manual_seed(0)
    width = table.shape[1]
    linear = torch.nn.Linear(width, 1)
    torch.nn.init.normal_(linear.weight, 0, 0.01)
    torch.nn.init.zeros_(linear.bias)
    head = torch.nn.Sequential(torch.nn.LayerNorm(width, elementwise_affine=False), linear)
    head.register_buffer("length", torch.tensor(8))
    model = torch.nn.Module()
    setattr(model, NAME, head)
    lm = SimpleNamespace(model=model, notes=[], dim=width, device="cpu")
    method.fits(world.rows)
    rng = np.random.default_rng(0)
    rows = method.data(world.rows, rng)
    batch = batched(rows, lambda text: torch.from_numpy(table[place[text]]))
    planned = Batches(
        rows, (), [[(n, 1) for n in range(len(rows))]], None, 0, 0, features={0: table},
        beside={"rejected": None} if "beside" in rows[0] else {},
    )  # fmt: skip
    with method.attach(lm, planned, rng):
        adam = torch.optim.Adam(model.parameters(), rate)
        for step in range(steps):
            adam.param_groups[0]["lr"] = rate * (1 - step / steps)
            adam.zero_grad()
            method.loss(model, batch, read(model, batch)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
    return head, lm.notes


def batched(rows, feature):
    """All rows as one batch, with what is read of their texts."""
    found = {"step": torch.tensor(0)}
    for prefix, texts in zip(("", "rejected."), sides.sides(rows), strict=False):
        found[f"{prefix}input_ids"] = torch.zeros(len(texts), 1, dtype=torch.long)
        found[f"{prefix}features"] = torch.stack([feature(text["text"]) for text in texts])
        for name, value in texts[0].items():
            if isinstance(value, (int, float)):
                found[f"{prefix}{name}"] = torch.tensor([text[name] for text in texts])
    return found


def effects(head, seed=99, n=500):
    """What a reward gives for a deviation of quality, of length, and the share of pairs that it orders by quality."""
    rng = np.random.default_rng(seed)
    u = np.stack([drawn(rng)[0] for _ in range(n)])

    def worth(at):
        with torch.no_grad():
            return head(torch.from_numpy(seen(at)).float())[:, 0].numpy()

    moved = [
        float(np.mean(worth(u + 0.1 * np.eye(WIDTH)[k]) - worth(u - 0.1 * np.eye(WIDTH)[k])) / 0.2) for k in (0, 1)
    ]
    right = np.mean((worth(u[::2]) > worth(u[1::2])) == (u[::2, 0] > u[1::2, 0]))
    return *moved, float(right)
