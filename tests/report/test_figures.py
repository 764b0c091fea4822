"""The data of the figures: scales that hold what they show, counts that add up, sentences that count right."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.report import draw, figures
from butfor.report.folder import open_run
from butfor.report.page import compute

from .runs import make


@given(st.floats(1e-100, 1e100))
def test_nice_is_round_near_and_never_too_small(value: float) -> None:
    found = figures.nice(value)
    assert value * (1 - 1e-6) <= found <= 2 * value * (1 + 1e-6)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.booleans())
def test_scales_hold_their_values(values: list[float], zero: bool) -> None:
    for scale in (figures.symmetric(values), figures.spanning(values, zero)):
        assert scale["low"] < scale["high"]
        for value in values:
            assert -1e-6 <= draw.share(value, scale) <= 1 + 1e-6


def test_forest_has_a_facet_for_each_metric_and_a_row_for_each_arm(tmp_path: Path) -> None:
    run = open_run(make(tmp_path, treatments=["leace", "inlp", "swap"]))
    found = figures.forest(run)
    assert [facet["metric"] for facet in found["facets"]] == ["stereotype", "nll", "accuracy"]
    assert [facet["better_side"] for facet in found["facets"]] == ["left", "left", "right"]
    assert all([row["label"] for row in facet["rows"]] == ["leace", "inlp", "swap"] for facet in found["facets"])
    clear = sum(not row["low"] <= 0 <= row["high"] for facet in found["facets"] for row in facet["rows"])
    assert found["sentence"].startswith(f"Of 9 effects, {clear} have a 95% interval that excludes zero")
    assert sum(row["primary"] for facet in found["facets"] for row in facet["rows"]) == 1
    json.dumps(found, allow_nan=False)


def test_spread_counts_every_item_once(tmp_path: Path) -> None:
    data, _ = compute(open_run(make(tmp_path)))
    (row,) = data["spread"]["rows"]
    assert sum(row["counts"]) + row["unchanged"] == row["n"] == row["down"] + row["up"] + row["unchanged"] == 60
    below = sum(n for n, end in zip(row["counts"], data["spread"]["edges"][1:], strict=True) if end <= 0)
    assert below == row["down"]


@pytest.mark.parametrize(
    ("cost", "ratio", "low", "high", "word"),
    [
        ("score seconds", 1.2, 1.1, 1.3, "more"),
        ("peak memory", 0.8, 0.7, 0.9, "less"),
        ("tokens per second", 1.2, 1.1, 1.3, "faster"),
        ("tokens per second", 0.8, 0.7, 0.9, "slower"),
        ("flops", 1.0, 1.0, 1.0, "the same"),
        ("flops", 1.0, 0.9, 1.2, "no difference found"),
        ("flops", 1.0, None, None, "no interval"),
        ("flops", None, None, None, "no ratio: one side is 0"),
    ],
)
def test_costs_in_words(cost: str, ratio: float | None, low: float | None, high: float | None, word: str) -> None:
    assert figures.cost_word(cost, ratio, low, high) == word


def test_a_hopeless_interval_does_not_flatten_the_other_costs(tmp_path: Path) -> None:
    folder = make(tmp_path)
    rows = [{"cost": "a", "treatment": "treatment", "ratio": 1.5, "low": 1.2, "high": 1.8, "n": 9}]
    rows += [{"cost": "b", "treatment": "treatment", "ratio": 2.0, "low": 1e-19, "high": 3e13, "n": 2}]
    (folder / "overhead.json").write_text(json.dumps({"overhead": rows}), encoding="utf-8")
    found = figures.costs(open_run(folder))
    assert found["scale"]["high"] == 2.0 and found["scale"]["low"] == 0.5
    assert found["sentence"] == "leace took 1.50× the a of its control."
    caps = [str(draw.whisker(row, found["scale"], "level")).count("reach") for row in found["rows"]]
    assert caps == [3, 1]


def test_positions_on_a_logarithmic_scale() -> None:
    scale = {"low": 0.25, "high": 4.0, "zero": 1.0, "log": True}
    assert draw.place(1.0, scale) == 50.0
    assert math.isclose(draw.place(2.0, scale) - 50, 50 - draw.place(0.5, scale), abs_tol=0.02)
    assert draw.place(1e9, scale) <= 100 and draw.place(-1.0, scale) >= 0
