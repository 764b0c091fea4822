"""Refuters hold their level where the assumptions hold, and speak up where they do not."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError, UnknownName
from butfor.scm import worker
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, Instrument
from butfor.scm.refuters import (
    ALL,
    Bootstrap,
    Case,
    DummyOutcome,
    NegativeControl,
    Placebo,
    Refutation,
    Subset,
    UnobservedCause,
    fast,
    many,
    refute,
    tipping_point,
)
from butfor.scm.refuters.sensitivity import omitted
from butfor.stats.effect import Effect

Floats = NDArray[np.float64]
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plain:
    """Least squares with the textbook interval, times `narrow`; one copy at a time."""

    x: str = "X"
    y: str = "Y"
    given: tuple[str, ...] = ("Z",)
    narrow: float = 1.0

    def _fit(self, data: Any) -> tuple[float, float, int]:
        columns = Columns.read(data, (self.x, self.y, *self.given))
        left = omitted(columns, self.x, self.y, self.given)
        return left.estimate, left.se * self.narrow, columns.n

    def point(self, data: Columns) -> float:
        return self._fit(data)[0]

    def __call__(self, data: Any) -> Effect:
        b, se, n = self._fit(data)
        p = math.erfc(abs(b / se) / math.sqrt(2))
        return Effect(estimate=b, low=b - 1.96 * se, high=b + 1.96 * se, p=p, n=n, method="least squares")


def world(n: int, seed: int, *, effect: float = 0.5, hidden: float = 0.0, arms: bool = False) -> Data:
    """Z confounds X and Y, and so does U, `hidden` times as strongly; W shares U and is not moved by X."""
    rng = np.random.default_rng(seed)
    z, u = rng.normal(size=(2, n))
    push = 0.7 * z + 0.7 * hidden * u
    x = (rng.random(n) < 1 / (1 + np.exp(-push))).astype(float) if arms else push + rng.normal(size=n)
    y = effect * x + 0.7 * z + 0.7 * hidden * u + rng.normal(size=n)
    return {"X": x, "Y": y, "Z": z, "U": u, "W": 0.5 * z + hidden * u + rng.normal(size=n)}


def one(data: Data, estimator: Any, which: Any, **how: Any) -> Refutation:
    return refute(data, estimator, which=[which], **how)[0]


LINEAR = Adjust("X", "Y", given=("Z",), how="regression")
IPW = Adjust("X", "Y", given=("Z",), how="ipw")


# the fast way is the slow way


@pytest.mark.parametrize("ask", [LINEAR, IPW], ids=["regression", "ipw"])
@pytest.mark.parametrize("arms", [True, False], ids=["two arms", "a number"])
def test_many_copies_at_once_give_what_one_copy_gives(ask: Adjust, arms: bool) -> None:
    if not arms and ask is IPW:
        pytest.skip("weighting compares two arms")
    data = Columns.read(world(120, 1, arms=arms)).with_(L=np.array(["a", "b", "c"] * 40))
    rng = np.random.default_rng(0)
    wide = dataclasses.replace(ask, given=("Z", "L", "new"))
    narrow = dataclasses.replace(ask, given=("Z", "L"))
    order = rng.permuted(np.tile(np.arange(120), (4, 1)), axis=1)
    cases: list[tuple[Adjust, dict[str, Any], Floats | None]] = [
        (narrow, {"X": data["X"][order]}, None),
        (narrow, {"Y": data["Y"][order]}, None),
        (wide, {"new": rng.normal(size=(4, 120))}, None),
        (narrow, {}, rng.multinomial(120, np.full(120, 1 / 120), size=4).astype(float)),
    ]
    for estimator, replaced, weights in cases:
        assert fast.can(estimator, data, replaced, weights)
        found = fast.points(estimator, data, replaced, weights)
        slow = [value for value, _ in many.some(estimator, data, replaced, weights, range(4))]
        assert found == pytest.approx(slow, abs=2e-5)


@pytest.mark.parametrize("ask", [LINEAR, IPW], ids=["regression", "ipw"])
def test_what_an_estimator_refuses_many_copies_refuse_too(ask: Adjust) -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=30)
    data = Columns({"X": (np.arange(30) < 5).astype(float), "Y": rng.normal(size=30), "Z": z})
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=60).astype(float)
    weights[:6, :5] = [1, 0, 0, 0, 0]
    found = fast.points(ask, data, {}, weights)
    slow = np.array([value for value, _ in many.some(ask, data, {}, weights, range(60))])
    assert np.isnan(found[:6]).all()
    assert np.isnan(found[np.isnan(slow)]).all()  # and where all rows of an arm are one row, which a ridge lets pass
    assert np.isfinite(found).mean() > 0.6
    split = {"X": np.stack([(z > 0).astype(float), data["X"]])}
    found = fast.points(ask, data, split, None)
    assert np.isnan(found[0]) == (ask is IPW)
    assert np.isfinite(found[1])


def test_what_is_not_a_product_of_matrices_goes_one_by_one() -> None:
    data = Columns.read(world(60, 1, arms=True))
    labels = {"X": np.array([["no", "yes"] * 30] * 2)}
    shuffled = {"X": np.tile(data["X"], (2, 1))}
    for ask, replaced in (
        (dataclasses.replace(LINEAR, how="aipw"), shuffled),
        (dataclasses.replace(LINEAR, target="att"), shuffled),
        (dataclasses.replace(LINEAR, outcome="spline"), shuffled),
        (LINEAR, labels),
        (Plain(), shuffled),
    ):
        assert not fast.can(ask, data, replaced, None)


def test_labels_are_refuted_like_numbers() -> None:
    data = world(200, 3, arms=True)
    words = {**data, "X": np.where(data["X"] == 1, "yes", "no")}
    named = dataclasses.replace(IPW, treated="yes", control="no")
    for which in (*ALL[:7], "marginal", "rosenbaum"):
        a, b = one(data, IPW, which, draws=20), one(words, named, which, draws=20)
        assert a.statistic == pytest.approx(b.statistic, abs=1e-4), which


# level: worlds in which all is well


def test_false_alarms_come_at_the_level_they_promise() -> None:
    """With no tolerance the tests of a mean are exact; those of a spread allow for the standard error's own noise."""
    names = ("placebo", "dummy_outcome", "random_cause", "subset", "bootstrap")
    alarms = dict.fromkeys(names, 0)
    for seed in range(120):
        data = world(150, seed)
        effect = LINEAR(data)
        for found in refute(data, LINEAR, effect=effect, which=names[:3], seed=seed, draws=40, tolerance=0.0):
            alarms[found.name] += not found.ok
        for found in refute(data, LINEAR, effect=effect, which=names[3:], seed=seed, draws=40):
            alarms[found.name] += not found.ok
    assert all(count <= 120 * 0.05 + 3 * math.sqrt(120 * 0.05 * 0.95) for count in alarms.values()), alarms
    assert all(alarms[name] >= 1 for name in names[:3])


