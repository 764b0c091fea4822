"""MMD: a double loop finds the same, gradients are right, one distribution is near zero and two are not."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from butfor.train.kernel import meet, mmd, penalty


def double_loop(x, label, attribute):
    n = len(x)
    d2 = [[float(((x[i] - x[j]) ** 2).sum()) for j in range(n)] for i in range(n)]
    pairs = sorted(d2[i][j] for i in range(n) for j in range(n) if i != j)
    width = pairs[(len(pairs) - 1) // 2]
    k = [[math.exp(-d / width) for d in line] for line in d2]
    terms = []
    for y in sorted(set(label)):
        for a, b in combinations(sorted({c for c, at in zip(attribute, label, strict=True) if at == y}), 2):
            one, other = ([i for i in range(n) if label[i] == y and attribute[i] == v] for v in (a, b))
            if len(one) < 2 or len(other) < 2:
                continue
            within = [np.mean([k[i][j] for i in part for j in part if i != j]) for part in (one, other)]
            terms.append(sum(within) - 2 * np.mean([k[i][j] for i in one for j in other]))
    return np.mean(terms) if terms else 0.0


LABEL = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
ATTRIBUTE = [0, 0, 1, 1, 1, 0, 0, 2, 2, 1, 2, 0]


def test_mmd_is_that_of_a_double_loop_and_has_the_right_gradient():
    torch.manual_seed(0)
    x = torch.randn(12, 3, dtype=torch.float64, requires_grad=True)
    label, attribute = torch.tensor(LABEL), torch.tensor(ATTRIBUTE)
    assert penalty(x, label, attribute).item() == pytest.approx(double_loop(x.detach().numpy(), LABEL, ATTRIBUTE))

    width = (x[:, None] - x[None]).square().sum(-1).detach()[~torch.eye(12, dtype=torch.bool)].median()

    def fixed(found):  # the bandwidth is a constant of the gradient
        kernel = torch.exp(-(found[:, None] - found[None]).square().sum(-1) / width)
        return mmd(kernel, (label == 0) & (attribute == 0), (label == 0) & (attribute == 1))

    assert torch.autograd.gradcheck(fixed, (x,))
    penalty(x, label, attribute).backward()
    assert torch.isfinite(x.grad).all()
    lone = penalty(x, torch.arange(12), attribute)
    assert lone.item() == 0
    lone.backward()


def test_mmd_is_near_zero_for_one_distribution_and_not_for_two():
    torch.manual_seed(0)
    label, attribute = torch.zeros(60), torch.arange(60) % 2
    same = [penalty(torch.randn(60, 2), label, attribute).item() for _ in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / math.sqrt(60) + 1e-3  # unbiased
    assert penalty(torch.randn(60, 2) + 2.0 * attribute[:, None], label, attribute).item() > 0.3


def test_rows_meet_where_the_penalty_has_a_term():
    rng = np.random.default_rng(0)
    for _ in range(60):
        label, attribute = rng.integers(3, size=7), rng.integers(3, size=7)
        found = penalty(torch.randn(7, 2), torch.from_numpy(label), torch.from_numpy(attribute))
        assert meet(zip(label.tolist(), attribute.tolist(), strict=True)) == (found.item() != 0)
