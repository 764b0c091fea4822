"""The probe: reads what is there, falls back to the majority where nothing is, and never sees its own fold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.evaluate.concept.probe import ConceptProbe
from butfor.lm import LM


@pytest.fixture
def texts(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    lines = [
        {
            "text": f"{'zzzz' if label else 'aaaa'} {int(rng.integers(1000))}",
            "seen": label,
            "blind": int(rng.integers(2)),
        }
        for label in rng.integers(2, size=60).tolist()
    ]
    file = tmp_path / "texts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return str(file)


def test_it_reads_what_the_text_says_and_not_what_it_does_not(lm: LM, texts: str) -> None:
    for concept, low, high in (("seen", 0.95, 1.0), ("blind", 0.2, 0.8)):
        suite = ConceptProbe(concept=concept, data=texts)
        suite.ready()
        records = suite.measure(lm, suite.items(lm))
        assert len(records) == 60
        assert low <= np.mean([record.metrics["right"] for record in records]) <= high
        assert 0.3 < np.mean([record.metrics["majority"] for record in records]) < 0.7


def test_a_text_alone_is_read_by_nobody(lm: LM, texts: str) -> None:
    suite = ConceptProbe(concept="seen", data=texts)
    (record,) = suite.measure(lm, suite.items(lm)[:1])
    assert record.metrics == {"right": 0.0, "majority": 0.0}


def test_the_built_in_texts_carry_gender(lm: LM) -> None:
    suite = ConceptProbe(limit=20)
    suite.ready()
    labels = [item.data["label"] for item in suite.items(lm)]
    assert len(labels) == 20 and 4 <= sum(labels) <= 16


def test_too_few_labels_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "few.jsonl"
    file.write_text('{"text": "she"}\n{"text": "he"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"2 texts of .* have a label; it needs 10"):
        ConceptProbe(data=str(file)).ready()
