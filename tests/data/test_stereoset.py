"""StereoSet as JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.stereoset import stereoset

ROW = {
    "type": "intrasentence",
    "target": "baker",
    "bias_type": "profession",
    "context": "The baker was BLANK.",
    "stereotype": "The baker was round.",
    "anti-stereotype": "The baker was thin.",
    "unrelated": "The baker was seventeen o'clock.",
}
AFTER = {**ROW, "type": "intersentence", "context": "My uncle is a baker."}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "test.jsonl"
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    inside, after = stereoset(write(tmp_path, ROW, AFTER))
    assert (inside.id, inside.kind, inside.anti, inside.target) == (
        "1",
        "intrasentence",
        "The baker was thin.",
        "baker",
    )
    assert after.kind == "intersentence" and after.context == "My uncle is a baker."


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "a row is a JSON object"),
        ({**ROW, "type": "between"}, "type is 'between'"),
        ({**ROW, "anti-stereotype": ""}, "anti-stereotype is missing or empty"),
        ({k: v for k, v in ROW.items() if k != "target"}, "target is missing"),
        ({**ROW, "context": "The baker was round."}, "needs BLANK"),
        ({**ROW, "unrelated": 3}, "unrelated is missing"),
        ({**ROW, "bias_type": "jobs"}, "bias_type is 'jobs', not gender, profession, race, religion"),
        ({**ROW, "anti-stereotype": "The  baker was round. "}, "stereotype and anti-stereotype are the same text"),
        ({**ROW, "unrelated": "The baker was thin."}, "anti-stereotype and unrelated are the same text"),
        (json.dumps({**ROW, "target": "\ud800"}), r"half a character \(.ud800\)"),
        ('{"a": ' * 20000, "not JSON|cannot be read"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"test\.jsonl, line 2: .*{reason}"):
        stereoset(write(tmp_path, ROW, bad))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="no row"):
        stereoset(write(tmp_path))


def test_the_public_file(public) -> None:
    public("stereoset")
    rows = stereoset()
    assert Counter(row.kind for row in rows) == {"intersentence": 2123, "intrasentence": 2106}
    assert Counter(row.bias_type for row in rows) == {"race": 1938, "profession": 1637, "gender": 497, "religion": 157}


def entry(name: str, *labels: str) -> dict[str, object]:
    texts = {"stereotype": "The baker was round.", "anti-stereotype": "The baker was thin.", "unrelated": "Ice is six."}
    sentences = [{"gold_label": label, "sentence": texts[label]} for label in labels]
    return {"id": name, "target": "baker", "bias_type": "profession", "context": "A BLANK.", "sentences": sentences}


def test_the_authors_own_file_is_read_by_its_path(tmp_path: Path) -> None:
    labels = ("unrelated", "stereotype", "anti-stereotype")
    file = tmp_path / "dev.json"
    data = {"intrasentence": [entry("a", *labels)], "intersentence": [entry("b", *labels)]}
    file.write_text(json.dumps({"version": "1", "data": data}))
    one, two = stereoset(file)
    assert (one.id, one.kind, one.stereotype, one.anti) == (
        "a",
        "intrasentence",
        "The baker was round.",
        "The baker was thin.",
    )
    assert (two.id, two.kind) == ("b", "intersentence")


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (
            {"intrasentence": [entry("a", "stereotype", "unrelated")], "intersentence": []},
            5,
            "anti-stereotype is missing",
        ),
        ({"intrasentence": [{"id": "a"}], "intersentence": []}, 5, "entry a: no 'sentences'"),
        ({"intrasentence": []}, 1, "no 'intersentence'"),
    ],
)
def test_a_bad_entry_of_the_authors_file_is_named(tmp_path: Path, data: object, line: int, reason: str) -> None:
    file = tmp_path / "dev.json"
    file.write_text(json.dumps({"data": data}, indent=1))
    with pytest.raises(MalformedData, match=rf"dev\.json, line {line}: .*{reason}"):
        stereoset(file)
