"""Corr2Cause: F1 as a weighted mean of records, and labels recomputed."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from butfor.data.question import Question
from butfor.evaluate.reason.corr2cause import Corr2Cause
from butfor.evaluate.suite import Record

from .scripted import contrary, items_of, mean, measured, oracle

FORK = (
    "Suppose there is a closed system of 3 variables, A, B and C. All the statistical relations among these 3 "
    "variables are as follows: A correlates with C. B correlates with C. However, A is independent of B."
)  # A → C ← B, and nothing else
TWO = (
    "Suppose there is a closed system of 2 variables, A and B. All the statistical relations among these 2 variables "
    "are as follows: A correlates with B."
)
ROWS = [
    (FORK, "A directly affects C.", "entailment"),
    (FORK, "B directly affects C.", "neutral"),  # faulty: it follows
    (FORK, "A directly affects B.", "contradiction"),
    (FORK, "C directly affects A.", "neutral"),  # not possible at all, but the answer no is right
    (TWO, "A directly affects B.", "neutral"),
    (TWO, "The sky is blue.", "neutral"),  # in another wording: not recomputed
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    keys = ("premise", "hypothesis", "relation")
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in ROWS], indent=1))
    return path


def f1(records: list[Record], metric: str = "f1") -> float:
    found = [(r.metrics[metric], r.metrics["f1_weight"]) for r in records if metric in r.metrics]
    return sum(value * weight for value, weight in found) / sum(weight for _, weight in found)


def counted(records: list[Record]) -> float:
    """F1 by its definition, from what was right and what was said."""
    pairs = Counter((r.show["right"], r.show["said"]) for r in records)
    precision = pairs["yes", "yes"] / max(1, pairs["yes", "yes"] + pairs["no", "yes"])
    recall = pairs["yes", "yes"] / (pairs["yes", "yes"] + pairs["yes", "no"])
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def test_a_question_is_premise_and_hypothesis(file: Path) -> None:
    first, second, third, fourth, fifth, last = Corr2Cause(data=str(file)).questions()
    assert first.text.startswith(FORK + "\n\nHypothesis: A directly affects C.\n\n")
    assert [q.choices[int(q.answer)] for q in (first, second, fourth)] == ["yes", "no", "no"]
    assert [q.group.get("gold") for q in (first, second, third, fourth, fifth, last)] == [
        "sound", "faulty", "sound", "sound", "sound", None
    ]  # fmt: skip
    assert (first.cluster, fifth.cluster, first.group["query"]) == ("premise 1", "premise 2", "parent")
    assert (first.group["variables"], last.group) == ("3", {"variables": "2"})
    assert [list(q.lures) for q in (first, third, fifth)] == [
        ["misses what follows"],
        ["claims what no graph allows"],
        ["takes the possible for the certain"],
    ]


def test_the_parts_of_f1(file: Path) -> None:
    suite = Corr2Cause(data=str(file))
    first, second, third, *_ = suite.questions()
    always = {"f1_always_yes": 2 / 7}  # one of six follows: 2·1 / (2·1 + 5)
    hit, miss = {"f1": 1.0, "f1_weight": 2.0, **always}, {"f1": 0.0, "f1_weight": 1.0, **always}
    assert suite.extra(first, 0) == {"accuracy_sound": 1.0, "f1_sound": 1.0, **hit}
    assert suite.extra(first, 1) == suite.extra(first, None) == {"accuracy_sound": 0.0, "f1_sound": 0.0, **miss}
    assert suite.extra(second, 0) == miss  # its label does not hold
    assert suite.extra(third, 0) == {"accuracy_sound": 0.0, "f1_sound": 0.0, **miss}
    assert suite.extra(third, 1) == {"accuracy_sound": 1.0}
    assert suite.extra(third, None) == {"accuracy_sound": 0.0}  # not read is not claimed


def test_the_mean_of_records_is_f1(public) -> None:
    public("corr2cause")
    suite = Corr2Cause(by="generation", limit=200)

    def odd(question: Question) -> str:
        """Right and wrong, yes and no in some mixture."""
        number = int(question.id)
        return "yes" if number % 7 == 0 or (number % 2 and question.answer == 0) else "no"

    found = measured(suite, odd)
    assert f1(found) == pytest.approx(counted(found)) and 0.1 < f1(found) < 0.9
    always = measured(suite, lambda _: "yes")
    assert f1(always) == pytest.approx(counted(always)) == pytest.approx(mean(always, "f1_always_yes"), abs=0.01)
    assert f1(measured(suite, lambda _: "no")) == 0
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert (f1(right), f1(right, "f1_sound"), mean(right, "accuracy")) == (1, 1, 1)
    assert (f1(wrong), f1(wrong, "f1_sound"), mean(wrong, "accuracy")) == (0, 0, 0)


def test_the_public_file_recounted(public) -> None:
    public("corr2cause")
    file = next((Path(os.environ["BUTFOR_DATA"]) / "corr2cause").glob("perturbation*.json"))
    raw = json.loads(file.read_text())
    questions = list(Corr2Cause().questions())
    assert [q.answer == 0 for q in questions] == [row["relation"] == "entailment" for row in raw]
    assert all(row["hypothesis"].strip() in q.text for q, row in zip(questions, raw, strict=True))
    assert len({q.cluster for q in questions}) == len({row["premise"] for row in raw}) == 15
    gold = Counter((q.group["gold"], q.answer) for q in questions)
    assert gold["faulty", 1] == 10 and gold["faulty", 0] == 2 and sum(gold.values()) == 1246
    share = sum(row["relation"] == "entailment" for row in raw) / len(raw)
    extra = Corr2Cause().extra(questions[0], 0)
    assert extra["f1_always_yes"] == pytest.approx(2 * share / (1 + share)) == pytest.approx(0.1636, abs=1e-4)


def test_a_limit_keeps_the_share_of_claims_that_follow(public) -> None:
    public("corr2cause")
    items = items_of(Corr2Cause(by="generation", limit=200))
    assert sum(item.data["answer"] == 0 for item in items) == pytest.approx(200 * 111 / 1246, abs=2)
