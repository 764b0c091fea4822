"""Causal News Corpus: a CSV; all rows here are our own."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.causal_news import causal_news
from butfor.data.find import find

HEAD = "index,text,label\n"
ROWS = 'train_01_0_5,"Shops closed , because of a strike .",1\ntrain_01_0_6,It rained .,0\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "train_subtask1.csv"
    file.write_text(text, "utf-8-sig")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = causal_news(write(tmp_path, HEAD + ROWS))
    assert (first.id, first.document, first.causal) == ("train_01_0_5", "train_01_0", 1)
    assert (first.text, second.causal) == ("Shops closed , because of a strike .", 0)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (HEAD + ROWS, "", 1, "no row"),
        (ROWS, "", 1, "no row"),
        ("label", "gold", 1, "lacks label"),
        (".,0", ".,2", 3, "label is '2'"),
        (".,0", ".", 3, "2 cells"),
        ("It rained .", " ", 3, "text is empty"),
        ("train_01_0_6", "train_01", 3, "'train_01' is not part_batch"),
        ("train_01_0_6", "train_01_0_5", 3, "'train_01_0_5' stands twice"),
        ("It rained", '"It rained', 3, "not CSV"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"train_subtask1\.csv, line {line}: .*{reason}"):
        causal_news(write(tmp_path, (HEAD + ROWS).replace(old, new)))


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train_subtask1.csv"
    file.write_bytes(HEAD.encode() + b"train_01_0_5,caf\xe9,1\n")
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        causal_news(file)


def test_the_authors_file(public) -> None:
    public("causal_news_corpus")
    rows = causal_news()
    with find("causal_news_corpus", "train_subtask1.csv").open(encoding="utf-8-sig", newline="") as stream:
        raw = list(csv.DictReader(stream))
    assert [(row.id, row.text, str(row.causal)) for row in rows] == [
        (row["index"], row["text"].strip(), row["label"]) for row in raw
    ]
    assert Counter(row.causal for row in rows) == {1: 1624, 0: 1451}
    documents = Counter(row.document for row in rows)
    assert len(documents) == 2602 and sum(documents[f"train_09_{letter}"] for letter in "AB") == 339
