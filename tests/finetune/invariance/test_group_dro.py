"""Group DRO: weights follow the losses as an own loop has them, and a killed training goes on bit for bit."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from butfor.finetune.invariance.group_dro import STATE, GroupDRO, estimated, fresh, move, shares, weights
from butfor.finetune.invariance.groups import GROUP
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train

ROWS = [{"text": f"{'ab'[n % 2]} {n}", "label": n % 2, "mark": int(n % 6 == 0) ^ n % 2} for n in range(30)]
SETTINGS = TrainSettings(
    steps=6, batch_size=8, length=8, learning_rate=1e-2, objective="label", adapt="head", save_every=2
)
METHOD = GroupDRO(groups=("label", "mark"), strength=0.5)


def by_hand(share, batches, eta, start):
    """(loss, weights) after each batch of (losses, groups), in plain loops."""
    q, found = np.array(start, dtype=float), []
    for losses, groups in batches:
        risk = np.zeros(len(share))
        for loss, group in zip(losses, groups, strict=True):
            risk[group] += loss / (len(losses) * share[group])
        q = q * np.exp(eta * risk)
        q /= q.sum()
        found.append((float(q @ risk), q))
    return found


@pytest.mark.parametrize("start", ["shares", "equal"])
def test_weights_and_losses_are_those_of_a_loop(start):
    rng = np.random.default_rng(0)
    share = [0.5, 0.3, 0.2]
    method = GroupDRO(strength=0.7, start=start)
    model = torch.nn.Module()
    model.add_module(STATE, fresh(share, equal=start == "equal"))
    logits = [torch.from_numpy(rng.normal(size=(6, 2))) for _ in range(4)]
    label = [torch.from_numpy(rng.integers(2, size=6)) for _ in range(4)]
    group = [torch.from_numpy(rng.integers(3 - (n == 2), size=6)) for n in range(4)]  # once a group is absent
    losses = [cross_entropy(z, y, reduction="none").numpy() for z, y in zip(logits, label, strict=True)]
    wanted = by_hand(share, list(zip(losses, group, strict=True)), 0.7, share if start == "shares" else [1 / 3] * 3)
    for step, (loss, q) in enumerate(wanted):
        batch = {"label": label[step], GROUP: group[step], "step": torch.tensor(step)}
        for _ in range(2):  # a loss that is asked for twice moves the weights once
            found = method.loss(model, batch, SimpleNamespace(logits=logits[step], loss=None))
            assert found.item() == pytest.approx(loss, rel=1e-5)
        assert weights(model.get_submodule(STATE)).numpy() == pytest.approx(q, rel=1e-5)


def test_its_gradient_holds_the_weights_of_the_groups():
    torch.manual_seed(0)
    logits = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    batch = {"label": torch.arange(7) % 3, GROUP: torch.arange(7) % 2, "step": torch.tensor(0)}
    model, method = torch.nn.Module(), GroupDRO(strength=2.0)

    def loss(seen):
        return method.loss(model, batch, SimpleNamespace(logits=seen, loss=None))

    model.add_module(STATE, fresh([0.7, 0.3], equal=True).double())
    (moving,) = torch.autograd.grad(loss(logits), logits)  # in the step in which they move
    assert weights(model.get_submodule(STATE)).tolist() != pytest.approx([0.5, 0.5], abs=0.01)
    assert torch.autograd.gradcheck(loss, (logits,))
    (held,) = torch.autograd.grad(loss(logits), logits)
    assert torch.equal(moving, held)


def test_groups_weighed_by_their_shares_give_the_plain_mean():
    each, group, share = torch.rand(10), torch.arange(10) % 3, torch.tensor([0.2, 0.5, 0.3])
    assert (estimated(each, group, share) * share).sum().item() == pytest.approx(each.mean().item())


def test_the_weight_goes_to_the_group_that_fares_worst():
    state = fresh([0.9, 0.1], equal=False)
    for step in range(50):
        move(state, step, 0.5 * torch.tensor([0.1, 1.0]))
    assert weights(state)[1] > 0.99


def test_versions_of_a_row_share_its_place():
    rows = [{GROUP: 0, "row": 0}, {GROUP: 0, "row": 0}, {GROUP: 1, "row": 1}]
    assert shares(rows) == [0.5, 0.5]
    counts = Counter(row["mark"] for row in ROWS)
    made = GroupDRO(groups=("mark",)).data([{**row, "row": n} for n, row in enumerate(ROWS)], np.random.default_rng(0))
    assert shares(made) == [counts[0] / 30, counts[1] / 30]


def test_a_killed_training_goes_on_bit_for_bit_with_its_weights(tmp_path):
    whole = load("debug")
    train(whole, ROWS, METHOD, settings=SETTINGS, seed=0, folder=tmp_path / "whole")
    assert not hasattr(whole.model, STATE)
    assert "weights of the groups" in whole.notes[-1]

    class Stop(Exception):
        pass

    def stop(step, *_):
        if step == 5:
            raise Stop

    torn = load("debug")
    with pytest.raises(Stop):
        train(torn, ROWS, METHOD, settings=SETTINGS, seed=0, folder=tmp_path / "torn", progress=stop)
    assert not hasattr(torn.model, STATE), "it goes also where training breaks"
    again = load("debug")
    train(again, ROWS, METHOD, settings=SETTINGS, seed=0, folder=tmp_path / "torn")
    assert again.notes[-1] == whole.notes[-1]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
    assert (tmp_path / "torn" / "train.jsonl").read_bytes() == (tmp_path / "whole" / "train.jsonl").read_bytes()
