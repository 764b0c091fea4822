"""DRPO: strength 0 is supervised fine-tuning, the loss is the published one, and it learns what is preferred."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.align.policy.test_cpo import ANSWERS, ROWS, planned, said, same, trained

from butfor.align.policy.drpo import DRPO, robust
from butfor.core.errors import UserError
from butfor.lm.load import load
from butfor.train.policy import before
from butfor.train.standard import Standard
from butfor.train.task import INPUTS


def chances(lm, row):
    told = np.exp(said(lm, row))
    return told / told.sum()


def test_without_strength_it_is_supervised_fine_tuning(tmp_path):
    assert same(trained(tmp_path / "a", Standard()), trained(tmp_path / "b", DRPO(strength=0.0)))


@pytest.mark.parametrize("family", ["bradley_terry", "general"])
def test_the_loss_is_what_the_equation_says(family):
    lm, method = load("debug"), DRPO(preferences=family, beta=0.3, clip=1.5)
    plan = planned(lm, method)
    batch, rows = plan[0], [plan.rows[place] for place, _ in plan.plan[0]]
    with method.attach(lm, plan, np.random.default_rng(0)):
        first = before(lm.model, batch).exp().numpy()
        with torch.no_grad():
            for weight in lm.model.parameters():
                weight.mul_(1.2)
        outputs = lm.model(**{name: batch[name] for name in INPUTS})
        found = method.loss(lm.model, batch, outputs).item()
    wanted, away = 0.0, 0.0
    for row, old in zip(rows, first, strict=True):
        now, other = chances(lm, row), row["beside"]["rejected"]
        away += (now * np.log(now / old)).sum() / len(rows)
        for one, over, missed in ((row, "over_rejected", 1 - row["won"]), (other, "over_chosen", row["won"] - 1)):
            k = ANSWERS.index(one["text"][one["answer_at"] :])
            weight = np.clip(now[k] / one["propensity"], 1 / 1.5, 1.5)
            table = [row["beside"][f"answer{j}"][over] for j in range(3)]
            wanted += (weight * missed + now @ table) / (2 * len(rows))
    assert -found == pytest.approx(wanted - 0.3 * away, abs=1e-4)


def test_the_gradient_is_the_published_one_clipped_or_not():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 3, generator=draw, dtype=torch.float64).requires_grad_()
    log = torch.randn(5, generator=draw, dtype=torch.float64) - 1
    missed, table = torch.randn(5, generator=draw).double(), torch.rand(5, 3, generator=draw).double()
    told = logits.log_softmax(1)
    (found,) = torch.autograd.grad(robust(told[:, 1], log, missed, told, table, 2.0), logits)
    weights = (told[:, 1] - log).exp().clamp(0.5, 2.0).detach()
    policy = told.exp()
    slope = torch.eye(3).double()[1] - policy  # of log π of the logged answer
    wanted = (weights * missed)[:, None] * slope + policy * (table - (policy * table).sum(1, keepdim=True))
    assert torch.allclose(found, wanted / 5)


def test_it_learns_what_is_preferred(tmp_path):
    then, now = load("debug"), trained(tmp_path, DRPO(beta=0.0), steps=6)
    assert np.mean([chances(now, r)[n % 3] - chances(then, r)[n % 3] for n, r in enumerate(ROWS)]) > 0


def test_rows_that_are_no_preferences_are_refused_in_a_line():
    for change, problem in (("beside", "one-sided"), ("propensity", "the propensity None"), ("answers", "lists")):
        rows = [{name: value for name, value in row.items() if name != change} for row in ROWS]
        with pytest.raises(UserError, match=problem):
            DRPO().fits(rows)
        DRPO(strength=0.0).fits(rows)
