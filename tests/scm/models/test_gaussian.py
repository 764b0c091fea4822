"""Linear-Gaussian models: closed forms against big samples, linear solves, and the laws of counterfactuals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.models.event import Condition
from butfor.scm.models.gaussian import Linear, LinearGaussian, Shift, linear
from butfor.scm.models.model import SCM, World


def triangle() -> LinearGaussian:
    """Z -> X -> M -> Y with Z -> Y, X -> Y and X <-> Y."""
    return linear(
        {"Z": {}, "X": {"Z": 0.8}, "M": {"X": -1.2}, "Y": {"X": 0.5, "M": 0.7, "Z": 1.5}},
        constant={"Z": 1.0, "Y": -2.0},
        variance={"Z": 2.0, "X": 1.0, "M": 0.5, "Y": 1.5},
        covariance={("X", "Y"): 0.6},
    )


def solved(m: LinearGaussian, u: np.ndarray, **done: float) -> np.ndarray:
    """Brute force: every unit's equations solved with some variables held; [n, k] <- noise [n, k]."""
    b, c, u = m.b.copy(), m.c.copy(), u.copy()
    for name, value in done.items():
        i = m.names.index(name)
        b[i], c[i], u[:, i] = 0, value, 0
    return np.linalg.solve(np.eye(len(b)) - b, (c + u).T).T


def test_graph_shows_effects_and_correlated_noise() -> None:
    assert triangle().graph == Graph.parse("Z -> X -> M -> Y; Z -> Y; X -> Y; X <-> Y")
    hidden = linear({"X": {"U": 1}, "Y": {"U": 1, "X": 2}}, latent=["U"])
    assert hidden.graph == Graph.parse("X -> Y; X <-> Y") and set(hidden.sample(3)) == {"X", "Y"}


def test_seeing_matches_a_big_sample() -> None:
    m = triangle()
    drawn = m.sample(200_000, seed=1)
    for name in m.names:
        assert m.mean(name) == pytest.approx(drawn[name].mean(), abs=0.03)
    values = np.cov([drawn[name] for name in m.names])
    assert np.allclose(m.covariance(m.names), values, rtol=0.03, atol=0.03)
    assert m.p("Y>1") == pytest.approx((drawn["Y"] > 1).mean(), abs=0.005)
    both = (drawn["Y"] > 0) & (drawn["X"] < 1)
    assert m.p("Y>0, X<1") == pytest.approx(both.mean(), abs=0.005)
    assert m.p("Y>0 | X<1") == pytest.approx(both.mean() / (drawn["X"] < 1).mean(), abs=0.005)
    assert m.mean("Y", "X<1, Z>0") == pytest.approx(drawn["Y"][(drawn["X"] < 1) & (drawn["Z"] > 0)].mean(), abs=0.03)


def test_conditionals_are_regressions() -> None:
    m = triangle()
    s = m.covariance(m.names)
    y, given_ = m.names.index("Y"), [m.names.index("X"), m.names.index("Z")]
    weights = np.linalg.solve(s[np.ix_(given_, given_)], s[given_, y])
    expected = m.mean("Y") + weights @ (np.array([1.0, 2.0]) - [m.mean("X"), m.mean("Z")])
    assert m.mean("Y", {"X": 1, "Z": 2}) == pytest.approx(expected, abs=1e-12)
    assert m.var("Y", "X=1, Z=2") == pytest.approx(s[y, y] - weights @ s[given_, y], abs=1e-12)
    assert m.quantile("Y", 0.975, "X=1, Z=2") == pytest.approx(
        expected + 1.959963985 * math.sqrt(m.var("Y", {"X": 1, "Z": 2})), abs=1e-8
    )


def test_doing_is_path_tracing() -> None:
    m = triangle()
    assert m.total("X", "Y") == pytest.approx(0.5 - 1.2 * 0.7)
    assert m.ate("X", "Y") == pytest.approx(m.total("X", "Y"), abs=1e-12)
    assert m.att("X", "Y", 3, 1) == pytest.approx(2 * m.total("X", "Y"), abs=1e-12)
    assert m.nde("X", "Y") == pytest.approx(0.5, abs=1e-12)
    assert m.nie("X", "Y") == pytest.approx(-1.2 * 0.7, abs=1e-12)
    assert m.cde("X", "Y", {"M": 4.0}) == pytest.approx(0.5, abs=1e-12)
    assert m.path_specific("Z", "Y", "Z -> X -> M -> Y") == pytest.approx(0.8 * -1.2 * 0.7, abs=1e-12)
    assert m.ate("X", "Y>0", 2, 0) == pytest.approx(m.do(X=2).p("Y>0") - m.do(X=0).p("Y>0"))


