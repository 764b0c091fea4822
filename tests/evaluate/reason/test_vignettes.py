"""Vignettes: necessary and sufficient causes of the same event."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from butfor.evaluate.reason.vignettes import Vignettes

from .scripted import contrary, mean, measured, oracle


def test_the_public_file_recounted(public) -> None:
    public("kiciman")
    file = Path(os.environ["BUTFOR_DATA"]) / "kiciman/actual-causality/data.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        raw = list(csv.DictReader(stream))
    questions = {q.id: q for q in Vignettes().questions()}
    assert len(questions) == 30
    for number, row in enumerate(raw):
        for query in ("necessary", "sufficient"):
            question = questions[f"{number}-{query}"]
            assert question.choices[int(question.answer)] == row[query].strip().lower()
            assert question.text.endswith(f"Is {row['action']} a {query} cause of {row['event'].strip()}?")
            assert row["input"][6:].strip() in question.text and "Input" not in question.text
            assert question.cluster == str(number)


def test_the_ends_of_the_scale_and_one_answer_for_both(public) -> None:
    public("kiciman")
    suite = Vignettes(by="generation")
    assert mean(measured(suite, oracle), "accuracy") == 1
    assert mean(measured(suite, contrary), "accuracy") == 0
    always_no = measured(suite, lambda _: "no")
    assert mean(always_no, "accuracy") == 16 / 30
    assert (mean(always_no, "accuracy", query="necessary"), mean(always_no, "accuracy", query="sufficient")) == (
        10 / 15,
        6 / 15,
    )
    same = {r.item: r.error for r in always_no if not r.metrics["accuracy"]}
    assert same["0-sufficient"] == "takes necessary for sufficient"  # not necessary, but sufficient: said to be neither
