"""The DAG-aware estimator: who looks at whom, no leak by exact zeros, known effects, intervals that cover, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from butfor.core.errors import DataError, UnknownName
from butfor.core.registry import build, resolve
from butfor.core.seeds import generator
from butfor.data.effect_worlds import world
from butfor.pretrain.attention.dag_effect import DAGEffect, looks
from butfor.pretrain.attention.dag_net import Sizes, _net, fit, terms
from butfor.scm.analyst import Analyst, Table
from butfor.scm.columns import Columns
from butfor.scm.graph import Graph

SMALL = DAGEffect(width=8, heads=1, layers=1, steps=60, folds=2)


def table(n: int = 400, *, graph: str = "", effect: float = 1.0, seed: int = 0) -> Table:
    """One covariate confounds, one only decides the treatment, one only the outcome, one does nothing."""
    rng = np.random.default_rng(seed)
    both, onto_x, onto_y, alone = rng.normal(size=(4, n))
    x = (rng.random(n) < 1 / (1 + np.exp(-1.5 * both - 0.5 * onto_x))).astype(float)
    y = effect * x + 1.5 * both + onto_y + 0.5 * rng.normal(size=n)
    columns = {"x": x, "y": y, "both": both, "onto_x": onto_x, "onto_y": onto_y, "alone": alone}
    known = Graph.parse(graph) if graph else None
    return Table(Columns.read(columns), "x", "y", ("both", "onto_x", "onto_y", "alone"), known)


WHOLE = "both -> x -> m -> y; both -> y; onto_x -> x; onto_y -> y; alone"


def test_without_a_graph_all_covariates_confound():
    found = looks(table())
    assert found[:5].sum() == 5
    assert found[5].tolist() == [True] * 4 + [False, True, False]
    assert found[6].tolist() == [True] * 5 + [False, True]


def test_with_a_graph_a_target_looks_at_what_tells_of_it():
    """The mediator is no column, so its effect is part of the treatment's."""
    found = looks(table(graph=WHOLE))
    assert found[5].tolist() == [True, True, False, False, False, True, False]
    assert found[6].tolist() == [True, False, True, False, True, False, True]


def test_covariates_look_at_their_causes_and_latent_confounders_are_kept():
    data = table().data
    found = looks(Table(data, "x", "y", ("both", "alone"), Graph.parse("alone -> both -> x -> y; both <-> y")))
    assert found[0, 1] and not found[1, 0]
    assert found[4, 0] and found[4, 1]  # given `both`, which is a collider, `alone` tells of y


def test_what_the_graph_hides_reaches_no_answer_by_exact_zeros():
    torch.manual_seed(0)
    question = table(graph=WHOLE)
    z = torch.tensor(terms(question.data, question.given), dtype=torch.float32, requires_grad=True)
    net = _net(4, z.shape[2], torch.tensor(looks(question)), Sizes(width=16, heads=2, layers=3))
    net.heads.data.normal_()
    x = torch.ones(len(z), requires_grad=True)
    for target, seen in ((0, [0, 1]), (1, [0, 2])):
        found, by_arm = torch.autograd.grad(net(z, x)[:, target].sum(), (z, x), allow_unused=True)
        moved = found.abs().amax((0, 2))
        assert [at for at in range(4) if moved[at] > 0] == seen
        assert all(moved[at] == 0.0 for at in range(4) if at not in seen)
        assert bool(by_arm.abs().max() > 0) == (target == 1)


def test_tokens_of_covariates_look_at_their_causes_through_layers():
    torch.manual_seed(0)
    mask = torch.eye(6, dtype=torch.bool)
    mask[1, 0] = mask[2, 1] = mask[5, 2] = True  # a chain; the outcome asks its end
    net = _net(3, 1, mask, Sizes(width=8, heads=2, layers=3))
    net.heads.data.normal_()
    z = torch.randn(5, 3, 1, requires_grad=True)
    net(z, torch.zeros(5))[:, 1].sum().backward()
    assert torch.all(z.grad.abs().amax((0, 2)) > 0)


def test_a_known_effect_is_found_and_the_naive_difference_is_not():
    question = table(800)
    answer = SMALL.estimate(question, 0)
    x, y = question.data["x"], question.data["y"]
    assert abs(answer.effect.estimate - 1.0) < 0.2
    assert not answer.effect.excludes(1.0)
    assert y[x == 1].mean() - y[x == 0].mean() > 2
    assert answer.each is not None and answer.each.shape == (800,)
    assert answer.effect.n == 800
    assert {check.code for check in answer.effect.checks} == {"overlap", "effective-n", "balance"}