def test_p_values_of_shuffled_worlds_are_uniform() -> None:
    p = np.sort([one(world(80, s), LINEAR, "dummy_outcome", seed=s, draws=30, tolerance=0.0).p for s in range(120)])
    assert float(np.max(np.abs(p - (np.arange(120) + 0.5) / 120))) < 1.63 / math.sqrt(120)


@pytest.mark.parametrize("ask", [LINEAR, IPW], ids=["regression", "ipw"])
def test_no_refuter_alarms_often_in_worlds_without_hidden_causes(ask: Adjust) -> None:
    nulls = ("placebo", "dummy_outcome", "simulated_null", "random_cause", "subset", "bootstrap")
    alarms = dict.fromkeys(nulls, 0)
    for seed in range(30):
        for found in refute(world(300, seed, arms=True), ask, which=nulls, seed=seed, draws=40):
            alarms[found.name] += not found.ok
    assert all(count <= 5 for count in alarms.values()), alarms


def test_a_negative_control_holds_the_level_of_the_estimator() -> None:
    asked = [NegativeControl(outcome="W"), NegativeControl(exposure="E")]
    alarms = 0
    for seed in range(100):
        data = world(150, seed)
        data["E"] = data["Z"] + np.random.default_rng(1000 + seed).normal(size=150)
        data["E"] += 0.0 * data["X"]
        alarms += sum(not found.ok for found in refute(data, Plain(), which=asked))
    assert alarms <= 200 * 0.05 + 3.5 * math.sqrt(200 * 0.05 * 0.95)


