"""Contrast, consistency and gradient supervision: gradients, what they leave alone, and a planted nuisance."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from butfor.finetune.augment import Augment
from butfor.finetune.consistency import Consistency, swapped
from butfor.finetune.contrast import Contrast
from butfor.finetune.gradient_supervision import GradientSupervision
from butfor.finetune.paired import Side
from butfor.lm.head import NAME
from butfor.lm.load import load
from butfor.train.loop import TrainSettings, train
from butfor.train.standard import Standard

LABELS = torch.tensor([0, 1, 2, 1]), torch.tensor([1, 0, 0, 2])


def sides(one, other, features=(None, None)):
    outputs = [SimpleNamespace(logits=z, features=h) for z, h in zip((one, other), features, strict=True)]
    return Side(outputs[0], LABELS[0]), Side(outputs[1], LABELS[1])


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("kind", [Contrast, Consistency])
def test_gradients_of_the_logits(kind):
    torch.manual_seed(0)
    assert gradcheck(lambda a, b: kind().penalty(None, *sides(a, b)), (drawn(4, 3), drawn(4, 3)))


def test_gradients_of_the_head():
    torch.manual_seed(0)
    h, other = drawn(4, 5), drawn(4, 5)

    def penalty(weight, h, other):
        model = SimpleNamespace(**{NAME: lambda x: torch.tanh(x) @ weight.T})
        return GradientSupervision().penalty(model, *sides(None, None, (h, other)))

    assert gradcheck(penalty, (drawn(3, 5), h, other))


def test_contrast_is_the_likelihood_of_a_matched_pair():
    torch.manual_seed(1)
    one, other = torch.randn(4, 3), torch.randn(4, 3)
    p, q = one.softmax(1).numpy(), other.softmax(1).numpy()
    found = Contrast().penalty(None, *sides(one, other)).numpy()
    for n, (y, z) in enumerate(zip(*(label.tolist() for label in LABELS), strict=True)):
        right, wrong = p[n, y] * q[n, z], p[n, z] * q[n, y]
        assert found[n] == pytest.approx(-np.log(right / (right + wrong)), rel=1e-5)
    shared = torch.randn(4, 3)
    moved = Contrast().penalty(None, *sides(one + shared, other + shared)).numpy()
    assert moved == pytest.approx(found, abs=1e-5)


def test_consistency_is_zero_where_labels_trade_places():
    torch.manual_seed(2)
    one = torch.randn(4, 3)
    mirrored = one.clone()
    for n, (y, z) in enumerate(zip(*(label.tolist() for label in LABELS), strict=True)):
        mirrored[n, y], mirrored[n, z] = one[n, z].item(), one[n, y].item()
    assert torch.equal(swapped(mirrored, *LABELS), one)
    assert Consistency().penalty(None, *sides(one, mirrored)).numpy() == pytest.approx(0.0, abs=1e-6)
    p, q = one.softmax(1), swapped(one, *LABELS).softmax(1)
    kl = 0.5 * ((p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1))
    assert Consistency().penalty(None, *sides(one, one)).numpy() == pytest.approx(kl.numpy(), abs=1e-6)


def test_an_option_that_a_row_lacks_adds_nothing():
    one = torch.tensor([[1.0, 0.5, float("-inf")]] * 4, requires_grad=True)
    labels = torch.zeros(4, dtype=torch.long), torch.ones(4, dtype=torch.long)
    side, other = (Side(SimpleNamespace(logits=one + 0), label) for label in labels)
    found = Consistency().penalty(None, side, other)
    found.sum().backward()
    assert found.isfinite().all() and one.grad[:, :2].isfinite().all()


def test_gradient_supervision_is_zero_along_the_edit_and_two_against_it():
    weight = torch.randn(3, 5)
    model = SimpleNamespace(**{NAME: lambda x: x @ weight.T})
    h = torch.randn(4, 5)
    along = weight[LABELS[1]] - weight[LABELS[0]]
    for sign, wanted in ((1.0, 0.0), (-1.0, 2.0)):
        found = GradientSupervision().penalty(model, *sides(None, None, (h, h + sign * along)))
        assert found.detach().numpy() == pytest.approx(wanted, abs=1e-6)


def planted(count, agree, seed):
    """Texts with a cause ("dull", "lively") and a nuisance ("horse", "ocean") that agrees with it this often."""
    rng = np.random.default_rng(seed)
    rows = []
    for place in range(count):
        label = place % 2
        theme = ("horse", "ocean")[label if rng.random() < agree else 1 - label]
        texts = [f"{theme} was {word}" for word in ("dull", "lively")]
        pair = {"text": texts[1 - label], "label": 1 - label}
        rows.append({"id": str(place), "text": texts[label], "label": label, "beside": {"pair": pair}})
    return rows


def pull_after(method, folder):
    lm = load("debug")
    settings = TrainSettings(steps=30, batch_size=16, length=32, learning_rate=5e-2, objective="label", adapt="head")
    train(lm, planted(32, 1.0, 0), method, settings=settings, seed=0, folder=folder)
    return pull(lm)


def test_a_nuisance_that_pairs_share_loses_its_pull(tmp_path: Path):
    """What theme a film has moves the verdict less than after plain fine-tuning on the same rows."""
    methods = (Standard(), Augment(), *(kind(strength=3) for kind in (Contrast, Consistency, GradientSupervision)))
    plain, *others = (pull_after(method, tmp_path / type(method).__name__) for method in methods)
    assert all(pull < 0.9 * plain for pull in others)


def pull(lm):
    """How far the theme moves the log-odds, over how far theme and cause move them."""
    from butfor.lm.head import classify

    texts = [f"{t} was {w}" for t in ("horse", "ocean") for w in ("dull", "lively")]
    odds = np.diff(classify(lm, texts), axis=1)[:, 0].reshape(2, 2)
    theme, cause = abs(odds[1] - odds[0]).mean(), abs(odds[:, 1] - odds[:, 0]).mean()
    return theme / (theme + cause)
