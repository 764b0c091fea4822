"""Random worlds: the graph asked for, positivity, planted effects, the same seed the same world."""

from __future__ import annotations

import hashlib
import time
from itertools import product

import numpy as np
import pytest

from butfor.core.errors import GraphError, Impossible, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.functional import Functional
from butfor.scm.models.gaussian import LinearGaussian
from butfor.scm.models.model import SCM
from butfor.scm.models.worlds import MOTIFS, motif, planted, random_graph, random_scm, selected


def test_random_graphs_have_the_edges_asked_for() -> None:
    g = random_graph(30, 1, density=0.2, latent=0.5)
    assert len(g.names) == 30 and len(g.edges) == round(0.2 * 30 * 29 / 2) and len(g.confounded) == 15
    assert len(random_graph(6, 0, density=1).edges) == 15 and not random_graph(6, 0, density=0, latent=0).edges
    assert len(random_graph(1, 0).edges) == 0


def test_same_seed_same_graph_on_any_machine() -> None:
    assert random_graph(40, 3) == random_graph(40, 3) != random_graph(40, 4)
    digest = hashlib.sha256(str(random_graph(12, 0)).encode()).hexdigest()[:12]
    assert digest == "798d0d3115c3"


def test_every_pair_is_equally_likely_and_names_tell_nothing() -> None:
    forward = np.zeros((4, 4))
    for seed in range(1500):
        for a, b in random_graph(4, seed, density=0.5, latent=0).edges:
            forward[int(a[1]), int(b[1])] += 1
    share = forward[~np.eye(4, dtype=bool)] / 1500
    assert np.allclose(share, 0.25, atol=0.05)


def test_a_thousand_variables_take_no_time() -> None:
    start = time.process_time()
    for seed in range(5):
        random_graph(1000, seed)
    assert time.process_time() - start < 1


def test_motifs_and_planted_roles() -> None:
    assert all(motif(name).names for name in MOTIFS)
    assert motif("verma") == Graph.parse("X -> A -> B -> Y; A <-> Y")
    g = planted(confounders=2, hidden=2, mediators=1, selection=1, instruments=1, noise=1)
    assert g.parents("X") == {"C1", "C2", "Z1"} and g.parents("S1") == {"X", "Y"}
    assert g.children("X") == {"Y", "M1", "S1"} and {("X", "Y"), ("X", "H1")} == set(g.confounded)
    assert ("X", "Y") not in planted(mediators=1, direct=False).edges
    with pytest.raises(UnknownName, match="did you mean 'napkin'"):
        motif("napkins")


@pytest.mark.parametrize("kind", ["discrete", "linear", "functional"])
@pytest.mark.parametrize("seed", range(8))
def test_worlds_project_to_the_graph_asked_for(kind: str, seed: int) -> None:
    g = random_graph(6, seed, density=0.4, latent=0.4)
    assert random_scm(g, seed, kind).graph == g
    assert SCM.random(g, seed, kind).graph == g


@pytest.mark.parametrize("noise", ["explicit", "tables"])
def test_discrete_worlds_are_positive(noise: str) -> None:
    for seed in range(10):
        m = random_scm(random_graph(5, seed, density=0.5, latent=0.4), seed, levels=3, noise=noise)
        assert isinstance(m, Discrete)
        p = m.joint(m.graph.names)
        assert p.sum() == pytest.approx(1) and p.min() >= 0.05**5 * 0.99
        assert {len(levels) for levels in m.labels.values()} <= {2, 3}


def test_explicit_noise_makes_every_coupling_agree() -> None:
    answers = set[float]()
    g = Graph.parse("X -> M -> Y; X -> Y; X <-> Y")
    made = random_scm(g, 5)
    assert isinstance(made, Discrete)
    for coupling in ("comonotone", "independent"):
        m = SCM.discrete(made.tables, latent=made.latent, coupling=coupling)
        answers.add(round(m.counterfactual({"X": 0, "Y": 0}, {"X": 1}).p("Y=1"), 12))
    assert len(answers) == 1


