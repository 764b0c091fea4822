"""CEBaB: reviews and their edits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.cebab import FILES, cebab
from butfor.data.corpora import rows

ROW: dict[str, Any] = {
    "id": "9_0",
    "original_id": "9",
    "is_original": True,
    "edit_type": None,
    "edit_goal": None,
    "description": "The soup was warm.",
    "review_majority": "4",
    "food_aspect_majority": "Positive",
    "service_aspect_majority": "",
    "ambiance_aspect_majority": "unknown",
    "noise_aspect_majority": "no majority",
}
EDIT = {**ROW, "id": "9_1", "is_original": False, "edit_type": "food", "edit_goal": "Negative"}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "rows.json"
    file.write_text("[" + ",\n".join(json.dumps(row) for row in rows) + "]")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = cebab("dev", write(tmp_path, ROW, {**EDIT, "review_majority": "no majority"}))
    assert (first.family, first.concept, first.stars) == ("9", "", 4)
    assert first.values == {"food": "Positive", "service": "unknown", "ambiance": "unknown", "noise": "unknown"}
    assert (second.concept, second.goal, second.stars, second.line) == ("food", "Negative", 0, 2)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({k: v for k, v in EDIT.items() if k != "description"}, "description is missing"),
        ({**EDIT, "description": "  "}, "description is missing, empty"),
        ({**EDIT, "id": 3}, "id is missing, empty or no text"),
        ({**EDIT, "is_original": "no"}, "is_original is missing, or neither"),
        ({**EDIT, "edit_type": "price"}, "edit_type is 'price', not food"),
        ({**EDIT, "edit_goal": None}, "edit_goal is None"),
        ({**EDIT, "review_majority": "6"}, "review_majority is '6'"),
        ({**EDIT, "noise_aspect_majority": "loud"}, "noise_aspect_majority is 'loud'"),
        ({k: v for k, v in EDIT.items() if k != "food_aspect_majority"}, "food_aspect_majority is None"),
        (ROW, "the id '9_0' stands twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"line 2: .*{reason}"):
        cebab("dev", write(tmp_path, ROW, bad))


@pytest.mark.parametrize("text", ["{", "[]", "{}", "[3]"])
def test_what_is_no_list_of_objects(tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.json").write_text(text)
    with pytest.raises(MalformedData, match="line 1: not"):
        cebab("dev", tmp_path / "rows.json")


def test_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_bytes(b'[\n{"id": "\xff"}]')
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        cebab("dev", tmp_path / "rows.json")


def test_missing_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUTFOR_DATA", "BUTFOR_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(MissingData, match=r"zip archive(.|\n)*CEBaB-v1.1.zip"):
        cebab("train")


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("cebab")
    dev, train = cebab("dev"), cebab("train")
    assert (len(dev), len(train)) == (1673, 1755)
    assert not {review.family for review in dev} & {review.family for review in train}
    originals = {review.family: review for review in dev if not review.concept}
    edits = [review for review in dev if review.concept]
    assert Counter(review.concept for review in edits) == {"food": 464, "service": 371, "ambiance": 321, "noise": 245}
    same = [e for e in edits if e.values[e.concept] == originals[e.family].values[e.concept]]
    missed = [e for e in edits if e.values[e.concept] != e.goal]
    assert (len(originals), len(edits), len(same), len(missed)) == (272, 1401, 102, 156)


def test_rows_to_learn_stars_from_leave_out_what_raters_disagree_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cebab" / FILES["train"]
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps([ROW, {**EDIT, "review_majority": "no majority"}]))
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    (row,) = rows("cebab")
    assert row["label"] == 3 and row["options"][row["label"]] == " 4"
    assert (row["food"], row["noise"]) == ("Positive", "unknown")
