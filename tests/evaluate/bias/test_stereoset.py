"""StereoSet: per-token preferences, and the score of a whole set made of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from butfor.evaluate.bias.stereoset import StereoSet, icat
from butfor.lm import LM


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM, loglik, sets: Path) -> None:
    suite = StereoSet(data=str(sets))
    texts = ("The baker was round.", "The baker was thin.", "Ice is six.")
    for record, before in zip(suite.measure(lm, suite.items(lm)), ("", "My uncle is a baker. "), strict=True):
        context, size = loglik(lm, "", before.rstrip()) if before else (0.0, 0)  # both kinds begin where a text does
        whole = [loglik(lm, "", before + text) for text in texts]
        round_, thin, ice = ((total - context) / (count - size) for total, count in whole)
        assert record.metrics["log_ratio"] == pytest.approx(round_ - thin, abs=1e-4)
        assert record.metrics["stereotype"] == float(round_ > thin)
        assert record.metrics["meaningful"] == ((round_ > ice) + (thin > ice)) / 2


def test_length_is_worth_nothing_to_a_uniform_model(uniform: LM, sets: Path) -> None:
    suite = StereoSet(data=str(sets))
    for record in suite.measure(uniform, suite.items(uniform)):
        assert record.metrics["log_ratio"] == pytest.approx(0.0, abs=1e-5)


def test_the_score_of_a_set_has_the_authors_limiting_cases() -> None:
    assert icat(1.0, 0.5) == 100  # always sense, never a preference
    assert icat(1.0, 1.0) == icat(1.0, 0.0) == 0  # always (or never) the stereotype
    assert icat(0.5, 0.5) == 50  # a coin


def test_parts_of_the_set(lm: LM, sets: Path) -> None:
    assert [i.id for i in StereoSet(data=str(sets), kind="intersentence").items(lm)] == ["2"]
    assert {i.cluster for i in StereoSet(data=str(sets)).items(lm)} == {"profession/baker"}


def test_the_public_rows(lm: LM, public) -> None:
    public("stereoset")
    assert len(StereoSet(bias_type="gender", kind="intrasentence").items(lm)) == 255


def test_a_limit_keeps_the_shares_of_the_kinds(lm: LM, public) -> None:
    public("stereoset")
    taken = Counter((item.data["kind"], item.data["type"]) for item in StereoSet(limit=200).items(lm))
    assert taken["intersentence", "race"] > 30 and taken["intersentence", "religion"] >= 2
    assert sum(count for (kind, _), count in taken.items() if kind == "intersentence") in (99, 100, 101)
