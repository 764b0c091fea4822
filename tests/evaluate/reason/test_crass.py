"""CRASS: consequences among three or four, in the published order."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from butfor.data.question import Question
from butfor.evaluate.reason.crass import CRASS

from .scripted import contrary, mean, measured, oracle


def test_the_public_file_recounted(public) -> None:
    public("kiciman")
    file = Path(os.environ["BUTFOR_DATA"]) / "kiciman/crass-cf/CRASS_FTM_main_data_set.csv"
    raw = {line.split(";")[0]: line.split(";") for line in file.read_text().splitlines()[1:]}
    with (file.parent / "groundtruth.csv").open(newline="") as stream:
        letters = {row["qid"]: row["groundtruth"] for row in csv.DictReader(stream)}
    questions = list(CRASS().questions())
    assert len(questions) == len(raw) == 274
    for question in questions:
        _, _, premise, asked, right, *others, _ = (cell.strip() for cell in raw[question.id])
        assert question.text == f"{premise} {asked}"
        assert question.choices[int(question.answer)] == right
        assert sorted(question.choices) == sorted([right, *filter(None, others)])
        assert "ABCD"[int(question.answer)] == letters[question.id]
    assert Counter(q.group["type"] for q in questions) == {"possible": 248, "impossible": 16, "unchanged": 10}
    assert sum("That is not possible." in q.choices for q in questions) == 239


def test_the_ends_of_the_scale_and_the_shortcut(public) -> None:
    public("kiciman")
    suite = CRASS(limit=60, by="generation")
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert (mean(right, "accuracy"), mean(right, "sturdy"), mean(right, "order_flip")) == (1, 1, 0)
    assert (mean(wrong, "accuracy"), mean(wrong, "parsed")) == (0, 1)
    assert 0.3 < mean(right, "chance") < 0.334

    def impossible(question: Question) -> str:
        return next((choice for choice in question.choices if choice == "That is not possible."), question.choices[0])

    found = measured(suite, impossible)
    assert mean(found, "accuracy", type="impossible") == 1
    assert mean(found, "accuracy") == pytest.approx(sum(r.show["right"] == r.show["said"] for r in found) / len(found))
    named = {r.error for r in found if r.show["said"] == "That is not possible." and not r.metrics["accuracy"]}
    assert named == {"calls it impossible"}