def test_a_negative_control_without_a_p_value_takes_its_interval() -> None:
    data = world(100, 26)
    found = one(data, Mean(), NegativeControl(outcome="W"))
    assert found.p == pytest.approx(math.erfc(abs(found.statistic) * 1.959964 / math.sqrt(2)), abs=1e-6)


# power: worlds in which something is wrong


def test_a_hidden_confounder_shows_in_a_negative_control_and_in_nothing_that_is_shuffled() -> None:
    data = world(4000, 1, effect=0.0, hidden=1.0)
    assert LINEAR(data).excludes(0.0)
    assert not one(data, LINEAR, NegativeControl(outcome="W")).ok
    assert one(data, LINEAR, "placebo").ok
    assert one(data, LINEAR, "dummy_outcome").ok
    found = one(data, LINEAR, "unobserved_cause")
    assert not found.ok
    assert one(data, dataclasses.replace(LINEAR, given=("Z", "U")), NegativeControl(outcome="W")).ok


def test_covariates_in_the_wrong_form_show_in_a_simulated_null() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=800)
    x = z**2 + rng.normal(size=800)
    data = {"X": x, "Z": z, "Y": 0.3 * x + 2 * z**2 + rng.normal(size=800)}
    straight = one(data, LINEAR, "simulated_null")
    assert not straight.ok
    assert straight.statistic == pytest.approx(LINEAR(data).estimate - 0.3, abs=0.4)
    curved = dataclasses.replace(LINEAR, outcome="spline")
    assert one(data, curved, "simulated_null", draws=30).ok


@pytest.mark.parametrize("which", [Subset(0.5), Bootstrap()])
def test_an_interval_that_is_too_narrow_shows_under_resampling(which: Any) -> None:
    data = world(200, 5)
    assert one(data, Plain(), which).ok
    found = one(data, Plain(narrow=0.5), which)
    assert not found.ok
    assert "too narrow" in found.sentence


def test_an_interval_that_forgets_unequal_noise_shows_under_the_bootstrap() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=400)
    data = {"X": x, "Z": rng.normal(size=400), "Y": x + x * rng.normal(size=400)}
    assert not one(data, Plain(), "bootstrap").ok
    assert one(data, LINEAR, "bootstrap").ok


@dataclass(frozen=True, slots=True)
class Biased(Plain):
    """It finds 0.3 more than there is."""

    def point(self, data: Columns) -> float:
        return self._fit(data)[0] + 0.3


@dataclass(frozen=True, slots=True)
class Nervous(Plain):
    """Every further covariate moves it by 0.2, and fewer rows by more."""

    def point(self, data: Columns) -> float:
        return self._fit(data)[0] + 0.2 * (len(self.given) - 1) + 40 / data.n - 40 / 200


def test_a_biased_estimator_shows_on_placebos_and_dummies() -> None:
    data = world(200, 7)
    for which in ("placebo", "dummy_outcome", DummyOutcome("noise")):
        assert one(data, Plain(), which, draws=30).ok
        found = one(data, Biased(), which, draws=30)
        assert not found.ok
        assert found.statistic == pytest.approx(0.3, abs=0.1)


def test_an_unstable_estimator_shows_with_a_random_cause_and_on_subsets() -> None:
    data = world(200, 8)
    assert not one(data, Nervous(), "random_cause", draws=30).ok
    found = one(data, Nervous(), Subset(0.5), draws=30)
    assert not found.ok
    assert "drifts" in found.sentence


# how strong must the unseen be


