"""Learners: optima that are optima, errors of left-out rows that are those of refits, predictions that saw nothing."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import UnknownName
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, nuisance
from butfor.scm.estimate.basis import Basis
from butfor.scm.estimate.nuisance import cross_fit, expit, folds_of, learn, least_chance, newton


def data(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    eta = z[:, 0] + np.sin(2 * z[:, 1])
    return z, eta + 0.5 * rng.normal(size=n), (rng.random(n) < expit(eta)).astype(float)


def test_newton_ends_where_the_slope_is_zero() -> None:
    z, _, t = data()
    terms = Basis.curved(z)(z)
    ridge = 0.3 * np.ones(terms.shape[1])
    beta = newton(terms, t, ridge, np.zeros(terms.shape[1]))
    assert np.abs(terms.T @ (t - expit(terms @ beta)) - ridge * beta).max() < 1e-4


def test_newton_of_separated_rows_stays_finite() -> None:
    z = np.linspace(-1, 1, 50)[:, None]
    fit = learn("linear", z, (z[:, 0] > 0).astype(float), logit=True)
    p = fit.predict(z)
    assert np.isfinite(p).all()
    assert ((p > 0.5) == (z[:, 0] > 0)).all()


def test_least_squares_is_least_squares() -> None:
    z, y, _ = data()
    design = np.c_[np.ones(300), z]
    exact = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert learn("linear", z, y, logit=False).predict(z) == pytest.approx(exact, abs=1e-6)


def test_the_ridge_penalty_is_the_one_whose_refits_err_least() -> None:
    z, y, _ = data(80)
    basis = Basis.curved(z)
    terms, weights = basis(z), basis.penalty
    chosen = nuisance._ridge(terms, weights, y)[1]

    def left_out(share: float) -> float:
        errors = []
        for i in range(80):
            rest = np.arange(80) != i
            # the same centring as on all rows: only the intercept is refitted
            beta = np.linalg.solve(
                terms[rest].T @ terms[rest] + np.diag(np.maximum(80 * share * weights, 1e-12)), terms[rest].T @ y[rest]
            )
            errors.append((y[i] - terms[i] @ beta) ** 2)
        return float(np.mean(errors))

    errors = [left_out(float(share)) for share in nuisance.PENALTIES]
    assert left_out(chosen) == pytest.approx(min(errors), rel=1e-6)


def test_the_left_out_deviance_is_near_that_of_refits() -> None:
    z, _, t = data(120)
    basis = Basis.curved(z)
    terms = basis(z)
    ridge = 0.1 * 120 * basis.penalty
    beta = newton(terms, t, ridge, np.zeros(terms.shape[1]))
    losses = []
    for i in range(120):
        rest = np.arange(120) != i
        eta = terms[i] @ newton(terms[rest], t[rest], ridge, beta)
        losses.append(np.logaddexp(0, eta) - t[i] * eta)
    assert nuisance.left_out(terms, t, ridge, beta) == pytest.approx(np.mean(losses), rel=0.02)


def test_curves_run_on_straight_a_little_way_and_then_stay_level() -> None:
    z, y, _ = data()
    fit = learn("spline", z, y, logit=False)
    edge = float(z[:, 0].max())
    a, b, c, d, e = fit.predict(np.c_[np.array([edge, edge + 0.1, edge + 0.2, edge + 2, edge + 50]), np.zeros(5)])
    assert c - b == pytest.approx(b - a, abs=1e-8)
    assert abs(b - a) > 1e-3
    assert d == e


def heavy(kind: str, n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates with long tails, a treatment, an outcome that the treatment moves by 0.6."""
    rng = np.random.default_rng(seed)
    draw = {
        "normal": rng.normal, "exponential": rng.exponential, "t": lambda size: rng.standard_t(3, size),
        "cauchy": rng.standard_cauchy,
    }[kind]  # fmt: skip
    z = np.asarray(draw(size=(n, k)))
    mean = np.clip(z - np.median(z, axis=0), -3, 3).sum(axis=1) * 0.5 / np.sqrt(k)
    x = (rng.random(n) < expit(mean)).astype(float)
    return z, x, 0.6 * x + mean + rng.normal(size=n)


