"""MMD: a model that reads the attribute pays and one that reads the label does not; answers near a point pay less."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from butfor.finetune.invariance.groups import GIVEN, GROUP
from butfor.finetune.invariance.mmd import MMD

LABEL, MARK = torch.arange(80) % 2, torch.arange(80) // 2 % 2


def penalty(logit, **knobs):
    logits = torch.stack([-logit, logit], 1) / 2
    batch = {GROUP: MARK, GIVEN: LABEL}
    return MMD(groups=("mark",), **knobs).penalty(batch, SimpleNamespace(logits=logits, features=logits)).item()


def test_a_model_that_reads_the_attribute_pays_and_one_that_reads_the_label_does_not():
    torch.manual_seed(0)
    noise = torch.randn(80) / 2
    assert penalty(4.0 * (2 * MARK - 1) + noise) > 0.5
    assert abs(penalty(4.0 * (2 * LABEL - 1) + noise)) < 0.05


def test_answers_that_have_shrunk_pay_less():
    torch.manual_seed(0)
    logit = 4.0 * (2 * MARK - 1) + torch.randn(80) / 2
    assert 0 < penalty(0.01 * logit) < penalty(logit) / 50
