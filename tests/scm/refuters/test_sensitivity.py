"""Closed forms against their definitions: published E-values, and an omitted variable that is really there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from butfor.core.errors import DataError, QueryError
from butfor.scm.refuters.batched import basis, linear, logistic, with_one, without
from butfor.scm.refuters.sensitivity import (
    Benchmark,
    Omitted,
    benchmarks,
    e_value,
    e_value_of_difference,
    omitted,
    tipping,
)
from butfor.stats.effect import Effect

Floats = NDArray[np.float64]


def columns(n: int = 400, seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    z, w = rng.normal(size=(2, n))
    x = 0.5 * z - 0.2 * w + rng.normal(size=n)
    return {"X": x, "Z": z, "W": w, "Y": 0.4 * x + 0.8 * z + 0.1 * w + rng.normal(size=n)}


def ols(y: Floats, *columns: Floats) -> tuple[Floats, Floats]:
    design = np.column_stack([np.ones(len(y)), *columns])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    rest = y - design @ beta
    cov = np.linalg.inv(design.T @ design) * (rest @ rest) / (len(y) - design.shape[1])
    return beta, np.sqrt(np.diag(cov))


def hidden(data: dict[str, Floats], r_x: float, r_y: float) -> Floats:
    """A variable that explains exactly these shares in the sample, pushing the estimate towards zero."""
    q = basis(np.column_stack([data["Z"], data["W"]]))
    x = without(data["X"], q)
    y = without(data["Y"], basis(np.column_stack([data["Z"], data["W"], data["X"]])))
    noise = without(
        np.random.default_rng(5).normal(size=len(x)),
        basis(np.column_stack([data["Z"], data["W"], data["X"], data["Y"]])),
    )
    unit = [part / np.linalg.norm(part) for part in (x, y, noise)]
    share = [math.sqrt(r_x), math.sqrt(r_y * (1 - r_x)), math.sqrt((1 - r_x) * (1 - r_y))]
    return share[0] * unit[0] + share[1] * unit[1] + share[2] * unit[2]


def test_published_e_values() -> None:
    found = e_value(3.9, 1.8, 8.7)  # VanderWeele & Ding 2017: maternal smoking's example
    assert round(found.estimate, 2) == 7.26
    assert round(found.bound, 1) == 3.0
    assert e_value(1 / 3.9, 1 / 8.7, 1 / 1.8).bound == pytest.approx(found.bound)
    assert e_value(1.3, 0.9, 1.9).bound == 1.0
    assert e_value(1.0).estimate == 1.0


def test_an_e_value_is_where_the_bounding_factor_meets_the_ratio() -> None:
    for ratio in (1.1, 2.0, 7.5):
        e = e_value(ratio).estimate
        assert e * e / (2 * e - 1) == pytest.approx(ratio)


def test_a_difference_in_standard_deviations_has_an_e_value() -> None:
    effect = Effect(estimate=1.0, low=0.2, high=1.8, p=0.01, n=50, method="t")
    assert e_value_of_difference(effect, 2.0) == e_value(math.exp(0.455), math.exp(0.091), math.exp(0.819))


@pytest.mark.parametrize(("r_x", "r_y"), [(0.0, 0.3), (0.1, 0.1), (0.3, 0.05), (0.05, 0.6), (0.4, 1.0)])
def test_an_omitted_variable_moves_the_regression_as_the_form_says(r_x: float, r_y: float) -> None:
    data = columns()
    beta, se = ols(data["Y"], data["X"], data["Z"], data["W"], hidden(data, r_x, r_y))
    left = omitted(data, "X", "Y", ["Z", "W"])
    moved, width = left.adjusted(r_x, r_y)
    assert beta[1] == pytest.approx(moved, abs=1e-9)
    assert se[1] == pytest.approx(width, abs=1e-9)


def test_the_regression_itself() -> None:
    data = columns()
    beta, se = ols(data["Y"], data["X"], data["Z"], data["W"])
    left = omitted(data, "X", "Y", ["Z", "W"])
    assert (left.estimate, left.se, left.df) == (pytest.approx(beta[1]), pytest.approx(se[1]), 396)


def test_robustness_values_are_where_the_estimate_and_its_significance_go() -> None:
    left = omitted(columns(), "X", "Y", ["Z", "W"])
    rv = left.robustness()
    assert left.bias(rv, rv) == pytest.approx(abs(left.estimate))
    half = left.robustness(0.5)
    assert left.bias(half, half) == pytest.approx(abs(left.estimate) / 2)
    at = left.robustness(level=0.95)
    assert 0 < at < rv
    assert left.interval(at, at)[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("t", [3.0, 8.0, 25.0, 80.0])
def test_the_robustness_of_an_interval_is_the_least_over_all_variables(t: float) -> None:
    left = Omitted(t, 1.0, 100)
    at = left.robustness(level=0.95)
    grid = np.linspace(0, 1, 4001)
    for scale, lost in ((0.999, False), (1.001, True)):
        r = min(at * scale, 1 - 1e-9)
        worst = min(left.interval(r, min(float(r_y), r))[0] for r_y in grid)
        assert (worst <= 0) == lost


def test_a_strong_covariate_bounds_a_variable_like_it() -> None:
    """A hidden variable with k times the covariate's strength, and unrelated to it, explains what `times` says."""
    rng = np.random.default_rng(3)
    n = 200_000
    z, u = rng.normal(size=(2, n))
    x = 0.5 * z + 0.5 * u + rng.normal(size=n)
    y = x + 0.7 * z + 0.7 * u + rng.normal(size=n)
    mark = benchmarks({"X": x, "Y": y, "Z": z}, "X", "Y", ["Z"])[0]
    r_x, r_y = mark.times(1.0)
    q = basis(z[:, None])
    with_u = omitted({"X": without(x, q), "Y": u}, "X", "Y")
    assert with_u.partial_r2 > 0
    rest_u, rest_x = without(u, q), without(x, q)
    assert r_x == pytest.approx(float(np.corrcoef(rest_u, rest_x)[0, 1] ** 2), rel=0.03)
    q2 = basis(np.column_stack([z, x]))
    found = float(np.corrcoef(without(u, q2), without(y, q2))[0, 1] ** 2)
    assert r_y == pytest.approx(found, rel=0.03)
    left = omitted({"X": x, "Y": y, "Z": z}, "X", "Y", ["Z"])
    truth = ols(y, x, z, u)[0][1]
    assert left.adjusted(r_x, r_y)[0] == pytest.approx(truth, abs=0.02)


