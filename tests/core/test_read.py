from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import SpecError
from butfor.core.read import check, read, recipes
from butfor.core.spec import Arm, Experiment, Measure

GOOD: dict[str, Any] = {
    "name": "x",
    "model": "debug",
    "treatment": {"method": "swap"},
    "measure": [{"suite": "bias.professions", "primary": True, "limit": 4}],
}


def test_what_is_not_said_has_a_default() -> None:
    experiment = read(GOOD)
    assert experiment.seeds == (0, 1, 2)
    assert list(experiment.arms) == ["control", "treatment"]
    assert experiment.control.method == "standard"
    assert experiment.primary.knobs == {"limit": 4}
    assert not experiment.budget.trains


def test_an_experiment_in_python_is_the_same_value() -> None:
    written = Experiment(
        name="x",
        model="debug",
        treatment=Arm.model_validate({"method": "swap"}),
        measure=(Measure.model_validate({"suite": "bias.professions", "primary": True, "limit": 4}),),
    )
    assert written == read(GOOD)
    assert check(written) is written


def test_an_experiment_in_python_must_mean_something_too() -> None:
    measure = Measure.model_validate({"suite": "bias.professions", "limt": 4})
    arm = Arm.model_validate({"name": "control", "method": "swop", "against": "nobody"})
    wrong = Experiment(name="x", model="debug", treatment=Arm.model_validate({}), arm=(arm,), measure=(measure,))
    with pytest.raises(SpecError) as caught:
        check(wrong)
    for said in ("no measure is primary", "no such knob", "unknown method 'swop'", "no other arm is called 'nobody'"):
        assert said in str(caught.value)


def test_an_experiment_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read(GOOD).name = "y"  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", ["..", "../up", "a/b", "steps", "Figures", "manifest.json", "Control", ".hidden"])
def test_an_arm_cannot_be_called_what_the_run_folder_needs(name: str) -> None:
    with pytest.raises(SpecError, match=r"arm\.0\.name"):
        read({**GOOD, "arm": [{"name": name, "method": "standard"}]})


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("full", "should hold tables"),
        ({"tiny": 3}, "should hold tables"),
        ({"tiny": {"sedes": [0]}}, "preset.tiny.sedes: no such key"),
        ({"tiny": {"measure": {"bias.none": {"limit": 3}}}}, "bias.none"),
    ],
)
def test_a_preset_is_checked_before_it_is_chosen(preset: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        read({**GOOD, "preset": preset})


def test_all_mistakes_come_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_text(
        'name = "x"\nseeds = ["1"]\n[budget]\nstepz = 4\n[treatment]\nmethod = "swpa"\n'
        '[[measure]]\nsuite = "text.perplexity"\nprimary = true\nlimt = 3\n'
        '[[measure]]\nsuite = "reason.copa"\nprimary = true\n',
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as caught:
        read(path)
    found = {mistake.where: mistake.problem for mistake in caught.value.mistakes}
    assert set(found) == {
        f"{path}:2 seeds.0",
        f"{path}:4 budget.stepz",
        f"{path}:6 treatment.method",
        f"{path}:10 measure.0.limt",
        f"{path}:13 measure.1.primary",
    }
    assert "did you mean 'steps'?" in found[f"{path}:4 budget.stepz"]
    assert "did you mean 'swap'?" in found[f"{path}:6 treatment.method"]
    assert "did you mean 'limit'?" in found[f"{path}:10 measure.0.limt"]


def test_an_override_is_checked_like_the_file_and_blamed_by_name() -> None:
    with pytest.raises(SpecError, match=r"--set budget.stepz: no such key; did you mean 'steps'"):
        read(GOOD, overrides=["budget.stepz=3"])
    with pytest.raises(SpecError, match=r"--set budget.steps: should be greater than or equal to 0, not -1"):
        read(GOOD, overrides=["budget.steps=-1"])


def test_presets_lie_over_the_recipe_and_overrides_over_both() -> None:
    table = {**GOOD, "preset": {"tiny": {"seeds": [5], "measure": {"bias.professions": {"limit": 2}}}}}
    assert read(table).seeds == (0, 1, 2)
    tiny = read(table, preset="tiny", overrides=["seeds=[7]"])
    assert (tiny.seeds, tiny.measure[0].knobs, tiny.preset) == ((7,), {"limit": 2}, "tiny")
    with pytest.raises(SpecError, match="did you mean 'tiny'"):
        read(table, preset="tyni")


def test_a_difference_in_the_model_must_be_declared() -> None:
    other = {**GOOD, "treatment": {"method": "standard", "model": "elsewhere"}}
    with pytest.raises(SpecError, match=r"treatment.model: .*must be declared: varies = \['model'\]"):
        read(other)
    assert read({**other, "varies": ["model"]}).model_of(read({**other, "varies": ["model"]}).treatment) == "elsewhere"


def test_a_difference_in_the_corpus_must_be_declared_where_arms_are_compared() -> None:
    other = {**GOOD, "treatment": {"method": "standard", "corpus": "stories"}}
    with pytest.raises(SpecError, match=r"treatment.corpus: is 'stories' .*'plain' .*varies = \['corpus'\]"):
        read(other)
    found = read({**other, "varies": ["corpus"]})
    assert (found.corpus_of(found.treatment), found.corpus_of(found.control)) == ("stories", "plain")
    alone = {"name": "alone", "method": "standard", "corpus": "stories", "against": ""}
    beside = {"name": "beside", "method": "leace", "corpus": "stories", "against": "alone"}
    assert read({**GOOD, "arm": [alone, beside]}).arms["beside"].corpus == "stories"


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_recipe_reads_with_every_preset(name: str) -> None:
    from butfor.core.read import load, presets

    for preset in (None, *presets(load(name)[2])):
        assert read(name, preset=preset).name
