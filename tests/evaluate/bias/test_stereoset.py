"""StereoSet: per-token preferences, and the score of a whole set made of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from butfor.evaluate.bias.stereoset import StereoSet, icat, icat_of
from butfor.evaluate.suite import Record
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


def rows(target: str, meaningful: float, stereotypes: tuple[float, ...]) -> list[Record]:
    made = [{"meaningful": meaningful, "stereotype": stereotype} for stereotype in stereotypes]
    return [Record(f"{target}/{n}", target, metrics) for n, metrics in enumerate(made)]


def test_the_score_of_records_has_the_interval_of_a_mean_where_it_is_one() -> None:
    records = [row for n, sense in enumerate((1.0, 0.5, 1.0, 0.0, 0.5)) for row in rows(f"{n}", sense, (1.0, 0.0))]
    found = icat_of(records)  # half of every target's rows are stereotypes: the score is 100 times the mean of sense
    assert found.estimate == pytest.approx(60.0)
    error = 100 * np.std([1.0, 0.5, 1.0, 0.0, 0.5], ddof=1) / 5**0.5
    assert found.high == pytest.approx(min(100.0, 60.0 + 2.776445 * error))
    assert found.low == pytest.approx(60.0 - 2.776445 * error)
    assert found.n == 10


def test_the_score_of_records_stays_between_its_ends_and_needs_two_targets() -> None:
    always = [row for n in range(4) for row in rows(f"{n}", 1.0, (1.0, 1.0))]
    assert (icat_of(always).low, icat_of(always).estimate, icat_of(always).high) == (0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="two or more"):
        icat_of(always[:2])
    assert StereoSet.summary(always[:2], 0.95) == {} and set(StereoSet.summary(always, 0.95)) == {"icat"}


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
