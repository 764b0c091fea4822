"""Feedback that is seen of some and at times wrong: on average the losses are those of all feedback without slips."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.align.reward.planted import World, drawn, effects, learnt

from butfor.align.reward.observed import Observed
from butfor.core.errors import UserError


def outputs(worth, other=None):
    rejected = None if other is None else SimpleNamespace(logits=other[:, None])
    return SimpleNamespace(logits=worth[:, None], rejected=rejected, loss=None)


def test_slips_of_scores_leave_the_gradient_alone_on_average():
    missed, mistaken = 0.3, 0.1
    method = Observed(missed=missed, mistaken=mistaken)
    for true, wrong in ((1, missed), (0, mistaken)):
        worth = torch.tensor([0.4], dtype=torch.double, requires_grad=True)
        told = [method.each({"score": torch.tensor([y])}, outputs(worth)).sum() for y in (true, 1 - true)]
        slope = torch.autograd.grad((1 - wrong) * told[0] + wrong * told[1], worth)[0]
        assert slope.item() == pytest.approx(0.4 - true, abs=1e-6)


def test_slips_of_scores_come_to_the_published_surrogate():
    missed, mistaken = 0.3, 0.1
    method = Observed(missed=missed, mistaken=mistaken)
    rates, r = {1: missed, 0: mistaken}, np.linspace(-1, 2, 7)
    for y in (0, 1):
        loss = {value: (r - value) ** 2 / 2 for value in (0, 1)}
        wanted = ((1 - rates[1 - y]) * loss[y] - rates[y] * loss[1 - y]) / (1 - missed - mistaken)
        found = method.each(
            {"score": torch.full((7,), float(y), dtype=torch.double)}, outputs(torch.from_numpy(r))
        ).numpy()
        assert np.ptp(found - wanted) == pytest.approx(0, abs=1e-9)  # but for a number that no reward moves


def test_slips_of_preferences_leave_the_loss_alone_on_average():
    rate, margin = 0.2, torch.linspace(-3, 3, 9, dtype=torch.double)
    method = Observed(missed=rate, mistaken=rate)
    right, turned = (method.each({}, outputs(m, torch.zeros_like(m))) for m in (margin, -margin))
    wanted = torch.nn.functional.softplus(-margin)
    assert ((1 - rate) * right + rate * turned).tolist() == pytest.approx(wanted.tolist(), abs=1e-9)


def chosen(n=600, seed=0):
    """Scores that bend in length, rated far more often for long texts; beside them a world that is rated throughout."""
    rng, part, whole = np.random.default_rng(seed), World(), World()
    for _ in range(n):
        u, length = drawn(rng)
        score = u[0] + np.abs(length)
        chance = 1 / (1 + np.exp(-1.5 * length))
        seen = int(rng.random() < chance)
        part.score(part.text(u), score if seen else 0.0, rated=seen, chance=float(chance), long=length)
        whole.score(whole.text(u), score, rated=1)
    return part, whole


@pytest.mark.parametrize(
    "knobs",
    [
        {"propensity": "chance", "least": 0.01},
        pytest.param({"least": 0.01}, marks=pytest.mark.slow),
        pytest.param({"given": ("long",)}, marks=pytest.mark.slow),
    ],
)
def test_ratings_stand_for_those_that_were_not_given(monkeypatch, knobs):
    part, whole = chosen()
    wanted = effects(learnt(Observed(observed="rated"), whole, monkeypatch)[0])
    rated = World()
    rated.read, rated.rows = part.read, [row for row in part.rows if row["rated"]]
    naive = effects(learnt(Observed(observed="rated"), rated, monkeypatch)[0])
    found, notes = learnt(Observed(observed="rated", **knobs), part, monkeypatch)
    assert abs(naive[1] - wanted[1]) > 0.3
    assert abs(effects(found)[1] - wanted[1]) < 0.5 * abs(naive[1] - wanted[1])
    assert "rows weighs as" in notes[0]


def test_a_text_that_stands_in_many_rows_does_not_tell_its_own_chance(monkeypatch):
    rng = np.random.default_rng(0)
    told, of = rng.standard_normal((40, 30)), np.repeat(np.arange(40), 8)
    rated = rng.permutation(np.arange(40) % 2 == 0)[of]
    rows = [{"text": f"t{n}", "score": 0.0, "observed": int(one)} for n, one in zip(of, rated, strict=True)]
    monkeypatch.setattr("butfor.align.reward.observed.read_before", lambda *_: [told[of]])
    chance = Observed()._chance(None, None, rows, rated, rng)
    assert abs(np.corrcoef(chance[::8], rated[::8])[0, 1]) < 0.5  # by rows it is 0.99: the text is in the other folds
    assert np.ptp(chance.reshape(40, 8), axis=1).max() < 1e-9


def test_noisy_feedback_teaches_the_rates_that_are_true(monkeypatch):
    rng, noisy = np.random.default_rng(0), World()
    for _ in range(1000):
        u, _ = drawn(rng)
        good = u[0] > 0
        told = good if rng.random() > (0.3 if good else 0.1) else not good
        noisy.score(noisy.text(u), float(told), rated=1)
    reach = [
        effects(learnt(Observed(observed="rated", **knobs), noisy, monkeypatch)[0])[0]
        for knobs in ({}, {"missed": 0.3, "mistaken": 0.1})
    ]
    assert reach[1] == pytest.approx(reach[0] / 0.6, rel=0.1)


@pytest.mark.parametrize(
    ("change", "knobs", "problem"),
    [
        ({"rated": 2}, {}, "is 2 on a row; give 1 for feedback"),
        ({"rated": 0}, {"propensity": "chance"}, "no row has feedback"),
        ({"rated": 0}, {}, "0 rows have feedback and 60 have none"),
        ({"chance": 0.0}, {"propensity": "chance"}, "is 0.0 on a row; a chance is above 0"),
        ({"score": 0.5}, {"missed": 0.1}, "is 0 or 1, and a row has the score 0.5"),
    ],
)
def test_feedback_that_cannot_be_weighed_is_refused(change, knobs, problem):
    rows = [{"text": f"t{n}", "score": float(n % 2), "rated": n % 3 // 2, "chance": 0.5, **change} for n in range(60)]
    with pytest.raises(UserError, match=problem):
        Observed(observed="rated", **knobs).fits(rows)


def test_a_row_without_feedback_holds_any_score():
    rows = [{"text": f"t{n}", "score": float(n % 2) if n % 3 else 0.5, "rated": int(n % 3 > 0)} for n in range(90)]
    Observed(observed="rated", missed=0.1).fits(rows)


@pytest.mark.parametrize(("value", "problem"), [(1.0, "is 1 on every row"), (float("inf"), "is inf on a row")])
def test_what_decides_feedback_has_to_say_something(value, problem):
    rows = [{"text": f"t{n}", "score": 0.0, "rated": n % 2, "x": value} for n in range(60)]
    with pytest.raises(UserError, match=problem):
        Observed(observed="rated", given=("x",)).fits(rows)


def test_a_wrong_preference_is_one_turned_round():
    rows = [{"text": f"a{n}", "observed": 1, "beside": {"rejected": {"text": f"b{n}"}}} for n in range(4)]
    with pytest.raises(UserError, match="set missed and mistaken to the same rate"):
        Observed(missed=0.1).fits(rows)


@pytest.mark.parametrize(
    ("knobs", "problem"),
    [({"missed": 0.6, "mistaken": 0.4}, "tells nothing"), ({"propensity": "p", "given": ("x",)}, "leave it out")],
)
def test_knobs_that_contradict_are_refused(knobs, problem):
    with pytest.raises(ValueError, match=problem):
        Observed(**knobs)
