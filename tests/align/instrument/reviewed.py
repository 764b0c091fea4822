"""Small planted reviews of the form of CEBaB's, whose words tell a little of their stars."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from butfor.data.cebab import CONCEPTS

GOOD = ("The steak was great.", "Friendly staff, and a kind waiter!", "We loved the music.")
BAD = ("It was not good.", "The soup never came, but the bill did.", "Nothing was clean in that room.")


def plant(folder: Path, count: int = 400) -> None:
    """Write them where BUTFOR_DATA = `folder` finds them."""
    rng = np.random.default_rng(0)
    rows = []
    for n in range(count):
        stars = int(rng.integers(1, 6))
        said = [(GOOD if rng.random() < stars / 6 else BAD)[rng.integers(3)] for _ in range(rng.integers(1, 6))]
        rows.append(
            {
                "id": f"{n:03}_000000", "original_id": f"{n:03}", "is_original": True, "review_majority": str(stars),
                "description": f"Table {n}. {' '.join(said)}", **{f"{name}_aspect_majority": "" for name in CONCEPTS},
            }
        )  # fmt: skip
    (folder / "cebab" / "CEBaB-v1.1").mkdir(parents=True)
    for file in ("train_exclusive.json", "dev.json"):
        (folder / "cebab" / "CEBaB-v1.1" / file).write_text(json.dumps(rows))
