"""The share of a gain, from the records of a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.core.folder import write_lines
from butfor.effects import recovered

ARMS = {"control": 0.0, "human": 0.4, "made": 0.2}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    base = rng.normal(size=60)
    for arm, gain in ARMS.items():
        for seed in (0, 1, 2):
            moved = base + gain + 0.1 * rng.normal(size=60)
            rows = [{"item": f"{n}", "asked": "x", "cluster": f"{n}", "metrics": {"score": float(x), "flat": 1.0}}
                    for n, x in enumerate(moved)]  # fmt: skip
            (tmp_path / arm / f"seed-{seed}" / "records").mkdir(parents=True)
            write_lines(tmp_path / arm / f"seed-{seed}" / "records" / "s.jsonl", rows)
    table = {"level": 0.95, "arms": [{"name": arm} for arm in ARMS], "measures": [{"suite": "s"}], "seeds": [0, 1, 2]}
    levels = [{"suite": "s", "metric": name, "weight": ""} for name in ("score", "flat")]
    (tmp_path / "experiment.json").write_text(json.dumps(table))
    (tmp_path / "levels.json").write_text(json.dumps({"levels": levels}))
    return tmp_path


def test_half_of_the_gain(run: Path) -> None:
    (row,) = recovered(run, "made", "human")
    assert (row["suite"], row["metric"], row["n"], row["seeds"]) == ("s", "score", 60, 3)
    assert row["low"] < 0.5 < row["high"]
    assert row["high"] - row["low"] < 0.4


def test_an_arm_that_is_not_there(run: Path) -> None:
    with pytest.raises(UserError, match="no arm 'mad'; its arms: control, human, made"):
        recovered(run, "mad", "human")
