"""How likely an answer is: the model's own loss, scoring, and the same before training as when it began."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from butfor.lm.load import load
from butfor.lm.scoring import score
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.method import Method
from butfor.train.policy import BEFORE, answered, before, logprobs, part, remembered

ASKED = [("Is it far? ", "Not at all, walk on."), ("Who came? ", "Nobody."), ("Why? ", "Because it rained all day.")]
ROWS = [
    {
        "text": asked + said,
        "answer_at": len(asked),
        "beside": {"rejected": {"text": f"{asked}No idea {n}.", "answer_at": len(asked)}},
    }
    for n, (asked, said) in enumerate(ASKED * 3)
]


def planned(lm, steps=4):
    return batches(numbered(ROWS), lm.tokenizer, seed=0, batch_size=3, length=64, steps=steps)


def test_it_is_what_the_models_own_loss_averages():
    lm = load("debug")
    batch = planned(lm)[0]
    own = lm.model(**{name: batch[name] for name in ("input_ids", "attention_mask", "labels")}).loss
    said = answered(lm.model, batch)
    assert -said.sum().item() / int((batch["labels"][:, 1:] != -100).sum()) == pytest.approx(own.item(), abs=1e-5)


def test_it_is_what_scoring_says_of_the_answer():
    lm, made = load("debug"), planned(load("debug"))
    with torch.inference_mode():
        for name in ("", "rejected"):
            found = answered(lm.model, part(made[0], name))
            rows = [made.rows[place] for place, _ in made.plan[0]]
            rows = [row["beside"][name] if name else row for row in rows]
            asked = [{"prompt": r["text"][: r["answer_at"]], "choices": [r["text"][r["answer_at"] :]]} for r in rows]
            assert found.numpy() == pytest.approx(np.array([one.logprobs[0] for one in score(lm, asked)]), abs=1e-4)


def test_only_learnt_tokens_count_and_padding_says_nothing():
    logits = torch.randn(2, 4, 7, dtype=torch.float64)
    labels = torch.tensor([[-100, 3, 5, -100], [-100, -100, 6, 1]])
    logp = logits.float().log_softmax(-1)
    wanted = [logp[0, 0, 3] + logp[0, 1, 5], logp[1, 1, 6] + logp[1, 2, 1]]
    assert logprobs(logits, labels).tolist() == pytest.approx([float(one) for one in wanted])
    assert logprobs(logits, torch.full((2, 4), -100)).tolist() == [0.0, 0.0]


def test_the_gradient_is_that_of_the_loss():
    lm = load("debug")
    batch = planned(lm)[1]
    weight = next(lm.model.parameters())
    tokens = int((batch["labels"][:, 1:] != -100).sum())
    (one,) = torch.autograd.grad(-answered(lm.model, batch).sum() / tokens, weight)
    (two,) = torch.autograd.grad(
        lm.model(**{n: batch[n] for n in ("input_ids", "attention_mask", "labels")}).loss, weight
    )
    assert torch.allclose(one, two, atol=1e-6)


def test_what_was_said_before_stays_while_the_model_learns(tmp_path):
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Watching(Method):
        def attach(self, lm, planned, rng):
            return remembered(lm, planned, ("", "rejected"))

        def loss(self, model, batch, outputs):
            for name in ("", "rejected"):
                seen.append((before(model, batch, name), answered(fresh.model, part(batch, name)).detach()))
            return outputs.loss

    fresh, lm = load("debug"), load("debug")
    settings = TrainSettings(steps=5, batch_size=3, length=64, learning_rate=1e-2)
    train(lm, ROWS, Watching(), settings=settings, seed=0, folder=tmp_path)
    assert all(torch.allclose(one, two, atol=1e-4) for one, two in seen)
    assert not torch.allclose(answered(lm.model, planned(lm)[0]), answered(fresh.model, planned(lm)[0]), atol=0.1)
    assert not hasattr(lm.model, BEFORE)
