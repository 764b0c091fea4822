"""The closed forms beside dowhy's, and the linear estimates that both refute (pip install dowhy==0.14)."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from butfor.scm.estimate import Adjust
from butfor.scm.refuters import refute
from butfor.scm.refuters.sensitivity import benchmarks, omitted

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


def model(seed: int) -> tuple[dict[str, Any], Any, Any, Any]:
    dowhy = pytest.importorskip("dowhy", reason="pip install dowhy==0.14")
    pandas = pytest.importorskip("pandas")
    logging.disable(logging.WARNING)
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(2, 300))
    x = 0.4 * z - 0.2 * w + rng.normal(size=300)
    data = {"X": x, "Y": 0.5 * x + 0.6 * z + 0.1 * w + rng.normal(size=300), "Z": z, "W": w}
    asked = dowhy.CausalModel(pandas.DataFrame(data), treatment="X", outcome="Y", common_causes=["Z", "W"])
    estimand = asked.identify_effect(proceed_when_unidentifiable=True)
    return data, asked, estimand, asked.estimate_effect(estimand, method_name="backdoor.linear_regression")


@pytest.mark.parametrize("seed", range(3))
def test_omitted_variables_are_those_of_dowhy(seed: int) -> None:
    data, asked, estimand, estimate = model(seed)
    theirs = asked.refute_estimate(
        estimand,
        estimate,
        method_name="add_unobserved_common_cause",
        simulation_method="linear-partial-R2",
        benchmark_common_causes=["Z"],
        effect_fraction_on_treatment=[0.5, 1.0],
        plot_estimate=False,
    )
    left = omitted(data, "X", "Y", ["Z", "W"])
    mark = benchmarks(data, "X", "Y", ["Z", "W"])[0]
    assert left.estimate == pytest.approx(theirs.stats["estimate"])
    assert left.se == pytest.approx(theirs.stats["standard_error"])
    assert left.partial_r2 == pytest.approx(float(theirs.stats["r2yt_w"]))
    assert left.robustness() == pytest.approx(theirs.stats["robustness_value"])
    assert left.robustness(level=0.95) == pytest.approx(theirs.stats["robustness_value_alpha"])
    for row, k in enumerate((0.5, 1.0)):
        told = theirs.benchmarking_results.iloc[row]
        r_x, r_y = mark.times(k)
        assert (r_x, r_y) == (pytest.approx(told["r2tu_w"]), pytest.approx(told["r2yu_tw"]))
        assert left.adjusted(r_x, r_y) == pytest.approx(
            (told["bias_adjusted_estimate"], told["bias_adjusted_se"]), rel=1e-6
        )


def test_resampled_estimates_spread_as_dowhys_do() -> None:
    data, asked, estimand, estimate = model(0)
    ask = Adjust("X", "Y", given=("Z", "W"), how="regression")
    assert ask(data).estimate == pytest.approx(estimate.value, abs=1e-9)
    placebo = asked.refute_estimate(
        estimand, estimate, method_name="placebo_treatment_refuter", placebo_type="permute", num_simulations=100
    )
    (found,) = refute(data, ask, which="placebo")
    assert abs(float(placebo.new_effect) - found.statistic) < (found.high - found.low) / 4
