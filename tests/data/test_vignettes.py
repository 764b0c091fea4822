"""Vignettes of actual causation in Kıcıman et al.'s CSV; all rows here are our own."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.vignettes import FILE, vignettes

HEAD = "action,event,input,type,necessary,sufficient\n"
ROW = 'Ann, the noise,"Input: Ann rings, and Bo shouts (BS).",Switch,No,Yes \n'


def write(folder: Path, text: str) -> Path:
    (folder / "actual-causality").mkdir()
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_rows_are_typed_and_stripped(tmp_path: Path) -> None:
    row = vignettes(write(tmp_path, HEAD + ROW))[0]
    assert (row.number, row.action, row.event, row.story) == (0, "Ann", "the noise", "Ann rings, and Bo shouts (BS).")
    assert (row.type, row.necessary, row.sufficient) == ("Switch", False, True)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "no row"),
        (HEAD, 1, "no row"),
        (HEAD.replace("input", "text") + ROW, 1, "the header lacks input"),
        (HEAD + ROW + "Ann,noise\n", 3, "2 cells, but the header has 6"),
        (HEAD + ROW.replace("No,Yes", "no,Yes"), 2, "necessary is 'no'"),
        (HEAD + ROW.replace("Yes", "Maybe"), 2, "sufficient is 'Maybe'"),
        (HEAD + ROW.replace("Ann rings, and Bo shouts (BS).", " "), 2, "input is empty"),
        (HEAD + ROW.replace(" the noise", " "), 2, "event is empty"),
        (HEAD + '"Ann,noise\n', 2, "not CSV"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"data\.csv, line {line}: .*{reason}"):
        vignettes(write(tmp_path, text))


def test_another_encoding_or_none_at_all(tmp_path: Path, bare: Path) -> None:
    (write(tmp_path, HEAD) / FILE).write_bytes(HEAD.encode() + b"\xff")
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        vignettes(tmp_path)
    with pytest.raises(MissingData, match="butfor fetch kiciman"):
        vignettes()


def test_the_authors_file_says_what_their_list_of_answers_says(public) -> None:
    public("kiciman")
    file = Path(os.environ["BUTFOR_DATA"]) / "kiciman/actual-causality/groundtruth.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        told = {(r["pair_id"], r["ans_type"]): r["groundtruth"].strip() == "Yes" for r in csv.DictReader(stream)}
    rows = vignettes()
    ours = {(str(row.number), "nec"): row.necessary for row in rows}
    assert ours | {(str(row.number), "suff"): row.sufficient for row in rows} == told
    assert len(told) == 30
