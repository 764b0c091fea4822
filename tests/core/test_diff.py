from __future__ import annotations

import pytest

from butfor.core.diff import arm_diff, refuse_undeclared, same
from butfor.core.errors import UndeclaredDifference

ARMS = {
    "control": {"method": "standard", "model": "m", "steps": 5},
    "treatment": {"method": "leace", "model": "m", "steps": 5},
}

PAIRS = [("treatment", "control")]


def test_equal_arms_do_not_differ() -> None:
    assert arm_diff({"a": ARMS["control"], "b": dict(ARMS["control"])}, frozenset(), [("b", "a")]) == []


def test_the_method_and_its_knobs_are_declared_by_the_arm() -> None:
    arms = {**ARMS, "treatment": {**ARMS["treatment"], "knob.keep": True}}
    rows = arm_diff(arms, frozenset({"method"}), PAIRS)
    assert rows == [
        {"key": "method", "values": {"control": "standard", "treatment": "leace"}, "declared": True},
        {"key": "knob.keep", "values": {"control": None, "treatment": True}, "declared": True},
    ]
    refuse_undeclared(rows)
    assert same(arms) == {"model": "m", "steps": 5}


def test_any_other_difference_ends_the_run() -> None:
    rows = arm_diff({**ARMS, "treatment": {**ARMS["treatment"], "steps": 6}}, frozenset({"method"}), PAIRS)
    with pytest.raises(UndeclaredDifference, match="steps: control 5, treatment 6"):
        refuse_undeclared(rows)


def test_true_and_one_are_different_settings() -> None:
    assert arm_diff({"a": {"k": True}, "b": {"k": 1}}, frozenset(), [("b", "a")])


def test_arms_that_are_not_compared_may_differ_in_anything() -> None:
    arms = {**ARMS, "other": {"method": "standard", "model": "n", "steps": 9}}
    rows = {row["key"]: row["declared"] for row in arm_diff(arms, frozenset({"method"}), PAIRS)}
    assert rows == {"method": True, "model": True, "steps": True}
    rows = {
        row["key"]: row["declared"] for row in arm_diff(arms, frozenset({"method"}), [*PAIRS, ("other", "control")])
    }
    assert rows == {"method": True, "model": False, "steps": False}
