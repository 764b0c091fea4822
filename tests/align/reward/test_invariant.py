"""Causal reward modelling: the penalty is the MMD between bins, quality stays, conditional asks for less."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.align.reward.planted import effects, learnt, preferences

from butfor.align.reward import invariant
from butfor.align.reward.invariant import BIN, Invariant, binned
from butfor.core.errors import UserError
from butfor.train.kernel import penalty
from butfor.train.standard import Standard


def outputs(rewards, features=None):
    """Outputs of chosen and rejected texts, whose plain loss is 0."""
    half = len(rewards) // 2
    seen = rewards if features is None else features
    sides = [
        SimpleNamespace(logits=rewards[part, None], features=seen[part], loss=rewards.new_zeros(()), rejected=None)
        for part in (slice(None, half), slice(half, None))
    ]
    return SimpleNamespace(**{**vars(sides[0]), "rejected": sides[1]})


def batch(bins):
    half = len(bins) // 2
    return {f"{BIN}0": bins[:half], f"rejected.{BIN}0": bins[half:], "rejected.input_ids": bins}


def by_hand(values, bins):
    """The mean over pairs of bins of the unbiased MMD², from its definition."""
    values = np.asarray(values).reshape(len(values), -1)
    n = len(values)
    distance = ((values[:, None] - values[None]) ** 2).sum(-1)
    width = max(np.sort(distance[~np.eye(n, dtype=bool)])[(n * (n - 1) - 1) // 2], 1.0)
    kernel = np.exp(-distance / width)
    found = []
    for a, b in combinations(sorted(set(bins)), 2):
        one, other = np.flatnonzero(bins == a), np.flatnonzero(bins == b)
        within = [np.mean([kernel[i, j] for i in part for j in part if i != j]) for part in (one, other)]
        found.append(sum(within) - 2 * kernel[np.ix_(one, other)].mean())
    return np.mean(found)


def test_the_penalty_is_the_mean_discrepancy_of_two_bins():
    rng = np.random.default_rng(0)
    rewards, bins = rng.normal(size=24) * 2, np.arange(24) % 3
    given = outputs(torch.from_numpy(rewards)), batch(torch.from_numpy(bins))
    whole = Invariant(strength=2.0).loss(None, given[1], given[0]).item()
    assert whole == pytest.approx(2 * by_hand(rewards, bins), abs=1e-9)


def test_conditional_compares_within_the_chosen_and_within_the_rejected():
    rewards = torch.tensor([4.0] * 6 + [-4.0] * 6).double()  # two rewards, one of the chosen, one of the rejected
    bins = batch(torch.tensor([0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1]))
    found = {of: Invariant(conditional=of).loss(None, bins, outputs(rewards)).item() for of in (False, True)}
    assert found[False] > 0.01
    assert found[True] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("of", ["reward", "features"])
def test_its_gradient_is_that_of_differences(of, conditional, monkeypatch):
    """At a fixed width of the kernel: the median follows the batch, and no gradient goes through it."""
    monkeypatch.setattr(invariant, "penalty", lambda *given: penalty(*given[:3], 1e3))
    torch.manual_seed(1)
    start = torch.randn(12, 3, dtype=torch.double) / 3
    bins = torch.arange(12) % 2
    method = Invariant(of=of, conditional=conditional)

    def loss(values):
        return method.loss(None, batch(bins), outputs(values[:, 0], values))

    values = start.clone().requires_grad_()
    loss(values).backward()
    with torch.no_grad():
        for place in ((0, 0), (5, 0), (11, 0)):
            step = torch.zeros_like(start)
            step[place] = 1e-6
            slope = (loss(start + step) - loss(start - step)).item() / 2e-6
            assert values.grad[place].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_rewards_keep_quality_and_lose_length(monkeypatch):
    world = preferences(n=200)
    plain, _ = learnt(Standard(), world, monkeypatch, steps=80)
    causal, _ = learnt(Invariant(strength=5.0, bins=4), world, monkeypatch, steps=80)
    before, after = effects(plain), effects(causal)
    assert before[1] > 0.5
    assert abs(after[1]) < 0.3 * before[1]
    assert after[2] >= before[2]


def test_numbers_fall_into_bins_of_equally_many_and_words_into_their_own():
    rng = np.random.default_rng(0)
    values = rng.normal(size=80).tolist()
    found = np.array(binned("length", [values[:40], values[40:]], 4))
    assert np.bincount(found.ravel()).tolist() == [20] * 4
    assert all(np.diff(found.ravel()[np.argsort(values)]) >= 0)
    seldom = [0.0] * 90 + [float(n) for n in range(1, 11)]
    assert np.bincount(binned("shouts", [seldom], 8)[0]).tolist() == [90, 10]
    assert np.bincount(binned("shouts", [[-n for n in seldom]], 8)[0]).tolist() == [10, 90]
    words = binned("who", [["b"] * 8 + ["a"] * 8], 4)
    assert words == [[1] * 8 + [0] * 8]


def test_small_bins_go_with_their_neighbours():
    found = binned("stars", [[1] * 3 + [2] * 10 + [3] * 9 + [4] * 2], 4)[0]
    assert found == [0] * 13 + [1] * 11


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["a"] * 20 + ["b"] * 3, "a bin holds 3 of 23 texts"),
        ([f"n{n}" for n in range(30)], "30 values such as 'n0', and 8 bins"),
        ([1] * 20 + [2] * 3, "a bin holds 23 of 23 texts"),
    ],
)
def test_bins_too_small_are_refused(values, problem):
    with pytest.raises(UserError, match=problem):
        binned("who", [values], 8)


def test_frozen_features_cannot_be_made_alike(monkeypatch):
    with pytest.raises(UserError, match=r'holds the features as they are.*of = "reward"'):
        learnt(Invariant(of="features"), preferences(n=60), monkeypatch, steps=1)


def test_scores_have_no_chosen_texts():
    rows = [{"text": f"t{n}", "score": 1.0, "length": n} for n in range(40)]
    with pytest.raises(UserError, match="set conditional = false"):
        Invariant(conditional=True).fits(rows)


@pytest.mark.parametrize("names", [(), ("length", "length")])
def test_variables_are_named_once(names):
    with pytest.raises(ValueError, match="each once"):
        Invariant(variables=names)
