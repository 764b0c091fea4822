"""Feedback: strength 0 is plain fine-tuning, preferences are exact DPO, consistency is of the pair."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.finetune.feedback import Feedback, consistency, preference
from butfor.lm.head import has_head
from butfor.lm.load import load
from butfor.lm.scoring import score
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train, unsuited
from butfor.train.policy import BEFORE, before
from butfor.train.standard import Standard
from butfor.train.task import read, under

OPTIONS = [" yes", " not at all"]
ROWS = [
    {
        "text": f"seen {n % 5} and {n % 3}?",
        "label": n % 2,
        "options": OPTIONS,
        "beside": {"pair": {"text": f"seen {n % 5}, but for {n % 3}?", "label": (n // 2) % 2, "options": OPTIONS}},
    }
    for n in range(12)
]
VARIANTS = ("turns", "supervised", "preference", "consistency")


def trained(folder, method, rows=ROWS, progress=None, **settings):
    lm = load("debug")
    settings = {"steps": 4, "batch_size": 4, "length": 32, "learning_rate": 1e-2, "objective": "choice", **settings}
    train(lm, rows, method, settings=TrainSettings(**settings), seed=0, folder=folder, progress=progress)
    return lm


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("plain"), Standard())


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_strength_it_is_plain_fine_tuning(tmp_path, plain, variant):
    assert same(plain, trained(tmp_path, Feedback(variant=variant, strength=0.0)))


def test_low_rank_additions_learn_preferences_and_the_reference_goes(tmp_path, plain):
    lm = trained(tmp_path, Feedback(variant="preference", strength=1.0), adapt="lora")
    assert not same(plain, lm)
    assert not hasattr(lm.model, BEFORE)


def test_a_head_on_a_frozen_model_learns_preferences(tmp_path):
    lm = trained(tmp_path, Feedback(variant="preference", strength=1.0), objective="label", adapt="head")
    assert has_head(lm)


def test_the_reference_is_what_scoring_finds_before_training():
    lm = load("debug")
    planned = batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=5, length=32, steps=4, objective="choice")
    with Feedback(variant="preference", strength=1.0).attach(lm, planned, np.random.default_rng(0)):
        for step, fed in enumerate(planned.plan):
            rows = [planned.rows[place] for place, _ in fed]
            for name, asked in (("", rows), ("pair", [row["beside"]["pair"] for row in rows])):
                found = before(lm.model, planned[step], name)
                items = [{"prompt": row["text"], "choices": row["options"]} for row in asked]
                wanted = [one.logprobs for one in score(lm, items)]
                assert found.numpy() == pytest.approx(np.array(wanted), abs=1e-4)


def test_the_loss_at_the_start_of_a_preference_is_that_of_a_coin_and_of_dpo_after():
    lm, method = load("debug"), Feedback(variant="preference", strength=1.0, beta=0.7)
    planned = batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=5, length=32, steps=1, objective="choice")
    batch = planned[0]
    rows = [planned.rows[place] for place, _ in planned.plan[0]]

    def whole(row):  # log-probabilities of both answers, by scoring
        return score(lm, [{"prompt": row["text"], "choices": row["options"]}])[0].logprobs

    asked = [one for row in rows for one in (row, row["beside"]["pair"])]
    with method.attach(lm, planned, np.random.default_rng(0)):
        assert method.loss(lm.model, batch, read(lm.model, batch)).item() == pytest.approx(math.log(2), abs=1e-5)
        then = [whole(row) for row in asked]
        with torch.no_grad():
            for weight in lm.model.parameters():
                weight.mul_(1.3)
        after = [whole(row) for row in asked]
        losses = []
        for row, old, new in zip(asked, then, after, strict=True):
            right, wrong = row["label"], 1 - row["label"]
            margin = (new[right] - new[wrong]) - (old[right] - old[wrong])
            losses.append(math.log1p(math.exp(-0.7 * margin)))
        assert method.loss(lm.model, batch, read(lm.model, batch)).item() == pytest.approx(
            sum(losses) / len(losses), abs=1e-4
        )


def test_a_step_of_supervision_is_the_mean_of_both_questions():
    lm = load("debug")
    planned = batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=5, length=32, steps=1, objective="choice")
    batch = planned[0]
    one, two = read(lm.model, batch).loss, read(lm.model, under(batch, "pair")).loss
    found = Feedback(strength=0.4).loss(lm.model, batch, read(lm.model, batch))
    assert found.item() == pytest.approx((0.6 * one + 0.4 * (one + two) / 2).item(), rel=1e-6)


def test_gradients_are_those_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    one, two, old = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(3))
    label, twin = torch.tensor([0, 1, 2, 1]), torch.tensor([0, 2, 2, 0])
    one.requires_grad_(), two.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: preference(a, old, label, 0.3), (one,))
    assert torch.autograd.gradcheck(lambda a, b: consistency(a, b, label, twin), (one, two))


def test_consistency_is_the_chance_that_two_independent_answers_say_rightly_what_the_change_does():
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(1, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    p, q = one.softmax(1)[0], two.softmax(1)[0]
    for label, twin in product(range(3), repeat=2):
        cells = [
            (a, b) for a, b in product(range(3), repeat=2) if ((a, b) == (label, twin) if label != twin else a == b)
        ]
        wanted = -torch.log(sum(p[a] * q[b] for a, b in cells))
        found = consistency(one, two, torch.tensor([label]), torch.tensor([twin]))
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)


def test_answers_that_a_row_lacks_count_for_nothing():
    inf = float("inf")
    three = torch.tensor([[0.3, -0.2, -inf]], requires_grad=True)
    old = torch.tensor([[0.1, 0.4, -inf]])
    label, twin = torch.tensor([0]), torch.tensor([1])
    loss = (
        preference(three, old, label, 0.5)
        + consistency(three, old, label, twin)
        + consistency(three, old, label, label)
    )
    loss.backward()
    two = preference(three[:, :2], old[:, :2], label, 0.5)
    assert preference(three, old, label, 0.5).item() == pytest.approx(two.item())
    assert three.grad is not None
    assert three.grad.isfinite().all()


def test_turns_read_as_many_texts_and_visit_the_counterfactual_question_every_other_time():
    rows = numbered(ROWS)
    made = Feedback(variant="turns", strength=1.0).data(rows, np.random.default_rng(0))
    planned = batches(made, load("debug").tokenizer, seed=0, batch_size=4, length=32, steps=6, objective="choice")
    plain = batches(rows, load("debug").tokenizer, seed=0, batch_size=4, length=32, steps=6, objective="choice")
    assert planned.hash == plain.hash
    visited = [made[place] for line in planned.plan for place, _ in line]
    twins = {row["beside"]["pair"]["text"] for row in ROWS}
    assert sum(row["text"] in twins for row in visited) == len(visited) / 2


def test_a_killed_training_goes_on_bit_for_bit(tmp_path):
    method = Feedback(variant="preference", strength=1.0)
    whole = trained(tmp_path / "whole", method, save_every=2)

    class Stop(Exception):
        pass

    def stop(step, *_):
        if step == 3:
            raise Stop

    with pytest.raises(Stop):
        trained(tmp_path / "torn", method, progress=stop, save_every=2)
    assert same(whole, trained(tmp_path / "torn", method, save_every=2))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.pop("beside"), "no counterfactual question"),
        (lambda row: row["beside"]["pair"].update(text=row["text"]), "same text"),
        (lambda row: row["beside"]["pair"].update(text=""), "no counterfactual question"),
        (lambda row: row["beside"]["pair"].pop("label"), "right answers"),
        (lambda row: row["beside"]["pair"].update(options=["a", "b"]), "the counterfactual one"),
        (lambda row: row["beside"]["pair"].update(label=2), "known are 0 to 1"),
        (lambda row: row["beside"]["pair"].update(label=row["label"]), "nothing to learn"),
    ],
)
def test_rows_that_are_no_pairs_are_refused_in_a_line(change, problem):
    rows = [{**row, "beside": {"pair": dict(row["beside"]["pair"])}} for row in ROWS]
    for row in rows:
        change(row)
    with pytest.raises(UserError, match=problem):
        Feedback(strength=0.5).fits(rows)
    Feedback(strength=0.0).fits(rows)


def test_it_needs_answers_to_learn_from():
    assert "choice" in unsuited(Feedback(strength=0.5), TrainSettings(steps=1), ROWS)
