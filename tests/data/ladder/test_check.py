"""A file that was tampered with is found out; a file that is none is refused with its line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData
from butfor.data.ladder import check, fault, misled, read

Items = list[dict[str, Any]]


def test_generated_questions_are_right(items: Items) -> None:
    found = check(items)
    assert (found.questions, found.mismatches, found.wrong, found.lean) == (len(items), 0, [], 0)
    assert 0 < found.worlds < found.questions


def test_every_turned_answer_is_found(items: Items) -> None:
    for item in items[:60]:
        turned = copy.deepcopy(item)
        turned["answer"] = 1 - item["answer"]
        assert fault(turned).startswith(f"the answer is '{item['choices'][item['answer']]}'")


def test_a_changed_percentage_is_found() -> None:
    from butfor.data.ladder import ladder

    (item,) = ladder(1, 2, kinds=["ate"])
    world = item["spec"]["world"]
    world["tables"]["Y"][1] = [50] * len(world["tables"]["Y"][1])
    assert "too near the line" in fault(item)


def test_a_changed_lure_and_a_second_id_are_found(items: Items) -> None:
    item = copy.deepcopy(next(i for i in items if i["lures"]))
    kind = next(iter(item["lures"]))
    item["lures"][kind] = 1 - item["lures"][kind]
    assert "its lures are" in fault(item)
    found = check([items[0], items[0]])
    assert found.mismatches == 1
    assert "twice" in found.wrong[0]


def test_a_file_is_read_line_by_line(items: Items, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in items[:5]), encoding="utf-8")
    assert list(read(file)) == items[:5]


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"id": "a"}', '{"id": "a", "spec": {}}', '{"spec": 3}', '{"group": {"query": "ate"}}']
)
def test_a_line_that_is_no_question_is_named(line: str, items: Items, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(f"{json.dumps(items[0])}\n{line}\n", encoding="utf-8")
    with pytest.raises(MalformedData, match="line 2"):
        list(read(file))


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MalformedData, match="line 1"):
        list(read(file))


def test_what_a_mistake_scores_is_counted() -> None:
    made = [
        {"group": {"query": "ate"}, "answer": 0, "lures": {"ignores the intervention": 0}},
        {"group": {"query": "ate"}, "answer": 0, "lures": {"ignores the intervention": 1, "arithmetic": 0}},
    ]
    assert misled(made) == {"ate": {"ignores the intervention": (1, 2), "arithmetic": (1, 1)}}