def test_the_tipping_point_carries_the_estimate_to_zero() -> None:
    data = columns()
    left = omitted(data, "X", "Y", ["Z", "W"])
    for mark in benchmarks(data, "X", "Y", ["Z", "W"]):
        k = tipping(left, mark)
        assert left.adjusted(*mark.times(k))[0] == pytest.approx(0, abs=1e-6)
    assert tipping(left, Benchmark("none", 0.0, 0.0)) == math.inf


def test_label_columns_count_as_one_benchmark() -> None:
    data = columns()
    labelled = {**data, "Z": np.array(["low", "middle", "high"])[np.digitize(data["Z"], [-0.5, 0.5])]}
    named = {mark.name: mark for mark in benchmarks(labelled, "X", "Y", ["Z", "W"])}
    assert set(named) == {"Z", "W"}
    assert named["Z"].r_x > named["W"].r_x


@pytest.mark.parametrize("seed", range(3))
def test_many_regressions_at_once_are_each_of_them(seed: int) -> None:
    data = columns(80, seed)
    rng = np.random.default_rng(seed)
    covariates = np.column_stack([data["Z"] * 1e4, 5 + data["W"]])
    x, y = data["X"], data["Y"]
    xs, ys = rng.permuted(np.tile(x, (5, 1)), axis=1), rng.permuted(np.tile(y, (5, 1)), axis=1)
    extra, weights = rng.normal(size=(5, 80)), rng.poisson(1, size=(5, 80)).astype(float)
    for found, cases in (
        (linear(x, y, covariates), [(x, y, covariates)]),
        (linear(xs, y, covariates), [(row, y, covariates) for row in xs]),
        (linear(x, ys, covariates), [(x, row, covariates) for row in ys]),
        (linear(x, y, covariates, added=extra), [(x, y, np.column_stack([covariates, row])) for row in extra]),
        (
            linear(x, y, covariates, weights=weights),
            [tuple(np.repeat(part, row.astype(int), axis=0) for part in (x, y, covariates)) for row in weights],
        ),
    ):
        assert found == pytest.approx([ols(b, a, *c.T)[0][1] for a, b, c in cases], abs=1e-9)


def test_a_collinear_treatment_gives_nan() -> None:
    z = np.arange(10.0)
    assert np.isnan(linear(2 * z + 1, z**2, z[:, None])).all()
    assert np.isnan(linear(2 * z + 1, z**2, z[:, None], weights=np.ones((2, 10)))).all()


def test_many_logistic_fits_solve_their_score_equations() -> None:
    rng = np.random.default_rng(2)
    design = with_one(rng.normal(size=(300, 2)) * [1, 100])
    label = (rng.random(300) < 1 / (1 + np.exp(-design[:, 1]))).astype(float)
    weights = rng.poisson(1, size=(4, 300)).astype(float)
    chance = logistic(design, label, weights)
    assert np.abs((weights * (label - chance)) @ design).max() < 1e-3
    permuted = rng.permuted(np.tile(label, (4, 1)), axis=1)
    assert np.abs((permuted - logistic(design, permuted)) @ design).max() < 1e-3


def test_bad_input_is_refused() -> None:
    data = columns(30)
    with pytest.raises(QueryError, match="positive number, not -1"):
        e_value(-1.0)
    with pytest.raises(QueryError, match="outside its interval"):
        e_value(2.0, 3.0, 4.0)
    with pytest.raises(QueryError, match="between 0 and 1, not 2"):
        omitted(data, "X", "Y").bias(2.0, 0.1)
    with pytest.raises(DataError, match="determine 'X'"):
        omitted({**data, "Z": 2 * data["X"]}, "X", "Y", ["Z"])
    with pytest.raises(DataError, match="too few"):
        omitted({name: column[:4] for name, column in data.items()}, "X", "Y", ["Z", "W"])
    with pytest.raises(DataError, match="constant"):
        omitted({**data, "X": np.ones(30)}, "X", "Y")
