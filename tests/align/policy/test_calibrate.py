"""CPO and DRPO value a policy rightly where either model is right, with intervals that hold: 200 known logs."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.align.policy.calibrate import METHODS, TARGET, Line, calibrated, tables, visits
from butfor.data.outcomes import FIT, MOOD, staff

CPO, SELF, DR, OUTCOME, DRPO = METHODS


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, bool, str], Line]:
    return {(line.method, line.weights, line.model): line for line in calibrated(200)}


@pytest.mark.parametrize(
    ("method", "weights", "model"),
    [
        (CPO, True, "wrong"),
        (SELF, True, "wrong"),
        (DR, True, "right"),
        (DR, True, "blind"),
        (DR, True, "wrong"),
        (DR, False, "right"),
        (OUTCOME, False, "right"),
        (DRPO, True, "right"),
        (DRPO, True, "wrong"),
        (DRPO, False, "right"),
    ],
)
def test_where_one_of_the_two_is_right_the_value_is_and_its_interval_holds(found, method, weights, model):
    line = found[method, weights, model]
    assert not line.biased
    assert 0.9 <= line.coverage <= 0.99


@pytest.mark.parametrize("method", [DR, DRPO])
@pytest.mark.parametrize("model", ["wrong", "blind"])
def test_where_neither_is_or_the_model_is_blind_to_what_moved_the_log_it_is_wrong(found, method, model):
    assert found[method, False, model].biased
    assert found[method, False, model].coverage < 0.5


def test_a_model_takes_variance_away(found):
    assert found[DR, True, "right"].deviation < found[DR, True, "wrong"].deviation < found[CPO, True, "wrong"].deviation


def test_the_truth_is_what_a_long_log_of_the_policy_itself_brings():
    rng = np.random.default_rng(0)
    log = visits(rng, 200_000)
    mood = np.array(MOOD)[log.stars]
    reply = (rng.random((len(mood), 1)) > TARGET[mood].cumsum(1)[:, :-1]).sum(1)
    regular = rng.integers(0, 2, len(mood))
    came = np.array(FIT)[mood, reply] + 1.5 * (regular - 0.5) + 0.5 * rng.standard_normal(len(mood))
    assert came.mean() == pytest.approx(tables()["value"].mean(), abs=0.01)
    assert (came > log.came[:, 1]).mean() == pytest.approx(tables()["wins"].mean(), abs=0.005)


def test_the_log_is_what_the_staff_does():
    log = visits(np.random.default_rng(1), 100_000)
    for stars, regular in ((1, 0), (3, 1), (5, 1)):
        here = (log.stars == stars) & (log.regular[:, 0] == regular)
        shares = np.bincount(log.reply[here, 0], minlength=4) / here.sum()
        assert shares == pytest.approx(staff(stars, regular, 0.8), abs=0.02)
