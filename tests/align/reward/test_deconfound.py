"""Deconfounded rewards: what length adds is found however entangled, taken away, and quality stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.align.reward.planted import World, drawn, effects, learnt, preferences

from butfor.align.reward.deconfound import TAKEN, Deconfound, Removed, _errors, of_preferences, of_scores
from butfor.align.reward.sides import KEPT
from butfor.core.errors import DataError, UserError
from butfor.scm.estimate.nuisance import folds_of
from butfor.train.standard import Standard
from butfor.train.task import Outputs

RHO, BETA, GAMMA = 0.8, 1.5, 1.0


def differences(seed, n=800, d=6):
    """Differences of pairs, chosen less rejected: length [n, 1], what is read [n, d]; of length it tells a part."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=(2, n))
    length = RHO * quality + np.sqrt(1 - RHO**2) * rng.normal(size=(2, n))
    x = rng.normal(size=(2, n, d))
    x[..., 0], x[..., 1] = quality, 0.7 * length + 0.3 * x[..., 1]
    z, x, quality = length[0] - length[1], x[0] - x[1], quality[0] - quality[1]
    sign = np.where(rng.random(n) < 1 / (1 + np.exp(-BETA * quality - GAMMA * z)), 1, -1)
    return (z * sign)[:, None], x * sign[:, None]


def scored(seed, n=500, d=6):
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=n)
    length = RHO * quality + np.sqrt(1 - RHO**2) * rng.normal(size=n)
    x = rng.normal(size=(n, d))
    x[:, 0], x[:, 1] = quality, 0.7 * length + 0.3 * x[:, 1]
    return BETA * quality + GAMMA * length + rng.normal(size=n), (length - length.mean())[:, None], x


def texts(n, sides, seed):
    """Which texts stand in which row, none twice, and the fold of each."""
    of = folds_of(np.zeros(n * sides, dtype=np.int64), 5, np.random.default_rng(seed))
    return np.arange(n * sides).reshape(n, sides), of


def covered(kind, seeds):
    """Mean estimate and coverage of the 95 % interval over simulated worlds."""
    found = []
    for seed in seeds:
        if kind == "preferences":
            z, x = differences(seed)
            one = of_preferences(z, x, *texts(len(z), 2, seed))
        else:
            y, z, x = scored(seed)
            one = of_scores(y, z, x, *texts(len(z), 1, seed))
        found.append((one.theta[0], abs(one.theta[0] - GAMMA) < 1.96 * one.error[0]))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("kind", ["preferences", "scores"])
def test_what_an_entangled_length_adds_is_found(kind):
    mean, coverage = covered(kind, range(8))
    assert mean == pytest.approx(GAMMA, abs=0.15)
    assert coverage >= 0.7


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["preferences", "scores"])
def test_intervals_cover_as_often_as_they_say(kind):
    mean, coverage = covered(kind, range(100, 300))
    assert mean == pytest.approx(GAMMA, abs=0.06)
    assert 0.90 <= coverage <= 0.99


def test_rows_that_share_a_text_go_together_and_those_that_share_both_once():
    rng = np.random.default_rng(0)
    of = np.array([[0, 1], [1, 0], [0, 1], [1, 2], [3, 0], [4, 5], [5, 4], [6, 7]])
    scores, slope = rng.normal(size=(len(of), 2)), np.diag([2.0, 5.0])
    together = np.array([[bool({*one} & {*other}) for other in of.tolist()] for one in of.tolist()])
    wanted = np.einsum("ij,ip,jq->pq", together, scores, scores)
    inverse = np.linalg.inv(slope)
    assert _errors(slope, scores, of) ** 2 == pytest.approx(np.maximum(np.diag(inverse @ wanted @ inverse), 0))
    alone = np.sqrt(np.diag(inverse @ (scores.T @ scores) @ inverse))
    assert _errors(slope, scores, np.arange(len(of))[:, None]) == pytest.approx(alone)


