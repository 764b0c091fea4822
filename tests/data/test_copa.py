"""COPA and Balanced COPA in the authors' XML."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.copa import copa
from butfor.data.find import find

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE copa-corpus SYSTEM "copa.dtd">\n<copa-corpus version="1.0">\n'
ITEM = (
    '<item id="{id}" asks-for="cause" most-plausible-alternative="2">\n'
    "  <p>The tea &amp; the cake were gone.</p>\n  <a1>It was Monday.</a1>\n  <a2>The guests ate them.</a2>\n</item>\n"
)
TAIL = "</copa-corpus>\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "copa-dev.xml"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_are_typed(tmp_path: Path) -> None:
    first, second = copa(write(tmp_path, HEAD + ITEM.format(id=1) + ITEM.format(id=2) + TAIL))
    assert (first.id, first.asks_for, first.gold) == ("1", "cause", 1)
    assert first.premise == "The tea & the cake were gone."
    assert second.choices == ("It was Monday.", "The guests ate them.")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD + ITEM.replace('"cause"', '"reason"') + TAIL, 4, "asks-for is 'reason'"),
        (HEAD + ITEM.format(id=1) + ITEM.replace('"2">', '"3">') + TAIL, 9, "most-plausible-alternative is '3'"),
        (HEAD + ITEM.format(id=1) + "\n" + ITEM.replace("It was Monday.", " ") + TAIL, 10, "<a1> is missing or empty"),
        (HEAD + ITEM.replace("<p>", "<q>").replace("</p>", "</q>") + TAIL, 4, "<p> is missing"),
        (HEAD + ITEM.replace("It was Monday.", "The guests ate  them.") + TAIL, 4, "<a1> and <a2> are the same text"),
        (HEAD + ITEM.format(id=1) * 2 + TAIL, 9, "the id '1' stands twice"),
        (HEAD + ITEM.replace("</a1>", "") + TAIL, 8, "not well-formed XML"),
        (HEAD + ITEM.format(id=1), 8, "not well-formed XML"),
        (HEAD + TAIL, 1, "no <item>"),
        ("", 1, "not well-formed XML"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"copa-dev\.xml, line {line}: .*{reason}"):
        copa(write(tmp_path, text))


def test_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    file.write_bytes(HEAD.encode() + b"<!-- caf\xe9 -->\n" + TAIL.encode())
    with pytest.raises(MalformedData, match="line 4: not UTF-8"):
        copa(file)


def test_the_authors_file(public) -> None:
    public("copa")
    rows = copa()
    assert len(rows) == 500
    assert Counter((row.asks_for, row.gold) for row in rows) == {
        (a, g): 125 for a in ("cause", "effect") for g in (0, 1)
    }
    gold = [line.split() for line in find("copa", "results/gold.dev").read_text().splitlines() if line.strip()]
    assert [(row.id, row.gold) for row in rows] == [(name, int(first == "0")) for name, first, _ in gold]


def test_balanced_copa_has_the_same_format_and_mirrors_every_question(public) -> None:
    public("copa_balanced")
    rows = {row.id: row for row in copa(name="copa_balanced")}
    assert len(rows) == 1000
    assert rows == {row.id: row for row in copa(find("copa_balanced", "balanced-copa-dev-all.xml"))}
    originals = [row for name, row in rows.items() if int(name) <= 500]
    assert len(originals) == 500
    mirrored = [rows[str(1000 + int(row.id))] for row in originals]
    same = [set(a.choices) == set(b.choices) for a, b in zip(originals, mirrored, strict=True)]
    other = [a.choices[a.gold] != b.choices[b.gold] for a, b in zip(originals, mirrored, strict=True)]
    assert sum(same) > 490 and sum(other) > 490, json.dumps([sum(same), sum(other)])
