"""IRM: the closed form is autograd's derivative, the estimate is unbiased, the gradient is right."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn.functional import cross_entropy

from butfor.finetune.invariance.irm import derivatives, squared_mean


def test_the_derivative_is_that_of_a_factor_on_the_logits():
    torch.manual_seed(0)
    logits, label = torch.randn(7, 4, dtype=torch.float64), torch.randint(4, (7,))
    w = torch.ones((), dtype=torch.float64, requires_grad=True)
    wanted = [torch.autograd.grad(cross_entropy(w * logits[i : i + 1], label[i : i + 1]), w)[0] for i in range(7)]
    assert torch.allclose(derivatives(logits, label), torch.stack(wanted))


def test_an_option_that_a_row_lacks_does_not_count():
    short, label = torch.tensor([[1.0, -0.5]]), torch.tensor([1])
    long = torch.tensor([[1.0, -0.5, float("-inf")]])
    assert derivatives(long, label).item() == pytest.approx(derivatives(short, label).item())


def test_the_estimate_is_unbiased():
    """Over all samples of three from four values, drawn with replacement."""
    values = torch.tensor([0.3, -1.0, 2.0, 0.4], dtype=torch.float64)
    drawn = [squared_mean(values[list(places)]).item() for places in product(range(4), repeat=3)]
    assert sum(drawn) / len(drawn) == pytest.approx(values.mean().item() ** 2)


def test_the_gradient_is_right():
    torch.manual_seed(0)
    logits, label = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.randint(3, (5,))
    assert torch.autograd.gradcheck(lambda z: squared_mean(derivatives(z, label)), (logits,))


def test_the_best_classifier_of_each_environment_pays_nothing():
    """Logits that are the log-odds of the label in the environment: no factor would make them better."""
    odds = torch.tensor([[0.8, 0.2]], dtype=torch.float64).log().expand(10, 2)
    label = torch.tensor([0] * 8 + [1] * 2)
    assert derivatives(odds, label).mean().item() == pytest.approx(0.0, abs=1e-12)
    assert abs(derivatives(odds, 1 - label).mean().item()) > 0.5