def shared(seed, chat, n=1500, count=200, d=6):
    """Of few texts many pairs, in a chat always the same two; each text has a worth that nothing tells."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, d))
    z = 0.6 * x[:, 0] + 0.8 * rng.normal(size=count)
    worth = BETA * x[:, 0] + GAMMA * z + 1.5 * rng.normal(size=count)
    one = rng.integers(count, size=n)
    other = one ^ 1 if chat else (one + 1 + rng.integers(count - 1, size=n)) % count
    first = rng.random(n) < 1 / (1 + np.exp(worth[other] - worth[one]))
    won, lost = np.where(first, one, other), np.where(first, other, one)
    fold = folds_of(np.zeros(count, dtype=np.int64), 5, rng)
    found = of_preferences((z[won] - z[lost])[:, None], x[won] - x[lost], np.stack([won, lost], axis=1), fold)
    return found.theta[0], found.error[0]


@pytest.mark.slow
@pytest.mark.parametrize("chat", [False, True])
def test_errors_are_those_of_texts_that_stand_in_many_rows(chat):
    theta, error = np.transpose([shared(seed, chat) for seed in range(100)])
    assert error.mean() == pytest.approx(theta.std(ddof=1), rel=0.2)


def test_scores_agree_with_least_squares_where_the_texts_are_told_whole():
    y, z, x = scored(0, n=4000)
    joint = np.linalg.lstsq(np.concatenate([z, x, np.ones((len(z), 1))], 1), y, rcond=None)[0][0]
    assert of_scores(y, z, x, *texts(len(z), 1, 0)).theta[0] == pytest.approx(joint, abs=0.02)


def test_a_reward_keeps_the_quality_that_goes_with_length(monkeypatch):
    world = preferences(n=600, correlation=0.7, tells=0.8)
    plain, _ = learnt(Standard(), world, monkeypatch)
    causal, notes = learnt(Deconfound(), world, monkeypatch)
    before, after = effects(plain), effects(causal)
    assert before[1] > 0.4
    assert abs(after[1]) < 0.4 * before[1]
    assert after[0] > 0.7 * before[0]
    assert after[2] > before[2]
    assert "length adds 1." in notes[0] and "log-odds" in notes[0]


@pytest.mark.slow
def test_half_the_strength_takes_half_away(monkeypatch):
    world = preferences(n=400, tells=0.8)
    at = [effects(learnt(Deconfound(strength=s), world, monkeypatch)[0])[1] for s in (0.0, 0.5, 1.0)]
    assert at[0] > at[1] + 0.1 > at[2] + 0.2


def test_who_judged_has_a_level_of_their_own(monkeypatch):
    rng, world = np.random.default_rng(0), World()
    level = {"1": 3.0, "2": -1.0, "3": 0.0}
    for _ in range(400):
        u, length = drawn(rng, tells=0.8)
        who = str(1 + (rng.random() < 0.5) + (rng.random() < 0.5))
        world.score(world.text(u, length=length), u[0] + 2 * length + level[who] + 0.3 * rng.normal(), who=int(who))
    head, notes = learnt(Deconfound(variables=("length", "who"), levels=("who",)), world, monkeypatch)
    found = effects(head)
    assert found[0] == pytest.approx(1, abs=0.2)
    assert found[1] == pytest.approx(0, abs=0.2)
    assert [float(note.split(" adds ")[1].split()[0]) for note in notes[1:]] == pytest.approx([-4.0, -3.0], abs=0.4)


def test_a_length_that_the_text_tells_whole_is_refused(monkeypatch):
    with pytest.raises(DataError, match=r"tells a confounder but for 0\.\d% of its variance"):
        learnt(Deconfound(), preferences(n=300, tells=1.0), monkeypatch, steps=1)


def test_what_decides_every_preference_is_refused():
    z, x = differences(0)
    with pytest.raises(DataError, match="decide every preference"):
        of_preferences(np.abs(z), x, *texts(len(z), 2, 0))


def test_what_is_alike_in_both_texts_cancels():
    rows = [{"text": f"a{n}", "day": n % 3, "beside": {"rejected": {"text": f"b{n}", "day": n % 3}}} for n in range(60)]
    with pytest.raises(UserError, match="'day' is alike in both texts of every pair"):
        Deconfound(variables=("day",)).fits(rows)


def test_what_the_model_does_not_read_at_all_is_told_in_words():
    found = Removed(np.array([1.0, 0.5]), np.array([0.1, 0.1]), np.array([1.15, 0.6]))
    first, second = found.told(["hour", "length"], 500, "score")
    assert first.endswith("; nothing of its variance is told by what the model reads")
    assert second.endswith("; 40% of its variance is told by what the model reads")


@pytest.mark.parametrize("kind", ["preferences", "scores"])
def test_its_gradient_is_that_of_the_equation(kind):
    torch.manual_seed(0)
    won, lost, taken = (torch.randn(5, 1, dtype=torch.float64) for _ in range(3))
    won.requires_grad_(), lost.requires_grad_()
    model = torch.nn.Module()
    setattr(model, KEPT, ({TAKEN: taken[:, 0]}, [[3, 0, 4, 1, 2]]))
    at = taken[[3, 0, 4, 1, 2]]
    score = torch.randn(5, dtype=torch.float64)
    batch = {"step": torch.tensor(0), "input_ids": torch.zeros(5, 1, dtype=torch.long), "score": score}

    def loss(one, other):
        beside = Outputs(None, other, other) if kind == "preferences" else None
        return Deconfound().loss(model, batch, Outputs(None, one, one, beside))

    given = (won, lost) if kind == "preferences" else (won, lost.detach())
    assert torch.autograd.gradcheck(loss, given)
    (slope,) = torch.autograd.grad(loss(*given), won)
    by_hand = -torch.sigmoid(-(won - lost + at)) if kind == "preferences" else won - (score[:, None] - at)
    assert torch.allclose(slope, by_hand / 5)


def test_few_rows_and_unknown_levels_are_refused():
    with pytest.raises(UserError, match="are too few to tell what confounders add"):
        Deconfound().fits(preferences(n=20).rows)
    with pytest.raises(ValueError, match="levels names 'who'"):
        Deconfound(levels=("who",))
