"""Adjustment: known truths, identities between the ways of adjusting, checks that fire, errors that say why."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from butfor.core.errors import DataError, UserError
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust
from butfor.scm.estimate.adjust import HOWS, How
from butfor.scm.estimate.calibrate_worlds import CONFOUNDED, curved_dose, dose

BASE = Adjust("X", "Y", ("Z0", "Z1"))
ARMED = [how for how in HOWS if how != "plugin"]


def world(name: str = "linear", n: int = 1500, seed: int = 0) -> tuple[Columns, float]:
    data, truth = CONFOUNDED[name](np.random.default_rng(seed), n)
    return Columns.read(data), truth


def cells(n: int = 900, seed: int = 1) -> Columns:
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    x = rng.random(n) < np.where(z, 0.7, 0.3)
    return Columns.read({"Z": z, "X": x, "Y": x + 2 * z + x * z + rng.normal(size=n)})


@pytest.mark.parametrize("how", ARMED)
@pytest.mark.parametrize("name", ["linear", "effects differ, att", "binary outcome"])
def test_every_way_finds_the_truth(how: str, name: str) -> None:
    data, truth = world(name)
    effect = replace(BASE, how=how, target=CONFOUNDED[name].target)(data)
    se = (effect.high - effect.low) / 3.92
    assert abs(effect.estimate - truth) < 4 * se
    assert effect.n == 1500
    assert {"overlap", "effective-n", "balance"} <= {check.code for check in effect.checks}


def test_curves_are_learnt_and_straight_lines_are_not_enough() -> None:
    data, truth = world("curved", 3000)
    for how in ("aipw", "dml"):
        effect = replace(BASE, how=how)(data)
        assert abs(effect.estimate - truth) < 1.4 * (effect.high - effect.low)
    for how in ("regression", "ipw"):
        effect = replace(BASE, how=how)(data)
        assert effect.excludes(truth)
        assert [check.code for check in effect.checks if not check.ok] == ["balance"]


@pytest.mark.parametrize(("outcome", "propensity"), [("mean", "spline"), ("spline", "mean")])
def test_one_of_two_nuisances_is_enough(outcome: str, propensity: str) -> None:
    data, truth = world("curved", 4000)
    effect = replace(BASE, outcome=outcome, propensity=propensity)(data)
    assert abs(effect.estimate - truth) < 4 * (effect.high - effect.low) / 3.92
    neither = replace(BASE, outcome="mean", propensity="mean")(data)
    assert neither.excludes(truth)
    assert not neither.ok


@pytest.mark.parametrize("target", ["ate", "att", "atc"])
def test_with_one_binary_covariate_counting_regression_and_weighting_are_the_same(target: str) -> None:
    data = cells()
    base = Adjust("X", "Y", ("Z",), target=target)
    found = [replace(base, how=how)(data) for how in ("plugin", "regression", "ipw")]
    for other in found[1:]:
        assert other.estimate == pytest.approx(found[0].estimate, abs=1e-5)
        assert other.high - other.low == pytest.approx(found[0].high - found[0].low, rel=0.02)


def test_without_covariates_all_are_the_difference_of_means() -> None:
    data = cells()
    x, y = data["X"] == 1, data["Y"]
    difference = y[x].mean() - y[~x].mean()
    neyman = np.sqrt(y[x].var(ddof=1) / x.sum() + y[~x].var(ddof=1) / (~x).sum())
    for how in ("regression", "ipw", "plugin"):
        effect = Adjust("X", "Y", how=how)(data)
        assert effect.estimate == pytest.approx(difference, abs=1e-12)
        assert (effect.high - effect.low) / 2 == pytest.approx(1.9626 * neyman, rel=0.01)
    assert Adjust("X", "Y")(data).estimate == pytest.approx(difference, abs=0.02)


@pytest.mark.parametrize("how", ["regression", "plugin"])
def test_everyone_is_the_two_arms_together(how: str) -> None:
    data = cells()
    ate, att, atc = (Adjust("X", "Y", ("Z",), how=how, target=target).point(data) for target in ("ate", "att", "atc"))
    share = data["X"].mean()
    assert ate == pytest.approx(share * att + (1 - share) * atc, abs=1e-7)


@pytest.mark.parametrize("how", ARMED)
def test_units_and_names_do_not_matter(how: str) -> None:
    data, _ = world("effects differ", 600)
    base = replace(BASE, how=how)
    plain = base(data)
    scaled = base(data.with_(Y=10 * data["Y"] + 3, Z0=100 + 7 * data["Z0"]))
    assert scaled.estimate == pytest.approx(10 * plain.estimate, rel=0.03)
    if how != "matching":  # ties are broken at random
        assert scaled.estimate == pytest.approx(10 * plain.estimate, rel=1e-4)
        assert scaled.high == pytest.approx(10 * plain.high, rel=1e-4)
    swapped = replace(base, treated=0, control=1)(data)
    assert swapped.estimate == pytest.approx(-plain.estimate, abs=0.1)  # other folds
    worded = base(data.with_(X=np.where(data["X"] == 1, "yes", "no")))
    assert worded.estimate == plain.estimate
    assert replace(base, treated="yes", control="no")(data.with_(X=np.where(data["X"] == 1, "yes", "no"))) == worded


@pytest.mark.parametrize("how", ARMED)
def test_the_same_seed_gives_the_same_effect_and_point_is_its_estimate(how: str) -> None:
    data, _ = world("linear", 400)
    estimator = pickle.loads(pickle.dumps(replace(BASE, how=how)))
    assert estimator == replace(BASE, how=how)
    assert estimator(data) == replace(BASE, how=how)(data)
    assert estimator.point(data) == estimator(data).estimate
    if how in ("aipw", "dml"):
        assert 0 < abs(replace(estimator, seed=1).point(data) - estimator.point(data)) < 0.1


def test_influence_values_are_the_estimates_variance() -> None:
    data, _ = world("linear", 800)
    for how in ("aipw", "regression", "ipw"):
        pull = replace(BASE, how=how).pull(data)
        effect = replace(BASE, how=how)(data)
        assert pull.psi.mean() == pytest.approx(0, abs=1e-8)
        assert effect.high - effect.estimate == pytest.approx(1.963 * pull.se, rel=0.001)
    with pytest.raises(DataError, match="influence"):
        replace(BASE, how="matching").pull(data)


def test_the_variance_of_weighting_knows_that_propensities_were_estimated() -> None:
    """With outcomes driven by the covariates, estimating the propensities makes the estimate more precise."""
    estimates, widths, known = [], [], []
    for seed in range(60):
        data, _ = world("linear", 400, seed)
        effect = replace(BASE, how="ipw")(data)
        estimates.append(effect.estimate)
        widths.append((effect.high - effect.low) / 3.93)
        e = 1 / (1 + np.exp(-0.7 * data["Z0"] + 0.5 * data["Z1"]))
        x, y = data["X"], data["Y"]
        one, zero = x / e, (1 - x) / (1 - e)
        psi = one * (y - one @ y / one.sum()) / one.mean() - zero * (y - zero @ y / zero.sum()) / zero.mean()
        known.append(psi.std() / np.sqrt(400))
    assert np.mean(widths) == pytest.approx(np.std(estimates), rel=0.25)
    assert np.mean(known) > 1.3 * np.mean(widths)


def test_several_treatments_are_compared_two_at_a_time_over_everyone() -> None:
    rng = np.random.default_rng(3)
    n = 3000
    z = rng.normal(size=n)
    scores = np.stack([0 * z, 0.6 * z, -0.6 * z], axis=1) + rng.gumbel(size=(n, 3))
    arm = np.array(["a", "b", "c"])[scores.argmax(axis=1)]
    y = 1.0 * (arm == "b") * (1 + z) + 2.0 * (arm == "c") + z + rng.normal(size=n)
    data = Columns.read({"X": arm, "Z": z, "Y": y})
    for how in ("aipw", "regression", "ipw", "matching"):
        for treated, control, truth in (("b", "a", 1.0), ("c", "b", 1.0), ("c", "a", 2.0)):
            effect = Adjust("X", "Y", ("Z",), how=how, treated=treated, control=control)(data)
            assert abs(effect.estimate - truth) < 4.2 * (effect.high - effect.low) / 3.92, (how, treated, control)
    att = Adjust("X", "Y", ("Z",), target="att", treated="b", control="a")(data)
    truth = float((1 + z)[arm == "b"].mean())
    assert abs(att.estimate - truth) < 4 * (att.high - att.low) / 3.92


def test_labels_as_covariates_become_indicators() -> None:
    rng = np.random.default_rng(5)
    n = 1200
    town = rng.choice(["ulm", "wien", "bern"], n)
    x = rng.random(n) < np.where(town == "ulm", 0.7, 0.3)
    y = x + 2.0 * (town == "ulm") + rng.normal(size=n)
    data = {"X": x, "Y": y, "town": town}
    plain = Adjust("X", "Y", ("town",), how="plugin")(data)
    for how in ("regression", "ipw"):
        assert Adjust("X", "Y", ("town",), how=how)(data).estimate == pytest.approx(plain.estimate, abs=1e-4)
    assert not plain.excludes(1.0)


def test_copies_constants_and_sums_of_covariates_change_nothing() -> None:
    data, _ = world("linear", 500)
    more = data.with_(Z2=2 * data["Z0"] + 1, Z3=data["Z0"] + data["Z1"], Z4=np.full(500, 7.0))
    for how in ("regression", "ipw"):
        plain = replace(BASE, how=how)(data)
        full = replace(BASE, how=how, given=("Z0", "Z1", "Z2", "Z3", "Z4"))(more)
        assert full.estimate == pytest.approx(plain.estimate, abs=1e-4)
    aipw = replace(BASE, given=("Z0", "Z1", "Z2", "Z3", "Z4"))(more)
    assert abs(aipw.estimate - BASE(data).estimate) < 0.1


# a number as treatment ----------------------------------------------------------------------------------------------


def test_the_slope_is_that_of_least_squares_and_its_variance_is_hc3() -> None:
    data = Columns.read(dose(np.random.default_rng(0), 200)[0])
    terms = np.stack([np.ones(200), data["X"], data["Z0"], data["Z1"]], axis=1)
    beta = np.linalg.lstsq(terms, data["Y"], rcond=None)[0]
    bread = np.linalg.inv(terms.T @ terms)
    lever = np.sum((terms @ bread) * terms, axis=1)
    residual = (data["Y"] - terms @ beta) / (1 - lever)
    se = np.sqrt((bread @ (terms * residual[:, None] ** 2).T @ terms @ bread)[1, 1])
    effect = replace(BASE, how="regression")(data)
    assert effect.estimate == pytest.approx(beta[1], abs=1e-10)
    assert effect.high - effect.estimate == pytest.approx(1.972 * se, rel=0.005)
    three = replace(BASE, how="regression", treated=2.5, control=-0.5)(data)
    assert three.estimate == pytest.approx(3 * beta[1], abs=1e-9)


def test_a_partially_linear_model_bends_where_a_line_cannot() -> None:
    data = Columns.read(curved_dose(np.random.default_rng(0), 2000)[0])
    bent, line = replace(BASE, how="dml")(data), replace(BASE, how="regression")(data)
    assert abs(bent.estimate - 0.5) < 0.08
    assert bent.ok
    assert line.excludes(0.5)
    assert not line.ok
    assert abs(replace(BASE, how="regression", outcome="spline").point(data) - 0.5) < 0.08


# checks -------------------------------------------------------------------------------------------------------------


def fired(estimator: Adjust, data: Columns) -> set[str]:
    return {check.code for check in estimator(data).checks if not check.ok}


@pytest.mark.parametrize("how", ARMED)
def test_checks_are_quiet_where_treatment_is_random(how: str) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 1000))
    x = rng.random(1000) < 0.5
    data = Columns.read({"X": x, "Y": x + z[0] + rng.normal(size=1000), "Z0": z[0], "Z1": z[1]})
    assert not fired(replace(BASE, how=how), data)


@pytest.mark.parametrize("how", ARMED)
def test_overlap_fires_where_some_are_never_in_one_arm(how: str) -> None:
    assert "overlap" in fired(replace(BASE, how=how), world("weak overlap")[0])


def test_overlap_of_the_treated_asks_only_for_controls() -> None:
    """Half of the controls are never treated, but all of the treated might not have been."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=4000)
    x = (z > 0) & (rng.random(4000) < 0.5)
    data = Columns.read({"X": x, "Y": x + z + rng.normal(size=4000), "Z": z})
    base = Adjust("X", "Y", ("Z",))
    assert "overlap" in fired(base, data)
    assert "overlap" not in fired(replace(base, target="att"), data)


