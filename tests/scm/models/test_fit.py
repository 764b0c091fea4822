"""Fitted models: the truth is found, intervals hold it, checks fire where assumptions fail, mistakes are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import DataError, Impossible, NotIdentified, QueryError, UnknownName
from butfor.scm.graph import Graph
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.fit import Fitted, fit
from butfor.scm.models.functional import Functional
from butfor.scm.models.gaussian import LinearGaussian, linear
from butfor.scm.models.model import SCM
from butfor.scm.models.worlds import random_graph, random_scm
from butfor.stats.effect import Effect

GRAPH = "Z -> X -> M -> Y; Z -> Y; X -> Y"


def check(fitted: Fitted, code: str) -> list[bool]:
    return [check.ok for check in fitted.checks if check.code == code]


@pytest.mark.parametrize("kind", ["discrete", "linear", "functional"])
def test_finds_the_truth_on_three_rungs(kind: str) -> None:
    m = random_scm(GRAPH, 3, kind)
    fitted = fit(GRAPH, m.sample(4000, seed=1), refits=20, draws=4000)
    close = 0.15 if kind == "functional" else 0.1
    assert type(fitted.model) is type(m)
    assert fitted.mean("Y").estimate == pytest.approx(m.mean("Y"), abs=close)
    for truth, effect in (
        (m.ate("X", "Y"), fitted.ate("X", "Y")),
        (m.att("X", "Y"), fitted.att("X", "Y")),
        (m.nde("X", "Y"), fitted.nde("X", "Y")),
        (m.nie("X", "Y"), fitted.nie("X", "Y")),
        (m.cde("X", "Y", {"M": 1}), fitted.cde("X", "Y", {"M": 1})),
        (m.do(X=1).mean("Y"), fitted.do(X=1).mean("Y")),
        (m.path_specific("Z", "Y", "Z -> X -> Y"), fitted.path_specific("Z", "Y", "Z -> X -> Y")),
    ):
        assert effect.estimate == pytest.approx(truth, abs=close)
        assert effect.low <= effect.estimate <= effect.high and effect.n == 4000


def test_counterfactuals_of_additive_models_are_found() -> None:
    m = random_scm(GRAPH, 3, "functional")
    fitted = fit(GRAPH, m.sample(4000, seed=1), refits=20, draws=4000)
    unit = {name: float(column[0]) for name, column in m.sample(1, seed=9).items()}
    for do in ({"X": 0.0}, {"X": 1.0}, {"Z": -0.5}):
        truth = m.counterfactual(unit, do).mean("Y")
        assert fitted.counterfactual(unit, do).mean("Y").estimate == pytest.approx(truth, abs=0.3)
    assert fitted.counterfactual(unit, {"X": unit["X"]}).mean("Y").estimate == pytest.approx(unit["Y"], abs=1e-6)
    assert 0 <= fitted.counterfactual({"X": 0.0, "Y": 1.5}, {"X": 1.0}).p("Y>0").estimate <= 1  # few draws are too few


def test_probabilities_of_causation_have_intervals() -> None:
    m = SCM.discrete({"Z": 0.5, "X": ("Z", [0.2, 0.8]), "Y": (("X", "Z"), [[0.1, 0.3], [0.5, 0.9]])})
    fitted = fit("Z -> X -> Y; Z -> Y", m.sample(3000, seed=0), refits=50)
    for truth, effect in (
        (m.pn("X", "Y"), fitted.pn("X", "Y")),
        (m.ps("X", "Y"), fitted.ps("X", "Y")),
        (m.pns("X", "Y"), fitted.pns("X", "Y")),
        (m.atc("X", "Y"), fitted.atc("X", "Y")),
        (m.p("Y=1 | X=1"), fitted.p("Y=1 | X=1")),
    ):
        assert effect.estimate == pytest.approx(truth, abs=0.06)
    rare = fitted.p("Y=1 | X=0, Z=0")
    assert 0 <= rare.low <= rare.estimate <= rare.high <= 1 and rare == fitted.mean("Y=1", "X=0, Z=0")
    assert fitted.pn("X", "Y").p is None and fitted.ate("X", "Y").p is not None


def test_the_face_fits_and_says_what_it_chose() -> None:
    rng = np.random.default_rng(0)
    z, sex = rng.normal(size=800), np.where(rng.random(800) < 0.5, "f", "m")
    x = (rng.random(800) < 1 / (1 + np.exp(-z))).astype(int)
    y = np.sin(2 * z) + x + (sex == "f") + 0.3 * rng.normal(size=800)
    grade = np.where(rng.random(800) < np.where(sex == "f", 0.7, 0.4), "pass", "fail")
    fitted = SCM.fit("Z -> X -> Y; Z -> Y; S -> Y; S -> G", {"Z": z, "X": x, "Y": y, "S": sex, "G": grade}, refits=20)
    assert {why.name: why.kind for why in fitted.why} == {
        "Z": "values", "X": "logit", "Y": "curves", "S": "table", "G": "table",
    }  # fmt: skip
    assert isinstance(fitted.model, Functional) and "Y | Z, X, S: curves (error on rows left out" in str(fitted)
    assert fitted.ate("X", "Y").estimate == pytest.approx(1, abs=0.1)
    assert fitted.ate("S", "G=pass", "f", "m").estimate == pytest.approx(0.3, abs=0.08)
    assert fitted.p("X=1 | Z=1").estimate == pytest.approx(1 / (1 + np.exp(-1)), abs=0.08)
    with pytest.raises(UnknownName, match="unknown value of S 'x'"):
        fitted.do(S="x").mean("Y")


def test_logits_with_several_levels() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=4000)
    score = np.stack([np.zeros(4000), 1 + z, -0.5 - 2 * z], axis=1)
    level = np.argmax(score + rng.gumbel(size=score.shape), axis=1)
    model = fit("Z -> L", {"Z": z, "L": np.array(["a", "b", "c"])[level]}, refits=20).model
    for at in (-1.0, 0.5):
        truth = np.exp([0.0, 1 + at, -0.5 - 2 * at])
        found = [model.do(Z=at).p(f"L={name}") for name in "abc"]
        assert found == pytest.approx((truth / truth.sum()).tolist(), abs=0.04)


def test_lines_are_kept_for_lines_and_curves_found() -> None:
    curved = {"linear": 0, "bent": 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=300)
        data = {"X": x, "line": x + rng.normal(size=300), "bent": np.abs(x) + 0.5 * rng.normal(size=300)}
        kinds = {why.name: why.kind for why in fit("X -> line; X -> bent", data, refits=20).why}
        curved["linear"] += kinds["line"] != "linear"
        curved["bent"] += kinds["bent"] == "curves"
    assert curved["linear"] <= 3 and curved["bent"] == 20


def test_linear_fits_are_least_squares_and_keep_uneven_noise() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=500)
    x = 0.5 * z + rng.normal(size=500)
    y = 2 * x - z + rng.normal(size=500)
    model = fit("Z -> X -> Y; Z -> Y", {"Z": z, "X": x, "Y": y}, kind="linear", refits=20).model
    assert isinstance(model, LinearGaussian)
    weight = np.linalg.lstsq(np.stack([np.ones(500), x, z], axis=1), y, rcond=None)[0]
    assert [model.coefficient("X", "Y"), model.coefficient("Z", "Y")] == pytest.approx(weight[1:].tolist())
    assert model.mean("Y") == pytest.approx(y.mean())
    skewed = fit("X -> Y", {"X": x, "Y": x + rng.exponential(size=500)}, refits=20)
    assert isinstance(skewed.model, Functional)
    assert skewed.do(X=0.0).p("Y<0.105").estimate == pytest.approx(0.1, abs=0.06)  # a normal tail says 0.19


def test_correlated_noise_is_fitted_where_no_bow_stands() -> None:
    truth = linear(
        {"Z": {}, "X": {"Z": 1.0}, "M": {"X": 0.8}, "Y": {"M": -0.7}}, covariance={("X", "Y"): 0.6, ("Z", "M"): 0.3}
    )
    fitted = fit(truth.graph, truth.sample(4000, seed=2), refits=50)
    assert isinstance(fitted.model, LinearGaussian) and fitted.graph == truth.graph
    assert np.allclose(fitted.model.omega, truth.omega, atol=0.1)
    effect = fitted.ate("X", "Y")  # plain regression of Y on X is off by the confounding
    assert effect.low < truth.ate("X", "Y") < effect.high
    assert check(fitted, "linear-assumed") == [True]


def test_correlated_noise_is_the_most_likely() -> None:
    """No small step in any free parameter raises the likelihood."""
    from butfor.scm.models.ricf import fitted as most_likely

    g = Graph.parse("A -> B -> C -> D; A <-> C; B <-> D; A <-> D")
    m = random_scm(g, 4, "linear")
    cov = np.cov(np.stack(list(m.sample(400, seed=1).values())))
    found = most_likely(g, np.zeros(4), cov)

    def loss(b: np.ndarray, omega: np.ndarray) -> float:
        root = np.eye(4) - b
        return float(np.linalg.slogdet(omega)[1] + np.trace(np.linalg.solve(omega, root @ cov @ root.T)))

    best, step = loss(found.b, found.omega), 1e-4
    for a, b in g.edges:
        for sign in (1, -1):
            moved = found.b.copy()
            moved[g.at(b), g.at(a)] += sign * step
            assert loss(moved, found.omega) > best
    for i, j in [(i, i) for i in range(4)] + [(g.at(a), g.at(b)) for a, b in g.confounded]:
        for sign in (1, -1):
            moved = found.omega.copy()
            moved[i, j] += sign * step
            moved[j, i] = moved[i, j]
            assert loss(found.b, moved) > best


def test_confounding_is_refused_where_it_would_be_taken_for_effect() -> None:
    coins = {name: np.arange(40) % 2 * 1.0 for name in "XY"}
    with pytest.raises(NotIdentified, match=r"identify\(.P\(Y \| do\(X\)\)., graph\)\.estimate"):
        fit("X -> M -> Y; X <-> Y", {**coins, "M": coins["X"]})
    rng = np.random.default_rng(0)
    numbers = {"X": rng.normal(size=50), "Y": rng.normal(size=50)}
    with pytest.raises(NotIdentified, match="no regression tells"):
        fit("X -> Y; X <-> Y", numbers)
    with pytest.raises(NotIdentified, match="take confounding for effect"):
        fit("X <-> Y", numbers, kind="nonlinear")


def test_a_check_fires_when_noise_is_not_additive() -> None:
    fired = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=600)
        good = fit("X -> Y", {"X": x, "Y": x + rng.normal(size=600)}, refits=20)
        bad = fit("X -> Y", {"X": x, "Y": x + (0.2 + np.abs(x)) * rng.normal(size=600)}, refits=20)
        fired += not check(good, "residual-dependence")[0]
        assert check(bad, "residual-dependence") == [False] and not bad.ate("X", "Y").ok
    assert fired <= 1


@pytest.mark.parametrize("kind", ["discrete", "linear", "functional"])
def test_a_check_fires_when_the_data_contradict_the_graph(kind: str) -> None:
    false, missed = 0, 0
    for seed in range(6):
        data = random_scm(GRAPH, seed, kind).sample(2000 if kind == "discrete" else 400, seed=seed)
        false += check(fit(GRAPH, data, refits=20), "graph") == [False]
        missed += check(fit("X -> M -> Y; X -> Y; Z -> Y", data, refits=20), "graph") == [True]  # without Z -> X
    assert false <= 1 and missed <= 3


def test_a_check_fires_when_a_table_is_thin() -> None:
    rng = np.random.default_rng(0)
    data = {name: rng.integers(0, 3, 60) for name in "ABCY"}
    fitted = fit("A -> Y; B -> Y; C -> Y", data, refits=20)
    assert [told.message.split()[8] for told in fitted.checks if not told.ok] == ["Y"]


def test_tables_shrink_to_no_effect() -> None:
    data = {"X": [0] * 20 + [1] * 2, "Y": [0] * 10 + [1] * 10 + [1, 1]}
    m = fit("X -> Y", data, refits=20, prior=2.0).model
    assert isinstance(m, Discrete)
    assert m.p("Y=1 | X=1") == pytest.approx((2 + 2 * 12 / 22) / (2 + 2))
    bare = fit("X -> Y", data, refits=20, prior=0.0)
    assert bare.model.p("Y=1 | X=1") == 1.0 and bare.ate("X", "Y").low >= 0


def test_answers_that_hang_on_the_coupling_say_so() -> None:
    m = SCM.discrete({"Z": 0.5, "X": ("Z", [0.2, 0.8]), "Y": (("X", "Z"), [[0.1, 0.3], [0.5, 0.9]])})
    fitted = fit("Z -> X -> Y; Z -> Y", m.sample(2000, seed=0), refits=20)
    assert not fitted.pns("X", "Y").ok and not fitted.counterfactual("X=0, Y=0", {"X": 1}).p("Y=1").ok
    assert fitted.ate("X", "Y").ok and fitted.att("X", "Y").ok and fitted.nde("X", "Y").ok


def test_a_discrete_variable_between_numbers_and_tables() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=600)
    d = np.digitize(z + rng.normal(size=600), [-0.5, 0.5])
    data = {"Z": z, "D": d, "T": (rng.random(600) < 0.2 + 0.3 * d).astype(int)}
    fitted = fit("Z -> D -> T", data, refits=20)
    assert [why.kind for why in fitted.why] == ["values", "logit", "table"]
    assert fitted.do(Z=2.0).mean("T").estimate > fitted.do(Z=-2.0).mean("T").estimate + 0.3
    number = fit("Z -> D -> T", data, kind={"D": "linear"}, refits=20)
    assert [why.kind for why in number.why] == ["values", "linear", "logit"]
    assert fit("T -> D", data, kind={"T": "logit"}, refits=20).why[0].kind == "table"


def test_seeds_decide() -> None:
    data = random_scm("X -> Y", 0).sample(200)
    one, two, other = (fit("X -> Y", data, seed=seed, refits=50).ate("X", "Y") for seed in (1, 1, 2))
    assert one == two != other


@pytest.mark.parametrize(
    ("broken", "error", "words"),
    [
        (lambda d: fit("X -> Y; U -> Y", d), DataError, "latent"),
        (lambda d: fit("X -> Y", {**d, "Y": np.ones(60)}), DataError, "constant"),
        (lambda d: fit("X -> Y", {**d, "Y": ["a"] * 60}), DataError, "constant"),
        (lambda d: fit("X -> Y", {name: x[:5] for name, x in d.items()}), DataError, "too few"),
        (lambda d: fit("X -> Y", {**d, "Y": np.where(np.arange(60) > 0, d["Y"], np.nan)}), DataError, "missing"),
        (lambda d: fit("X -> Y", d, kind="table"), DataError, "not discrete"),
        (lambda d: fit("X -> Y", d, kind={"Y": "lienar"}), UnknownName, "did you mean 'linear'"),
        (lambda d: fit("X -> Y", d, kind={"W": "linear"}), UnknownName, "unknown variable"),
        (lambda d: fit("X -> Y", d, refits=3), QueryError, "20 or more"),
        (lambda d: fit("X -> Y", d, level=95), QueryError, "between 0 and 1"),
        (lambda d: fit("X -> Y", d, missing="skip"), DataError, "are refused"),
        (lambda d: fit("X -> Y", {**d, "X": ["a", "b"] * 30}, kind="linear"), DataError, "it holds labels"),
        (lambda d: fit("X -> Y", d).do(W=1), UnknownName, "unknown variable"),
        (lambda d: fit("X -> Y", d, kind="nonlinear").p("Y=1"), QueryError, "Y is continuous"),
        (lambda d: fit("X -> Y", d).ate("X", "W"), UnknownName, "unknown variable"),
        (lambda d: fit("X -> Y", d, kind="nonlinear").p("Y>99 | X>99"), Impossible, "no draw agrees"),
    ],
)
def test_mistakes_cost_one_line(broken: Callable[[Any], Effect], error: type[Exception], words: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(error, match=words):
        broken({"X": rng.normal(size=60), "Y": rng.normal(size=60)})


def covered(kind: str, worlds: int, n: int, refits: int) -> float:
    """The share of worlds whose effect, seen and imagined, lies in its interval."""
    hits: list[bool] = []
    for seed in range(worlds):
        m = random_scm(GRAPH, seed, kind)
        how: dict[str, Any] = {"kind": "linear"} if kind == "linear" else {}
        fitted = fit(GRAPH, m.sample(n, seed=1000 + seed), refits=refits, **how)
        for question in (lambda m: m.ate("X", "Y"), lambda m: m.mean("Y"), lambda m: m.att("X", "Y")):
            effect = fitted.effect(question)
            hits.append(effect.low <= question(m) <= effect.high)
    return float(np.mean(hits))


def test_intervals_hold_the_truth() -> None:
    assert covered("discrete", 12, 300, 60) > 0.8


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["discrete", "linear"])
def test_intervals_keep_their_level(kind: str) -> None:
    assert 0.93 <= covered(kind, 500, 300, 200) <= 0.97


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_intervals_of_curves_about_keep_their_level() -> None:
    assert 0.88 <= covered("functional", 40, 600, 100) <= 1


def test_random_discrete_graphs_fit_without_trouble() -> None:
    for seed in range(5):
        g = random_graph(6, seed, latent=0)
        m = random_scm(g, seed, levels=3)
        fitted = fit(g, m.sample(500), refits=20)
        x, y = g.names[g.order[0]], g.names[g.order[-1]]
        assert fitted.ate(x, y).estimate == pytest.approx(m.ate(x, y), abs=0.35)