@pytest.mark.parametrize(
    ("kind", "n", "k"), [("normal", 100, 1), ("exponential", 100, 1), ("exponential", 400, 2), ("t", 400, 1),
                         ("t", 600, 2), ("cauchy", 400, 2)]
)  # fmt: skip
def test_long_tails_do_not_carry_an_estimate_away(kind: str, n: int, k: int) -> None:
    """Curves made from other rows than they were fitted on gave errors of 2 to 1,469 here."""
    off = []
    for seed in range(40):
        z, x, y = heavy(kind, n, k, seed)
        columns = {"X": x, "Y": y, **{f"Z{i}": z[:, i] for i in range(k)}}
        off.append(Adjust("X", "Y", tuple(f"Z{i}" for i in range(k)), seed=seed).point(Columns.read(columns)) - 0.6)
    assert np.abs(off).max() < 1.5
    assert np.sqrt(np.mean(np.square(off))) < (0.45 if kind == "cauchy" else 0.3)


def test_predictions_of_curves_stay_near_the_outcomes() -> None:
    z, x, y = heavy("cauchy", 200, 2, 0)
    fold = folds_of(np.zeros(200, dtype=np.int64), 5, np.random.default_rng(0))
    found = cross_fit("spline", z, y, x > 0, fold, logit=False)
    arm = y[x > 0]
    assert found.min() >= arm.min() - np.ptp(arm) / 2
    assert found.max() <= arm.max() + np.ptp(arm) / 2


def test_a_basis_stays_small_for_the_rows() -> None:
    rng = np.random.default_rng(0)
    for n, k in ((60, 3), (300, 8), (5000, 20), (5000, 60)):
        basis = Basis.curved(rng.normal(size=(n, k)))
        assert len(basis.penalty) <= max(101, k + 1)
        assert len(basis.penalty) <= max(n / 5 + 1, k + 1)
    assert len(Basis.curved(rng.integers(0, 2, size=(500, 2)).astype(float)).penalty) == 4  # 1, two, a product


@pytest.mark.parametrize("learner", ["linear", "spline", "boosted"])
@pytest.mark.parametrize("logit", [False, True])
def test_learners_beat_the_mean_on_new_rows(learner: str, logit: bool) -> None:
    z, y, t = data(800)
    new = data(800, seed=1)
    target, truth = (t, new[2]) if logit else (y, new[1])
    error = np.mean((truth - learn(learner, z, target, logit=logit).predict(new[0])) ** 2)
    assert error < 0.9 * truth.var()
    if learner != "linear" and not logit:
        assert error < 0.35


def test_boosting_follows_a_step_that_lines_cannot() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, size=(600, 3))
    y = np.where((z[:, 0] > 0.2) & (z[:, 1] < 0), 2.0, 0.0)
    fit = learn("boosted", z, y, logit=False)
    assert np.mean((fit.predict(z) - y) ** 2) < 0.04
    assert np.mean((learn("linear", z, y, logit=False).predict(z) - y) ** 2) > 0.3


def test_no_row_is_predicted_by_a_fit_that_saw_it() -> None:
    z, y, _ = data(200)
    fold = folds_of(np.zeros(200, dtype=np.int64), 4, np.random.default_rng(0))
    everyone = np.ones(200, dtype=bool)
    for learner in ("mean", "linear", "spline"):
        before = cross_fit(learner, z, y, everyone, fold, logit=False)
        changed = y.copy()
        changed[fold == 2] += 100 * z[fold == 2, 0]
        after = cross_fit(learner, z, changed, everyone, fold, logit=False)
        assert after[fold == 2] == pytest.approx(before[fold == 2], abs=1e-9)
        assert np.abs(after[fold != 2] - before[fold != 2]).max() > 1


def test_folds_spread_every_group() -> None:
    groups = np.repeat([0, 1], [83, 17])
    fold = folds_of(groups, 5, np.random.default_rng(0))
    for group in (0, 1):
        counts = np.bincount(fold[groups == group], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_what_does_not_vary_is_predicted_as_it_is() -> None:
    z, _, _ = data(50)
    for logit in (False, True):
        assert (learn("spline", z, np.ones(50), logit=logit).predict(z) == 1).all()


def test_an_unknown_learner_is_named() -> None:
    z, y, _ = data(50)
    with pytest.raises(UnknownName, match="did you mean 'spline'"):
        learn("splines", z, y, logit=False)


def test_the_least_chance_falls_with_the_rows_between_its_ends() -> None:
    assert least_chance(10) == least_chance(50) == 0.1
    assert least_chance(1000) == pytest.approx(5 / (np.sqrt(1000) * np.log(1000)))
    assert least_chance(1_000_000) == 0.01
