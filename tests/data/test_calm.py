"""CaLM: questions and answers in files of their own; all rows here are ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.calm import ANSWERS, FILES, QUESTIONS, TASKS, calm

ROW = {"index": 1, "background": "Rain has a direct effect on mud.", "given_info": "Mud is 9%.", "question": "Is it?"}
ROWS = [ROW, ROW | {"index": 2, "question": " Is it not? "}]
LABELS = [{"index": 2, "gt_answer": "no"}, {"index": 1, "gt_answer": "yes"}]


def write(folder: Path, rows: list[Any], labels: list[Any], task: Any = "backadj") -> Path:
    for name, content in ((QUESTIONS, rows), (ANSWERS, labels)):
        file = folder / name / FILES[task]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in content))
    return folder


def test_a_question_and_its_answer_are_joined_by_their_index(tmp_path: Path) -> None:
    first, second = calm("backadj", write(tmp_path, ROWS, LABELS))
    assert (first.index, first.answer, first.facts, first.background) == (1, "yes", "Mud is 9%.", ROW["background"])
    assert (second.index, second.answer, second.question, second.task) == (2, "no", "Is it not?", "backadj")


@pytest.mark.parametrize(
    ("rows", "labels", "line", "reason"),
    [
        ([*ROWS, "{\n"], LABELS, 3, "not JSON"),
        ([*ROWS, [1]], LABELS, 3, "not a JSON object with a whole number as its index"),
        ([ROW | {"index": "1"}], LABELS, 1, "whole number as its index"),
        ([ROW | {"index": True}], LABELS, 1, "whole number as its index"),
        ([ROW, ROW], LABELS, 2, "the index 1 stands twice"),
        ([ROW | {"question": " "}], LABELS, 1, "no text in question"),
        ([ROW | {"background": 3, "given_info": None}], LABELS, 1, "no text in background and in given_info"),
        ([], LABELS, 1, "no row"),
        (ROWS, LABELS[:1], 1, "the index 1 has no answer in .*gt_label"),
        (ROWS[:1], LABELS, 1, "the index 2 has no question in .*calm_dataset/"),
        (ROWS, [LABELS[0], {"index": 1, "gt_answer": "maybe"}], 2, "gt_answer is 'maybe'"),
        (ROWS, [LABELS[0], {"index": 1, "gt_answer": 1}], 2, "no text in gt_answer"),
        (ROWS, [LABELS[0], {"index": 1}], 2, "no text in gt_answer"),
        (ROWS, [], 1, "no row"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: list[Any], labels: list[Any], line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"backadj_EN\.json, line {line}: .*{reason}"):
        calm("backadj", write(tmp_path, rows, labels))


def test_another_encoding_or_none_at_all(tmp_path: Path, bare: Path) -> None:
    (write(tmp_path, ROWS, LABELS) / ANSWERS / FILES["backadj"]).write_bytes(b"\xff\n")
    with pytest.raises(MalformedData, match="not UTF-8"):
        calm("backadj", tmp_path)
    with pytest.raises(MissingData, match="butfor fetch calm_lite"):
        calm("correlation")


def test_the_authors_files(public) -> None:
    public("calm_lite")
    counts = {task: len(calm(task)) for task in TASKS}
    assert counts == {
        "correlation": 1476,
        "exp_away": 168,
        "backadj": 227,
        "collider_bias": 163,
        "det-counterfactual": 1476,
    }
