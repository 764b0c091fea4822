"""The calibration counts what it says, and its worlds have the truths they claim."""

from __future__ import annotations

import numpy as np
import pytest

from butfor.scm.columns import Columns
from butfor.scm.estimate import calibrate, calibrate_worlds
from butfor.scm.estimate.calibrate import Row, Seen, cases, markdown, run_case


def test_truths_are_those_of_large_samples() -> None:
    rng = np.random.default_rng(0)
    for name, world in calibrate_worlds.CONFOUNDED.items():
        a, b = rng.normal(size=(2, 400_000))
        gain = world.effect(a, b)
        if world.binary:
            gain = 1 / (1 + np.exp(-world.base(a, b) - gain)) - 1 / (1 + np.exp(-world.base(a, b)))
        weight = world.chance(a, b) if world.target == "att" else np.ones_like(a)
        assert world.truth == pytest.approx(float(weight @ gain / weight.sum()), abs=0.01), name


def test_front_doors_and_tables_have_the_truths_of_interventions() -> None:
    data, truth = calibrate_worlds.discrete(np.random.default_rng(0), 200_000)
    z, x, y = (data[name] for name in "ZXY")
    mean = [[y[(z == k) & (x == a)].mean() for k in range(3)] for a in (0, 1)]
    assert truth == pytest.approx(float(np.subtract(mean[1], mean[0]) @ [np.mean(z == k) for k in range(3)]), abs=0.01)
    rng = np.random.default_rng(1)
    m = [[rng.random(400_000) < p for p in chances] for chances in ((0.7, 0.6), (0.3, 0.4))]
    outcomes = [one + 0.5 * two + (one & two) for one, two in m]
    truth = calibrate_worlds.front_discrete(np.random.default_rng(0), 10)[1]
    assert truth == pytest.approx(outcomes[0].mean() - outcomes[1].mean(), abs=0.01)


def test_one_row_counts_its_worlds() -> None:
    def estimate(data: Columns, truth: float) -> Seen:
        off = float(data["Y"].mean())
        return Seen(off > 0, off, 2.0, ("overlap",) if off > 0 else ())

    def draw(rng: np.random.Generator, n: int) -> tuple[dict[str, np.ndarray], float]:
        return {"Y": rng.normal(size=n)}, 0.0

    case = calibrate.Case("study", "data", "method", draw, estimate, "covers")
    row = run_case(case, 40, rows=9)
    assert row.coverage == row.fired
    assert 0.2 < row.coverage < 0.8
    assert row.which == "overlap"
    assert row.width == 2.0
    assert row == run_case(case, 40, rows=9)
    assert row.broken


def test_what_is_bold() -> None:
    row = Row("s", "d", "m", "covers", 0.95, 0.0, 1.0, 0.0, "", 500)
    assert not row.broken
    assert "**" not in markdown([row])
    short = Row("s", "d", "m", "covers", 0.90, 0.0, 1.0, 0.0, "", 500)
    assert "| **90.0** |" in markdown([short])
    silent = Row("s", "d", "m", "warns", 0.2, 0.0, 1.0, 0.5, "overlap", 500)
    assert "| **50.0** | overlap |" in markdown([silent])


def test_every_row_runs() -> None:
    """One world a row: it gives finite figures, and no row stands twice."""
    for case in cases():
        row = run_case(case, 1, rows=300)
        assert np.isfinite([row.coverage, row.bias, row.fired]).all(), case
    assert len({(case.study, case.data, case.method) for case in cases()}) == len(cases())


def test_jobs_do_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    few = cases()[2:4]
    monkeypatch.setattr(calibrate, "cases", lambda: few)
    monkeypatch.setattr(calibrate, "QUICK", 3)
    rows = calibrate.run(quick=True)
    assert rows == [run_case(case, 3) for case in few]
    assert [row.method for row in rows] == [case.method for case in few]
