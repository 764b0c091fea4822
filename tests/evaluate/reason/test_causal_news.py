"""Causal news: F1 as a ratio of sums, against scikit-style counting by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from tests.evaluate.reason.choosing import Choosing
from tests.evaluate.reason.scripted import contrary, mean, oracle

from butfor.data.find import find
from butfor.data.question import Question
from butfor.evaluate.reason.causal_news import ALWAYS_YES, CausalNews
from butfor.evaluate.suite import Record


def f1(records: list[Record]) -> float:
    weighed = [(r.metrics["f1"], r.metrics["f1_weight"]) for r in records if "f1" in r.metrics]
    return sum(value * weight for value, weight in weighed) / sum(weight for _, weight in weighed)


def measured(rule: Any, **knobs: Any) -> list[Record]:
    suite = CausalNews(**knobs)
    world: Any = Choosing(suite, rule)
    return suite.measure(world, suite.items(world))


@pytest.fixture
def news(tmp_path: Path) -> str:
    labels = [1, 1, 1, 0, 0]
    rows = "".join(f"train_01_{n}_{n},Sentence {n} .,{label}\n" for n, label in enumerate(labels))
    (tmp_path / "train_subtask1.csv").write_text("index,text,label\n" + rows)
    return str(tmp_path)


@pytest.mark.parametrize(("rule", "score"), [(oracle, 1), (contrary, 0)])
def test_limits_of_the_score(news: str, rule: Any, score: float) -> None:
    records = measured(rule, data=news)
    assert f1(records) == score == mean(records, "accuracy")


def test_f1_by_hand(news: str) -> None:
    """Yes to 0, 1 and 3, nothing readable on 4, no to 2: TP 2, FP 1, FN 1."""
    says = {"0": "yes", "1": "Yes.", "2": "no", "3": "yes", "4": "the sea"}
    records = measured(lambda q: says[q.id[-1]], data=news)
    assert f1(records) == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert mean(records, "accuracy") == 2 / 5 and mean(records, "parsed") == 4 / 5
    assert "f1" not in {r.item[-1]: r.metrics for r in records}["4"]


def test_always_yes_has_the_stated_score(public) -> None:
    public("causal_news_corpus")
    with find("causal_news_corpus", "train_subtask1.csv").open(encoding="utf-8-sig", newline="") as stream:
        causal = [row["label"] == "1" for row in csv.DictReader(stream)]
    assert pytest.approx(2 * sum(causal) / (len(causal) + sum(causal)), abs=5e-4) == ALWAYS_YES

    def yes(_: Question) -> str:
        return "yes"

    records = measured(yes, limit=53)
    assert mean(records, "accuracy") == 28 / 53 and f1(records) == pytest.approx(2 * 28 / (53 + 28))
    assert f1(records) == pytest.approx(ALWAYS_YES, abs=0.005)
    assert f1(measured(oracle, limit=53)) == 1
