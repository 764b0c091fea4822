"""The suite policy.ope: an oracle has no error, refusals count and flatter nobody, knobs are checked."""

from __future__ import annotations

import pytest

from butfor.core.errors import Abstained
from butfor.core.seeds import generator
from butfor.data.policy_worlds import world
from butfor.evaluate.policy.ope import PolicyOPE, scored
from butfor.measure import checked
from butfor.scm.analyst import Analyst
from butfor.scm.policies import Answers, Log
from butfor.stats.effect import Check, Effect


def answer(value: float, half: float = 0.1, ok: bool = True) -> Effect:
    checks = (Check("planted", ok, "planted"),)
    return Effect(estimate=value, low=value - half, high=value + half, p=None, n=9, method="planted", checks=checks)


def test_the_mean_of_the_log_is_right_at_no_distance_and_naive_further_off() -> None:
    suite = PolicyOPE(families=("linear",), repeats=2, rows=2000, distances=(0.0, 1.0))
    rows = checked("policy.ope", suite, Analyst(), suite.items(Analyst()))
    assert [row["group"]["distance"] for row in rows] == ["0", "1"] * 2
    assert [row["metrics"]["covered"] for row in rows] == [1, 0, 1, 0]
    assert all(row["metrics"]["error"] == pytest.approx(row["metrics"]["naive"]) for row in rows)
    assert rows[1]["error"] == "interval misses" and rows[1]["cluster"] == rows[0]["cluster"] == "linear 0"


def test_the_question_is_the_log_of_the_world() -> None:
    suite = PolicyOPE(families=("cells",), repeats=1, rows=100, distances=(0.5,))
    seen: list[Log | Answers] = []

    def value(log: Log | Answers) -> Effect:
        seen.append(log)
        return answer(world("cells", 0).value(0.5))

    (record,) = suite.measure(Analyst(value=value), suite.items(Analyst()))
    assert record.metrics["error"] == pytest.approx(0) and record.metrics["covered"] == 1
    assert (seen[0].outcome == world("cells", 0).log(0.5, 100, generator(0, "logs", "cells", 0)).outcome).all()


def test_a_refusal_and_a_failure_are_told_apart() -> None:
    def refuses(_: Log | Answers) -> Effect:
        raise Abstained("no answer: too far off\nlog more")

    def fails(_: Log | Answers) -> Effect:
        raise ZeroDivisionError("division by zero")

    suite = PolicyOPE(families=("linear",), repeats=1, rows=100, distances=(0.5,))
    for value, kind in ((refuses, "abstained"), (fails, "failed"), (lambda _: answer(float("nan")), "failed")):
        (record,) = suite.measure(Analyst(value=value), suite.items(Analyst()))
        assert record.metrics.keys() == {"naive", "answered"} and record.metrics["answered"] == 0
        assert record.error == kind


def test_what_warns_is_counted_apart() -> None:
    warned, fine = scored(answer(1.0, ok=False), 1.5, 2.0), scored(answer(1.0), 1.05, 2.0)
    assert warned["warned"] == 1 and "covered_unwarned" not in warned and warned["error"] == pytest.approx(0.25)
    assert fine["warned"] == 0 and fine["covered_unwarned"] == 1 and fine["width"] == pytest.approx(0.1)


def test_a_limit_keeps_families_and_distances() -> None:
    items = PolicyOPE(limit=45).items(Analyst())
    assert len({(item.data["family"], item.data["distance"]) for item in items}) == 45


@pytest.mark.parametrize("knobs", [{"families": ("liner",)}, {"families": ()}, {"distances": (0.5, 0.5)}])
def test_bad_knobs(knobs: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(ValueError, match=r"families|distances"):
        PolicyOPE(**knobs)  # type: ignore[arg-type]
