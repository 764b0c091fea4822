"""Classical estimators as arms: each does what its name says, and the seed of the arm decides what is drawn."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from butfor.data.effect_worlds import world
from butfor.pretrain.foundation.classical import ESTIMATORS, Classical, Estimator
from butfor.scm.analyst import Analyst


def arm(estimator: Estimator, seed: int = 0) -> Analyst:
    return Classical(estimator=estimator).model(Analyst(), np.random.default_rng(seed))  # type: ignore[return-value]


def test_every_name_has_an_estimator() -> None:
    assert set(get_args(Estimator)) == set(ESTIMATORS)


@pytest.mark.parametrize(
    "estimator",
    ["aipw", "ipw", "regression", "matching", "naive", pytest.param("boosted", marks=pytest.mark.slow)],
)
def test_it_estimates_and_all_but_naive_mend_most_of_the_confounding(estimator: Estimator) -> None:
    known = world("linear", 1, 300)
    analyst = arm(estimator)
    found = analyst.estimate(known.table)
    off = abs(found.effect.estimate - known.truth) / known.spread
    assert (off > 0.3) if estimator == "naive" else (off < 0.25)
    assert (found.each is not None) == (estimator in ("regression", "boosted"))
    assert analyst.notes


def test_naive_is_the_difference_of_means() -> None:
    known = world("bent", 0, 100)
    y, t = known.data["y"], known.data["t"] == 1
    assert arm("naive").estimate(known.table).effect.estimate == pytest.approx(y[t].mean() - y[~t].mean())


def test_what_decides_the_answers_decides_the_fingerprint() -> None:
    assert arm("ipw", 0).fingerprint() == arm("ipw", 1).fingerprint() != arm("naive").fingerprint()
    assert arm("aipw", 0).fingerprint() != arm("aipw", 1).fingerprint()
    assert Analyst().fingerprint() != arm("aipw").fingerprint()
