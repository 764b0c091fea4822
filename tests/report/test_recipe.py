"""The spec in the report is TOML that says what the resolved spec says."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from butfor.core.spec import Experiment
from butfor.report.recipe import literal, recipe

from .runs import make


def test_arms_and_measures_stand_as_in_a_spec(tmp_path: Path) -> None:
    spec = json.loads((make(tmp_path, treatments=["leace", "inlp"]) / "experiment.json").read_text(encoding="utf-8"))
    table = tomllib.loads(recipe(spec))
    assert table["control"] == {"method": "standard", "against": "control"}
    assert [arm["name"] for arm in table["arm"]] == ["leace", "inlp"]
    assert table["arm"][0]["pairs"] == "definitional" and "knobs" not in table["arm"][0]
    assert [measure["suite"] for measure in table["measure"]] == ["bias.professions", "text.perplexity", "reason.copa"]
    assert "preset" not in table and '# preset "tiny"' in recipe(spec)


def test_an_experiment_can_be_read_back(tmp_path: Path) -> None:
    spec = json.loads((make(tmp_path) / "experiment.json").read_text(encoding="utf-8"))
    read = Experiment.model_validate_json(json.dumps(tomllib.loads(recipe(spec))))
    assert read.treatment.method == "leace" and read.treatment.knobs == {"pairs": "definitional"}
    assert read.seeds == (0, 1, 2) and read.primary.suite == "bias.professions"


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab ."), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(VALUES)
def test_every_value_is_toml(value: object) -> None:
    assert tomllib.loads(f"x = {literal(value)}") == {"x": value}


def test_nothing_gives_nothing() -> None:
    assert recipe({}) == ""