def case_of(data: Data, estimator: Any, **how: Any) -> Case:
    columns = Columns.read(data)
    return Case(columns, estimator, estimator(columns), how.get("draws", 100), 0, 1, 0.05, 0.2)


def test_an_unseen_cause_added_to_least_squares_is_the_closed_form() -> None:
    data = world(300, 9, effect=0.8)
    found = tipping_point(data, LINEAR)
    left = omitted(data, "X", "Y", ["Z"])
    for at in found.grid:
        assert at.estimate == pytest.approx(left.adjusted(at.r_x, at.r_y)[0], abs=1e-8)
    assert 0 < found.k_interval < found.k
    negative = tipping_point({**data, "Y": -data["Y"]}, LINEAR)
    assert negative.k == pytest.approx(found.k, rel=1e-3)
    assert negative.grid[0].estimate == pytest.approx(-found.grid[0].estimate)
    assert negative.grid[0].high == pytest.approx(-found.grid[0].low)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_the_tipping_point_names_the_strength_of_the_confounder_that_is_really_there(strength: float) -> None:
    """U moves X and Y `strength` times as much as Z does, and X does nothing: k should be strength².

    Only nearly so below 1, since given X the two depend on one another, and a little more so for the stronger.
    """
    data = world(40_000, 10, effect=0.0, hidden=strength)
    assert LINEAR(data).estimate > 0.1
    assert dataclasses.replace(LINEAR, given=("Z", "U"))(data).estimate == pytest.approx(0, abs=0.02)
    found = tipping_point(data, LINEAR, draws=20)
    assert found.covariate == "Z"
    assert found.k == pytest.approx(strength**2, abs=0.05)


def test_the_tipping_point_of_weighting_agrees_with_the_hidden_confounder() -> None:
    data = world(20_000, 11, effect=0.0, hidden=0.8, arms=True)
    hidden = tipping_point(data, IPW, draws=20)
    assert hidden.k == pytest.approx(0.64, abs=0.1)


def test_without_covariates_strength_is_the_share_explained() -> None:
    data = world(300, 12, effect=1.5)
    alone = dataclasses.replace(LINEAR, given=())
    found = tipping_point(data, alone)
    assert found.covariate == ""
    assert found.k == pytest.approx(omitted(data, "X", "Y").robustness(), rel=1e-3)
    assert "of both" in one(data, alone, "unobserved_cause").sentence


def test_an_unseen_cause_that_would_tell_the_arms_apart_gives_way_to_a_weaker_one() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    x = (rng.random(400) < 1 / (1 + np.exp(-3 * z))).astype(float)
    data = {"X": x, "Z": z, "Y": x + z + 0.1 * rng.normal(size=400)}
    found = tipping_point(data, IPW, draws=20)
    assert 1 <= len(found.grid) <= 3
    assert all(math.isfinite(at.estimate) for at in found.grid)


def test_an_outcome_without_noise_is_no_alarm() -> None:
    data = world(200, 25, arms=True)
    exact = {**data, "Y": 2 * data["X"] + data["Z"]}
    assert all(found.ok for found in refute(exact, LINEAR, which=("random_cause", "subset", "bootstrap")))


def test_strong_effects_withstand_and_weak_ones_do_not() -> None:
    rng = np.random.default_rng(13)
    z, w = rng.normal(size=(2, 1000))
    x = (rng.random(1000) < 1 / (1 + np.exp(-0.5 * z))).astype(float)
    base = {"X": x, "Z": z}
    strong = refute({**base, "Y": 3 * x + 0.3 * z + w}, IPW, which=ALL[6:])
    weak = refute({**base, "Y": 0.3 * x + 0.9 * z + w}, IPW, which=ALL[6:])
    assert [found.name for found in strong] == ["unobserved_cause", "e_value", "marginal", "rosenbaum"]
    assert all(found.ok for found in strong)
    assert not any(found.ok for found in weak[:3])  # pairs of equal Z show a small effect well: they may stand firm
    assert all(a.statistic > b.statistic for a, b in zip(strong, weak, strict=True))
    silent = refute({**base, "Y": 0.9 * z + w}, IPW, which=ALL[6:])
    assert all(found.ok for found in silent)  # no claim, nothing to explain away


