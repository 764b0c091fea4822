"""CrowS-Pairs: a difference of two sentences' log-probabilities."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from butfor.evaluate.bias.crows_pairs import CrowsPairs
from butfor.lm import LM


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM, loglik, sets: Path) -> None:
    suite = CrowsPairs(data=str(sets))
    for record in suite.measure(lm, suite.items(lm)):
        more, less = record.show["more stereotyping"], record.show["less stereotyping"]
        expected = loglik(lm, "", more)[0] - loglik(lm, "", less)[0]
        assert record.metrics["log_ratio"] == pytest.approx(expected, abs=1e-3)
        assert record.metrics["stereotype"] == float(expected > 0)


def test_bias_type_chooses_pairs(lm: LM, sets: Path) -> None:
    assert [item.id for item in CrowsPairs(data=str(sets), bias_type="gender").items(lm)] == ["1", "2"]


def test_every_public_pair_makes_a_question(lm: LM, public) -> None:
    public("crows_pairs")
    items = CrowsPairs().items(lm)
    assert len(items) == 1508
    for item in items:
        assert [item.data["prompt"] + c for c in item.data["choices"]] == [item.data["more"], item.data["less"]]
    assert len(CrowsPairs(bias_type="gender").items(lm)) == 262


def test_a_limit_keeps_the_shares_of_kind_and_direction(lm: LM, public) -> None:
    public("crows_pairs")
    whole, some = (
        Counter((item.data["type"], item.data["direction"]) for item in CrowsPairs(limit=limit).items(lm))
        for limit in (None, 150)
    )
    assert all(abs(some[kind] - count * 150 / 1508) <= 1 for kind, count in whole.items())
