"""What kind of data, and what no search survives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from butfor.core.errors import ButforError, DataError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.discovery.kinds import discrete_of, kind_of, refuse_collinear
from butfor.scm.discovery.posterior import posterior
from butfor.scm.discovery.run import discover


def columns(**more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"A": rng.normal(size=100), "B": rng.normal(size=100), "C": rng.integers(0, 3, 100), **more}


def test_kinds() -> None:
    data = Columns.read(columns(D=["x", "y"] * 50))
    assert discrete_of(data) == ("C", "D") and kind_of(data, ("C", "D")) == "mixed"
    assert discrete_of(data, ["A"]) == ("A", "D")  # labels cannot be numbers
    assert discrete_of(data, "A") == ("A", "D")
    assert kind_of(data, ()) == "numbers" and kind_of(data, data.names) == "discrete"
    with pytest.raises(UnknownName, match="unknown column 'E'"):
        discrete_of(data, ["E"])


def test_a_whole_number_at_the_beginning_is_no_category() -> None:
    x = np.random.default_rng(0).normal(size=200)
    x[:100] = np.round(x[:100])
    assert discrete_of(Columns.read({"X": x})) == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (columns(D=np.ones(100)), r"column 'D' is constant \(1.0\): drop it"),
        (columns(D=["a"] * 100), "column 'D' is constant"),
        (columns(D=columns()["A"]), "columns 'A' and 'D' say the same in every row|'D' and 'A' say the same"),
        (columns(D=3 - 2 * columns()["A"]), "say the same in every row"),
        (columns(D=2 - columns()["C"]), "columns 'C' and 'D' say the same in every row"),
        (columns(D=columns()["A"] + columns()["B"]), "is a linear function of '[ABD]', '[ABD]': drop one"),
        (columns(D=[1.0] * 99 + [np.nan]), r"missing or infinite values in D \(1\)"),
        (columns(D=[1.0] * 99 + [np.inf]), r"missing or infinite values in D \(1\)"),
        (columns(D=[float(i) / 7 for i in range(99)] + ["seven"]), "column 'D' holds numbers, but 'seven' in row 100"),
        ({name: column[:19] for name, column in columns().items()}, "19 rows are too few for 3 columns"),
        ({"A": columns()["A"]}, "needs two columns or more"),
        ({"A": [1.0, 2.0], "B": [1.0]}, "different lengths"),
    ],
)
def test_bad_columns_are_refused(data: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        discover(data, bootstraps=0)
    with pytest.raises(DataError, match=said):
        posterior(data)


def test_bad_files(tmp_path: Any) -> None:
    with pytest.raises(ButforError, match="does not exist"):
        discover(tmp_path / "none.csv")
    (tmp_path / "twice.csv").write_text("A,A\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="stands twice"):
        discover(tmp_path / "twice.csv")


def test_a_nearly_collinear_column_is_no_mistake() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 3))
    x[:, 2] = x[:, 0] + x[:, 1] + 1e-3 * rng.normal(size=1000)
    refuse_collinear(x, "ABC")
    with pytest.raises(DataError, match="linear function"):
        refuse_collinear(np.column_stack([x[:, :2], x[:, 0] * 1e3 + x[:, 1]]), "ABC")


def test_collinear_columns_far_from_zero_are_found() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400))
    with pytest.raises(DataError, match="is a linear function of"):
        refuse_collinear(np.column_stack([a + 1e3, b - 1e3, a - b]), "ABC")


def test_labels_alone_are_searched() -> None:
    rng = np.random.default_rng(0)
    a = rng.choice(["low", "high"], 400)
    b = np.where(rng.random(400) < 0.9, a, rng.choice(["low", "high"], 400))
    found = discover({"A": a, "B": b}, bootstraps=0)
    assert found.pattern.skeleton[0, 1]
    with pytest.raises(DataError, match="needs two columns or more"):
        discover({"A": a}, bootstraps=0)
