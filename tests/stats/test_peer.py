"""Where evalstats 0.3 has the same thing, it says the same thing."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest

from butfor.stats import bca, clopper_pearson, mcnemar, paired, sign_flip, studentised, tango, wilson

pytestmark = pytest.mark.peer


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def evalstats() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("evalstats")


def theirs(evalstats: ModuleType, t: np.ndarray, c: np.ndarray, method: str) -> tuple[float, float, float]:
    result = evalstats.core.paired.pairwise_differences(np.stack([t, c]), 0, 1, method=method, rng=rng(), ci=0.95)
    assert result.point_diff == pytest.approx(t.mean() - c.mean())
    return result.ci_low, result.ci_high, result.p_value


@pytest.mark.parametrize(("method", "ours"), [("bca", bca), ("bootstrap_t", studentised)])
def test_bootstraps_of_paired_differences(evalstats: ModuleType, method: str, ours: object) -> None:
    t, c = rng(1).exponential(size=(2, 60))
    low, high, _ = theirs(evalstats, t, c, method)
    mine = ours(t - c, rng=rng(2))  # type: ignore[operator]
    assert mine == (pytest.approx(low, abs=0.04 * (high - low)), pytest.approx(high, abs=0.04 * (high - low)))


def test_sign_flips(evalstats: ModuleType) -> None:
    t, c = rng(3).normal([[0.35], [0.0]], 1.0, size=(2, 40))
    *_, p = theirs(evalstats, t, c, "permutation")
    assert sign_flip(t - c, rng=rng(4)) == pytest.approx(p, abs=0.01)


def test_tango_and_mcnemar(evalstats: ModuleType) -> None:
    t, c = (rng(5).random((2, 80)) < [[0.7], [0.5]]) * 1.0
    low, high, p = theirs(evalstats, t, c, "tango")
    won, lost = int(((t == 1) & (c == 0)).sum()), int(((t == 0) & (c == 1)).sum())
    assert tango(won, lost, 80) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert mcnemar(won, lost, "mid-p") == pytest.approx(p)


def test_one_proportion(evalstats: ModuleType) -> None:
    their = evalstats.core.resampling
    assert wilson(13, 40) == pytest.approx(their.wilson_ci(13, 40, 0.05))
    assert clopper_pearson(13, 40) == pytest.approx(their.clopper_pearson_ci(13, 40, 0.05))


def test_the_default_is_near_their_t_interval_for_normal_data(evalstats: ModuleType) -> None:
    t, c = rng(6).normal(size=(2, 100))
    low, high, _ = theirs(evalstats, t, c, "t_interval")
    effect = paired(t, c)
    assert effect.low == pytest.approx(low, abs=0.1 * (high - low))
    assert effect.high == pytest.approx(high, abs=0.1 * (high - low))
