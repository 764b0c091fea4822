"""Natural effects: they add up, they are zero where nothing passes, they survive what is hard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, Mediate
from butfor.scm.estimate.calibrate_worlds import mediated, mediated_fully

THROUGH = Mediate("X", ("M",), "Y", ("Z",))


def world(n: int = 2000, seed: int = 0) -> Columns:
    return Columns.read(mediated(np.random.default_rng(seed), n)[0])


def test_direct_and_indirect_are_the_total_and_each_is_right() -> None:
    data = world()
    found = THROUGH.fit(data)
    assert found.direct.estimate + found.indirect.estimate == pytest.approx(found.total.estimate, abs=1e-9)
    for effect, truth in ((found.total, 4.0), (found.direct, 1.0), (found.indirect, 3.0)):
        assert abs(effect.estimate - truth) < 4 * (effect.high - effect.low) / 3.92
    adjusted = Adjust("X", "Y", ("Z",))(data)
    assert found.total.estimate == pytest.approx(adjusted.estimate, abs=0.1)
    for what in ("total", "direct", "indirect"):
        one = replace(THROUGH, what=what)
        assert one(data) == getattr(found, what)
        assert one.point(data) == getattr(found, what).estimate


def test_swapping_the_arms_turns_the_total_around_but_not_the_parts() -> None:
    found = replace(THROUGH, treated=0, control=1).fit(world())
    assert found.total.estimate == pytest.approx(-4, abs=0.4)
    assert found.indirect.estimate == pytest.approx(-2, abs=0.4)  # under control m moves y by 2 only
    assert found.direct.estimate == pytest.approx(-2, abs=0.4)


def test_what_does_not_pass_is_zero() -> None:
    rng = np.random.default_rng(1)
    x = (rng.random(1500) < 0.5).astype(float)
    m = rng.normal(size=1500)
    aside = THROUGH.fit({"X": x, "M": m, "Y": x + m + rng.normal(size=1500), "Z": rng.normal(size=1500)})
    assert not aside.indirect.excludes(0)
    assert not aside.direct.excludes(1)
    m = x + rng.normal(size=1500)
    full = THROUGH.fit({"X": x, "M": m, "Y": m + rng.normal(size=1500), "Z": rng.normal(size=1500)})
    assert not full.direct.excludes(0)
    assert not full.indirect.excludes(1)


def test_several_mediators_and_a_binary_outcome() -> None:
    rng = np.random.default_rng(1)
    n = 4000
    x = (rng.random(n) < 0.5).astype(float)
    m = x[:, None] * [1.0, 0.5] + rng.normal(size=(n, 2))
    chance = lambda x, m: 1 / (1 + np.exp(-(0.5 * x + m[:, 0] - m[:, 1])))  # noqa: E731
    y = (rng.random(n) < chance(x, m)).astype(float)
    found = Mediate("X", ("M1", "M2"), "Y").fit({"X": x, "M1": m[:, 0], "M2": m[:, 1], "Y": y})
    noise = np.random.default_rng(2).normal(size=(400_000, 2))
    one, zero = np.array([1.0, 0.5]) + noise, noise
    direct = float(np.mean(chance(1.0, zero) - chance(0.0, zero)))
    indirect = float(np.mean(chance(1.0, one) - chance(1.0, zero)))
    assert abs(found.direct.estimate - direct) < 4 * (found.direct.high - found.direct.low) / 3.92
    assert abs(found.indirect.estimate - indirect) < 4 * (found.indirect.high - found.indirect.low) / 3.92


def test_mediators_that_give_the_treatment_away_are_flagged() -> None:
    effect = THROUGH(mediated_fully(np.random.default_rng(0), 1000)[0])
    assert "overlap" in {check.code for check in effect.checks if not check.ok}
    assert THROUGH(world()).ok


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"what": "half"}, "unknown what"),
        ({"mediators": ()}, "one mediator or more"),
        ({"given": ("M",)}, "one part"),
        ({"x": "Z", "given": ()}, "few values"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(THROUGH, **change)(world(200))
