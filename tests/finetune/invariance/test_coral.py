"""CORAL: as numpy has it, zero for groups of the same moments, gradients right; given the label or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from butfor.finetune.invariance.coral import distance


def by_numpy(a, b):
    spread = ((np.cov(a.T) - np.cov(b.T)) ** 2).sum() / (4 * a.shape[1] ** 2)
    return spread + ((a.mean(0) - b.mean(0)) ** 2).sum() / a.shape[1]


def test_it_is_what_numpy_says():
    rng = np.random.default_rng(0)
    seen, given, group = rng.normal(size=(30, 3)), np.arange(30) % 2, np.arange(30) // 2 % 3
    cells = [[seen[(given == y) & (group == g)] for g in range(3)] for y in range(2)]
    wanted = np.mean([by_numpy(row[a], row[b]) for row in cells for a, b in ((0, 1), (0, 2), (1, 2))])
    assert distance(*map(torch.from_numpy, (seen, given, group))).item() == pytest.approx(wanted)


def test_groups_of_the_same_moments_pay_nothing():
    rows = torch.randn(5, 4)
    both, group = torch.cat([rows, rows.flip(0)]), torch.arange(10) // 5
    assert distance(both, torch.zeros(10), group).item() == pytest.approx(0.0, abs=1e-10)
    assert distance(both + group[:, None], torch.zeros(10), group).item() == pytest.approx(1.0)
    assert distance(both, torch.arange(10), group).item() == 0, "no cell has two rows"


def test_the_gradient_is_right():
    torch.manual_seed(0)
    seen = torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    given, group = torch.arange(8) % 2, torch.arange(8) // 4
    assert torch.autograd.gradcheck(lambda found: distance(found, given, group), (seen,))


def test_a_label_that_goes_with_the_group_differs_unless_it_is_given():
    """The label itself, more frequent in one group: invariant given the label, and not without it."""
    label = torch.tensor([0] * 30 + [1] * 10 + [0] * 10 + [1] * 30)
    group = torch.arange(80) // 40
    seen = label[:, None].float()
    assert distance(seen, label, group).item() == 0
    assert distance(seen, torch.zeros(80), group).item() > 0.2
