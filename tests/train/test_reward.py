"""Rewards as what is learnt: Bradley–Terry from pairs, squared error from scores, one-sided preferences refused."""

from __future__ import annotations

import pytest
import torch

from butfor.core.errors import UserError
from butfor.lm.head import NAME, hang, worth
from butfor.lm.load import load
from butfor.lm.save import save
from butfor.train.batches import batches, numbered
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard
from butfor.train.task import labelled, read

PAIRS = [
    {"text": f"lovely {n} lovely", "beside": {"rejected": {"text": f"awful {n} awful thing"}}, "id": n}
    for n in range(12)
]
SCORED = [{"text": f"{'lovely' if n % 2 else 'awful'} {n}", "score": float(n % 2)} for n in range(12)]


def trained(folder, rows, lm=None, **settings):
    lm = lm or load("debug")
    settings = {"steps": 12, "batch_size": 6, "length": 24, "learning_rate": 3e-2, "objective": "reward", **settings}
    train(lm, rows, Standard(), settings=TrainSettings(**settings), seed=0, folder=folder)
    return lm


def test_the_loss_of_pairs_is_bradley_terrys_and_of_scores_the_square():
    lm = load("debug")
    hang(lm, 1, 24, seed=0)
    for rows in (PAIRS, SCORED):
        made = batches(numbered(rows), lm.tokenizer, seed=0, batch_size=5, length=24, steps=1, objective="reward")
        found = read(lm.model, made[0])
        own = [made.rows[place] for place, _ in made.plan[0]]
        rewards = torch.from_numpy(worth(lm, [row["text"] for row in own]))
        if rows is PAIRS:
            others = torch.from_numpy(worth(lm, [row["beside"]["rejected"]["text"] for row in own]))
            wanted = torch.log1p(torch.exp(others - rewards)).mean()
            assert found.rejected.logits[:, 0].tolist() == pytest.approx(others.tolist(), abs=1e-5)
        else:
            wanted = (rewards - torch.tensor([row["score"] for row in own])).square().mean() / 2
        assert found.loss.item() == pytest.approx(wanted.item(), abs=1e-5)
        assert found.logits[:, 0].tolist() == pytest.approx(rewards.tolist(), abs=1e-5)


@pytest.mark.parametrize("adapt", ["full", "lora", "head"])
@pytest.mark.parametrize("rows", [PAIRS, SCORED], ids=["pairs", "scores"])
def test_a_reward_is_learnt_kept_and_loaded(tmp_path, adapt, rows):
    lm = trained(tmp_path / "run", rows, adapt=adapt, steps=40 if adapt == "head" else 12)
    good, bad = ["lovely 3 lovely", "lovely 5"], ["awful 3 awful thing", "awful 4"]
    assert worth(lm, good).mean() > worth(lm, bad).mean() + 0.2
    save(lm, tmp_path / "model")
    again = load(str(tmp_path / "model"))
    assert worth(again, good) == pytest.approx(worth(lm, good), abs=1e-4)
    with pytest.raises(UserError, match="knows 1 classes"):
        trained(tmp_path / "more", [{"text": str(n), "label": n % 2} for n in range(8)], lm, objective="label", steps=2)


def test_a_head_of_classes_is_no_reward(tmp_path):
    lm = load("debug")
    hang(lm, 3, 24, seed=0)
    with pytest.raises(UserError, match="tells 3 classes"):
        worth(lm, ["a text"])
    with pytest.raises(UserError, match="a reward needs a model without it"):
        trained(tmp_path, PAIRS, lm)
    assert getattr(lm.model, NAME)[1].out_features == 3


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "a", "id": "x"}, "row x is a one-sided preference"),
        ({"text": "a", "beside": {"rejected": {"text": ""}}}, "one-sided"),
        ({"text": "a", "beside": {"rejected": {"text": "a"}}}, "prefers a text to itself"),
    ],
)
def test_preferences_that_are_none_are_refused(row, problem):
    with pytest.raises(UserError, match=problem):
        labelled([*PAIRS, row], "reward")


@pytest.mark.parametrize("score", [None, "good", True, float("nan")])
def test_scores_that_are_none_are_refused(score):
    with pytest.raises(UserError, match="has the score"):
        labelled([*SCORED, {"text": "a", "score": score}], "reward")
