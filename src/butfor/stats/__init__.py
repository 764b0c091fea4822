"""Statistics of paired experiments: effects with intervals that hold their level. Importing costs nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from butfor.stats.compare import mean as mean
    from butfor.stats.compare import overhead as overhead
    from butfor.stats.compare import paired as paired
    from butfor.stats.effect import Check as Check
    from butfor.stats.effect import Effect as Effect
    from butfor.stats.multiplicity import adjust as adjust

_HOME = {
    "Check": "effect",
    "Effect": "effect",
    "adjust": "multiplicity",
    "mean": "compare",
    "overhead": "compare",
    "paired": "compare",
}

__all__ = ["Check", "Effect", "adjust", "mean", "overhead", "paired"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
