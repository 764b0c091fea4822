"""DPO: strength 0 is supervised fine-tuning, the loss is the published one, and it learns what was preferred."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from butfor.align.policy.dpo import DPO, preference
from butfor.core.errors import UserError
from butfor.lm.load import load
from butfor.lm.scoring import score
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.policy import BEFORE
from butfor.train.standard import Standard

ASKED = [("Is it far? ", "No.", "Yes, it is."), ("Who? ", "Me.", "You."), ("Why? ", "It rained.", "No reason.")]
ROWS = [
    {
        "text": f"{n} {asked}{good}",
        "answer_at": len(f"{n} {asked}"),
        "beside": {"rejected": {"text": f"{n} {asked}{bad}", "answer_at": len(f"{n} {asked}")}},
    }
    for n, (asked, good, bad) in enumerate(ASKED * 2)
]


def trained(folder, method, rows=ROWS, **settings):
    lm = load("debug")
    settings = {"steps": 2, "batch_size": 3, "length": 64, "learning_rate": 1e-2, **settings}
    train(lm, rows, method, settings=TrainSettings(**settings), seed=0, folder=folder)
    return lm


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True))


def whole(lm, row):
    """log π of both answers, by scoring."""
    sides = row, row["beside"]["rejected"]
    return [
        score(lm, [{"prompt": r["text"][: r["answer_at"]], "choices": [r["text"][r["answer_at"] :]]}])[0].logprobs[0]
        for r in sides
    ]


def test_without_strength_it_is_supervised_fine_tuning(tmp_path):
    assert same(trained(tmp_path / "a", Standard()), trained(tmp_path / "b", DPO(strength=0.0)))


def test_the_loss_is_that_of_a_coin_at_the_start_and_of_dpo_after():
    lm, method = load("debug"), DPO(beta=0.7, strength=0.8)
    planned = batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=3, length=64, steps=2)
    batch, rows = planned[0], [planned.rows[place] for place, _ in planned.plan[0]]

    def both():
        outputs = lm.model(**{name: batch[name] for name in ("input_ids", "attention_mask", "labels")})
        return outputs.loss.item(), method.loss(lm.model, batch, outputs).item()

    with method.attach(lm, planned, np.random.default_rng(0)):
        own, found = both()
        assert found == pytest.approx(0.2 * own + 0.8 * math.log(2), abs=1e-5)
        then = [whole(lm, row) for row in rows]
        with torch.no_grad():
            for weight in lm.model.parameters():
                weight.mul_(1.3)
        margins = [(a - b) - (c - d) for (a, b), (c, d) in zip([whole(lm, row) for row in rows], then, strict=True)]
        wanted = sum(math.log1p(math.exp(-0.7 * margin)) for margin in margins) / len(margins)
        own, found = both()
        assert found == pytest.approx(0.2 * own + 0.8 * wanted, abs=1e-4)


def test_gradients_are_those_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = (torch.randn(5, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: preference(a, b, 0.3), (chosen, rejected))


def test_what_was_preferred_becomes_likelier_and_the_reference_goes(tmp_path):
    then, now = load("debug"), trained(tmp_path, DPO(beta=0.5), steps=6)
    for row in ROWS:
        (a, b), (c, d) = whole(now, row), whole(then, row)
        assert a - b > c - d
    assert not hasattr(now.model, BEFORE)


@pytest.mark.slow
def test_low_rank_additions_learn(tmp_path):
    assert not same(load("debug"), trained(tmp_path, DPO(), adapt="lora"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.pop("beside"), "one-sided"),
        (lambda row: row.pop("answer_at"), "answer_at None"),
        (lambda row: row["beside"]["rejected"].pop("answer_at"), "rejected text beside it has the answer_at None"),
        (lambda row: row["beside"]["rejected"].update(text="x" + row["text"]), "another"),
    ],
)
def test_rows_that_are_no_preferences_are_refused_in_a_line(change, problem):
    rows = [{**row, "beside": {"rejected": dict(row["beside"]["rejected"])}} for row in ROWS]
    change(rows[2])
    with pytest.raises(UserError, match=problem) as caught:
        DPO().fits(rows)
    assert str(caught.value).count("\n") == 0
    DPO(strength=0.0).fits(rows)


def test_answers_that_would_be_cut_are_refused(tmp_path):
    with pytest.raises(UserError, match="longer than train"):
        trained(tmp_path, DPO(), length=18)


def test_pairs_of_one_answer_alone_are_refused():
    rows = [{**row, "beside": {"rejected": {"text": row["text"], "answer_at": row["answer_at"]}}} for row in ROWS]
    with pytest.raises(UserError, match="nothing to learn"):
        DPO().fits(rows)
    DPO().fits([*rows, ROWS[0]])
