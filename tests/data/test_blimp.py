"""BLiMP in the authors' JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.blimp import PARADIGMS, blimp

GOOD: dict[str, Any] = {
    "sentence_good": "Ann hurts herself.",
    "sentence_bad": "Ann hurts himself.",
    "field": "morphology",
    "UID": "anaphor_gender_agreement",
    "pairID": "0",
}


def write(folder: Path, *rows: dict[str, Any] | str) -> Path:
    file = folder / "anaphor_gender_agreement.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = blimp("anaphor_gender_agreement", write(tmp_path, GOOD, {**GOOD, "pairID": "7"}))
    assert first.id == "anaphor_gender_agreement/0" and second.id.endswith("/7")
    assert first.pair.contents == (("herself", "himself"),)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "not JSON"),
        ({key: value for key, value in GOOD.items() if key != "sentence_bad"}, "sentence_bad is missing"),
        ({**GOOD, "pairID": 4}, "pairID is missing, or no text"),
        ({**GOOD, "sentence_bad": " "}, "sentence_bad is missing"),
        ({**GOOD, "UID": "npi_present_1"}, "the UID is 'npi_present_1'"),
        ({**GOOD, "sentence_bad": GOOD["sentence_good"]}, "the same sentence"),
        (GOOD, "the pairID '0' stands twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"line 2: .*{reason}"):
        blimp("anaphor_gender_agreement", write(tmp_path, GOOD, row))


def test_a_set_that_is_not_here_says_how_to_get_it(bare: Path) -> None:
    with pytest.raises(MissingData, match="butfor fetch blimp_agreement"):
        blimp("npi_present_1")


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_the_authors_files(public, paradigm: Any) -> None:
    public("blimp_agreement")
    assert len(blimp(paradigm)) == 1000
