"""Instruments: formulae by hand, regions of every shape, tests that see what is wrong."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import DataError, UserError
from butfor.scm.columns import Columns
from butfor.scm.estimate import Instrument
from butfor.scm.estimate.calibrate_worlds import Instrumented
from butfor.scm.estimate.instrument import anderson_rubin, partialled
from butfor.scm.estimate.region import Region, not_above

ONE = Instrument("X", "Y", ("Z0",), ("W",))
TWO = replace(ONE, instruments=("Z0", "Z1"))


def world(pi: float = 0.4, count: int = 2, direct: float = 0.0, n: int = 500, seed: int = 0) -> Columns:
    return Columns.read(Instrumented(pi, count, direct)(np.random.default_rng(seed), n)[0])


def test_one_instrument_is_wald_s_ratio() -> None:
    data = world()
    z, x, y = data["Z0"], data["X"], data["Y"]
    ratio = np.cov(z, y)[0, 1] / np.cov(z, x)[0, 1]
    for how in ("2sls", "liml"):
        bare = Instrument("X", "Y", ("Z0",), how=how)
        assert bare(data).estimate == pytest.approx(ratio, rel=1e-9)
        assert bare.point(data) == pytest.approx(ratio, rel=1e-9)
    binary = {"X": (x > 0).astype(float), "Y": y, "Z0": (z > 0).astype(float)}
    arms = [(z > 0), (z <= 0)]
    late = np.subtract(*(y[arm].mean() for arm in arms)) / np.subtract(*(binary["X"][arm].mean() for arm in arms))
    assert Instrument("X", "Y", ("Z0",))(binary).estimate == pytest.approx(late, rel=1e-9)


def test_two_stages_by_hand() -> None:
    data = world()
    w = np.c_[np.ones(500), data["W"]]
    z = np.c_[w, data["Z0"], data["Z1"]]
    hat = z @ np.linalg.lstsq(z, data["X"], rcond=None)[0]
    second = np.c_[hat, w]
    beta = np.linalg.lstsq(second, data["Y"], rcond=None)[0]
    u = data["Y"] - np.c_[data["X"], w] @ beta
    bread = np.linalg.inv(second.T @ second)
    se = np.sqrt((bread @ (second * u[:, None] ** 2).T @ second @ bread)[0, 0] * 500 / 497)
    effect = TWO(data)
    assert effect.estimate == pytest.approx(beta[0], rel=1e-9)
    assert effect.high - effect.estimate == pytest.approx(1.9647 * se, rel=1e-3)


def test_the_truth_is_found_where_least_squares_is_far_off() -> None:
    data = world(n=3000)
    x, y = data["X"], data["Y"]
    assert np.cov(x, y)[0, 1] / x.var() > 1.4
    for how in ("2sls", "liml"):
        effect = replace(TWO, how=how)(data)
        assert abs(effect.estimate - 1) < 4 * (effect.high - effect.low) / 3.92
        assert effect.ok


def test_a_step_scales_the_effect_and_labels_are_a_step_of_one() -> None:
    data = world()
    plain = TWO(data)
    twice = replace(TWO, treated=3, control=1).fit(data)
    assert twice.effect.estimate == pytest.approx(2 * plain.estimate)
    assert twice.anderson_rubin.pieces[0][0] == pytest.approx(2 * TWO.fit(data).anderson_rubin.pieces[0][0])
    worded = data.with_(X=np.where(data["X"] > 0, "yes", "no"))
    number = data.with_(X=(data["X"] > 0).astype(float))
    assert TWO(worded) == TWO(number)


def test_the_anderson_rubin_region_is_where_its_test_does_not_reject() -> None:
    from scipy import stats

    for pi, seed in ((0.4, 0), (0.08, 1), (0.08, 4), (0.03, 3)):
        data = world(pi, n=300, seed=seed)
        stage = partialled(data["X"], data["Y"], np.c_[data["Z0"], data["Z1"]], data["W"][:, None])
        region = anderson_rubin(stage, 0.95, robust=False)
        robust = anderson_rubin(stage, 0.95, robust=True)
        y = stage.y - stage.z @ (stage.z.T @ stage.y)
        x = stage.x - stage.z @ (stage.z.T @ stage.x)
        for beta in np.concatenate([np.linspace(-8, 8, 81), [-1e4, 1e4]]):
            u = stage.y - beta * stage.x
            moved = stage.z.T @ u
            rest = u @ u - moved @ moved
            p = stats.f.sf(moved @ moved / 2 / (rest / stage.df), 2, stage.df)
            assert (p >= 0.05) == (beta in region) or abs(p - 0.05) < 1e-6
            spread = (stage.z * ((y - beta * x) ** 2)[:, None]).T @ stage.z * 300 / stage.df
            p = stats.f.sf(moved @ np.linalg.solve(spread, moved) / 2, 2, stage.df)
            assert (p >= 0.05) == (beta in robust) or abs(p - 0.05) < 1e-6


def test_regions_have_every_shape() -> None:
    inf = math.inf
    assert not_above(np.array([-1.0, 0.0, 1.0])).pieces == ((-1.0, 1.0),)
    assert not_above(np.array([1.0, 0.0, -1.0])).pieces == ((-inf, -1.0), (1.0, inf))
    assert not_above(np.array([-1.0, 0.0, -1.0])).pieces == ((-inf, inf),)
    assert not_above(np.array([1.0, 0.0, 1.0])).pieces == ()
    assert not_above(np.array([-1.0, 1.0, 0.0])).pieces == ((-inf, 1.0),)
    assert not_above(np.array([-1.0, 0.0, 0.0])).pieces == ((-inf, inf),)
    far = not_above(np.array([1e-12, -2e4, 1.0]))
    assert far.pieces[0] == (pytest.approx(5e-17), pytest.approx(2e4))
    split = Region(((-inf, -1.0), (1.0, inf)))
    assert split.disjoint
    assert not split.bounded
    assert 0 not in split
    assert split.times(-2).pieces == ((-inf, -2.0), (2.0, inf))
    assert Region(()).empty
    assert Region(()).bounded
    assert "no value" in str(Region(()))
    assert "unbounded" in str(split)
    assert "any value" in str(Region(((-inf, inf),)))


def test_weak_instruments_are_named_and_the_region_that_holds_is_told() -> None:
    fit = TWO.fit(world(0.02, n=300))
    check = next(check for check in fit.effect.checks if check.code == "weak-instrument")
    assert fit.first_stage_f < 10
    assert not check.ok
    assert "Anderson–Rubin" in check.message
    assert not fit.anderson_rubin.bounded
    assert TWO(world()).ok


def test_anderson_rubin_holds_however_weak() -> None:
    hold = [1.0 in TWO.fit(world(0.03, n=200, seed=seed)).anderson_rubin for seed in range(200)]
    assert 0.90 <= np.mean(hold) <= 0.99


def test_an_instrument_that_acts_directly_is_seen_by_the_others() -> None:
    fit = TWO.fit(world(0.5, direct=0.6, n=1000))
    assert fit.sargan.p < 0.001
    assert fit.hansen.p < 0.001
    assert fit.anderson_rubin.empty
    assert "overidentified" in {check.code for check in fit.effect.checks if not check.ok}
    alone = ONE.fit(world(0.5))
    assert (alone.sargan.df, alone.sargan.p) == (0, 1.0)


def test_tests_hold_their_level() -> None:
    fits = [TWO.fit(world(n=300, seed=seed)) for seed in range(200)]
    for name in ("sargan", "hansen"):
        assert 0.01 < np.mean([getattr(fit, name).p < 0.05 for fit in fits]) < 0.10


def test_liml_is_two_stages_with_kappa_one_and_less_biased_with_many_weak_instruments() -> None:
    assert ONE.fit(world()).kappa == 1.0
    names = tuple(f"Z{i}" for i in range(15))
    off = {"2sls": [], "liml": []}
    for seed in range(30):
        data = world(0.08, 15, n=400, seed=seed)
        for how, found in off.items():
            fit = replace(ONE, instruments=names, how=how).fit(data)
            assert fit.kappa >= 1
            found.append(fit.effect.estimate - 1)
    assert abs(np.median(off["liml"])) < 0.5 * abs(np.median(off["2sls"]))


def test_copies_of_instruments_and_covariates_change_nothing() -> None:
    data = world()
    more = data.with_(Z2=data["Z0"] - data["Z1"], V=3 * data["W"])
    full = replace(TWO, instruments=("Z0", "Z1", "Z2"), given=("W", "V"))(more)
    assert full.estimate == pytest.approx(TWO(data).estimate, rel=1e-8)
    assert full.high == pytest.approx(TWO(data).high, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instruments": ()}, "one instrument or more"),
        ({"how": "ols"}, "unknown how"),
        ({"given": ("W", "Z0")}, "one part"),
        ({"instruments": ("C",)}, "constant"),
        ({"instruments": ("X2",)}, "determine the treatment exactly"),
        ({"given": ("Z0b",)}, "determine the instruments"),
        ({"given": ("X2",)}, "covariates determine the treatment"),
        ({"x": "T"}, "more than two labels|never"),
    ],
)
def test_what_no_instrument_answers_is_refused(change: dict[str, object], message: str) -> None:
    data = world(n=60).with_(C=np.ones(60), T=np.tile(["a", "b", "c"], 20))
    data = data.with_(X2=data["X"] * 2, Z0b=data["Z0"] + 1)
    with pytest.raises(UserError, match=message):
        replace(ONE, **change)(data)
    assert pickle.loads(pickle.dumps(ONE)) == ONE


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        TWO(world(n=5))
