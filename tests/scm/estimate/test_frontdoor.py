"""The front door: counting against a sum by hand, learners against counting, and what a closed door looks like."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.scm.columns import Columns
from butfor.scm.estimate import FrontDoor
from butfor.scm.estimate.calibrate_worlds import front_closed, front_continuous, front_discrete

DOOR = FrontDoor("X", ("M1", "M2"), "Y")


def world(n: int = 3000, seed: int = 0) -> tuple[Columns, float]:
    data, truth = front_discrete(np.random.default_rng(seed), n)
    return Columns.read(data), truth


def by_hand(data: Columns, given: tuple[str, ...] = ()) -> float:
    """Σ_z P(z) Σ_m [P(m | 1, z) - P(m | 0, z)] Σ_x P(x | z) mean(Y | x, m, z)."""
    total = 0.0
    strata = list(itertools.product(*(np.unique(data[name]) for name in given)))
    for stratum in strata:
        z = np.all([data[name] == value for name, value in zip(given, stratum, strict=True)] + [data["X"] > -1], axis=0)
        for m in itertools.product((0, 1), (0, 1)):
            at = (data["M1"] == m[0]) & (data["M2"] == m[1])
            moved = np.subtract(*(np.mean(at[z & (data["X"] == x)]) for x in (1, 0)))
            mean = sum(data["Y"][z & at & (data["X"] == x)].mean() * np.mean(data["X"][z] == x) for x in (0, 1))
            total += z.mean() * moved * mean
    return float(total)


def test_counting_is_the_formula() -> None:
    data, truth = world()
    effect = DOOR(data)
    assert effect.method == "front door, plug-in"
    assert effect.estimate == pytest.approx(by_hand(data), abs=1e-10)
    assert DOOR.point(data) == effect.estimate
    assert abs(effect.estimate - truth) < 4 * (effect.high - effect.low) / 3.92
    rng = np.random.default_rng(1)
    more = data.with_(Z=rng.integers(0, 3, data.n).astype(float))
    assert replace(DOOR, given=("Z",))(more).estimate == pytest.approx(by_hand(more, ("Z",)), abs=1e-10)


def test_adjusting_for_nothing_would_be_far_off() -> None:
    data, truth = world()
    naive = data["Y"][data["X"] == 1].mean() - data["Y"][data["X"] == 0].mean()
    effect = DOOR(data)
    assert effect.excludes(naive)
    assert not effect.excludes(truth)


def test_learners_agree_with_counting() -> None:
    data, _ = world()
    counted, learnt = DOOR(data), replace(DOOR, how="onestep")(data)
    assert learnt.estimate == pytest.approx(counted.estimate, abs=0.03)
    assert learnt.high - learnt.low == pytest.approx(counted.high - counted.low, rel=0.1)


def test_continuous_mediators_and_covariates() -> None:
    data, truth = front_continuous(np.random.default_rng(0), 3000)
    effect = replace(DOOR, given=("Z",))(data)
    assert "one-step" in effect.method
    assert abs(effect.estimate - truth) < 4 * (effect.high - effect.low) / 3.92
    assert effect.ok
    assert {check.code for check in effect.checks} == {"overlap", "effective-n", "balance"}


def test_a_treatment_with_three_values() -> None:
    rng = np.random.default_rng(4)
    n = 6000
    u = rng.normal(size=n)
    x = np.digitize(u + rng.normal(size=n), [-0.7, 0.7])
    m = (rng.random(n) < np.array([0.2, 0.5, 0.8])[x]).astype(float)
    y = 2 * m + u + rng.normal(size=n)
    data = {"X": np.array(["low", "mid", "top"])[x], "M": m, "Y": y}
    for how in ("plugin", "onestep"):
        door = FrontDoor("X", ("M",), "Y", how=how, treated="top", control="mid")
        effect = door(data)
        assert abs(effect.estimate - 0.6) < 4 * (effect.high - effect.low) / 3.92
        assert replace(door, treated="mid", control="low").point(Columns.read(data)) == pytest.approx(0.6, abs=0.15)


def test_a_mediator_that_repeats_the_treatment_is_flagged() -> None:
    effect = FrontDoor("X", ("M",), "Y")(front_closed(np.random.default_rng(0), 1000)[0])
    assert "overlap" in {check.code for check in effect.checks if not check.ok}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mediators": ()}, "one mediator or more"),
        ({"mediators": ("Y",)}, "one part"),
        ({"mediators": ("C",)}, "constant"),
        ({"how": "tmle"}, "unknown how"),
        ({"how": "plugin", "given": ("W",)}, "not discrete"),
        ({"x": "W"}, "few values"),
        ({"treated": 2}, "few values|never"),
        ({"treated": 0}, "same value"),
        ({"x": "R"}, "fewer than 5"),
    ],
)
def test_what_no_front_door_answers_is_refused(change: dict[str, object], message: str) -> None:
    data, _ = world(200)
    rng = np.random.default_rng(0)
    more = data.with_(C=np.ones(200), W=rng.normal(size=200), R=np.r_[np.ones(3), np.zeros(197)])
    with pytest.raises(UserError, match=message):
        replace(DOOR, **change)(more)
