"""Counterfactually augmented reviews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.cad import cad

HEAD = "Sentiment\tText\tbatch_id"
BAD, GOOD = "Negative\tA dull film.\t7", "Positive\tA fine film.\t7"


def write(folder: Path, *rows: str) -> Path:
    file = folder / "pairs.tsv"
    file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def test_a_pair_is_read(tmp_path: Path) -> None:
    quoted = 'Positive\t"He said ""go"".<br /><br />I went."\t8'
    first, second = cad(write(tmp_path, HEAD, BAD, GOOD, quoted, "Negative\tNo.\t8"))
    assert (first.id, first.sentiment, first.original, first.revised) == (
        "7",
        "Negative",
        "A dull film.",
        "A fine film.",
    )
    assert second.original == 'He said "go". I went.' and second.line == 4


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ([BAD, GOOD], 1, "the header is"),
        ([HEAD], 1, "no row"),
        ([HEAD, BAD], 2, "batch_id '7' has no second row"),
        ([HEAD, BAD, GOOD.replace("7", "8")], 2, "no second row"),
        ([HEAD, BAD, BAD], 3, "both texts of batch_id '7' are Negative"),
        ([HEAD, BAD, GOOD, BAD, GOOD], 4, "stands in two places"),
        ([HEAD, "Neutral\tx\t7", GOOD], 2, "the sentiment is 'Neutral'"),
        ([HEAD, BAD, "Positive\t <br /> \t7"], 3, "Text is empty"),
        ([HEAD, BAD, "Positive\tx\t"], 3, "batch_id is empty"),
        ([HEAD, BAD, "Positive\tx"], 3, "2 columns, not 3"),
        ([HEAD, BAD, 'Positive\t"x\t7'], 3, "not tab-separated"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: list[str], line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"line {line}: .*{reason}"):
        cad(write(tmp_path, *rows))


def test_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_bytes(f"{HEAD}\nNegative\t".encode() + b"\xff\t7\n")
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        cad(tmp_path / "pairs.tsv")


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("cad")
    pairs = cad()
    assert Counter(pair.sentiment for pair in pairs) == {"Negative": 851, "Positive": 856}
    assert sum(pair.original.split() == pair.revised.split() for pair in pairs) == 3
    assert not any("<br" in pair.original + pair.revised for pair in pairs)