def test_explicit_noise_is_general_on_rung_three() -> None:
    """P(Y_1 = 1 | X = 0, Y = 0) is not a function of the observational and interventional tables alone."""
    g = Graph.parse("X -> Y")
    spread = [
        m.counterfactual({"X": 0, "Y": 0}, {"X": 1}).p("Y=1") - m.do(X=1).p("Y=1")
        for m in (random_scm(g, seed) for seed in range(20))
    ]
    assert max(spread) - min(spread) > 0.2


def test_linear_worlds_are_standardised() -> None:
    for seed in range(5):
        m = random_scm(random_graph(12, seed, density=0.4, latent=0.5), seed, "linear")
        assert isinstance(m, LinearGaussian)
        assert np.allclose(np.diag(m.covariance(m.names)), 1) and np.allclose(m.joint.center, 0)
        assert np.linalg.eigvalsh(m.omega).min() > 0


def test_functional_worlds_are_about_standardised_and_answer() -> None:
    g = Graph.parse("Z -> X -> Y; Z -> Y; X <-> Y")
    m = random_scm(g, 3, "functional")
    assert isinstance(m, Functional)
    for column in m.sample(20_000, seed=1).values():
        assert abs(column.mean()) < 0.1 and abs(column.std() - 1) < 0.1
    assert m.effect(lambda m: m.ate("X", "Y")).high - m.effect(lambda m: m.ate("X", "Y")).low < 0.1


def test_same_seed_same_world() -> None:
    g = random_graph(5, 0, density=0.5)
    for kind in ("discrete", "linear", "functional"):
        one, two, other = (random_scm(g, seed, kind).sample(50) for seed in (7, 7, 8))
        assert all(np.array_equal(one[name], two[name]) for name in g.names)
        assert any(not np.array_equal(one[name], other[name]) for name in g.names)
    m = random_scm("X -> Y; X <-> Y", 0)
    assert m.p("Y=1") == pytest.approx(0.5637965136131842, abs=1e-12)


@pytest.mark.parametrize("kind", ["discrete", "linear", "functional"])
def test_no_draws_are_none_and_fewer_are_refused(kind: str) -> None:
    m = random_scm("X -> Y", 0, kind)
    imagined = m.counterfactual("X>0", {"X": 1})
    for sample in (m.sample, imagined.sample):
        assert [len(column) for column in sample(0).values()] == [0, 0]
        with pytest.raises(QueryError, match="n must not be negative"):
            sample(-1)


def test_selection_is_planted() -> None:
    m = random_scm("X -> S <- Y", 2)
    rows = selected(m, "S=1", 4000, seed=0)
    assert len(rows["X"]) == 4000 and set(rows["S"]) == {1}
    for x, y in product((0, 1), (0, 1)):
        share = float(np.mean((rows["X"] == x) & (rows["Y"] == y)))
        assert share == pytest.approx(m.p(f"X={x}, Y={y} | S=1"), abs=0.03)
    with pytest.raises(Impossible, match="too rare"):
        selected(m.do(S=0), "S=1", 10)


def test_mistakes_cost_one_line() -> None:
    for broken, error, words in (
        (lambda: random_graph(0), GraphError, "needs a variable"),
        (lambda: random_graph(5, density=2), GraphError, "between 0 and 1"),
        (lambda: random_graph(5, latent=-1), GraphError, "per variable"),
        (lambda: random_scm("X -> Y", kind="linaer"), UnknownName, "did you mean 'linear'"),
        (lambda: random_scm("X -> Y", levels=1), QueryError, "two or more"),
    ):
        with pytest.raises(error, match=words):
            broken()


def test_every_cause_in_a_discrete_world_matters() -> None:
    for seed in range(60):
        world = SCM.random(Graph.parse("X -> M -> Y; X <-> Y"), seed=seed)
        assert abs(world.ate("X", "M")) > 1e-6
        assert abs(world.ate("M", "Y")) > 1e-6
