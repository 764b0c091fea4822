"""The page on statistics does what it says: its examples run, and its tables come from the command it names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from butfor.stats import calibrate

PAGE = Path(__file__).parents[2] / "docs" / "stats.md"


def documented() -> dict[tuple[str, str, str, str], tuple[float, bool]]:
    """(study, data, method, n) -> (rate, bold), from the tables of the page."""
    found: dict[tuple[str, str, str, str], tuple[float, bool]] = {}
    study, columns = "", []
    for line in PAGE.read_text(encoding="utf-8").split("## Calibration")[1].splitlines():
        if line.startswith("### "):
            study = line[4:]
        elif line.startswith("| data | method |"):
            columns = [cell.strip() for cell in line.strip("| ").split("|")][2:]
        elif line.startswith("| ") and study:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            data, method, figures = cells[0], cells[1], cells[2:]
            for n, figure in zip(columns, figures, strict=True):
                if figure != "–":
                    found[study, data, method, n] = (float(figure.strip("*")) / 100, figure.startswith("**"))
    return found


def test_the_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    exec(compile("\n".join(blocks), str(PAGE), "exec"), {})


def test_the_table_holds_every_study_and_size() -> None:
    studies = {key[0] for key in documented()}
    assert len(studies) == len(calibrate.STUDIES)
    for size in calibrate.SIZES:
        assert any(key[3] == str(size) for key in documented())


def test_where_the_default_falls_short_it_warns() -> None:
    table = documented()
    study = "Mean of paired differences: coverage of 95 % intervals"
    short = [key for key, (_, bold) in table.items() if key[:1] == (study,) and key[2] == "default" and bold]
    assert short, "lognormal data at n = 8 are known to fall short"
    for _, data, _, n in short:
        assert table[study, data, "share with a warning", n][0] > 0.5, (data, n)


def test_where_clusters_fall_short_most_samples_carry_a_warning() -> None:
    table = documented()
    study = "Items in clusters (n = clusters): coverage of 95 % intervals"
    short = [key for key, (_, bold) in table.items() if key[0] == study and key[2].startswith("default") and bold]
    assert all(table[study, data, "share with a warning", n][0] > 0.5 for _, data, _, n in short), short


def test_false_claims_without_a_warning_are_no_oftener_than_promised() -> None:
    table = documented()
    quiet = {key: figure for key, figure in table.items() if "without a warning" in key[2] and "coverage" not in key[2]}
    assert len({key[0] for key in quiet}) == 2
    bold = {key[1:] for key, (_, bold) in quiet.items() if bold and key[3] != "16"}  # the page names those at n = 16
    assert not bold
    assert sum(bold for key, (_, bold) in table.items() if key[2].startswith("default, p <")) > 10


def test_seeds_hold_every_level_in_the_table() -> None:
    wrong = [key for key, (_, bold) in documented().items() if key[0].startswith("Seeds × items") and bold]
    assert not wrong


@pytest.mark.parametrize("name", ["means", "binary", "seeds", "tails", "families", "ratios", "clustered", "tests"])
def test_a_smaller_simulation_stays_within_binomial_bounds_of_the_table(name: str) -> None:
    table = documented()
    study, reps, _ = calibrate.STUDIES[name]
    fewer = {"clustered": 150, "ratios": 300, "families": 120, "seeds": 500, "tails": 4000, "means": 800}.get(
        name, 1600
    )
    checked = 0
    for cell in study(np.random.default_rng(99), fewer, (16, 64)):
        if "bootstrap" in cell.method or cell.method.startswith(("sign flips", "share with", "coverage without")):
            continue
        rate, _ = table[cell.study, cell.data, cell.method, cell.n]
        spread = np.sqrt(max(rate * (1 - rate), 0.004) * (1 / cell.reps) * (1 + fewer / reps))
        assert abs(cell.rate - rate) < 4.5 * spread + 0.001, cell
        checked += 1
    assert checked >= 6


def test_bands_hold_five_per_cent_at_32_units_and_144_effects_in_the_table() -> None:
    for key, (rate, bold) in documented().items():
        if key[0].startswith("144 effects") and key[2] == "bands (default)":
            assert not bold, key
            if key[1] == "normal" and key[3] == "32":
                assert rate < 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / calibrate.STUDIES["many"][1])
