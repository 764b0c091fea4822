"""Disentangled rewards: the correlation is numpy's, the second head goes, entangled quality is taken for length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.align.reward.planted import World, drawn, effects, learnt, preferences

from butfor.align.reward.disentangle import Disentangle, correlation
from butfor.core.errors import UserError
from butfor.train.standard import Standard


def test_the_correlation_is_pearsons_and_nought_of_what_does_not_vary():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50, 2))
    other[:, 0] += one[:, 0]
    wanted = [np.corrcoef(one[:, v], other[:, v])[0, 1] for v in range(2)]
    assert correlation(torch.from_numpy(one), torch.from_numpy(other)).tolist() == pytest.approx(wanted, abs=1e-9)
    assert correlation(torch.ones(5, 1), torch.arange(5.0)[:, None]).item() == 0


def test_its_gradient_is_that_of_differences():
    torch.manual_seed(0)
    start, known = torch.randn(9, 2, dtype=torch.double, requires_grad=True), torch.randn(9, 2, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda one: correlation(one, known), start)


def test_rewards_keep_quality_and_lose_length(monkeypatch):
    world = preferences(n=400)
    before = effects(learnt(Standard(), world, monkeypatch)[0])
    after = effects(learnt(Disentangle(strength=0.3), world, monkeypatch)[0])
    assert before[1] > 0.5
    assert abs(after[1]) < 0.3 * before[1]
    assert after[2] >= before[2]


@pytest.mark.slow
def test_where_better_texts_are_longer_it_turns_against_length(monkeypatch):
    """What its limits say: quality alone goes with length, so a reward without correlation marks length down."""
    world = preferences(n=400, correlation=0.7)
    found = effects(learnt(Disentangle(strength=1.0, orthogonal=0.0), world, monkeypatch, steps=250)[0])
    assert found[1] < -0.3 * found[0]


def test_scores_are_disentangled_too(monkeypatch):
    rng, world = np.random.default_rng(0), World()
    for _ in range(300):
        u, length = drawn(rng)
        world.score(world.text(u, length=length), u[0] + length)
    found = effects(learnt(Disentangle(strength=0.3), world, monkeypatch)[0])
    assert found[0] > 0.7
    assert abs(found[1]) < 0.2


def test_words_and_batches_too_small_are_refused(monkeypatch):
    rows = [{"text": f"t{n}", "score": 1.0, "who": "ab"[n % 2]} for n in range(8)]
    with pytest.raises(UserError, match="the column 'who' holds 'a'; give a column of numbers"):
        Disentangle(variables=("who",)).fits(rows)
    world = World()
    for n in range(2):
        world.score(world.text(drawn(np.random.default_rng(n))[0], length=float(n)), 1.0)
    with pytest.raises(UserError, match=r"three texts or more in every batch: raise train\.batch_size"):
        learnt(Disentangle(), world, monkeypatch, steps=1)