def test_effective_n_fires_where_an_arm_is_tiny() -> None:
    data, _ = world("linear", 600)
    few = np.concatenate([np.flatnonzero(data["X"] == 0), np.flatnonzero(data["X"] == 1)[:12]])
    assert "effective-n" in fired(replace(BASE, how="ipw"), data.take(few))


def test_cells_without_an_arm_are_left_out_and_named() -> None:
    data = cells()
    empty = data.take((data["Z"] == 0) | (data["X"] == 1))
    effect = Adjust("X", "Y", ("Z",), how="plugin")(empty)
    assert {check.code for check in effect.checks if not check.ok} == {"cells"}
    alone = data.take(data["Z"] == 0)
    assert effect.estimate == pytest.approx(
        alone["Y"][alone["X"] == 1].mean() - alone["Y"][alone["X"] == 0].mean(), abs=1e-12
    )


# what cannot be -----------------------------------------------------------------------------------------------------


def test_separated_arms_are_refused_by_weights_and_flagged_elsewhere() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    data = Columns.read({"X": z > 0, "Y": z + rng.normal(size=400), "Z": z})
    with pytest.raises(DataError, match="perfect separation"):
        Adjust("X", "Y", ("Z",), how="ipw")(data)
    for how in ("aipw", "dml", "regression", "matching"):
        assert "overlap" in fired(Adjust("X", "Y", ("Z",), how=how), data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.ones(60)}, "constant"),
        ({"X": np.full(60, "yes")}, "constant"),
        ({"Y": np.zeros(60)}, "constant"),
        ({"X": np.r_[1.0, np.zeros(59)]}, "X = 1 on 1 row: an arm needs 2"),
        ({"Y": np.r_[np.nan, np.zeros(59)]}, "missing"),
        ({"Y": np.tile(["a", "b", "c"], 20)}, "holds labels"),
        ({"Z0": np.arange(60).astype(str).astype(object) + "_"}, "names rows"),
        ({"X": np.tile(["a", "b", "c"], 20)}, "never 1; it is one of"),
        ({"X": np.tile([1.0, 2.0, 3.0], 20)}, "is a number"),
    ],
)
def test_data_that_answer_nothing_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    rng = np.random.default_rng(0)
    data = {
        "X": np.tile([0.0, 1.0], 30),
        "Y": rng.normal(size=60),
        "Z0": rng.normal(size=60),
        "Z1": rng.normal(size=60),
    }
    with pytest.raises(DataError, match=message):
        BASE({**data, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"how": "magic"}, "unknown how 'magic'"),
        ({"level": 95}, "level"),
        ({"folds": 1}, "folds"),
        ({"target": "atm"}, "target"),
        ({"given": ("Z0", "X")}, "one part"),
        ({"given": ("Z9",)}, "unknown column 'Z9'"),
        ({"outcome": "forest"}, "unknown learner 'forest'"),
        ({"treated": 0}, "same value"),
        ({"how": "plugin"}, "not discrete"),
        ({"how": "regression", "outcome": "boosted"}, "no interval"),
        ({"how": "ipw", "propensity": "boosted"}, "no interval"),
        ({"how": "matching", "given": ()}, "covariates to match on"),
        ({"how": "matching", "matches": 0}, "matches"),
        ({"x": "Z0", "given": (), "how": "ipw"}, "is a number"),
        ({"x": "Z0", "given": (), "how": "dml", "target": "att"}, "everyone"),
        ({"x": "Z0", "given": (), "how": "dml", "treated": "yes"}, "must be numbers"),
    ],
)
def test_questions_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    data, _ = world("linear", 100)
    with pytest.raises(UserError, match=message):
        replace(BASE, **change)(data)


