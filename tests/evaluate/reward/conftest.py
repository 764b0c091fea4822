"""Small public sets for the reward suites: reviews that say their stars, and facts."""

from __future__ import annotations

import json

import pytest

from butfor.data import preferences as world
from butfor.data.cebab import CONCEPTS


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Reviews that say their stars, in families of three, and facts."""
    folder = tmp_path / "cebab" / "CEBaB-v1.1"
    folder.mkdir(parents=True)
    rows = [
        {"id": f"{n:03}_{k}", "original_id": f"{n:03}", "is_original": not k, "edit_type": "food",
         "review_majority": star, "edit_goal": "Positive", "description": f"Meal {n} gets {star} stars.",
         **{f"{name}_aspect_majority": "" for name in CONCEPTS}}
        for n in range(120)
        for k in range(3)
        for star in [str(1 + (n + 2 * k) % 5)]
    ]  # fmt: skip
    for split in ("dev", "train_exclusive"):
        (folder / f"{split}.json").write_text(json.dumps(rows))
    (tmp_path / "known_1000").mkdir()
    facts = [{"prompt": f"P{n} is in", "attribute": "RomeOslo"[n % 2 * 4 :][:4], "template": "in"} for n in range(160)]
    (tmp_path / "known_1000" / world.FACTS).write_text(json.dumps(facts))
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
