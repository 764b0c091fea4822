"""Optional parts: a missing one costs one line, with the exact pip command."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from butfor.core.errors import MissingExtra

EXTRA_OF = {
    "torch": "lm",
    "transformers": "lm",
    "accelerate": "lm",
    "peft": "lm",
    "datasets": "lm",
    "safetensors": "lm",
    "gguf": "lm",
    "trl": "align",
    "andrey": "discovery",
    "lm_eval": "peers",
    "evalstats": "peers",
    "concept_erasure": "peers",
}


def need(module: str) -> ModuleType:
    """Import an optional module, or raise `MissingExtra` with the command that installs it."""
    top = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or top).partition(".")[0]
        if missing not in EXTRA_OF:
            raise
        raise MissingExtra(missing, EXTRA_OF[missing]) from error
