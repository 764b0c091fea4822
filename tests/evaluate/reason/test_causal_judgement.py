"""Causal judgement: stories of the public file, and the pairs that contradict each other."""

from __future__ import annotations

import json
import os
from pathlib import Path

from butfor.evaluate.reason.causal_judgement import CausalJudgement

from .scripted import contrary, mean, measured, oracle


def test_the_public_file_recounted(public) -> None:
    public("bbh")
    raw = json.loads((Path(os.environ["BUTFOR_DATA"]) / "bbh/causal_judgement.json").read_text())["examples"]
    questions = list(CausalJudgement().questions())
    assert [q.choices[int(q.answer)] for q in questions] == [row["target"].lower() for row in raw]
    for question, row in zip(questions, raw, strict=True):
        story = row["input"].partition("\n")[2].partition("\nOptions")[0]
        assert question.text.endswith("\n\n" + story) and "Options" not in question.text
        assert (question.group["query"] == "intention") == ("intention" in story.split(". ")[-1])
    faulty = [int(q.id) for q in questions if q.group["gold"] == "faulty"]
    assert faulty == [33, 37, 105, 120] and raw[32]["input"] == raw[119]["input"]


def test_no_answerer_is_right_on_both_sides_of_a_contradiction(public) -> None:
    public("bbh")
    suite = CausalJudgement(by="generation")
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert sum(record.metrics["accuracy"] for record in right) == 185
    assert sum(record.metrics["accuracy"] for record in wrong) == 2
    assert (mean(right, "accuracy_sound"), mean(wrong, "accuracy_sound")) == (1, 0)
    assert sum("accuracy_sound" in record.metrics for record in right) == 183
    assert len({record.cluster for record in right}) == 55
