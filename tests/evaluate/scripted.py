"""Worlds whose answers a test decides: one that weighs, one that writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from butfor.evaluate import edits
from butfor.evaluate.shortcut import asked
from butfor.lm import LM
from butfor.lm.prompt import Prompt
from butfor.lm.scoring import Scored

WORLD = cast("LM", SimpleNamespace(name="scripted", tokenizer=None))
Weighs = Callable[[Prompt, Sequence[str]], Sequence[float]]


def weighing(monkeypatch: pytest.MonkeyPatch, weighs: Weighs) -> list[Prompt]:
    """Let `WORLD` find the choices after a prompt as likely as `weighs` says; what it is asked is returned."""
    seen: list[Prompt] = []

    def weigh(world: Any, put: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        assert world is WORLD
        seen.extend(prompt for prompt, _ in put)
        return [Scored([float(value) for value in weighs(*one)], [1] * len(one[1])) for one in put]

    for module in (edits, asked):
        monkeypatch.setattr(module, "weigh", weigh)
    return seen


class Writer:
    """A world behind an address, which writes what a function of the prompt says."""

    remote = True
    name = "writer"

    def __init__(self, writes: Callable[[Prompt], str]) -> None:
        self.writes = writes

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        assert max_new_tokens > 0
        return [self.writes(prompt) for prompt in prompts]