def test_a_treatment_that_covariates_determine_is_refused() -> None:
    data = Columns.read(dose(np.random.default_rng(0), 100)[0])
    with pytest.raises(DataError, match="determine the treatment"):
        Adjust("X", "Y", ("Z0",), how="regression")(data.with_(X=3 * data["Z0"] + 1))


def test_few_rows_for_many_covariates_are_refused_or_shrunk() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"Z{i}" for i in range(30))
    data = Columns.read(
        {**{name: rng.normal(size=40) for name in names}, "X": np.tile([0, 1], 20), "Y": rng.normal(size=40)}
    )
    for how in ("regression", "ipw"):
        with pytest.raises(DataError, match="too few"):
            Adjust("X", "Y", names, how=how)(data)
    assert np.isfinite(Adjust("X", "Y", names)(data).high)


def test_ten_thousand_rows_and_twenty_covariates_take_under_a_second() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20, 10_000))
    x = rng.random(10_000) < 1 / (1 + np.exp(-z[0]))
    names = tuple(f"Z{i}" for i in range(20))
    data = Columns.read({"X": x, "Y": x + z[0] + rng.normal(size=10_000), **dict(zip(names, z, strict=True))})
    start = time.process_time()
    effect = Adjust("X", "Y", names)(data)
    assert time.process_time() - start < 4  # 0.5 s on a free core
    assert not effect.excludes(1.0)


@pytest.mark.parametrize("how", ["aipw", "regression", "ipw", "matching"])
@pytest.mark.parametrize(("factor", "shift"), [(1e-13, 0.0), (1e12, 0.0), (1.0, 1e10)])
def test_the_unit_of_a_covariate_does_not_matter(how: How, factor: float, shift: float) -> None:
    """A confounder in tiny or huge units is still one: none is taken for a constant."""
    rng = np.random.default_rng(0)
    z, w = rng.normal(size=(2, 300))
    x = (rng.random(300) < 1 / (1 + np.exp(-z))).astype(float)
    data = {"X": x, "Y": x + 2 * z + w + rng.normal(size=300), "Z": z, "W": w}
    ask = Adjust("X", "Y", ("Z", "W"), how=how)
    other = ask({**data, "Z": z * factor + shift})
    assert other.estimate == pytest.approx(ask(data).estimate, abs=0.01)
