"""Standard training: the identity in all three hooks, bit for bit. The control arm of every experiment.

Equation  data(rows) = rows, model(world) = world, loss = L_task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from butfor.train.method import Method


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Standard(Method):
    """Train and measure the model as it is."""

    worlds: ClassVar[tuple[str, ...]] = ("lm", "vectors", "analyst")
