"""Training of amortised discovery: it learns, and a killed run goes on as if it had not been killed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from butfor.core.errors import UserError
from butfor.pretrain.foundation import train_discovery
from butfor.pretrain.foundation.discovery import Network
from butfor.pretrain.foundation.discovery_net import Shape
from butfor.pretrain.foundation.train_discovery import rate, train, worlds

TINY = Shape(cell=4, heads=2, points=2, outer=2, pair=8, pair_blocks=1)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_discovery, "CELLS", 300)
    monkeypatch.setattr(train_discovery, "EVERY", 2)


def test_the_rate_rises_stays_and_falls() -> None:
    assert rate(0, 8000) < rate(100, 8000) < rate(200, 8000) == rate(5999, 8000) == train_discovery.RATE
    assert rate(7000, 8000) == pytest.approx(train_discovery.RATE / 2) and 0 < rate(7999, 8000) < 1e-5
    assert rate(3000, 8000) == rate(3000, 20000)  # before its decline a run may still become longer


def test_no_two_steps_draw_the_same_worlds() -> None:
    a, again, other = worlds(0, 5), worlds(0, 5), worlds(0, 6)
    assert np.array_equal(a.x, again.x) and not np.array_equal(a.x[0, 0, :2], other.x[0, 0, :2])


def test_a_killed_run_goes_on_exactly(tmp_path: Path) -> None:
    whole = train(8, tmp_path / "whole.safetensors", TINY)

    class Killed(Exception):
        pass

    def killed(seed: int, step: int) -> train_discovery.Worlds:
        if step == 5:
            raise Killed
        return worlds(seed, step)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(train_discovery, "worlds", killed)
        train(8, tmp_path / "cut.safetensors", TINY)
    rest = train(8, tmp_path / "cut.safetensors", TINY)
    assert all(torch.equal(whole[name], rest[name]) for name in whole)
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut.log.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 6, 8]
    kept = Network.load(tmp_path / "cut.safetensors")
    assert kept.shape == TINY
    assert all(torch.equal(kept.weights[name], whole[name].bfloat16().float()) for name in whole)


def test_another_shape_or_seed_does_not_resume(tmp_path: Path) -> None:
    train(2, tmp_path / "a.safetensors", TINY)
    with pytest.raises(UserError, match="another --seed; remove it"):
        train(2, tmp_path / "a.safetensors", TINY, seed=1)
    with pytest.raises(UserError, match="another shape; remove it"):
        train(2, tmp_path / "a.safetensors", Shape(cell=4, heads=2, points=2, outer=2, pair=8, pair_blocks=2))
