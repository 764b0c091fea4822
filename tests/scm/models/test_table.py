"""Tables as a user writes them: every way is read, every mistake is named, all of them at once."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.core.errors import GraphError, SpecError
from butfor.scm.models.table import Table, read_tables


def test_every_way_of_writing_is_read() -> None:
    tables = read_tables(
        {
            "S": (("X", "Y"), lambda x, y: x + y),  # causes may stand below
            "Z": 0.3,
            "C": {"red": 0.2, "blue": 0.8},
            "X": ("Z", [0.1, 0.7]),
            "Y": (("X", "Z"), [[0.1, 0.4], [0.5, 0.9]]),
            "W": (("Y",), [[0.2, 0.3, 0.5], [1, 0, 0]]),
            "V": Table("X", ("low", "high"), [[0.9, 0.1], [0.2, 0.8]]),
            "D": [0.1, 0.2, 0.7],
            "R": ("C", {"red": {"a": 0.9, "b": 0.1}, "blue": {"b": 1}}),
            "Q": (("X", "C"), {(0, "red"): {1: 1}, (1, "red"): {2: 1}, (0, "blue"): {3: 1}, (1, "blue"): {1: 1}}),
            "F": (("C",), lambda c: c == "red"),
        }
    )
    assert list(tables) == ["S", "Z", "C", "X", "Y", "W", "V", "D", "R", "Q", "F"]
    assert tables["R"].p.tolist() == [[0.9, 0.1], [0, 1]]
    assert tables["Q"].levels == (1, 2, 3)
    assert tables["Q"].p[:, 0].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert tables["Z"].p.tolist() == [0.7, 0.3]
    assert tables["C"].levels == ("red", "blue")
    assert tables["X"].parents == ("Z",)
    assert tables["Y"].p[1, 0].tolist() == [0.5, 0.5]
    assert tables["W"].levels == (0, 1, 2)
    assert tables["S"].levels == (0, 1, 2)
    assert tables["S"].p[1, 1].tolist() == [0, 0, 1]
    assert tables["D"].levels == (0, 1, 2)
    assert tables["F"].levels == (False, True)
    assert all(not table.p.flags.writeable for table in tables.values())


def test_rounded_rows_are_scaled_and_exact_ones_left_alone() -> None:
    row = [0.1, 0.2, 0.7]
    assert read_tables({"X": row})["X"].p.tolist() == row
    assert read_tables({"X": [0.33333, 0.33333, 0.33333]})["X"].p.sum() == pytest.approx(1, abs=1e-15)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        read_tables(
            {
                "A": [0.5, 0.6],
                "B": 1.2,
                "C": {"x": "much", "y": 0.5},
                "D": Table((), ("u", "u"), [0.5, 0.5]),
                "E": Table((), (0, 1, 2), [0.5, 0.5]),
                "G": 0.5,
                "H": ("G", [[0.5, 0.5], [0.3, 0.3]]),
                "I": (("G", "H"), [[0.1, 0.2]]),
                "K": ("G", {0: {"a": 1}, 2: {"a": 1}}),
                "L": ("G", {0: 0.5, 1: 0.2}),
                "M": ("G", lambda a, b: a),
                "N": Table("G", (0, 1), [[1, 0]]),
                "J": [float("nan"), 1.0],
            }
        )
    told = str(caught.value)
    for line in (
        "A: the row sums to 1.1, not to 1",
        "B: a probability is negative, above one or not finite",
        "C: the probabilities are not numbers in rows of equal length",
        "D: a level stands twice: u",
        "E: the table has shape (2,); (E) need (3,)",
        "H: the row of G=1 sums to 0.6, not to 1",
        "K: no row for G=1",
        "K: a row for 2, which is no combination of the levels of G",
        "L: a row by levels is a mapping, as in {0: {'low': 0.9, 'high': 0.1}, 1: {…}}",
        "N: the table has shape (1, 2); (G, N) need (2, 2)",
        "J: a probability is negative, above one or not finite",
    ):
        assert line in told.splitlines()
    assert "M: the function of (G) fails at 0: " in told
    assert len(caught.value.mistakes) == 12  # I waits for H, whose own mistake is told


def test_wrong_parents_are_told_before_shapes() -> None:
    with pytest.raises(SpecError) as caught:
        read_tables({"treatment": 0.5, "Y": ("treatmnt", [0.1, 0.2]), "W": (("Y", "Y"), [0.1, 0.2]), "T": (1, 2, 3)})
    assert "Y: unknown parent 'treatmnt'; did you mean 'treatment'?" in str(caught.value)
    with pytest.raises(SpecError) as odd:
        read_tables({"X": ("X", [0.1, 0.2]), 1: 0.3, "Y": [], "Z": {}})  # type: ignore[dict-item]
    assert str(odd.value).splitlines() == ["1: names are texts", "X: a variable cannot cause itself"]
    with pytest.raises(SpecError, match=r"Y: no levels\nZ: no levels"):
        read_tables({"Y": [], "Z": {}})
    assert "W: a parent stands twice: Y" in str(caught.value)
    assert "T: a tuple of 3; write (parents, table)" in str(caught.value)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(GraphError, match="cycle"):
        read_tables({"X": ("Y", [0.1, 0.2]), "Y": ("X", [0.1, 0.2])})


def test_a_table_says_what_it_is_given() -> None:
    table = Table("X", ("a", "b"), [[1, 0], [0, 1]])
    assert table.parents == ("X",)
    assert table.p.dtype == np.float64