def test_hard_soft_stochastic_and_shift() -> None:
    m = triangle()
    assert m.do(X=2).mean("M") == pytest.approx(-2.4) and m.do(X=2).var("X") == 0
    assert "X" not in {b for _, b in m.do(X=2).graph.edges} and not m.do(X=2).graph.confounded
    soft = m.do(M=Linear({"Z": 2.0}, 1.0, 0.25))
    assert soft.mean("M") == pytest.approx(2 * 1.0 + 1) and soft.graph.parents("M") == {"Z"}
    spread = m.do(X=Linear({}, 1.0, 4.0))
    assert (spread.mean("X"), spread.var("X")) == pytest.approx((1.0, 4.0))
    assert spread.covariance(["X", "Z"])[0, 1] == pytest.approx(0)
    moved = m.do(X=Shift(1.0))
    assert moved.mean("Y") - m.mean("Y") == pytest.approx(m.total("X", "Y"))
    assert np.allclose(moved.covariance(m.names), m.covariance(m.names)) and moved.graph == m.graph


def test_counterfactual_of_a_fully_seen_unit_is_a_linear_solve() -> None:
    m = triangle()
    rng = np.random.default_rng(0)
    for u in rng.multivariate_normal(np.zeros(4), m.omega, size=5):
        fact = dict(zip(m.names, solved(m, u[None])[0].tolist(), strict=True))
        expected = solved(m, u[None], X=3.0)[0]
        worlds = m.counterfactual(fact, {"X": 3.0})
        assert [worlds.mean(name) for name in m.names] == pytest.approx(expected.tolist(), abs=1e-8)


