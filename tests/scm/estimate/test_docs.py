"""The page on estimates does what it says: its examples run, and its tables are those of the command it names."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from butfor.scm.estimate import calibrate

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "estimate.md"


def documented() -> dict[tuple[str, str, str], list[str]]:
    """(study, data, method) -> the other cells, from the tables of the calibration."""
    found: dict[tuple[str, str, str], list[str]] = {}
    study = ""
    for line in PAGE.read_text(encoding="utf-8").split("## Calibration")[1].split("\n## ")[0].splitlines():
        if line.startswith("### "):
            study = line[4:]
        elif line.startswith("| ") and study and not line.startswith("| data |"):
            data, method, *rest = [cell.strip() for cell in line.strip().strip("|").split("|")]
            found[study, data, method] = rest
    return found


def test_the_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})


def test_page_and_code_have_the_same_rows_and_promises() -> None:
    table = documented()
    assert list(table) == [(case.study, case.data, case.method) for case in calibrate.cases()]
    for case in calibrate.cases():
        assert table[case.study, case.data, case.method][0] == (case.promise or "–")


def test_intervals_hold_where_they_promise_to_and_checks_fire_where_they_do_not() -> None:
    for key, (promise, coverage, _, _, fired, _) in documented().items():
        if promise == "covers":
            assert "*" not in coverage, key
            assert 92 < float(coverage) <= 98.6, key
        if promise == "warns":
            assert float(fired) >= 90, key


@pytest.mark.parametrize(
    "row", [("Covariates that are seen", "linear", "ipw"), ("Discrete data", "three variables", "plugin"),
            ("Instruments", "strong", "2sls"), ("Front door", "two binary mediators", "plugin")], ids="/".join
)  # fmt: skip
def test_a_smaller_simulation_agrees_with_the_table(row: tuple[str, str, str]) -> None:
    case = next(case for case in calibrate.cases() if (case.study, case.data, case.method) == row)
    cells = documented()[row]
    found = calibrate.run_case(case, 60)
    assert found.width == pytest.approx(float(cells[3]), rel=0.15)
    assert abs(found.coverage - float(cells[1]) / 100) < 4.5 * np.sqrt(0.95 * 0.05 / 60)


@pytest.mark.slow
def test_the_bench_prints_its_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if not (Path(os.environ.get("BUTFOR_DATA", ".")) / "nhefs").is_dir():
        pytest.skip("the public data are not here: BUTFOR_DATA is unset or lacks nhefs")
    monkeypatch.setattr("sys.argv", ["estimates.py", "--quick"])
    runpy.run_path(str(ROOT / "bench" / "estimates.py"), run_name="__main__")
    printed = capsys.readouterr().out
    page = PAGE.read_text(encoding="utf-8")
    for line in printed.splitlines():
        if line.startswith(("| experiment", "| PSID", "| CPS", "| difference", "| ipw, with", "| aipw |", "| dml |")):
            assert line in page
