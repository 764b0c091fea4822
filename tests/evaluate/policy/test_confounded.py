"""Plans in worlds whose best is known: who knows the world scores 1, who refuses is counted."""

from __future__ import annotations

import pytest

from butfor.core.errors import DataError
from butfor.data.decision_worlds import FAMILIES, world
from butfor.evaluate.policy.confounded import ConfoundedDecisions
from butfor.scm.analyst import Analyst
from butfor.scm.decisions import Dynamics


def test_who_knows_the_world_plans_the_best_and_least_squares_is_itself():
    suite = ConfoundedDecisions(families=("hidden",), repeats=1, episodes=100)
    items = suite.items(Analyst())
    known = world("hidden", 0)
    knows = Analyst(learn=lambda log: Dynamics.of(log, known.weights))
    (record,) = suite.measure(knows, items)
    assert record.metrics["value"] == pytest.approx(1, abs=0.05) and record.metrics["off"] == 0
    (plain,) = suite.measure(Analyst(), items)
    assert plain.metrics["value"] == plain.metrics["least_squares"] < 1
    assert suite.measure(Analyst(), items) == [plain]


def test_a_refusal_leaves_no_value():
    def refuse(_):
        raise DataError("weak")

    suite = ConfoundedDecisions(families=("weak",), repeats=1, episodes=50)
    (record,) = suite.measure(Analyst(learn=refuse), suite.items(Analyst()))
    assert set(record.metrics) == {"answered", "least_squares"} and record.error == "refused"


def test_a_limit_keeps_the_families():
    items = ConfoundedDecisions(limit=10).items(Analyst())
    assert len(items) == 10
    assert all(sum(item.data["family"] == family for item in items) == 2 for family in FAMILIES)


def test_families_that_are_none_are_refused():
    with pytest.raises(ValueError, match="is none of open"):
        ConfoundedDecisions(families=("closed",))
    with pytest.raises(ValueError, match="each of them once"):
        ConfoundedDecisions(families=())
