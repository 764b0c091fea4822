"""RATE against a rewriter whose hand shows: one rewrite is biased by it, two are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.counterfactual.made import Case, Draft
from butfor.data.counterfactual.rate import rate

EFFECT = 2.0
HAND = -1.5  # what any rewrite does to the score


@dataclass
class Tidy:
    """Sets the attribute, and throws out every exclamation mark: what it does beside, in either direction."""

    name: str = "tidy"
    batch: int = 50

    def identity(self) -> Any:
        return {}

    def make(self, cases: Sequence[Case], seed: int) -> list[Draft]:
        del seed
        return [
            Draft(case.text.replace(case.before, case.wanted).replace("!", "").replace("  ", " ")) for case in cases
        ]


def score(texts: Sequence[str]) -> list[float]:
    """The effect of the attribute, of exclamation marks, and of the text itself."""
    return [EFFECT * ("warm" in t) - HAND * t.count("!") + float(t.split()[1]) for t in texts]


def rows(count: int) -> list[dict[str, Any]]:
    rng = generator(0, "rows")
    return [
        {"text": f"row {rng.normal():.3f} {value} !", "tone": value} for value in ("cold", "warm") for _ in range(count)
    ]


def test_two_rewrites_cancel_the_hand_that_one_leaves_in() -> None:
    found = rate(Tidy(), rows(20), "tone", ("cold", "warm"), score, seed=0)
    assert found.ate.estimate == found.att.estimate == found.atu.estimate == pytest.approx(EFFECT)
    one_way = rate(
        Tidy(),
        [row for row in rows(20) if row["tone"] == "warm"] + rows(2)[:2],
        "tone",
        ("cold", "warm"),
        score,
        seed=0,
    )
    assert one_way.once.estimate > EFFECT + 0.8 * -HAND  # mostly texts with the attribute: the hand counts in full
    assert one_way.ate.estimate == pytest.approx(EFFECT)


def test_the_standard_error_is_that_of_the_differences_and_covers() -> None:
    hits = 0
    for run in range(60):
        rng = generator(run, "noise")
        noise: dict[str, float] = {}

        def noisy(texts: Sequence[str], rng: Any = rng, noise: dict[str, float] = noise) -> list[float]:
            return [s + noise.setdefault(t, float(rng.normal())) for s, t in zip(score(texts), texts, strict=True)]

        found = rate(Tidy(), rows(15), "tone", ("cold", "warm"), noisy, seed=0)
        assert found.se["ate"] == pytest.approx(np.sqrt(2 / 30), rel=0.5)  # two unit noises, 30 texts
        hits += not found.ate.excludes(EFFECT)
    assert hits >= 51


def test_the_second_rewrite_starts_from_the_first(tmp_path: Path) -> None:
    found = rate(Tidy(), rows(3), "tone", ("cold", "warm"), score, seed=0, folder=tmp_path)
    second = {one.id: one for one in found.back}
    for one in found.there:
        assert second[one.id].pair.base == one.pair.counterfactual
        assert second[one.id].wanted == one.before
        assert "!" in one.pair.base and "!" not in second[one.id].pair.counterfactual
    assert rate(Tidy(), rows(3), "tone", ("cold", "warm"), score, seed=0, folder=tmp_path) == found


def test_rows_of_one_value_are_refused() -> None:
    with pytest.raises(UserError, match="two rows or more of each value"):
        rate(Tidy(), rows(3)[:4], "tone", ("cold", "warm"), score, seed=0)
    with pytest.raises(UserError, match="both are 'warm'"):
        rate(Tidy(), rows(3), "tone", ("warm", "warm"), score, seed=0)
    with pytest.raises(UserError, match="not finite"):
        rate(Tidy(), rows(3), "tone", ("cold", "warm"), lambda texts: [float("nan")] * len(texts), seed=0)
