"""Functional models: the same answers as closed forms, exact abduction where it can be, refusals where it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.models.functional import Functional, functional
from butfor.scm.models.gaussian import LinearGaussian, Shift, linear
from butfor.scm.models.mechanism import Categorical, EmpiricalNoise, Function, NormalNoise, UniformNoise
from butfor.scm.models.model import SCM, World


def pair(draws: int = 40_000) -> tuple[Functional, LinearGaussian]:
    """One linear model written twice: Z -> X -> Y, Z -> Y, a latent U -> X, U -> Y."""
    exact = linear({"U": {}, "Z": {}, "X": {"Z": 0.8, "U": 1.0}, "Y": {"X": -1.5, "Z": 1.0, "U": 0.7}}, latent=["U"])
    drawn = functional(
        {
            "U": lambda noise: noise,
            "Z": lambda noise: noise,
            "X": lambda Z, U, noise: 0.8 * Z + U + noise,
            "Y": lambda X, Z, U, noise: -1.5 * X + Z + 0.7 * U + noise,
        },
        additive=True,
        latent=["U"],
        draws=draws,
    )
    return drawn, exact


def test_agrees_with_the_closed_form_on_three_rungs() -> None:
    drawn, exact = pair()
    assert drawn.graph == exact.graph == Graph.parse("Z -> X -> Y; Z -> Y; X <-> Y")
    for question in (
        lambda m: m.mean("Y"),
        lambda m: m.p("Y>1, X<0"),
        lambda m: m.mean("Y", "X=1"),
        lambda m: m.mean("Y", "X>1"),
        lambda m: m.do(X=1).mean("Y"),
        lambda m: m.do(X=1).p("Y>0 | Z=1"),
        lambda m: m.ate("X", "Y>0"),
        lambda m: m.do(X=Shift(1)).mean("Y"),
        lambda m: m.att("X", "Y>0"),
        lambda m: m.pn("X", "Y<0"),
        lambda m: m.pns("X", "Y<0"),
        lambda m: m.nie("Z", "Y>0"),
        lambda m: m.path_specific("Z", "Y>0", "Z -> X -> Y"),
        lambda m: m.counterfactual({"X": 1.0, "Y": 2.0}, {"X": 0.0}).mean("Y"),
        lambda m: m.counterfactual("X=1, Y>0", {"X": 0.0}).p("Y>1"),
        lambda m: m.parallel([World({"X": 1}), World({"X": 0})], "Z=1").p({0: "Y>0", 1: "Y<1"}),
    ):
        truth, effect = question(exact), drawn.effect(question, level=0.9999)
        assert effect.low - 1e-9 <= truth <= effect.high + 1e-9
        assert effect.high - effect.low < 0.4
    assert drawn.ate("X", "Y") == pytest.approx(exact.ate("X", "Y"), abs=1e-9)  # the same noise in both arms


def test_the_stated_error_is_the_error() -> None:
    errors: list[float] = []
    for seed in range(60):
        drawn = functional({"X": lambda noise: noise, "Y": lambda X, noise: X + noise}, additive=True, draws=2000,
                           seed=seed)  # fmt: skip
        worlds = drawn.parallel([World({"X": 0.0})], "Y=1")
        errors.append((worlds.mean("Y", 0) - 0.5) / worlds.standard_error("Y", 0))
        assert 500 < worlds.effective < 2000
    assert 0.75 < float(np.std(errors)) < 1.3


def test_a_fully_seen_unit_is_exact_whatever_the_functions() -> None:
    m = functional(
        {
            "X": Function(lambda noise: 2 * np.exp(noise), inverse=lambda x: np.log(x / 2)),
            "M": Function(lambda X, noise: X**2 + noise, additive=True, noise=UniformNoise(-1, 1)),
            "Y": Function(lambda X, M, noise: np.cbrt(X * M / 5 + noise), inverse=lambda y, x, m: y**3 - x * m / 5),
        },
        draws=200,
    )  # fmt: skip
    fact = {"X": 1.5, "M": 2.0, "Y": 3.0}
    noise_m, noise_y = 2.0 - 1.5**2, 3.0**3 - 1.5 * 2.0 / 5
    what_if = m.counterfactual(fact, {"X": 0.5})
    assert what_if.mean("M") == pytest.approx(0.25 + noise_m, abs=1e-12)
    assert what_if.mean("Y") == pytest.approx(np.cbrt(0.5 * (0.25 + noise_m) / 5 + noise_y), abs=1e-12)
    assert m.parallel([World({"X": 0.5})], fact).effective == pytest.approx(200)  # type: ignore[attr-defined]
    same = m.counterfactual(fact, {"X": 1.5})  # composition
    assert [same.mean(name) for name in fact] == pytest.approx(list(fact.values()), abs=1e-9)


def test_a_density_that_stretches_is_weighed_by_its_slope() -> None:
    """Y = exp(X + noise) and log Y = X + noise are the same evidence."""
    plain = functional({"X": lambda noise: noise, "Y": lambda X, noise: X + noise}, additive=True)
    bent = functional({
        "X": Function(lambda noise: noise, additive=True),
        "Y": Function(
            lambda X, noise: np.exp(X + (1 + X**2) * noise), inverse=lambda y, x: (np.log(y) - x) / (1 + x**2)
        ),
    })  # fmt: skip
    assert plain.mean("X", "Y=1") == pytest.approx(0.5, abs=0.02)
    x = np.linspace(-8, 8, 20_001)
    weight = np.exp(-(x**2) / 2 - ((1 - x) / (1 + x**2)) ** 2 / 2) / (1 + x**2)
    assert bent.mean("X", {"Y": np.e}) == pytest.approx(float(weight @ x / weight.sum()), abs=0.02)


def test_discrete_variables_are_exact_in_their_evidence() -> None:
    m = functional(
        {
            "Z": Categorical(("low", "high"), lambda: np.array([0.7, 0.3])),
            "X": Categorical((0, 1), lambda z: np.where((z == "high")[:, None], [0.2, 0.8], [0.9, 0.1]), ("Z",)),
            "Y": lambda X, Z, noise: X + 2 * (Z == "high") + noise,
        },
        additive=["Y"],
    )
    assert m.p("X=1") == pytest.approx(0.7 * 0.1 + 0.3 * 0.8, abs=0.005)
    assert m.p("Z=high | X=1") == pytest.approx(0.24 / 0.31, abs=0.005)
    assert m.do(Z={"low": 0.5, "high": 0.5}).mean("Y") == pytest.approx(0.45 + 1, abs=0.02)
    assert m.do(Z="high").p("X=1, Y>2.5") == pytest.approx(m.do(Z="high").p("Y>2.5 | X=1") * 0.8, abs=0.01)
    with pytest.raises(QueryError, match="holds labels"):
        m.mean("Z")
    with pytest.raises(QueryError, match="no order"):
        m.p("Z>low")
    for broken in (lambda: m.mean("Y", "Z=medium"), lambda: m.do(Z="medium"), lambda: m.do(X=2)):
        with pytest.raises(UnknownName, match=r"unknown value of [XZ]"):
            broken()


def test_tables_as_mechanisms_are_the_comonotone_discrete_model() -> None:
    exact = SCM.discrete({"Z": 0.4, "X": ("Z", [0.2, 0.7]), "Y": (("X", "Z"), [[0.1, 0.6], [0.5, 0.3]])})
    mechanisms = {
        name: Categorical((0, 1), lambda *causes, p=table.p: p[tuple(causes)], table.parents)
        for name, table in exact.tables.items()
    }
    drawn = functional(mechanisms)
    for question in (
        lambda m: m.p("Y=1 | X=0"),
        lambda m: m.counterfactual({"X": 0, "Y": 0}, {"X": 1}).mean("Y"),
        lambda m: m.pn("X", "Y"),
        lambda m: m.pns("X", "Y"),
        lambda m: m.nie("Z", "Y"),
        lambda m: m.do(X={0: 0.3, 1: 0.7}).mean("Y"),
    ):
        assert question(drawn) == pytest.approx(question(exact), abs=0.01)


def test_mechanisms_that_cannot_be_solved_are_sampled_or_refused() -> None:
    clipped = functional({"X": lambda noise: (noise > 0) * 1.0, "Y": lambda X, noise: np.maximum(X + noise, 0)})
    assert clipped.counterfactual("X=1, Y=0", {"X": 0}).mean("Y") == pytest.approx(0, abs=1e-12)
    with pytest.raises(Impossible, match="additive=True"):
        clipped.mean("X", "Y=0.5")
    rare = functional({"X": lambda noise: noise, "Y": lambda X, noise: 100 * X + noise}, additive=True, draws=1000)
    with pytest.raises(Impossible, match="so rare that only"):
        rare.mean("X", "Y=250")


def test_seeds_and_interventions() -> None:
    m, _ = pair(1000)
    assert np.array_equal(m.sample(5, seed=1)["Y"], m.sample(5, seed=1)["Y"])
    assert not np.array_equal(m.sample(5, seed=1)["Y"], m.sample(5, seed=2)["Y"])
    soft = m.do(X=lambda Z, noise: Z + 0 * noise)
    assert soft.graph.parents("X") == {"Z"} and np.allclose(soft.sample(9)["X"], soft.sample(9)["Z"])
    with pytest.raises(GraphError, match="cycle"):
        m.do(Z=lambda Y, noise: Y)


def test_mistakes_cost_one_line() -> None:
    def build(**mechanisms: Any) -> Functional:
        return functional(mechanisms)

    for broken, error, words in (
        (lambda: build(X=lambda Y, noise: Y, Y=lambda X, noise: X), GraphError, "cycle"),
        (lambda: build(X=lambda u: u), QueryError, "by that name"),
        (lambda: build(X=lambda noise: 1 / (noise * 0)), GraphError, "not finite"),
        (lambda: build(X=Function(lambda noise: noise**3, additive=True)), QueryError, "not added at the end"),
        (lambda: build(X=Function(lambda noise: noise**3, inverse=lambda x: x)), QueryError, "inverse does not"),
        (lambda: functional({"X": lambda noise: noise}, noise={"Y": NormalNoise()}), UnknownName, "unknown variable"),
        (lambda: build(X=lambda noise: noise).p("X=1"), QueryError, "ask for an interval"),
        (lambda: build(X=lambda noise: noise).p("X!=1"), QueryError, "X is continuous"),
        (
            lambda: functional({"X": lambda noise: noise}, noise={"X": EmpiricalNoise(np.arange(300) / 7)}).p("X=0.5"),
            QueryError,
            "X is continuous",
        ),
        (lambda: build(X=lambda noise: noise).p("X>high"), QueryError, "is a number"),
        (lambda: build(X=lambda noise: noise).do(X={0: 0.5, 1: 0.6}), QueryError, "sum to one"),
        (lambda: build(X=lambda noise: noise).mean("Y"), UnknownName, "unknown variable"),
        (lambda: build(X=lambda Y, noise: Y), UnknownName, "unknown variable"),
    ):
        with np.errstate(divide="ignore"), pytest.raises(error, match=words):
            broken()


def test_noise_of_seen_values_has_a_density() -> None:
    values = np.random.default_rng(0).normal(size=4000)
    noise = EmpiricalNoise(values)
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(noise.log_density(grid))
    assert float(density.sum() * (grid[1] - grid[0])) == pytest.approx(1, abs=0.01)
    assert float(np.interp(0, grid, density)) == pytest.approx(0.399, abs=0.03)
    assert np.isfinite(noise.log_density(np.array([50.0]))).all()


def test_the_face_makes_it() -> None:
    assert SCM.functional({"X": lambda noise: noise}, draws=1000).mean("X>0") == pytest.approx(0.5, abs=0.05)
