"""Rewards by instrument: a hidden cause does not get in, the second stage is 2SLS, weak instruments are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.align.reward.planted import WIDTH, World, drawn, effects, learnt, seen

from butfor.align.reward.instrument import ALONG, PREDICTED, SIGN, Instrument, _strength, first_stage
from butfor.align.reward.sides import KEPT, apart, numbered
from butfor.core.errors import DataError, UserError
from butfor.lm.head import NAME
from butfor.scm.estimate.nuisance import folds_of
from butfor.train.standard import Standard
from butfor.train.task import Outputs

ADDS = -1.0  # what the hidden cause adds to a score, for each unit that it adds to the second feature
RANKERS = 5


def shown(rng, ranker, hidden, push=0.8, lift=0.6):
    """A text: the ranker moves quality, the hidden cause moves length, and quality by `lift`."""
    u = 0.5 * rng.normal(size=WIDTH)
    u[0] += push * (ranker - 2) / 2 + lift * hidden
    u[1] += 0.8 * hidden
    return np.clip(u, -2.5, 2.5)


def scored(seed=0, n=1000, push=0.8):
    rng, world = np.random.default_rng(seed), World()
    for _ in range(n):
        hidden, ranker = rng.normal(), int(rng.integers(RANKERS))
        u = shown(rng, ranker, hidden, push)
        world.score(world.text(u, ranker=ranker), u[0] + ADDS * hidden + 0.3 * rng.normal())
    return world


def judged(seed=0, n=1000):
    """Pairs whose left text is ranked, and a hidden mood that goes with what stands on the left and with its choice."""
    rng, world = np.random.default_rng(seed), World()
    for _ in range(n):
        hidden, ranker = rng.normal(), int(rng.integers(RANKERS))
        left, right = shown(rng, ranker, hidden, lift=0.0), shown(rng, 2, 0.0, lift=0.0)
        texts = [world.text(left), world.text(right)]
        first = rng.random() < 1 / (1 + np.exp(-2 * (left[0] - right[0]) - 2 * ADDS * hidden))
        world.pair(*(texts if first else texts[::-1]), ranker=ranker, first=int(first))
    return world


def test_a_hidden_cause_of_scores_does_not_get_in(monkeypatch):
    world = scored()
    naive = effects(learnt(Standard(), world, monkeypatch)[0])
    causal, notes = learnt(Instrument(), world, monkeypatch)
    found = effects(causal)
    assert naive[0] < 0.75
    assert found[0] == pytest.approx(1, abs=0.15)
    assert notes[0].startswith("instrument: 1 of 4 directions are moved enough (first-stage F = ")


def test_a_hidden_cause_of_preferences_does_not_get_in(monkeypatch):
    world = judged()
    naive = effects(learnt(Standard(), world, monkeypatch)[0])
    found = effects(learnt(Instrument(first="first"), world, monkeypatch)[0])
    assert naive[1] / naive[0] < -0.5
    assert abs(found[1] / found[0]) < 0.35
    assert found[2] > naive[2] + 0.05


@pytest.mark.slow
def test_each_text_of_a_pair_may_have_an_instrument_of_its_own(monkeypatch):
    rng, world = np.random.default_rng(0), World()
    for _ in range(1000):
        rankers = rng.integers(RANKERS, size=2)
        hidden = rng.normal(size=2)
        u = [shown(rng, ranker, cause, lift=0.0) for ranker, cause in zip(rankers, hidden, strict=True)]
        texts = [world.text(one, ranker=f"r{ranker}") for one, ranker in zip(u, rankers, strict=True)]
        first = rng.random() < 1 / (1 + np.exp(-2 * (u[0][0] - u[1][0]) - 2 * ADDS * (hidden[0] - hidden[1])))
        world.pair(*(texts if first else texts[::-1]))
    naive = effects(learnt(Standard(), world, monkeypatch)[0])
    found = effects(learnt(Instrument(), world, monkeypatch)[0])
    assert found[0] > 0.5
    assert found[2] > naive[2] + 0.05


def parted(fold):
    """Rows of one text each."""
    return list(apart(np.arange(len(fold))[:, None], fold))


def stage(world, seed=0):
    """What first_stage makes of the scores of a world, x and y."""
    x = np.stack([world.read[row["text"]] for row in world.rows])
    z = Instrument().terms(world.rows)[0]
    fold = folds_of(np.zeros(len(x), dtype=np.int64), 5, np.random.default_rng(seed))
    y = np.array([row["score"] for row in world.rows])
    return first_stage(x, z, parted(fold), np.arange(len(x)), 8, 10.0), x, y


def test_a_text_that_stands_in_many_rows_makes_no_instrument_strong(monkeypatch):
    rng, world = np.random.default_rng(3), World()
    texts = [world.text(drawn(rng)[0], ranker=int(rng.integers(RANKERS))) for _ in range(150)]
    for n in range(1500):
        one, other = (n // 10, (n // 10 + 1 + n % 10) % 150)
        world.pair(texts[one], texts[other])
    with pytest.raises(DataError, match="the instrument is weak"):
        learnt(Instrument(weakest=5.0), world, monkeypatch, steps=1)


def test_strength_is_that_of_draws_and_not_of_rows():
    rng = np.random.default_rng(0)
    x, who = rng.normal(size=(200, 8)), rng.integers(RANKERS, size=200)
    z, fold = np.eye(RANKERS)[who][:, 1:], folds_of(np.zeros(200, dtype=np.int64), 5, rng)
    once = _strength(x, z, parted(fold), np.arange(200), 3)
    at = np.tile(np.arange(200), 10)
    assert _strength(x[at], z[at], parted(fold[at]), at, 3) == pytest.approx(once)
    assert _strength(x[at], z[at], parted(fold[at]), np.arange(2000), 3) == pytest.approx(10 * once)


def test_the_second_stage_comes_to_two_stage_least_squares():
    """The prediction substituted equals the prediction as instrument: (P'S)⁻¹ P'y, S what is read along V."""
    found, x, y = stage(scored(n=600))
    seen = (x - x.mean(0)) @ found.turned @ found.along
    substituted = np.linalg.lstsq(found.predicted, y - y.mean(), rcond=None)[0]
    used = np.linalg.solve(found.predicted.T @ seen, found.predicted.T @ (y - y.mean()))
    assert substituted == pytest.approx(used, rel=1e-9)


def test_training_finds_that_answer(monkeypatch):
    world = scored(n=600)
    head, _ = learnt(Instrument(), world, monkeypatch, steps=250)  # its data hook draws nothing before the folds
    rows, x = world.rows, np.stack(list(world.read.values()))
    fold = folds_of(np.zeros(len(rows), dtype=np.int64), 5, np.random.default_rng(0))[numbered(rows)[:, 0]]
    x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    found = first_stage(x, Instrument().terms(rows)[0], parted(fold), np.arange(len(x)), 8, 10.0)
    y = np.array([row["score"] for row in rows])
    wanted = found.turned @ found.along @ np.linalg.lstsq(found.predicted, y - y.mean(), rcond=None)[0]
    assert head[1].weight[0].detach().numpy() == pytest.approx(wanted, rel=0.02, abs=2e-3)
    assert head[1].bias.item() == pytest.approx(y.mean() - wanted @ x.mean(0), abs=0.02)


@pytest.mark.parametrize("kind", ["scores", "of each text", "first"])
def test_its_gradient_is_that_of_the_equation(kind):
    torch.manual_seed(0)
    told, along, score = torch.randn(6, 2), torch.linalg.qr(torch.randn(4, 2))[0], torch.randn(6)
    told, along, score = told.double(), along.double(), score.double()
    sign = torch.tensor([1.0, -1, 1, 1, -1, -1]).double()
    model, head = torch.nn.Module(), torch.nn.Linear(4, 1)
    del head.weight, head.bias
    setattr(model, NAME, torch.nn.Sequential(torch.nn.Identity(), head))
    setattr(model, ALONG, along)
    order = [5, 0, 3, 1, 4, 2]
    setattr(model, KEPT, ({PREDICTED: told, SIGN: sign}, [order]))
    batch = {"step": torch.tensor(0), "input_ids": torch.zeros(6, 1, dtype=torch.long), "score": score}
    method = Instrument(first="first" if kind == "first" else "")
    outputs = Outputs(None, score, score, None if kind == "scores" else Outputs(None, score, score))

    def loss(weight, bias):
        head.weight, head.bias = weight, bias
        return method.loss(model, batch, outputs)

    weight, bias = (torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in ((1, 4), (1,)))
    assert torch.autograd.gradcheck(loss, (weight, bias))
    found = torch.autograd.grad(loss(weight, bias), (weight, bias), allow_unused=True)
    seen, ways = told[order] @ along.T, sign[order] if kind == "first" else torch.ones(6).double()
    worth = seen @ weight[0] + (0 if kind == "of each text" else bias)
    slope = worth - score if kind == "scores" else -torch.sigmoid(-ways * worth) * ways
    assert torch.allclose(found[0], (slope[:, None] * seen).mean(0, keepdim=True))
    if kind == "of each text":
        assert found[1] is None or not found[1].any()  # it cancels in the difference of two texts
    else:
        assert torch.allclose(found[1], slope.mean()[None])


def test_estimates_centre_on_the_truth_over_worlds():
    slopes = []
    for seed in range(8):
        found, _, y = stage(scored(seed, n=400))
        weight = found.turned @ found.along @ np.linalg.lstsq(found.predicted, y - y.mean(), rcond=None)[0]
        quality = np.eye(WIDTH)[0]
        slopes.append(float(((seen(0.1 * quality[None]) - seen(-0.1 * quality[None])) @ weight)[0] / 0.2))
    assert np.mean(slopes) == pytest.approx(1, abs=0.12)


def test_a_weak_instrument_is_refused_by_name(monkeypatch):
    with pytest.raises(DataError, match=r"the instrument is weak: .* first-stage F of .*, under 10"):
        learnt(Instrument(), scored(n=400, push=0.0), monkeypatch, steps=1)


def test_an_instrument_that_moves_nothing_is_refused_nearly_always():
    """What the directions are drawn from does not judge them: else 16 features would find one by chance."""
    refused = 0
    for seed in range(24):
        try:
            stage(scored(seed, n=200, push=0.0))
        except DataError:
            refused += 1
    assert refused >= 23


def test_columns_of_the_pair_are_no_instruments_without_the_order():
    rows = [
        {"text": f"a{n}", "who": n % 3, "first": n % 2, "beside": {"rejected": {"text": f"b{n}", "who": n % 3}}}
        for n in range(100)
    ]
    with pytest.raises(UserError, match="who is alike in both texts of every pair"):
        Instrument(instruments=("who",)).fits(rows)
    Instrument(instruments=("who",), first="first").fits(rows)
    with pytest.raises(UserError, match="the column 'who' is 2 on a row; give 1 or 0"):
        Instrument(instruments=("who",), first="who").fits(rows)


def test_few_rows_constant_instruments_and_scores_in_order_are_refused():
    rows = scored(n=60).rows
    with pytest.raises(UserError, match=r"60 rows are too few for 4 terms .* give 80 or more"):
        Instrument().fits(rows)
    with pytest.raises(UserError, match="is 0 on every row: it moves nothing"):
        Instrument(first="row").fits([{**row, "ranker": 0} for row in rows])
    with pytest.raises(UserError, match="scores are of one text each"):
        Instrument(first="row").fits(scored(n=100).rows)


def test_features_that_move_have_no_first_stage():
    method, planned = Instrument(), SimpleNamespace(features={}, rows=[], plan=[])
    with pytest.raises(UserError, match=r'set train\.adapt = "head"'), method.attach(None, planned, None):
        pass
