"""An effect prints as the house wants it, and refuses to contradict itself."""

from __future__ import annotations

import math

import pytest

from butfor.stats import Check, Effect


def effect(estimate: float = 0.3123, low: float = 0.25, high: float = 0.3708, **more: object) -> Effect:
    return Effect(estimate=estimate, low=low, high=high, p=0.01, n=396, method="t", **more)  # type: ignore[arg-type]


def test_prints_estimate_interval_and_n() -> None:
    assert str(effect()) == "0.312 [0.250, 0.371] (n=396)"


def test_prints_unit_tiny_and_infinite_numbers() -> None:
    assert str(effect(1e-5, -math.inf, math.inf, unit="nats")) == "1e-05 [-inf, inf] nats (n=396)"


def test_interval_must_hold_estimate_and_level_be_a_share() -> None:
    with pytest.raises(ValueError, match="outside its interval"):
        effect(0.1)
    with pytest.raises(ValueError, match=r"0\.95 is usual"):
        effect(level=95.0)


def test_excludes_and_ok() -> None:
    assert effect().excludes(0) and not effect().excludes(0.3)
    assert effect(checks=(Check("seen", True, "fine"),)).ok
    assert not effect(checks=(Check("seen", True, "fine"), Check("small-n", False, "n = 6"))).ok
    assert str(Check("small-n", False, "n = 6")) == "WARNING small-n: n = 6"
