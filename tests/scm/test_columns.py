"""Columns: what is read, how, and what is refused where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import DataError, UnknownName
from butfor.scm.columns import Columns

DATA = {"X": [0, 1, 1], "Y": ["no", "yes", "no"], "W": [0.5, 1.5, 2.5]}


def test_numbers_are_floats_and_labels_are_words() -> None:
    data = Columns.read(DATA)
    assert data.names == ("X", "Y", "W")
    assert data.n == 3
    assert "X" in data
    assert "Q" not in data
    assert data["X"].dtype == np.float64
    assert data["Y"].tolist() == ["no", "yes", "no"]
    assert (data.is_number("X"), data.is_number("Y")) == (True, False)
    assert Columns.read(data) is data


def test_kinds_of_sources_agree(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("X,Y,W\n0,no,0.5\n1,yes,1.5\n\n1,no,2.5\n", encoding="utf-8")
    wanted = Columns.read(DATA)
    for source in (path, str(path), {name: np.array(column) for name, column in DATA.items()}):
        found = Columns.read(source)
        assert found.names == wanted.names
        assert all((found[name] == wanted[name]).all() for name in wanted.names)


def test_a_frame_is_read_as_its_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"X": [True, False], "Y": pandas.Categorical(["a", "b"]), "Z": [1, None]})
    found = Columns.read(frame, ("X", "Y"))
    assert found["X"].tolist() == [1.0, 0.0]
    assert found["Y"].tolist() == ["a", "b"]
    with pytest.raises(DataError, match=r"Z \(1\)"):
        Columns.read(frame)
    with pytest.raises(DataError, match="stands twice: X"):
        Columns.read(pandas.DataFrame([[1, 2]], columns=["X", "X"]))


def test_numbers_as_words_are_numbers() -> None:
    found = Columns.read({"X": ["1", " 2.5", "-3e2"], "B": [True, False, True], "O": np.array([1, 2, 3], dtype=object)})
    assert found["X"].tolist() == [1.0, 2.5, -300.0]
    assert found["B"].tolist() == [1.0, 0.0, 1.0]
    assert found["O"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("gap", [None, float("nan"), "", "NA", "?", " null ", float("inf")])
def test_missing_values_are_refused_or_dropped(gap: object) -> None:
    source = {"X": [1.0, gap, 3.0], "Y": ["a", "b", "c"]}
    with pytest.raises(DataError, match=r'missing or infinite values in X \(1\).*missing="drop"'):
        Columns.read(source)
    found = Columns.read(source, missing="drop")
    assert found["X"].tolist() == [1.0, 3.0]
    assert found["Y"].tolist() == ["a", "c"]
    assert Columns.read(source, ("Y",)).n == 3


def test_a_missing_label_is_missing() -> None:
    with pytest.raises(DataError, match=r"Y \(1\)"):
        Columns.read({"Y": ["a", None, "b"]})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"X": [1, 2], "Y": [1, 2, 3]}, "different lengths"),
        ({"X": []}, "no rows"),
        ({"X": [None, None]}, "missing"),
        ({"X": [[1, 2], [3, 4]]}, "not flat"),
        ({"X": [*range(40), "x"]}, "holds numbers, but 'x' in row 41"),
        ({}, "no rows"),
    ],
)
def test_what_is_no_table_is_refused(source: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Columns.read(source)


@pytest.mark.parametrize("source", [None, [1, 2], np.zeros((3, 2)), {"X"}])
def test_what_has_no_columns_is_refused(source: object) -> None:
    with pytest.raises(DataError, match="a DataFrame, a mapping of arrays or a CSV path, not"):
        Columns.read(source)


def test_all_rows_dropped_is_no_data() -> None:
    with pytest.raises(DataError, match="no rows"):
        Columns.read({"X": [None, None]}, missing="drop")


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'smoke'"):
        Columns.read({"smoke": [1], "tar": [2]}, ("smok",))
    with pytest.raises(UnknownName, match="unknown column 'Q'"):
        Columns.read(DATA)["Q"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X,Y\n", "no rows below its header"),
        ("", "no rows below its header"),
        ("X,X\n1,2\n", "stands twice"),
        ("X,Y\n1,2\n3\n", "row 3: 1 cells where the header has 2"),
    ],
)
def test_a_csv_file_that_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Columns.read(path)


def test_files_that_are_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Columns.read(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="cannot be read"):
        Columns.read(tmp_path)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00X")
    with pytest.raises(DataError, match="is not UTF-8"):
        Columns.read(tmp_path / "bytes.csv")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("X\n1\n2\n", encoding="utf-8-sig")
    assert Columns.read(path).names == ("X",)


def test_two_labels_are_0_and_1_and_more_are_refused() -> None:
    data = Columns.read({**DATA, "C": ["a", "b", "c"]})
    assert data.number("Y").tolist() == [0.0, 1.0, 0.0]
    with pytest.raises(DataError, match="column 'C' holds labels"):
        data.number("C")


def test_a_constant_column_teaches_nothing() -> None:
    data = Columns.read({"X": [2.0, 2.0], "Y": ["a", "a"]})
    with pytest.raises(DataError, match=r"'X' is constant \(2"):
        data.varying("X")
    with pytest.raises(DataError, match=r"'Y' is constant|holds labels"):
        data.varying("Y")


def test_codes_and_levels() -> None:
    data = Columns.read({"A": [3, 1, 3], "B": [0.5, 0.25, 0.5], "C": ["z", "a", "z"]})
    codes, levels = data.codes("A")
    assert codes.tolist() == [1, 0, 1]
    assert levels == (1, 3)
    assert all(isinstance(level, int) for level in levels)
    assert data.codes("B")[1] == (0.25, 0.5)
    assert data.codes("C")[1] == ("a", "z")
    assert (data.is_discrete("A"), data.is_discrete("B"), data.is_discrete("C")) == (True, False, True)


def test_the_matrix_of_a_regression() -> None:
    data = Columns.read({**DATA, "C": ["a", "b", "c"]})
    assert data.matrix(("X", "C")).tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 1]]
    assert data.matrix(()).shape == (3, 0)


def test_rows_taken_and_columns_replaced() -> None:
    data = Columns.read(DATA)
    assert data.take(np.array([2, 0]))["W"].tolist() == [2.5, 0.5]
    assert data.take(data["X"] == 1).n == 2
    more = data.with_(X=np.zeros(3), V=np.ones(3))
    assert more["X"].tolist() == [0, 0, 0]
    assert more.names == ("X", "Y", "W", "V")
    assert data["X"].tolist() == [0, 1, 1]


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", ", "])
def test_a_file_may_be_separated_by_commas_semicolons_tabs_or_spaces(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"X{mark}Y\n1{mark}2\n3{mark}4\n", encoding="utf-8")
    assert Columns.read(file).number("Y").tolist() == [2.0, 4.0]
