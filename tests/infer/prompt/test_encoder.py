"""The encoder: the loss against its formula, no step no change, steps that bring pairs together."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from butfor.core.errors import DataError
from butfor.infer.prompt.encoder import found, info_nce, paired, tune
from butfor.lm.load import load

PAIRS = [
    (f"rule {n} says {word}", f"by rule {n}: {word * 2}") for n, word in enumerate(("salt", "iron", "wind", "milk"))
]


def test_the_loss_is_its_formula() -> None:
    x, y = torch.eye(3), torch.eye(3)
    assert float(info_nce(x, y, 1.0)) == pytest.approx(math.log(1 + 2 / math.e))
    assert float(info_nce(x, y.roll(1, 0), 1.0)) == pytest.approx(math.log(2 + math.e))
    assert float(info_nce(x[:1], y[:1], 0.1)) == 0


def test_no_step_changes_nothing_and_steps_lower_the_loss() -> None:
    lm: Any = load("debug")
    before = lm.fingerprint()
    assert tune(lm, PAIRS, steps=0) == [] and lm.fingerprint() == before
    losses = tune(lm, PAIRS, steps=8, batch=4, learning_rate=3e-3)
    assert lm.fingerprint() != before and losses[-1] < losses[0]
    assert found(lm, PAIRS) == 1.0


def test_the_same_seed_tunes_alike() -> None:
    one, two = load("debug"), load("debug")
    assert tune(one, PAIRS, steps=2, seed=1) == tune(two, PAIRS, steps=2, seed=1)  # type: ignore[arg-type]
    assert one.fingerprint() == two.fingerprint()


def test_pairs_by_rule_leave_out_what_no_rule_changes() -> None:
    ((text, other),) = paired(["The people began to shiver because it was cold.", "Xyz."])
    assert other != text and "shiver" in other


def test_one_pair_is_refused() -> None:
    with pytest.raises(DataError, match="tell apart"):
        tune(load("debug"), PAIRS[:1])  # type: ignore[arg-type]
