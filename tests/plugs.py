"""Plug-ins for tests: a method that edits the weights, and a suite whose truth is known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from butfor.evaluate.suite import Card, Item, Metric, Record
from butfor.train.method import Method


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Shift(Method):
    """Add `by` to every weight of the final norm."""

    by: float = 0.0

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        if self.by:
            world.model.model.norm.weight.data += self.by
            world.notes.append(f"shifted the final norm by {self.by}")
        return world


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """The mean weight of the final norm, plus noise that depends on weights and item alone."""

    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("weight", "lower", "units", "the weight"),
        Metric("positive", "higher", "share", "is it above one", kind="binary"),
    )
    chunk: ClassVar[int] = 8
    count: int = 24
    noise: float = 0.1
    needs: str = ""

    def ready(self) -> None:
        if self.needs:
            from butfor.core.errors import MissingData

            raise MissingData(f"no such data set {self.needs!r}; run: butfor fetch {self.needs}")

    def items(self, world: Any) -> list[Item]:
        return [Item(f"item/{n}", f"cluster/{n}", {"n": n}) for n in range(self.count)]

    def measure(self, world: Any, items: Sequence[Item]) -> list[Record]:
        weight = float(world.model.model.norm.weight.detach().mean())
        records: list[Record] = []
        for item in items:
            word = hashlib.blake2b(f"{world.fingerprint()} {item.id}".encode(), digest_size=8).digest()
            value = weight + self.noise * np.random.default_rng(list(word)).normal()
            records.append(
                Record(item.id, item.cluster, {"weight": value, "positive": float(value > 1)}, {"text": "t"})
            )
        return records


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(Method):
    """Silence a block's MLP by a hook: the weights stay as they are."""

    layer: int = 0

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        world.model.model.layers[self.layer].mlp.register_forward_hook(lambda *args: args[2] * 0)
        return world


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Method):
    """Change a plain number on a module: no weight, hook or class shows it, and no saved folder holds it."""

    by: float = 1.0
    reads: str = ""

    def model(self, world: Any, rng: np.random.Generator) -> Any:
        world.model.model.layers[0].self_attn.scaling *= self.by
        return world


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Right on every third item, and an effect with a placebo: every number of an audit is known beforehand."""

    card: ClassVar[Card] = Card(
        "Whether the item's number is divisible by three.", "0.25", "these tests", ("none",), ("3/9",)
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm", "chat")
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "higher", "share", "share right", "binary", null="chance"),
        Metric("effect", "zero", "nats", "an effect", null="placebo"),
        Metric("placebo", "zero", "nats", "its placebo"),
        Metric("f1", "higher", "share", "F1", "binary", weight="f1_weight"),
        Metric("f1_weight", "higher", "", "weight of F1"),
        Metric("chance", "higher", "share", "chance"),
    )
    chunk: ClassVar[int] = 8
    limit: int | None = None
    count: int = 60

    def ready(self) -> None:
        pass

    def items(self, world: Any) -> Iterator[Item]:
        for n in range(min(self.count, self.limit or self.count)):
            yield Item(f"q{n}", f"c{n // 2}", {"n": n})

    def measure(self, world: Any, items: Sequence[Item]) -> list[Record]:
        return [self.record(item, item.data["n"]) for item in items]

    def record(self, item: Item, n: int) -> Record:
        said, true = n % 3 == 0, n % 2 == 0
        metrics = {"accuracy": float(said), "chance": 0.25, "effect": 1.0 + n % 5, "placebo": 0.5}
        if said or true:
            metrics |= {"f1": float(said and true), "f1_weight": 1.0 + (said and true)}
        group = {"side": "left" if n < 20 else "right"}
        return Record(item.id, item.cluster, metrics, {"said": f"<b>{n}"}, group, "" if said else "not a third")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Many(Graded):
    """The same with long texts, and as many items as wanted."""

    count: int = 1_000_000

    def record(self, item: Item, n: int) -> Record:
        return Record(item.id, item.cluster, {"accuracy": float(n % 3 == 0), "chance": 0.25}, {"said": "x" * 2000})
