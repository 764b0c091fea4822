"""The plug: hooks default to the identity, and `touched` says which ones do not."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, fields
from types import SimpleNamespace
from typing import final

import numpy as np
import pytest

from butfor.train.method import Method, Rows, touched
from butfor.train.standard import Standard


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upper(Method):
    """Touches data and loss, with one knob."""

    strength: float = 1.0

    def data(self, rows: Rows, rng: np.random.Generator) -> Rows:
        return [{"text": row["text"].upper()} for row in rows]

    def loss(self, model, batch, outputs):
        return outputs.loss + self.strength


def test_standard_is_the_identity() -> None:
    method, rng = Standard(), np.random.default_rng(0)
    before = rng.bit_generator.state
    rows, world, outputs = [{"text": "a"}], object(), SimpleNamespace(loss=object())
    assert method.data(rows, rng) is rows
    assert method.model(world, rng) is world  # type: ignore[arg-type]
    assert method.loss(None, {}, outputs) is outputs.loss  # type: ignore[arg-type]
    assert method.check(world, rng) is None  # type: ignore[arg-type]
    assert rng.bit_generator.state == before
    assert touched(method) == frozenset()
    assert fields(method) == ()
    assert method.worlds == ("lm", "vectors", "analyst")


def test_touched_names_the_hooks_that_differ() -> None:
    assert touched(Upper()) == {"data", "loss"}


def test_a_diagnosis_touches_nothing() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Curious(Method):
        def check(self, world, rng) -> None:
            world.notes.append("looked")

    assert touched(Curious()) == frozenset()


def test_methods_are_values() -> None:
    assert Upper(strength=2.0) == Upper(strength=2.0) != Upper()
    assert hash(Standard()) == hash(Standard())
    with pytest.raises(FrozenInstanceError):
        Upper().strength = 3.0  # type: ignore[misc]
    assert Upper.worlds == ("lm",)


def test_knobs_are_keywords() -> None:
    with pytest.raises(TypeError):
        Upper(2.0)  # type: ignore[misc]