def test_the_same_seed_gives_the_same_answer_and_another_seed_another():
    short = DAGEffect(width=4, heads=1, layers=1, steps=4, folds=2)
    state = torch.random.get_rng_state()
    one, same, other = (short.estimate(table(), seed) for seed in (0, 0, 1))
    assert one.effect == same.effect and np.array_equal(one.each, same.each)
    assert one.effect.estimate != other.effect.estimate
    assert torch.equal(torch.random.get_rng_state(), state)


def test_outcomes_of_0_and_1_and_covariates_of_labels():
    rng = np.random.default_rng(0)
    n = 300
    site = rng.choice(["a", "b", "c"], n)
    x = (rng.random(n) < 0.3 + 0.4 * (site == "a")).astype(float)
    y = (rng.random(n) < 0.2 + 0.3 * x + 0.3 * (site == "a")).astype(float)
    answer = SMALL.estimate(Table(Columns.read({"x": x, "y": y, "site": site}), "x", "y", ("site",)), 0)
    assert not answer.effect.excludes(0.3)
    assert np.all(np.abs(answer.each) <= 1)


def test_no_covariates_is_the_difference_of_means():
    question = table()
    answer = SMALL.estimate(Table(question.data, "x", "y", ()), 0)
    x, y = question.data["x"], question.data["y"]
    assert abs(answer.effect.estimate - (y[x == 1].mean() - y[x == 0].mean())) < 0.2


def test_terms_are_curves_of_numbers_and_indicators_of_levels():
    values = np.linspace(-1, 1, 50)
    found = terms(
        Columns.read({"a": values, "b": np.repeat([0.0, 1.0], 25), "c": np.repeat(["u", "v"], 25)}), ("a", "b", "c")
    )
    assert found.shape == (50, 3, 6)
    assert np.allclose(found.mean(0), 0)
    assert np.allclose(found[:, 1], found[:, 2])
    assert np.allclose(np.diff(found[:, 0, 0]), np.diff(found[:, 0, 0])[0])


def test_the_network_follows_a_bend():
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 2, size=600)
    x = (rng.random(600) < 0.5).astype(float)
    y = np.abs(z) * (1 + x)
    made = fit(
        terms(Columns.read({"z": z}), ("z",)), x, y, np.ones((4, 4), dtype=bool), Sizes(width=16, steps=300), 0, False
    )
    assert np.mean((made.outcome(terms(Columns.read({"z": z}), ("z",)), 1.0) - 2 * np.abs(z)) ** 2) < 0.05


def test_as_a_method_it_takes_the_analysts_place():
    analyst = Analyst()
    before = analyst.fingerprint()
    short = DAGEffect(width=4, heads=1, layers=1, steps=4, folds=2)
    short.model(analyst, generator(0, "method", "model"))
    assert analyst.fingerprint() != before
    assert (
        analyst.estimate(table()).effect
        == short.estimate(table(), int(generator(0, "method", "model").integers(2**31))).effect
    )
    assert len(analyst.notes) == 1
    other = Analyst()
    short.model(other, generator(1, "method", "model"))
    assert other.fingerprint() != analyst.fingerprint()


def test_what_is_refused():
    question = table()
    with pytest.raises(DataError, match="compares a treatment of 1 with one of 0"):
        SMALL.estimate(Table(question.data, "both", "y", ("alone",)), 0)
    three = question.data.with_(x=np.arange(question.data.n) % 3.0)
    with pytest.raises(DataError, match="more values than 1 and 0"):
        SMALL.estimate(Table(three, "x", "y", ("both",)), 0)
    with pytest.raises(UnknownName, match="'alone'"):
        looks(Table(question.data, "x", "y", ("both", "alone"), Graph.parse("both -> x -> y")))
    made, problems = build(resolve("method", "pretrain.attention.dag_effect"), {"width": 31})
    assert made is None and "does not divide" in problems[0][1]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["linear", "bent"])
def test_intervals_hold_the_truth_in_confounded_worlds(family):
    """Of 20 intervals at 95 %, 15 or fewer would hold it with a chance of 0.03 %."""
    held = 0
    for number in range(20):
        known = world(family, number, 500, seed=7)
        held += not DAGEffect(steps=60).estimate(known.table, number).effect.excludes(known.truth)
    assert held >= 16
