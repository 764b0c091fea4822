"""CInA: the dual is the QP's solution, the trained layer agrees with it, and the network is invariant and honest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import minimize

from butfor.core.errors import DataError, MissingData, UserError
from butfor.data.effect_worlds import world
from butfor.pretrain.foundation import train_cina
from butfor.pretrain.foundation.cina import SHIPPED, CInA, loaded
from butfor.pretrain.foundation.cina_dual import MOST, Balance, intercept, project, solve
from butfor.pretrain.foundation.cina_net import calibrated, scores, shares, standard
from butfor.pretrain.foundation.cina_trained import train
from butfor.pretrain.foundation.cina_worlds import draw
from butfor.scm.analyst import Analyst, Table
from butfor.scm.columns import Columns, Floats


def problem(n: int = 30, strength: float = 1.0, seed: int = 0) -> Balance:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return Balance.of(x, np.where(rng.random(n) < 1 / (1 + np.exp(-x[:, 0])), 1.0, -1.0), strength)


def by_slsqp(given: Balance) -> Floats:
    k, w, n = given.matrix, given.w, len(given.w)
    found = minimize(
        lambda a: a @ k @ a - 2 * given.strength * a.sum(),
        np.full(n, 0.5),
        jac=lambda a: 2 * k @ a - 2 * given.strength,
        bounds=[(0, 1)] * n,
        constraints=[{"type": "eq", "fun": lambda a: w @ a, "jac": lambda _: w}],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    return np.asarray(found.x)


def analyst(**knobs: object) -> Analyst:
    return CInA(**knobs).model(Analyst(), np.random.default_rng(0))  # type: ignore[arg-type, return-value]


# the exact form -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.3, 1.0, 5.0])
def test_the_dual_agrees_with_a_qp_solver(strength: float) -> None:
    given = problem(strength=strength)
    alpha = solve(given, 1e-7)
    assert np.abs(alpha - by_slsqp(given)).max() < 2e-3
    assert abs(given.w @ alpha) < 1e-9 and alpha.min() >= 0 and alpha.max() <= 1
    assert 0 <= given.gap(alpha) < 1e-7


def test_self_attention_trained_by_descent_gives_the_same_weights() -> None:
    given = problem()
    alpha, trained = solve(given, 1e-7), train(given)
    assert np.abs(alpha - trained).max() < 0.02 and given.gap(trained) < 1e-3


def test_weights_are_read_off_the_values() -> None:
    given, alpha = problem(), np.random.default_rng(1).random(30)
    assert given.alpha(given.values(alpha)) == pytest.approx(alpha)


def test_the_primals_slope_is_zero_at_the_duals_values() -> None:
    given = problem()
    values, w = given.values(solve(given, 1e-9)), given.w
    attention = given.kernel / given.h[:, None]
    rng = np.random.default_rng(2)
    best = given.primal(values)
    assert all(given.primal(values + 1e-2 * np.abs(values).max() * rng.normal(size=30)) >= best for _ in range(20))
    told = attention @ values
    b = intercept(told, w)
    assert best == pytest.approx(
        0.5 * given.strength * values @ given.kernel @ values / given.h.mean() ** 2
        + np.maximum(1 - w * (torch.softmax(torch.from_numpy(np.log(given.kernel)), 1).numpy() @ values + b), 0).sum()
    )


def test_equal_arms_and_no_penalty_are_the_difference_of_means() -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    assert solve(Balance.of(x, np.tile([1.0, -1.0], 10), 1e6)) == pytest.approx(np.ones(20))


def test_dividing_by_h_or_multiplying_is_one_where_h_is_equal() -> None:
    angle = 2 * np.pi * np.arange(12) / 12
    given = Balance.of(np.column_stack([np.cos(angle), np.sin(angle)]), np.where(np.arange(12) % 3 == 0, 1.0, -1.0), 1)
    assert np.ptp(given.h) < 1e-9
    alpha = solve(given, 1e-9)
    values = given.values(alpha)  # λ h v W / h̄² = λ v W / h where all h are h̄
    assert given.strength * values * given.w / given.h == pytest.approx(alpha)


def test_the_projection_is_the_nearest_allowed_point() -> None:
    rng = np.random.default_rng(0)
    w, wild = np.where(rng.random(15) < 0.3, 1.0, -1.0), rng.normal(size=15) * 2
    near = project(wild, w)
    assert abs(w @ near) < 1e-9
    for _ in range(50):
        other = project(rng.normal(size=15) * 2, w)
        assert (wild - near) @ (other - near) <= 1e-6


def test_too_many_rows_name_the_fix() -> None:
    with pytest.raises(DataError, match="amortised"):
        Balance.of(np.zeros((MOST + 1, 1)), np.ones(MOST + 1), 1.0)


# the amortised form -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return loaded(SHIPPED)


def test_the_order_of_rows_and_columns_does_not_matter(weights: dict[str, torch.Tensor]) -> None:
    rng = torch.Generator().manual_seed(0)
    x = standard(torch.randn(1, 50, 7, generator=rng))
    w = (torch.rand(1, 50, generator=rng) < 0.4).float()
    rows, columns = torch.randperm(50, generator=rng), torch.randperm(7, generator=rng)
    found = scores(weights, x, w)
    assert torch.allclose(scores(weights, x[:, rows][..., columns], w[:, rows]), found[:, rows], atol=2e-4)


def test_weights_of_an_arm_sum_to_one_and_calibrating_balances(weights: dict[str, torch.Tensor]) -> None:
    worlds = draw(torch.Generator().manual_seed(1), rows=512)
    one, none = shares(scores(weights, worlds.x, worlds.w), worlds.w)
    assert torch.allclose(one.sum(1), torch.ones(len(one))) and float((one * (1 - worlds.w)).abs().max()) == 0
    moved = calibrated(none.double(), worlds.x.double(), ridge=1e-9)
    assert torch.allclose(moved.sum(1), torch.ones(len(one)).double(), atol=1e-5)
    means = (moved[:, None] @ worlds.x.double())[:, 0]
    assert torch.allclose(means, worlds.x.double().mean(1), atol=1e-4)


def test_a_loss_has_the_gradient_that_it_should() -> None:
    rng = torch.Generator().manual_seed(0)
    worlds = draw(rng, rows=64, functions=2)
    double = type(worlds)(*(getattr(worlds, name)[:1, :12].double() for name in ("x", "w", "levels", "effects")))
    u = torch.randn(1, 12, generator=rng, dtype=torch.float64, requires_grad=True)

    def loss(u: torch.Tensor) -> torch.Tensor:
        one, none = shares(u, double.w)
        return train_cina.error(calibrated(one, double.x), calibrated(none, double.x), double).sum()

    assert torch.autograd.gradcheck(loss, (u,))


def test_calibrated_is_the_augmented_estimator_with_a_weighted_ridge(weights: dict[str, torch.Tensor]) -> None:
    known = world("linear", 2, 120)
    x = standard(torch.from_numpy(known.data.matrix(known.given)))
    t = torch.from_numpy(known.data["t"])
    u = scores(weights, x.float()[None], t.float()[None])[0].double()
    alpha, y, z, means = (torch.sigmoid(u) + 1e-9).detach().numpy(), known.data["y"], x.numpy(), list[float]()
    for arm in (1.0, 0.0):
        share = alpha * (known.data["t"] == arm)
        share /= share.sum()
        away = z - share @ z
        gram = (away * share[:, None]).T @ away + z.shape[1] * (share @ share) * np.eye(z.shape[1])
        line = np.linalg.solve(gram, (away * share[:, None]).T @ y)
        means.append(float(np.mean(share @ y + away @ line)))
    found = analyst().estimate(known.table).effect
    assert found.estimate == pytest.approx(means[0] - means[1], abs=1e-6)


def test_it_removes_most_of_the_confounding_and_its_intervals_hold() -> None:
    cases = [world(family, number, 200, seed=1) for family in ("linear", "heterogeneous") for number in range(12)]
    off: dict[str, list[float]] = {"amortised": [], "naive": []}
    held = 0
    estimate = analyst().estimate
    for known in cases:
        effect = estimate(known.table).effect
        held += not effect.excludes(known.truth)
        y, t = known.data["y"], known.data["t"] == 1
        off["amortised"].append(abs(effect.estimate - known.truth))
        off["naive"].append(abs(float(y[t].mean() - y[~t].mean()) - known.truth))
    assert np.mean(off["amortised"]) < 0.4 * np.mean(off["naive"])
    assert held >= 20  # of 24; 19 or fewer have a chance of 0.6 % at 95 %


@pytest.mark.parametrize("knobs", [{"form": "exact"}, {"form": "trained"}, {"calibrate": False}])
def test_the_other_forms_estimate_too(knobs: dict[str, object]) -> None:
    known = world("linear", 1, 150)
    effect = analyst(**knobs).estimate(known.table).effect
    y, t = known.data["y"], known.data["t"] == 1
    assert abs(effect.estimate - known.truth) < 0.6 * abs(float(y[t].mean() - y[~t].mean()) - known.truth)
    assert effect.low < effect.estimate < effect.high


@pytest.mark.parametrize("form", ["amortised", "exact"])
def test_no_covariates_are_the_difference_of_means(form: str) -> None:
    t = np.tile([1.0, 0.0], 10)
    data = Columns.read({"t": t, "y": np.arange(20.0)})
    assert analyst(form=form).estimate(Table(data, "t", "y", ())).effect.estimate == pytest.approx(-1.0)


def test_more_than_two_arms_are_refused() -> None:
    data = Columns.read({"t": np.tile([0.0, 1.0, 2.0], 5), "y": np.arange(15.0), "z": np.arange(15.0) ** 2})
    with pytest.raises(DataError, match="two arms"):
        analyst().estimate(Table(data, "t", "y", ("z",)))


def test_bad_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="does not exist"):
        analyst(checkpoint=str(tmp_path / "none.safetensors"))
    (tmp_path / "bad.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="no checkpoint of CInA"):
        analyst(checkpoint=str(tmp_path / "bad.safetensors"))
    from safetensors.torch import save_file

    save_file({"rows": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="no checkpoint of CInA"):
        analyst(checkpoint=str(tmp_path / "other.safetensors"))


def test_weights_are_part_of_a_runs_name_and_a_missing_file_is_told_before_it(tmp_path: Path) -> None:
    from butfor.core.errors import SpecError
    from butfor.experiment import load, name_of, sources

    table = {
        "name": "x",
        "model": "analyst",
        "seeds": [0],
        "measure": [{"suite": "effect.worlds", "primary": True}],
        "control": {"method": "pretrain.foundation.classical"},
        "treatment": {"method": "pretrain.foundation.cina", "checkpoint": str(tmp_path / "weights")},
    }
    with pytest.raises(SpecError, match="does not exist"):
        load(table)
    (tmp_path / "weights").write_bytes(b"no weights")
    with pytest.raises(SpecError, match="no checkpoint of CInA"):  # before anything runs
        load(table)
    names: list[str] = []
    for scale in (1.0, 2.0):
        save_file({name: scale * value for name, value in load_file(SHIPPED).items()}, tmp_path / "weights")
        experiment = load(table)
        names.append(name_of(experiment, sources(experiment)))
    assert names[0] != names[1]
    assert CInA().rests_on and not CInA(form="exact").rests_on


def test_identity_follows_what_decides_the_answers() -> None:
    arms = [analyst(), analyst(calibrate=False), analyst(form="exact"), analyst(form="exact", strength=2.0)]
    assert len({arm.fingerprint() for arm in arms}) == 4 and analyst().fingerprint() == arms[0].fingerprint()


def test_the_shipped_checkpoint_is_small_and_has_its_log() -> None:
    assert SHIPPED.stat().st_size < 8e6
    lines = [json.loads(line) for line in SHIPPED.with_suffix(".jsonl").read_text().splitlines()]
    assert lines[-1]["read"] < 0.5 * lines[-1]["equal"] and lines[-1]["calibrated"] < lines[-1]["equal_calibrated"]


@pytest.mark.slow
def test_training_is_exact_by_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_cina, "HELD_OUT", 1)
    plan = train_cina.Plan(steps=2, rows=64, size=train_cina.Size(width=16, blocks=2, heads=1))
    one, two = (train_cina.train(plan, tmp_path / f"{run}.jsonl") for run in "ab")
    assert all(torch.equal(one[name], two[name]) for name in one)
    train_cina.save(one, tmp_path / "a.safetensors", plan)
    assert analyst(checkpoint=str(tmp_path / "a.safetensors")).notes


@pytest.mark.slow
def test_memory_grows_with_the_rows_alone(weights: dict[str, torch.Tensor]) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    x = standard(torch.randn(1, 20000, 10, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        scores(weights, x, (x[..., 0] > 0).float())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 20000 * 20000  # a quarter of one attention matrix
