"""butfor discover: the table, the files, the errors."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("andrey")

from butfor.cli.discover import discover_command, lines
from butfor.core.errors import DataError, UnknownName, Untrusted, UserError
from butfor.scm.discovery.run import discover


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rain = rng.normal(size=300)
    sprinkler = rng.normal(size=300)
    wet = rain + sprinkler + 0.5 * rng.normal(size=300)
    slip = wet + rng.normal(size=300)
    path = tmp_path / "garden.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["rain", "sprinkler", "wet lawn", "slip"])
        writer.writerows(np.column_stack([rain, sprinkler, wet, slip]).tolist())
    return path


def run(file: Path, prior: Path | None = None, method: str = "auto", *, as_json: bool = False) -> Path:
    out = file.parent / "found"
    discover_command(file, prior, method, out, bootstraps=20, seed=0, latent=False, drop=False, as_json=as_json)
    return out


def test_it_prints_the_edges_and_writes_the_files(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(file)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines()[:-2])) <= 80 and said.isascii() and "\x1b" not in said
    assert "rain -> wet lawn" in said and "wet lawn -> slip" in said and "1.00 [0.84, 1.00]" in said
    assert said.splitlines()[0].startswith("exact: 4 columns, 300 rows")
    assert str(out / "graph.svg") in said and str(out / "discovery.json") in said
    ElementTree.fromstring((out / "graph.svg").read_text(encoding="utf-8"))
    facts = json.loads((out / "discovery.json").read_text(encoding="utf-8"))
    assert ["rain", "->", "wet lawn"] in facts["pattern"]
    assert sorted(path.name for path in out.iterdir()) == ["discovery.json", "graph.svg"]


def test_json_on_stdout_is_what_the_file_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(file, as_json=True)
    assert json.loads(capsys.readouterr().out) == json.loads((out / "discovery.json").read_text(encoding="utf-8"))


def test_a_prior_and_its_conflicts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prior = file.parent / "prior.toml"
    prior.write_text('required = ["slip -> rain"]\n', encoding="utf-8")
    run(file, prior, "boss")
    said = " ".join(capsys.readouterr().out.split())
    assert "CONFLICT required slip -> rain is at odds with the data by" in said and "slip -> rain" in said


def test_a_failed_check_is_told_and_ends_with_3(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Untrusted, match="looks Gaussian"):
        run(file, method="lingam")
    assert "WARNING noise" in capsys.readouterr().out
    assert Untrusted.exit_code == 3


def test_mistakes(file: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'boss'"):
        run(file, method="boos")
    with pytest.raises(DataError, match="does not exist; a prior is a TOML file"):
        run(file, file.parent / "none.toml")
    with pytest.raises(DataError, match="does not exist"):
        run(file.parent / "none.csv")
    (file.parent / "found").write_text("in the way", encoding="utf-8")
    with pytest.raises(UserError, match="choose another place with --out DIR"):
        run(file)


def test_lines_without_edges_and_with_long_names() -> None:
    rng = np.random.default_rng(1)
    names = ["a very long name of a column that goes on and on and on", "another one of the same kind, longer still"]
    x = rng.normal(size=200)
    apart = discover({names[0]: x, names[1]: rng.normal(size=200)}, "exact", bootstraps=5)
    assert "no edges" in lines(apart)
    joined = lines(discover({names[0]: x, names[1]: x + rng.normal(size=200)}, "pc", bootstraps=5))
    assert max(map(len, joined)) <= 80
    assert not any("resamples" in line for line in lines(discover({"A": x, "B": x**3}, "pc", bootstraps=0)))
