"""IHDP: a replication is read, all that lie beside it are found, and a bad row costs one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.ihdp import COVARIATES, ihdp

REST = ",".join(["0.5"] * 24 + ["1"])
ROWS = (f"1,5,4,3.5,6.5,{REST}", f"0,3,4,3,5,{REST}")


def write(folder: Path, *rows: str, number: int = 1) -> Path:
    file = folder / f"ihdp_npci_{number}.csv"
    file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def test_a_replication_is_read(tmp_path: Path) -> None:
    (known,) = ihdp(write(tmp_path, *ROWS))
    assert known.id == "ihdp 1" and known.given == COVARIATES
    assert known.data["t"].tolist() == [1, 0] and known.data["y"].tolist() == [5, 3]
    assert known.each.tolist() == [3, 2] and known.truth == 2.5 and known.spread == 1.0
    assert known.data["x1"].tolist() == [0.5, 0.5] and known.data["x25"].tolist() == [1, 1]
    assert (known.table.x, known.table.y, known.table.given) == ("t", "y", COVARIATES)


def test_all_replications_of_a_folder_by_number(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write(tmp_path, *ROWS, number=number)
    assert [known.id for known in ihdp(tmp_path)] == ["ihdp 1", "ihdp 2", "ihdp 10"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2,3", "3 cells, not 30"),
        (f"1,x,4,3,5,{REST}", "could not convert"),
        (f"2,3,4,3,5,{REST}", "the treatment is 2"),
        (f"1,nan,4,3,5,{REST}", "not finite"),
    ],
)
def test_a_bad_row(tmp_path: Path, row: str, reason: str) -> None:
    with pytest.raises(MalformedData, match=f"line 2: .*{reason}"):
        ihdp(write(tmp_path, ROWS[0], row))


def test_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="no row"):
        ihdp(write(tmp_path))


def test_what_is_not_here_says_why_no_command_brings_it(bare: Path) -> None:
    with pytest.raises(MissingData, match="no licence"):
        ihdp()


def test_the_published_files() -> None:
    try:
        found = ihdp()
    except MissingData:
        pytest.skip("IHDP is not on this machine")
    assert {known.data.n for known in found} == {747}
    assert all(int(known.data["t"].sum()) == 139 and 3.5 < known.truth < 5 for known in found)
    assert len({np.round(known.truth, 6) for known in found}) == len(found)
