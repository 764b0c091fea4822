"""ACIC 2016: simulations are read beside their covariates, and what does not fit costs one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.acic import acic
from butfor.data.fetch import SETS

X = "x_1,x_2\n29,C\n30,J\n31,C\n"
Z = "z,y0,y1,mu0,mu1\n0,1,4,1.5,3.5\n1,2,5,2.5,5.5\n0,3,6,3.5,4.5\n"


def write(folder: Path, x: str = X, **simulations: str) -> Path:
    (folder / "x.csv").write_text(x, encoding="utf-8")
    for name, text in simulations.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_simulations_are_read_by_number(tmp_path: Path) -> None:
    found = acic(write(tmp_path, zymu_2=Z, zymu_1=Z, zymu_10=Z))
    assert [known.id for known in found] == ["acic 1", "acic 2", "acic 10"]
    known = found[0]
    assert known.given == ("x_1", "x_2") and known.data["x_2"].tolist() == ["C", "J", "C"]
    assert known.data["y"].tolist() == [1, 5, 3] and known.data["t"].tolist() == [0, 1, 0]
    assert known.each.tolist() == [2, 3, 1] and known.truth == 2


@pytest.mark.parametrize(
    ("z", "reason"),
    [
        ("z,y0,y1,mu0\n0,1,4,1\n", "mu1"),
        ("z,y0,y1,mu0,mu1\n0,1,4,1,3\n", "1 rows, where x.csv has 3"),
        (Z.replace("1,2,5", "7,2,5"), "line 3: z is 7"),
        (Z.replace("1,2,5,2.5", "1,2,5,"), "missing"),
    ],
)
def test_a_bad_simulation(tmp_path: Path, z: str, reason: str) -> None:
    with pytest.raises(MalformedData, match=reason):
        acic(write(tmp_path, zymu_1=z))


def test_covariates_alone(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="no zymu_1"):
        acic(write(tmp_path))


def test_covariates_that_are_called_as_the_outcome(tmp_path: Path) -> None:
    with pytest.raises(MalformedData, match="called y"):
        acic(write(tmp_path, x=X.replace("x_1", "y"), zymu_1=Z))


def test_it_can_be_fetched() -> None:
    assert SETS["acic2016"].licence == "Apache-2.0" and "acic_challenge_2016/x.csv" in SETS["acic2016"].files


@pytest.mark.slow
def test_the_published_files() -> None:
    try:
        found = acic()
    except MissingData:
        pytest.skip("acic2016 is not here; run: butfor fetch acic2016")
    assert {known.data.n for known in found} == {4802} and {len(known.given) for known in found} == {58}
