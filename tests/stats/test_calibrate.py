"""The simulations themselves: data of mean 0, cells that judge right, the same figures every time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from butfor.stats import calibrate
from butfor.stats.cells import Cell


@pytest.mark.parametrize("name", list(calibrate.DATA))
def test_data_have_the_mean_that_the_studies_take_for_true(name: str) -> None:
    x = calibrate.DATA[name](np.random.default_rng(0), (400_000,))
    assert x.mean() == pytest.approx(0, abs=5 * x.std() / np.sqrt(len(x)))


def test_a_cell_is_broken_only_beyond_luck_and_only_in_the_bad_direction() -> None:
    def cell(rate: float, promise: float | None) -> Cell:
        return Cell("s", "d", "m", "8", rate, 1000, promise)

    assert cell(0.92, 0.95).broken and not cell(0.94, 0.95).broken and not cell(0.99, 0.95).broken
    assert cell(0.08, 0.05).broken and not cell(0.06, 0.05).broken and not cell(0.0, 0.05).broken
    assert not cell(0.5, None).broken


def test_markdown_puts_sizes_in_columns_and_failures_in_bold() -> None:
    cells = [Cell("S", "d", "m", "8", 0.80, 1000, 0.95), Cell("S", "d", "m", "16", 0.951, 1000, 0.95)]
    text = calibrate.markdown(cells)
    assert "### S" in text and "| data | method | 8 | 16 |" in text and "| d | m | **80.0** | 95.1 |" in text


def test_every_study_runs_small_and_gives_the_same_figures_again(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: (study, 200, sizes[-2:-1]) for name, (study, _, sizes) in
           calibrate.STUDIES.items()}  # fmt: skip
    few["many"] = (calibrate.many, 10, (16,))
    monkeypatch.setattr(calibrate, "STUDIES", few)
    cells = calibrate.run(quick=True)
    assert {cell.study for cell in cells} and all(0 <= cell.rate <= 1 or cell.promise is None for cell in cells)
    assert calibrate.markdown(cells) == calibrate.markdown(calibrate.run(quick=True))


def test_the_command_writes_the_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(calibrate, "STUDIES", {"ratios": (calibrate.ratios, 50, (8,))})
    out = tmp_path / "table.md"
    monkeypatch.setattr(sys, "argv", ["calibrate", "--quick", "--out", str(out)])
    calibrate.main()
    assert out.read_text(encoding="utf-8").startswith("### Ratio of costs")
