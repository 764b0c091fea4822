"""The Tübingen pairs by name: a CSV and the file of weights; all rows here are our own."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData
from butfor.data.find import find
from butfor.data.tuebingen_names import pairmeta, tuebingen_names

HEAD = ",var1,var2,ground_truth,truth_ab,truth_ba,context,var1_desc,var2_desc\n"
ROWS = (
    'pair0001, Rain, River level, R,1,0,"two\nlines",Rain is water.,A level.\n'
    "pair0002, Sales, Price, R,0,1,x,What is sold.,What it costs.\n"
    "pair0003, Cork, Bottle, L,0,1,x,A cork.,A bottle.\n"
)
META = "0001 1 1 2 2 0.5\n0002 2 2 1 1 0.5\n0003 1 1 2 2 1\n"


def write(folder: Path, rows: str = HEAD + ROWS, meta: str = META) -> tuple[Path, Path]:
    (folder / "tuebingen_pairs.csv").write_text(rows, "utf-8")
    (folder / "pairmeta.txt").write_text(meta, "utf-8")
    return folder / "tuebingen_pairs.csv", folder / "pairmeta.txt"


def test_rows_are_typed_and_grouped(tmp_path: Path) -> None:
    first, second, third = tuebingen_names(*write(tmp_path))
    assert (first.id, first.names, first.gold, first.published) == ("pair0001", ("Rain", "River level"), 0, 0)
    assert (second.gold, second.published) == (1, 0)  # the published direction is another one
    assert third.told == ("A cork.", "A bottle.")
    assert (first.group, second.group, third.group) == ("pair0001", "pair0001", "pair0003")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (HEAD + ROWS, "", 1, "no row"),
        (ROWS, "", 1, "no row"),
        ("var1_desc", "desc", 1, "lacks var1_desc"),
        (" R,0,1,x", " X,0,1,x", 4, "ground_truth is 'X'"),
        (" Sales,", " ,", 4, "var1 is empty"),
        ("pair0002", "pair0001", 4, "'pair0001' stands twice"),
        ("pair0002", "pair0009", 4, "'pair0009' does not stand in pairmeta"),
        (",What it costs.", "", 4, "8 cells"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"tuebingen_pairs\.csv, line {line}: .*{reason}"):
        tuebingen_names(*write(tmp_path, (HEAD + ROWS).replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("2 2 1 1", "2 2 1", "is not a number, four columns"),
        ("0002 2", "0002 two", "is not a number, four columns"),
        ("1 1 0.5\n0003", "1 1 -0.5\n0003", "is not a number, four columns"),
        ("0002 2 2 1 1 0.5", "0002 1 1 1 1 0.5", "the cause is the effect"),
        ("0002 2 2 1 1 0.5", "0002 2 2 1 1 1.5", "the weight is 1.5"),
        ("0002", "0001", "'pair0001' stands twice"),
    ],
)
def test_a_bad_weight_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(MalformedData, match=rf"pairmeta\.txt, line 2: .*{reason}"):
        tuebingen_names(*write(tmp_path, meta=META.replace(old, new)))


def test_another_encoding_is_named(tmp_path: Path) -> None:
    rows, meta = write(tmp_path)
    rows.write_bytes(HEAD.encode() + b"pair0001, Caf\xe9")
    with pytest.raises(MalformedData, match="line 2: not UTF-8"):
        tuebingen_names(rows, meta)


def test_the_authors_files(public) -> None:
    public("pairwise_tuebingen_names")
    public("kiciman")
    pairs = tuebingen_names()
    with find("pairwise_tuebingen_names", "tuebingen_pairs.csv").open(encoding="utf-8", newline="") as stream:
        raw = list(csv.DictReader(stream))
    assert [(p.names, "RL"[p.published]) for p in pairs] == [
        ((row["var1"].strip(), row["var2"].strip()), row["ground_truth"].strip()) for row in raw
    ]
    meta = [line.split() for line in find("kiciman", "pairmeta.txt").read_text().splitlines() if line]
    assert [p.gold for p in pairs] == [int(int(cause) > int(effect)) for _, cause, _, effect, _, _ in meta]
    assert [p.weight for p in pairs] == [float(row[-1]) for row in meta] and sum(p.gold == 0 for p in pairs) == 78
    assert [int(p.id[4:]) for p in pairs if p.gold != p.published] == [49, 50, 51, 87]
    assert [int(p.id[4:]) for p in pairs if p.names[0] == p.names[1]] == [89, 90]
    groups = defaultdict(float)
    for pair in pairs:
        groups[pair.group] += pair.weight
    assert len(groups) == 44 and all(abs(total - round(total)) < 0.005 for total in groups.values())
    assert sum(total == 0 for total in groups.values()) == 5 and len(pairmeta()) == 108
