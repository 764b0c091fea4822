"""Language models as worlds: load them, score texts, generate, read and set what happens inside."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from butfor.lm.activation import do, read
    from butfor.lm.generation import generate
    from butfor.lm.likelihood import nll, windows
    from butfor.lm.pooling import features
    from butfor.lm.scoring import Scored, score
    from butfor.lm.site import Site, sites
    from butfor.lm.world import LM, Vectors, World

_HOME = {
    "LM": "world",
    "Scored": "scoring",
    "Site": "site",
    "Vectors": "world",
    "World": "world",
    "do": "activation",
    "features": "pooling",
    "generate": "generation",
    "nll": "likelihood",
    "read": "activation",
    "score": "scoring",
    "sites": "site",
    "windows": "likelihood",
}

__all__ = [
    "LM",
    "Scored",
    "Site",
    "Vectors",
    "World",
    "do",
    "features",
    "generate",
    "nll",
    "read",
    "score",
    "sites",
    "windows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
