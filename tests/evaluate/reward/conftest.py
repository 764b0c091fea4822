"""Small public sets for the reward suites: reviews that say their stars, and facts."""

from __future__ import annotations

import json

import pytest

from butfor.data import facts
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
    (folder / "dev.json").write_text(json.dumps(rows))
    (folder / "train_exclusive.json").write_text(json.dumps(rows).replace("Meal ", "Dinner "))
    (folder := tmp_path / facts.COUNTERFACT).mkdir()
    table = [f"{label},{{}} is in,P{n},{('Oslo', 'Rome')[label]},Rome" for n in range(160) for label in (1, 0)]
    (folder / facts.FILES[facts.COUNTERFACT]).write_text("\n".join([",".join(facts.COLUMNS), *table]))
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
