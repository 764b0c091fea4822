"""MoNLI: entailment with and without a negation."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.monli import monli

ROW = {
    "sentence1": "A boy eats a pear.",
    "sentence2": "A boy eats a fruit.",
    "gold_label": "entailment",
    "depth": 2,
    "sentence1_lex": "pear",
    "sentence2_lex": "fruit",
}


def write(folder: Path, *rows: object) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    (row,) = monli("plain", write(tmp_path, ROW))
    assert (row.id, row.label, row.nouns, row.depth) == ("plain/1", "entailment", ("pear", "fruit"), 2)
    (row,) = monli("negated", write(tmp_path, {**ROW, "gold_label": "neutral"}))
    assert row.polarity == "negated" and row.premise == ROW["sentence1"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ({k: v for k, v in ROW.items() if k != "sentence2"}, "sentence2 is missing"),
        ({**ROW, "sentence1": " "}, "sentence1 is missing, empty"),
        ({**ROW, "sentence1_lex": 4}, "sentence1_lex is missing, empty or no text"),
        ({**ROW, "depth": "2"}, "the depth is '2'"),
        ({**ROW, "depth": True}, "the depth is True"),
        ({**ROW, "depth": 0}, "the depth is 0"),
        ({**ROW, "gold_label": "contradiction"}, "gold_label is 'contradiction', not entailment or neutral"),
        ({**ROW, "gold_label": "neutral"}, "'neutral' is not what depth 2 means"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: object, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"line 2: .*{reason}"):
        monli("plain", write(tmp_path, ROW, bad))


def test_an_empty_file_and_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="no row"):
        monli("plain", write(tmp_path))
    (tmp_path / "rows.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(MalformedData, match="line 1: not UTF-8"):
        monli("plain", tmp_path / "rows.jsonl")


def test_missing_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUTFOR_DATA", "BUTFOR_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(MissingData, match=r"no licence(.|\n)*folder that holds pmonli.jsonl"):
        monli("plain")


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("monli")
    plain, negated = monli("plain"), monli("negated")
    assert Counter(row.label for row in plain) == {"entailment": 738, "neutral": 738}
    assert Counter(row.label for row in negated) == {"entailment": 501, "neutral": 501}
    assert all(" not " in row.premise for row in negated) and not any(" not " in row.premise for row in plain)