def test_a_binary_outcome_has_a_risk_ratio() -> None:
    rng = np.random.default_rng(14)
    z = rng.normal(size=20_000)
    x = (rng.random(20_000) < 0.5).astype(float)
    y = (rng.random(20_000) < np.where(x == 1, 0.4, 0.1)).astype(float)
    found = one({"X": x, "Z": z, "Y": y}, IPW, "e_value")
    assert found.statistic == pytest.approx(4 + math.sqrt(12), rel=0.05)  # risk ratio 4


# the call


def test_all_of_them_on_a_binary_and_on_a_continuous_treatment() -> None:
    every = refute(world(150, 15, arms=True), IPW, draws=20)
    assert tuple(found.name for found in every) == ALL
    some = refute(world(150, 15), LINEAR, draws=20)
    assert {"e_value", "marginal", "rosenbaum"}.isdisjoint(found.name for found in some)
    for found in (*every, *some):
        assert found.low <= found.statistic <= found.high
        assert found.sentence.endswith(".")
        assert found.sentence.count("\n") == 0
        assert "nan" not in found.sentence
        assert str(found).startswith(("ok ", "WARNING "))


def test_the_same_seed_gives_the_same_numbers_whoever_shares_the_work() -> None:
    data = world(80, 16, arms=True)
    ask = dataclasses.replace(IPW, how="aipw", outcome="linear", propensity="linear", folds=2)
    which = ("placebo", "subset")
    first = refute(data, ask, which=which, draws=12, jobs=1)
    assert refute(data, ask, which="placebo", draws=12, jobs=2) == first[:1]
    assert refute(data, ask, which=which[::-1], draws=12, jobs=1) == first[::-1]
    assert refute(data, ask, which=which, draws=12, jobs=1, seed=1) != first


def test_an_estimator_from_a_script_stays_in_its_process() -> None:
    @dataclass(frozen=True, slots=True)
    class Mine(Plain):
        pass

    assert not worker.travels(Mine())
    data = world(60, 17)
    assert one(data, Mine(), "placebo", draws=10, jobs=2) == one(data, Plain(), "placebo", draws=10)


@dataclass(frozen=True, slots=True)
class Batched(Plain):
    def points(self, data: Columns, replaced: Any, weights: Any) -> Floats:
        return np.linspace(-1, 1, 10)


def test_an_estimator_may_bring_its_own_fast_way() -> None:
    found = one(world(50, 18), Batched(), "placebo", draws=10)
    assert (found.statistic, found.draws) == (pytest.approx(0.0), 10)


def test_shuffling_within_strata_keeps_the_strata() -> None:
    rng = np.random.default_rng(19)
    s = np.repeat([0.0, 1.0, 2.0], 60)
    x = s + 0.1 * rng.normal(size=180)
    data = {"X": x, "S": s, "Y": 5 * s + rng.normal(size=180), "Z": rng.normal(size=180)}
    alone = Adjust("X", "Y", how="regression")
    across, within = one(data, alone, "placebo"), one(data, alone, Placebo(strata=("S",)))
    assert across.ok
    assert not within.ok  # the strata's own confounding stays, and this estimator does not adjust for it
    assert one(data, dataclasses.replace(alone, given=("S",)), Placebo(strata=("S",))).ok
    with pytest.raises(QueryError, match="cut it into bins"):
        one(data, alone, Placebo(strata=("Z",)))


def test_an_effect_given_is_not_computed_again() -> None:
    data = world(100, 20)
    given = dataclasses.replace(LINEAR(data), estimate=0.4, low=-9.0, high=9.0)
    assert "0.4" in one(data, LINEAR, "placebo", effect=given).sentence


