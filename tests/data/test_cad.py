"""Counterfactually augmented reviews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data import corpora
from butfor.data.cad import cad, held_out

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


def held(folder: Path, originals: list[str], revisions: list[str]) -> Path:
    for name, rows in (("orig", originals), ("new", revisions)):
        (folder / "sentiment" / name).mkdir(parents=True)
        text = "\n".join(["Sentiment\tText", *rows]) + "\n"
        (folder / "sentiment" / name / "dev.tsv").write_text(text, encoding="utf-8")
    return folder


def test_held_out_revisions_find_their_originals(tmp_path: Path) -> None:
    originals = ["Negative\tA dull film about horses.", "Positive\tA fine song about love."]
    revisions = ["Negative\tA poor song about love.", "Positive\tA bright film about horses."]
    one, two = held_out(path=held(tmp_path, originals, revisions))
    assert (one.id, one.sentiment, one.revised) == ("dev/0", "Negative", "A bright film about horses.")
    assert (two.original, two.revised) == ("A fine song about love.", "A poor song about love.")


@pytest.mark.parametrize(
    "revisions", [["Negative\tA poor film."], ["Positive\tA bright film about horses.", "Negative\tx"]]
)
def test_a_revision_belongs_to_one_original(tmp_path: Path, revisions: list[str]) -> None:
    originals = ["Negative\tA dull film about horses.", "Negative\tA bad film about horses."]
    with pytest.raises(MalformedData, match=r"orig/dev\.tsv, line \d: no revision"):
        held_out(path=held(tmp_path, originals, revisions))


def test_a_split_that_is_not_here_is_named(bare: Path) -> None:
    with pytest.raises(MissingData, match=r"orig/test\.tsv"):
        held_out("test")


def test_the_corpus_has_the_revision_beside_each_original(public: Callable[[str], None]) -> None:
    public("cad")
    rows = corpora.rows("cad")
    assert len(rows) == 1703
    assert Counter(row["label"] for row in rows) == {0: 849, 1: 854}
    for row in rows:
        assert row["beside"]["pair"]["label"] == 1 - row["label"]
        assert row["text"] != row["beside"]["pair"]["text"]
    assert rows[0]["beside"]["pair"]["text"].startswith("Long, fascinating")


def test_the_held_out_pairs_of_the_public_set(public: Callable[[str], None]) -> None:
    public("cad")
    pairs = held_out()
    assert len(pairs) == len({pair.revised for pair in pairs}) == 245
    trained = {text for row in corpora.rows("cad") for text in (row["text"], row["beside"]["pair"]["text"])}
    assert not any(text in trained for pair in pairs for text in (pair.original, pair.revised))
