"""V-REx: equal environments pay nothing on the average, unequal ones the variance of their losses."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from butfor.finetune.invariance.vrex import variance


def test_the_estimate_is_unbiased():
    """Over all samples of two from each of three populations."""
    populations = [torch.tensor(values, dtype=torch.float64) for values in ([0.0, 1.0, 5.0], [2.0, 3.0], [0.5, 0.7])]
    means = torch.stack([values.mean() for values in populations])
    draws = [[values[list(at)] for at in product(range(len(values)), repeat=2)] for values in populations]
    found = [variance(list(groups)).item() for groups in product(*draws)]
    assert sum(found) / len(found) == pytest.approx(means.var(correction=0).item())


def test_losses_without_noise_have_their_plain_variance():
    groups = [torch.full((4,), value) for value in (1.0, 2.0, 6.0)]
    assert variance(groups).item() == pytest.approx(torch.tensor([1.0, 2.0, 6.0]).var(correction=0).item())


def test_the_gradient_is_right():
    torch.manual_seed(0)
    losses = torch.rand(9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: variance([each[:3], each[3:5], each[5:]]), (losses,))
