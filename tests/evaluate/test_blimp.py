"""BLiMP: two sentences, by likelihood."""

from __future__ import annotations

from collections import Counter

import pytest

from butfor.evaluate.blimp import BLiMP
from butfor.lm import LM


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM, loglik, public) -> None:
    public("blimp_agreement")
    suite = BLiMP(limit=12)
    items = suite.items(lm)
    assert Counter(item.data["paradigm"] for item in items) == dict.fromkeys({i.data["paradigm"] for i in items}, 2)
    for record in suite.measure(lm, items):
        good, bad = (loglik(lm, "", record.show[key])[0] for key in ("grammatical", "ungrammatical"))
        assert record.metrics["margin"] == pytest.approx(good - bad, abs=1e-3)
        assert record.metrics["right"] == float(good > bad)


def test_a_paradigm_can_be_chosen(lm: LM, public) -> None:
    public("blimp_agreement")
    items = BLiMP(paradigm="npi_present_1").items(lm)
    assert len(items) == 1000 and {item.data["paradigm"] for item in items} == {"npi_present_1"}
