"""CrowS-Pairs in the authors' CSV."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.crows_pairs import crows_pairs

HEAD = ",sent_more,sent_less,stereo_antistereo,bias_type,annotations,anon_writer,anon_annotators\n"
ROWS = (
    '0,"Old men, they say, drive slowly.","Young men, they say, drive slowly.",stereo,age,"[[\'age\']]",a0,[]\n'
    "7,Girls dislike mud.,Boys dislike mud.,antistereo,gender,[],a1,[]\n"
)


def write(folder: Path, text: str) -> Path:
    file = folder / "crows_pairs_anonymized.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = crows_pairs(write(tmp_path, HEAD + ROWS))
    assert (first.id, first.more, first.bias_type, first.direction) == (
        "0",
        "Old men, they say, drive slowly.",
        "age",
        "stereo",
    )
    assert second.id == "7" and second.pair.contents == (("Girls", "Boys"),)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "no pair"),
        (HEAD, 1, "no pair"),
        (HEAD.replace("bias_type", "kind") + ROWS, 1, "lacks bias_type"),
        (HEAD[1:], 1, "lacks an index column"),
        (HEAD + ROWS + "8,one,two\n", 4, "3 cells, but the header has 8"),
        (HEAD + ROWS.replace("antistereo", "neither"), 3, "stereo_antistereo is 'neither'"),
        (HEAD + ROWS.replace("Boys dislike mud.", " "), 3, "sent_less is empty"),
        (HEAD + ROWS.replace("Boys dislike", "Girls  dislike"), 3, "sent_more and sent_less are the same sentence"),
        (HEAD + ROWS.replace(",gender,", ",sex,"), 3, "bias_type is 'sex', not age, .*gender"),
        (HEAD + ROWS.replace("7,", "0,"), 3, "the index '0' stands twice"),
        (HEAD + '0,"never closed,x,stereo,age,[],a,[]\n', 2, "not CSV"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"crows_pairs_anonymized\.csv, line {line}: .*{reason}"):
        crows_pairs(write(tmp_path, text))


def test_the_authors_file(public) -> None:
    public("crows_pairs")
    rows = crows_pairs()
    assert len(rows) == 1508
    kinds = Counter(row.bias_type for row in rows)
    assert len(kinds) == 9 and kinds["gender"] == 262 and kinds["race-color"] == 516
    assert Counter(row.direction for row in rows) == {"stereo": 1290, "antistereo": 218}
    assert ("black", "white") in rows[0].pair.contents