def test_draws_on_which_the_estimator_fails() -> None:
    @dataclass(frozen=True, slots=True)
    class Fragile(Plain):
        share: float = 0.05

        def point(self, data: Columns) -> float:
            value = self._fit(data)[0]
            if abs(hash(value)) % 1000 < 1000 * self.share:
                raise DataError("this one has no answer")
            return value

    data = world(100, 21)
    assert 80 < one(data, Fragile(), "placebo").draws <= 100
    with pytest.raises(DataError, match=r"fails on \d+ of 100 changed data sets \(this one has no answer\)"):
        one(data, Fragile(share=0.6), "placebo")


def test_what_these_data_do_not_let_run_is_reported_among_all_and_raised_alone() -> None:
    rng = np.random.default_rng(23)
    x = np.zeros(60)
    x[:2] = 1  # an arm of two rows: subsets lose it
    data = {"X": x, "Z": rng.normal(size=60), "Y": x + rng.normal(size=60)}
    alone = Adjust("X", "Y", how="regression")
    found = {one.name: one for one in refute(data, alone, draws=20)}
    assert not found["bootstrap"].ok
    assert "could not be run: the estimator fails on" in found["bootstrap"].sentence
    with pytest.raises(DataError, match="the estimator fails on"):
        refute(data, alone, which="bootstrap", draws=20)


def test_other_estimators_are_put_through_the_refuters_that_fit_them() -> None:
    rng = np.random.default_rng(24)
    u, i, z = rng.normal(size=(3, 400))
    x = i + u + 0.5 * z + rng.normal(size=400)
    data = {"X": x, "Y": 0.5 * x + u + z + rng.normal(size=400), "I": i, "Z": z}
    found = refute(data, Instrument("X", "Y", instruments=("I",), given=("Z",)), draws=30)
    assert [one.name for one in found] == ["placebo", "dummy_outcome", "random_cause", "subset", "bootstrap"]
    assert all(one.ok for one in found)
    arm = (u > 0).astype(float)
    counted = {"X": arm, "Z": np.round(z), "Y": arm + np.round(z) + rng.normal(size=400)}
    names = [one.name for one in refute(counted, Adjust("X", "Y", given=("Z",), how="plugin"), draws=20)]
    assert "random_cause" in names
    assert "unobserved_cause" not in names


def test_bad_input_is_refused() -> None:
    data = world(100, 22)
    for which, error, told in (
        ("placeboo", UnknownName, "did you mean 'placebo'"),
        ("negative_control", QueryError, r"NegativeControl\(outcome="),
        ("e_value", QueryError, "treatment of two values, and X is a number"),
        ("marginal", QueryError, "treatment of two values"),
        (NegativeControl(outcome="V"), UnknownName, "'V'; did|'V'; known"),
        (NegativeControl(outcome="Z"), QueryError, "part of the estimate itself"),
        (UnobservedCause(like="U"), UnknownName, "unknown covariate 'U'"),
    ):
        with pytest.raises(error, match=told):
            one(data, LINEAR, which)
    with pytest.raises(QueryError, match="draws must be 10"):
        refute(data, LINEAR, draws=3)
    with pytest.raises(QueryError, match="an outcome or an exposure"):
        NegativeControl()
    with pytest.raises(QueryError, match="between 0 and 1"):
        Subset(1.5)
    with pytest.raises(QueryError, match="'shuffled' or 'noise'"):
        DummyOutcome("random")
    with pytest.raises(UnknownName, match="column 'Q'"):
        refute(data, dataclasses.replace(LINEAR, x="Q"))
    with pytest.raises(QueryError, match="has no 'given'"):
        case_of(data, Mean()).altered(given=("Z",))
    with pytest.raises(QueryError, match="adjusts for covariates"):
        one(data, Mean(), "random_cause")
    with pytest.raises(QueryError, match="no tipping point here"):
        tipping_point(data, Mean())


@dataclass(frozen=True, slots=True)
class Mean:
    """An estimator without covariates."""

    x: str = "X"
    y: str = "Y"

    def point(self, data: Columns) -> float:
        return float(data[self.y].mean())

    def __call__(self, data: Any) -> Effect:
        b = self.point(Columns.read(data))
        return Effect(estimate=b, low=b - 1, high=b + 1, p=None, n=1, method="mean")
