"""e-CARE: JSON lines; all rows here are our own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.ecare import ecare
from butfor.data.find import find

ROW = {
    "index": "train-0",
    "premise": "Tom put salt on the icy road.",
    "ask-for": "effect",
    "hypothesis1": "The ice melted.",
    "hypothesis2": "The road was painted.",
    "label": 0,
}
SECOND = ROW | {"index": "train-1", "ask-for": "cause", "label": 1}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "train.jsonl"
    file.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = ecare(write(tmp_path, ROW, SECOND))
    assert (first.id, first.asks_for, first.gold, second.gold) == ("train-0", "effect", 0, 1)
    assert first.choices == ("The ice melted.", "The road was painted.")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("", "no row"),
        ("{'index': 1}\n", "not JSON"),
        ([1, 2], "not a JSON object"),
        ({key: value for key, value in ROW.items() if key != "ask-for"}, "no ask-for"),
        ({key: value for key, value in ROW.items() if key not in ("label", "premise")}, "no premise and no label"),
        (SECOND | {"premise": 3}, "premise is 3, not a text"),
        (SECOND | {"hypothesis2": " "}, "hypothesis2 is ' ', not a text"),
        (SECOND | {"ask-for": "reason"}, "ask-for is 'reason'"),
        (SECOND | {"label": 2}, "label is 2"),
        (SECOND | {"label": "1"}, "label is '1'"),
        (SECOND | {"label": True}, "label is True"),
        (SECOND | {"hypothesis2": "The ice melted. "}, "are the same text"),
        (ROW, "the index 'train-0' stands twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, reason: str) -> None:
    file = write(tmp_path, row) if row == "" else write(tmp_path, ROW, row)
    with pytest.raises(MalformedData, match=rf"train\.jsonl, line {1 if row == '' else 2}: .*{reason}"):
        ecare(file)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_bytes(json.dumps(ROW).encode() + b"\ncaf\xe9\n")
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        ecare(file)


def test_a_part_that_is_not_here_is_missing(bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch ecare"):
        ecare(part="dev")


def test_the_authors_file(public) -> None:
    public("ecare")
    rows = ecare()
    raw = [json.loads(line) for line in find("ecare", "Causal_Reasoning/train.jsonl").read_text("utf-8").splitlines()]
    assert [(row.id, row.gold, row.premise) for row in rows] == [
        (row["index"], row["label"], row["premise"].strip()) for row in raw
    ]
    assert len(rows) == 14928 and len({row["premise"] for row in raw}) == 13874
    assert Counter(row.asks_for for row in rows) == {"cause": 7617, "effect": 7311}
    assert Counter(row.gold for row in rows) == {0: 7465, 1: 7463}
    twice = Counter((r["premise"], r["ask-for"], r["hypothesis1"], r["hypothesis2"]) for r in raw)
    assert sum(count > 1 for count in twice.values()) == 53
