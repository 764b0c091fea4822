"""Calibrated judgements: exact where everything is known, honest where a judge is wrong, silent where nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from tests.align.ope.judged import drawn, truth

from butfor.align.ope.calibrated import Calibrated, isotonic, sampled
from butfor.core.errors import DataError
from butfor.core.registry import resolve
from butfor.scm.analyst import Analyst
from butfor.scm.columns import Columns
from butfor.scm.policies import Answers, Log


def test_the_curve_is_isotonic_regression() -> None:
    rng = np.random.default_rng(0)
    judge, outcome = rng.integers(0, 20, 200) / 10, rng.random(200)
    xs, ys = isotonic(judge, outcome)
    other = IsotonicRegression(out_of_bounds="clip").fit(judge, outcome)
    at = np.linspace(-1, 3, 101)
    assert np.interp(at, xs, ys) == pytest.approx(other.predict(at), abs=1e-9)


@pytest.mark.parametrize("method", [Calibrated(), Calibrated(calibration="none")])
def test_where_all_is_labelled_and_the_target_says_what_was_logged_it_is_the_mean_outcome(method: Calibrated) -> None:
    log = drawn(0, n=80, labels=80)
    same = Answers(log.prompt, log.judge, log.outcome, log.prompt, log.judge)
    assert method.value(same).estimate == pytest.approx(log.outcome.mean(), abs=1e-12)
    own = Answers(log.prompt, log.judge, np.full(80, np.nan), log.prompt, log.judge, fresh_outcome=log.outcome)
    assert method.value(own).estimate == pytest.approx(log.outcome.mean(), abs=1e-12)


def test_without_calibration_and_correction_it_is_the_judge() -> None:
    log = drawn(0)
    naive = Calibrated(calibration="none", corrected=False).value(log)
    assert naive.estimate == pytest.approx(log.fresh.mean())


def test_without_calibration_it_is_prediction_powered_inference() -> None:
    """Strata aside, the mean judgement of the target's texts plus the mean error of the judge where it was labelled."""
    log = drawn(1, own=0)
    found = replace(sampled(log), isotonic=False, edges=np.zeros(0)).effect("", ())
    known = np.isfinite(log.outcome)
    error = log.outcome[known] - log.judge[known]
    assert found.estimate == pytest.approx(log.fresh.mean() + error.mean(), abs=1e-12)
    width = 2 * 1.97 * np.sqrt(log.fresh.var() / len(log.fresh) + error.var() / known.sum())
    assert found.high - found.low == pytest.approx(width, rel=0.35)


def test_a_scale_of_the_judge_changes_nothing() -> None:
    log = drawn(2)
    bent = replace(log, judge=np.exp(log.judge), fresh=np.exp(log.fresh))
    plain = Calibrated().value(log)
    assert Calibrated().value(bent).estimate == pytest.approx(plain.estimate, abs=0.01)  # lines between points bend
    assert abs(Calibrated(calibration="none", corrected=False).value(bent).estimate - truth()) > 0.5
    assert not plain.excludes(truth())


def test_labels_of_the_targets_own_texts_undo_a_judge_that_flatters() -> None:
    held = [
        [Calibrated().value(drawn(seed, flatters=1.0, own=own)).excludes(truth()) for seed in range(4)]
        for own in (0, 60)
    ]
    assert sum(held[0]) >= 3
    assert sum(held[1]) <= 1


def test_what_is_assumed_is_said() -> None:
    told = {check.code: check for check in Calibrated().value(drawn(0)).checks}
    assert told["transport"].ok and "assumed" in told["transport"].message
    assert "transport" not in {check.code for check in Calibrated().value(drawn(0, own=30)).checks}
    far = {check.code: check.ok for check in Calibrated().value(drawn(0, shift=4)).checks}
    assert not far["support"]
    near = [Calibrated().value(drawn(seed, n=100, labels=20, shift=0)).ok for seed in range(10)]
    assert sum(near) >= 9  # few labels leave some judgements beyond them by chance
    few = {check.code: check.ok for check in Calibrated().value(drawn(0, labels=6)).checks}
    assert not few["labels"]
    log = drawn(0)
    deaf = replace(log, judge=-log.judge)
    assert not {check.code: check.ok for check in Calibrated().value(deaf).checks}["transport"]


def test_weights_contradict_a_judge_that_flatters() -> None:
    for flatters in (0.0, 1.0):
        told = {check.code: check for check in Calibrated().value(drawn(0, n=800, flatters=flatters)).checks}
        assert told["balance"].ok == (flatters == 0)
    assert "balance" not in {check.code for check in Calibrated().value(drawn(0, shift=3)).checks}  # too few to tell


def test_prompts_hang_together() -> None:
    """Every text four times tells no more than once."""
    log = drawn(3, n=100, labels=40)
    bare = replace(log, ratio=None, fresh_outcome=None, fresh_ratio=None)
    four = replace(
        bare, prompt=np.tile(log.prompt, 4), judge=np.tile(log.judge, 4), outcome=np.tile(log.outcome, 4),
        fresh_prompt=np.tile(log.prompt, 4), fresh=np.tile(log.fresh, 4),
    )  # fmt: skip
    one, many = (Calibrated().value(given) for given in (bare, four))
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.05)


def test_refusals_name_the_fix() -> None:
    log = drawn(0)
    with pytest.raises(DataError, match=r"ope\.doubly_robust"):
        flat = np.full((3, 2), 0.5)
        Calibrated().value(Log(Columns({}), np.array([0, 1, 0]), np.ones(3), flat, flat))
    with pytest.raises(DataError, match="labels stand on 3 prompts"):
        Calibrated().value(drawn(0, labels=3))
    with pytest.raises(DataError, match="one-sided"):
        Calibrated().value(replace(log, outcome=np.where(np.isfinite(log.outcome), 1.0, np.nan)))
    with pytest.raises(DataError, match="no text of the target is judged"):
        Calibrated().value(
            replace(log, fresh_prompt=np.zeros(0, int), fresh=np.zeros(0), fresh_outcome=None, fresh_ratio=None)
        )
    with pytest.raises(DataError, match="fewer than two"):
        replace(log, outcome=np.full(300, np.nan))


def test_as_an_arm_its_seed_decides_and_its_knobs_are_in_its_name() -> None:
    def arm(seed: int, **knobs: object) -> Analyst:
        method = resolve("method", "ope.calibrated")(**knobs)
        return method.model(Analyst(), np.random.default_rng(seed))

    assert arm(0).fingerprint() != arm(1).fingerprint() != arm(1, calibration="none").fingerprint()
    assert not arm(0).hooked
    assert arm(0).value(drawn(0)) == arm(0).value(drawn(0))


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "labels", "own"), [(0.0, 40, 0), (0.5, 100, 0), (1.0, 100, 0), (0.5, 60, 40)])
def test_intervals_hold(shift: float, labels: int, own: int) -> None:
    held = [
        not Calibrated().value(drawn(seed, shift=shift, labels=labels, own=own), seed).excludes(truth(shift))
        for seed in range(200)
    ]
    assert np.mean(held) > 0.92