def test_counterfactual_with_part_of_the_evidence_matches_weighted_units() -> None:
    m = triangle()
    u = np.random.default_rng(0).multivariate_normal(np.zeros(4), m.omega, size=100_000)
    fact, other = solved(m, u), solved(m, u, X=2.0)
    near = (np.abs(fact[:, 1] - 0.5) < 0.2) & (np.abs(fact[:, 3] - 1.0) < 0.2)
    what_if = m.counterfactual({"X": 0.5, "Y": 1.0}, {"X": 2.0})
    assert what_if.mean("Y") == pytest.approx(other[near, 3].mean(), abs=0.05)
    assert what_if.p("Y>1") == pytest.approx((other[near, 3] > 1).mean(), abs=0.04)
    tail = fact[:, 3] > 1
    assert m.counterfactual("Y>1", {"X": 2.0}).mean("Y") == pytest.approx(other[tail, 3].mean(), abs=0.05)
    drawn = m.counterfactual("Y>1", {"X": 2.0}).sample(20_000, seed=3)
    assert drawn["Y"].mean() == pytest.approx(other[tail, 3].mean(), abs=0.05)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_composition_effectiveness_reversibility(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["A", "B", "C", "D"]
    tree = {name: {cause: float(rng.normal()) for cause in names[:i] if rng.random() < 0.7}
            for i, name in enumerate(names)}  # fmt: skip
    load = rng.normal(size=(4, 4))
    omega = load @ load.T
    m = linear(tree, variance=dict(zip(names, np.diag(omega).tolist(), strict=True)),
               covariance={(names[i], names[j]): float(omega[i, j]) for i in range(4) for j in range(i)})  # fmt: skip
    evidence = {"B": 0.3, "D": -1.0}
    same = m.counterfactual(evidence, {"B": 0.3})  # composition: doing what was seen changes nothing
    now = m.joint.given(evidence)
    for name in names:
        assert same.mean(name) == pytest.approx(now.mean(name), abs=1e-7)
    assert m.counterfactual(evidence, {"C": 5.0}).mean("C") == 5.0  # effectiveness
    pair = m.parallel([World({"C": 1.0}), World({"C": 1.0, "B": 0.3})], evidence)
    assert pair.mean("D", 0) == pytest.approx(pair.mean("D", 1) + (pair.mean("B", 0) - 0.3) * (
        m.do(C=1.0).total("B", "D")), abs=1e-7)  # fmt: skip


def test_worlds_share_their_noise_but_not_that_of_a_new_mechanism() -> None:
    m = triangle()
    worlds = m.parallel([World({"X": 1}), World({"X": 0}), World({"X": Linear({}, 0, 1)}), World({"X": Linear()})])
    drawn = worlds.sample(1000, seed=2)
    assert np.allclose(drawn[0]["Y"] - drawn[1]["Y"], m.total("X", "Y"))
    assert abs(np.corrcoef(drawn[2]["X"], drawn[3]["X"])[0, 1]) < 0.1
    assert worlds.p({0: "Y>1", 1: "Y<1"}) == pytest.approx(
        float(np.mean((drawn[0]["Y"] > 1) & (drawn[1]["Y"] < 1))), abs=0.05
    )


def test_probabilities_of_causation_of_an_event() -> None:
    """Y_1 = Y_0 + 2 for everyone: necessity, sufficiency and both are one normal distribution's intervals."""
    m = linear({"X": {}, "Y": {"X": 2.0}})
    assert m.pns("X", "Y>1") == pytest.approx(m.do(X=1).p("Y>1") - m.do(X=0).p("Y>1"), abs=1e-12)
    assert m.pn("X", "Y>1") == pytest.approx(m.pns("X", "Y>1") / m.do(X=1).p("Y>1"), abs=1e-12)
    assert m.ps("X", "Y>1") == pytest.approx(m.pns("X", "Y>1") / m.do(X=0).p("Y<=1"), abs=1e-12)


def test_degenerate_evidence_is_used_once_or_refused() -> None:
    m = linear({"X": {}, "Y": {"X": 2.0}, "Z": {"Y": 1.0}}, variance={"X": 1.0, "Y": 0.0, "Z": 1.0})
    assert m.mean("Z", {"X": 1, "Y": 2}) == pytest.approx(2.0)
    assert m.counterfactual({"X": 1, "Y": 2, "Z": 5}, {"X": 0}).mean("Z") == pytest.approx(3.0)
    with pytest.raises(Impossible, match="cannot produce"):
        m.mean("Z", {"X": 1, "Y": 3})
    with pytest.raises(Impossible, match="contradicts itself"):
        m.mean("Z", "X=1, X=2")
    with pytest.raises(Impossible, match="probability zero"):
        m.mean("Z", "X>1, X<0")
    assert m.do(X=1).p("X=1") == 1.0 and m.do(X=1).p("X>1") == 0.0 and m.do(X=1).p("X>=1, Z<100") == pytest.approx(1)


def test_mistakes_cost_one_line() -> None:
    m = triangle()
    for broken, error, words in (
        (lambda: m.p("Y=1"), QueryError, "ask for an interval"),
        (lambda: m.p("Y!=1"), QueryError, "Y is continuous"),
        (lambda: linear({"X": {"Z": 1}}, latent=["W"]), UnknownName, "unknown variable 'W'"),
        (lambda: m.p("Y>high"), QueryError, "not a finite one"),
        (lambda: m.mean("W"), UnknownName, "unknown variable"),
        (lambda: m.do(W=1), UnknownName, "unknown variable"),
        (lambda: m.do(X={0: 0.5, 1: 0.5}), QueryError, "choice among values"),
        (lambda: m.do(Z=Linear({"Y": 1.0})), GraphError, "cycle"),
        (lambda: linear({"X": {"Y": 1}, "Y": {"X": 1}}), GraphError, "cycle"),
        (lambda: linear({"X": {}, "Y": {}}, covariance={("X", "Y"): 2.0}), GraphError, "larger than its variances"),
        (lambda: linear({"X": {}}, variance={"Q": 2.0}), UnknownName, "unknown variable"),
        (lambda: m.quantile("Y", 1.2), QueryError, "between 0 and 1"),
    ):
        with pytest.raises(error, match=words):
            broken()


def test_one_latent_may_be_named_alone() -> None:
    assert str(linear({"X": {"Ux": 1}, "Y": {"Ux": 1}}, latent="Ux").graph) == "X <-> Y"


def test_the_face_makes_it_and_it_prints_its_equations() -> None:
    m = SCM.linear({"X": {}, "Y": {"X": -2.0}}, constant={"Y": 1.0})
    assert str(m) == "X = 0 + N(0, 1)\nY = -2 X + 1 + N(0, 1)"
    assert m.p([Condition("Y", ">", 1.0)]) == pytest.approx(0.5)


@pytest.mark.peer
def test_joint_distribution_agrees_with_pgmpy() -> None:
    models = pytest.importorskip("pgmpy.models")
    factors = pytest.importorskip("pgmpy.factors.continuous")
    peer = models.LinearGaussianBayesianNetwork([("Z", "X"), ("X", "M"), ("M", "Y"), ("Z", "Y"), ("X", "Y")])
    peer.add_cpds(
        factors.LinearGaussianCPD("Z", [1.0], 2.0**0.5),
        factors.LinearGaussianCPD("X", [0.0, 0.8], 1.0, ["Z"]),
        factors.LinearGaussianCPD("M", [0.5, -1.2], 0.5, ["X"]),
        factors.LinearGaussianCPD("Y", [-2.0, 0.5, 0.7, 1.5], 1.5, ["X", "M", "Z"]),
    )
    m = linear(
        {"Z": {}, "X": {"Z": 0.8}, "M": {"X": -1.2}, "Y": {"X": 0.5, "M": 0.7, "Z": 1.5}},
        constant={"Z": 1.0, "M": 0.5, "Y": -2.0},
        variance={"Z": 2.0, "X": 1.0, "M": 0.25, "Y": 2.25},
    )
    import networkx as nx

    order = list(nx.topological_sort(peer))
    mean, spread = peer.to_joint_gaussian()
    assert np.allclose(mean, m.joint.over(order).center) and np.allclose(spread, m.covariance(order))
