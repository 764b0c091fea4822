"""BIF files: read, written, read again; the ways they are written; and the line of what is wrong."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import GraphError, MalformedData
from butfor.scm.graph import Graph
from butfor.scm.models.bif import read_bif, write_bif
from butfor.scm.models.model import SCM

FOLDER = Path(os.environ.get("BUTFOR_DATA", "/nowhere")) / "bnlearn"
FILES = sorted(FOLDER.glob("*.bif")) or [FOLDER / "asia.bif"]

DOG = """
// a dog, as in Charniak 1991
network "dog problem" { property author "nobody {"; version 1; }
variable family-out { type discrete[2] { yes, no }; property position = (1, 2); }
variable "light on" { type discrete [ 2 ] { "0", "1" }; }
variable dog { type discrete [ 3 ] { in out .5 }; }   /* commas
may be missing */
probability ( family-out ) { table 0.15, 0.85; }
probability ( "light on" | family-out ) { table 0.4 0.95 0.6 0.05; }
probability ( dog | family-out, "light on" ) {
  default 0.2, 0.3, 0.5;
  (yes, "1") 1.0, 0, 0e0;
  (no, "1") 0.333333, 0.333333, 0.333333;
}
"""


def test_all_ways_of_writing_are_read() -> None:
    tables = read_bif(DOG)
    assert list(tables) == ["family-out", "light on", "dog"]
    assert tables["light on"].levels == (0, 1)
    assert tables["light on"].p.tolist() == [[0.4, 0.6], [0.95, 0.05]]
    assert tables["dog"].levels == ("in", "out", ".5")
    assert tables["dog"].p[0].tolist() == [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]
    assert tables["dog"].p[1, 1].tolist() == pytest.approx([1 / 3] * 3, abs=1e-15)
    model = SCM.from_bif(DOG)
    assert model.p("light on=1") == pytest.approx(0.15 * 0.6 + 0.85 * 0.05)
    assert set(Graph.from_bif(DOG).edges) == set(model.graph.edges)


def test_written_and_read_again_a_network_is_the_same() -> None:
    same(DOG)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_public_networks_are_read_and_written(path: Path) -> None:
    if not path.exists():
        pytest.skip("BUTFOR_DATA names no folder with bnlearn/*.bif")
    same(path)


def same(source: str | Path) -> None:
    one = read_bif(source)
    two = read_bif(write_bif(one))
    assert list(one) == list(two)
    for name, table in one.items():
        assert (table.parents, table.levels) == (two[name].parents, two[name].levels)
        assert np.array_equal(table.p, two[name].p)


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dog.bif.gz"
    path.write_bytes(gzip.compress(DOG.encode()))
    assert list(read_bif(path)) == list(read_bif(DOG))


LINES = DOG.splitlines()


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("(yes, \"1\") 1.0, 0, 0e0", "(yes, \"1\") 1.0, 0", 12, "2 numbers where 3 belong"),
        ("(yes, \"1\") 1.0, 0, 0e0", "(yes, \"1\") 1.0, 0, x", 12, "'x' is not a number"),
        ("(yes, \"1\") 1.0, 0, 0e0", "(yes, \"1\") 1.0, 0.5, 0", 12, "a row sums to 1.5"),
        ("(yes, \"1\") 1.0, 0, 0e0", "(yes, \"1\") 2.0, -1, 0", 12, "negative"),
        ("(yes, \"1\") 1.0", "(yes, \"2\") 1.0", 12, "'light on' has no state '2'; it has 0, 1"),
        ("(yes, \"1\") 1.0", "(yes) 1.0", 12, "1 states for 2 parents"),
        ("(yes, \"1\") 1.0", "(no, \"1\") 1.0", 13, r"the row of \(no, 1\) stands twice"),
        ("default 0.2, 0.3, 0.5;", "", 10, r"no row for \(yes, 0\), and no default"),
        ("table 0.15, 0.85", "table 0.15", 8, "1 numbers where 2 belong"),
        ("0.95 0.6 0.05", "0.95 0.6", 9, "3 numbers where 4 belong"),
        ("discrete[2] { yes, no }", "discrete[3] { yes, no }", 4, "announces 3 states and lists 2"),
        ("discrete[2] { yes, no }", "discrete[2] { yes, yes }", 4, "a state twice: yes"),
        ("discrete[2] { yes, no }", "normal[2] { yes, no }", 4, "only 'discrete'"),
        ("variable \"light on\"", "variable family-out", 5, "declared twice"),
        ("probability ( family-out )", "probability ( family )", 8, "'family' is not declared"),
        ("probability ( family-out )", "chance ( family-out )", 8, "'chance' where"),
        ("probability ( dog |", "probability ( family-out |", 10, "two probability blocks"),
        ("probability ( family-out ) { table 0.15, 0.85; }", "", 15, "'family-out' has no probability block"),
        ("table 0.15, 0.85; }", "table 0.15, 0.85 }", 8, "'}' where ';' should stand"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, reason: str) -> None:
    assert old in DOG
    with pytest.raises(MalformedData, match=rf"^the BIF text, line {line}: .*{reason}"):
        read_bif(DOG.replace(old, new, 1))


@pytest.mark.parametrize("cut", [40, 120, 300, 420, 500])
def test_a_file_that_ends_early_is_refused(cut: int) -> None:
    with pytest.raises(MalformedData, match="line"):
        read_bif(DOG[:cut] + "{" * ("{" not in DOG[:cut]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"no\.bif does not exist"):
        read_bif(tmp_path / "no.bif")
    with pytest.raises(GraphError, match="cannot be read"):
        read_bif(tmp_path)
    (tmp_path / "empty.bif").write_text("")
    with pytest.raises(MalformedData, match="line 1: no variable is declared"):
        read_bif(tmp_path / "empty.bif")
