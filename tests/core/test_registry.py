from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from butfor.core.errors import UnknownName, UserError
from butfor.core.registry import build, knobs, resolve, settings_of, targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    strength: float = 1.0
    mode: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    extra: list[int] = field(default_factory=list)
    must: int
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    data = model = check = loss = None

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise ValueError("strength should be 0 or more")


@pytest.mark.parametrize("kind", ["method", "suite"])
def test_every_registered_name_imports(kind: Any) -> None:
    assert all(resolve(kind, name).__doc__ for name in targets(kind))


def test_an_object_can_be_named_directly() -> None:
    assert resolve("method", f"{__name__}:Plug").__name__ == "Plug"


@pytest.mark.parametrize("name", ["nowhere:X", f"{__name__}:Nothing", f"{__name__}:pytest"])
def test_a_plug_in_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="which"):
        resolve("suite", name)


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown method 'swop'; did you mean 'swap'"):
        resolve("method", "swop")


def test_knobs_are_the_fields_with_types_and_defaults() -> None:
    assert list(knobs(Plug)) == ["strength", "mode", "names", "extra", "must"]
    assert knobs(Plug)["must"].required
    assert knobs(Plug)["extra"].default == []


def test_building_converts_what_toml_can_say_and_nothing_else() -> None:
    made, problems = build(Plug, {"strength": 2, "names": ["x"], "must": 3})
    assert problems == []
    assert settings_of(made) == {"strength": 2.0, "mode": "a", "names": ("x",), "extra": [], "must": 3}


def test_building_names_every_wrong_knob() -> None:
    _, problems = build(Plug, {"strength": "2", "mode": "c", "strenth": 1})
    assert [knob for knob, _ in problems] == ["strength", "mode", "strenth", "must"]
    assert "did you mean 'strength'" in dict(problems)["strenth"]
    assert build(Plug, {"must": 1, "strength": -1.0})[1] == [("", "strength should be 0 or more")]
