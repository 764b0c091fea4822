from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import butfor as bf
from butfor import cell, effects
from butfor.core.errors import RunError, SpecError, UndeclaredDifference, UserError
from butfor.core.journal import entries
from butfor.experiment import diff, load, open_run, run

TABLE: dict[str, Any] = {
    "name": "shift",
    "model": "debug",
    "seeds": [0, 1],
    "treatment": {"method": "plugs:Shift", "by": 0.5},
    "measure": [{"suite": "plugs:Norm", "primary": True}],
}


def run_table(tmp_path: Path, **changes: Any) -> bf.experiment.Result:
    return run({**TABLE, **changes}, out=tmp_path / "runs")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_planted_effect_is_found_with_its_interval(tmp_path: Path) -> None:
    result = run_table(tmp_path)
    primary = result.primary
    assert (primary["suite"], primary["metric"], primary["treatment"], primary["control"]) == (
        "plugs:Norm",
        "weight",
        "treatment",
        "control",
    )
    assert primary["low"] < 0.5 < primary["high"]
    assert primary["high"] - primary["low"] < 0.2
    assert primary["p"] < 0.001
    assert set(primary) == {
        *("suite", "metric", "treatment", "control", "estimate", "low", "high", "level"),
        *("p", "p_adjusted", "n", "seeds", "method"),
    }
    assert primary in result.effects
    assert read(result.path / "effects.json")["primary"] == primary


def test_the_run_folder_is_what_the_house_says(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    whole = {item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file()}
    expected = {"experiment.json", "diff.json", "journal.jsonl", "checks.json", "effects.json", "levels.json"}
    expected |= {"overhead.json", "report.html", "manifest.json", "treatment/seed-0/model/model.safetensors"}
    expected |= {f"{arm}/seed-{n}/records/plugs:Norm.jsonl" for arm in ("control", "treatment") for n in (0, 1)}
    assert expected <= whole
    assert set(read(path / "manifest.json")["files"]) == whole - {"journal.jsonl", "manifest.json", ".lock"}
    assert read(path / "treatment/seed-0/notes.json") == ["shifted the final norm by 0.5"]
    assert not (path / "treatment/seed-1/model").exists(), "equal weights are kept once"
    assert read(path / "treatment/seed-1/facts.json")["model"] == "treatment/seed-0/model"


def test_an_a_a_run_is_exactly_nothing(tmp_path: Path) -> None:
    result = run_table(tmp_path, treatment={"method": "standard"})
    assert {effect["estimate"] for effect in result.effects} == {0.0}
    assert {effect["p"] for effect in result.effects} == {1.0}


def test_a_finished_run_is_opened_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_table(tmp_path)
    monkeypatch.setattr(cell.Cell, "go", lambda _: pytest.fail("ran again"))
    assert run_table(tmp_path) == first


def test_two_arms_share_a_step_only_where_the_weights_are_the_same(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    steps = [(event["arm"], event["seed"], event["key"]) for event in entries(path / "journal.jsonl") if "key" in event]
    assert {(arm, seed) for arm, seed, _ in steps} == {("control", 0), ("treatment", 0)}, "seed 1 has equal weights"
    assert len({key for _, _, key in steps}) == len(steps) == 6


@pytest.mark.parametrize("after", range(1, 8))
def test_a_run_that_dies_at_any_step_comes_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = (run_table(tmp_path / "whole").path / "effects.json").read_bytes()
    write, count = cell.write_lines, [0]

    def dying(path: Path, rows: Any) -> None:
        count[0] += 1
        if count[0] == after:
            raise KeyboardInterrupt
        write(path, rows)

    with monkeypatch.context() as patch:
        patch.setattr(cell, "write_lines", dying)
        with pytest.raises(KeyboardInterrupt):
            run_table(tmp_path / "torn")
    result = run_table(tmp_path / "torn")
    assert (result.path / "effects.json").read_bytes() == whole
    keys = [event["key"] for event in entries(result.path / "journal.jsonl") if event["event"] == "step"]
    assert len(keys) == len(set(keys)), "a finished step was done again"


def test_a_saved_model_loads_and_scores_as_it_did(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    world = bf.load(str(path / "treatment/seed-0/model"))
    assert world.fingerprint() == read(path / "treatment/seed-0/facts.json")["final"]


def test_records_alone_keep_no_weights(tmp_path: Path) -> None:
    path = run_table(tmp_path, keep="records").path
    assert not list(path.rglob("*.safetensors"))
    assert open_run(path).primary["estimate"] == run_table(tmp_path).primary["estimate"]


def test_an_arm_that_saw_other_items_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugs import Norm

    seen = iter((24, 23, 24, 24))
    monkeypatch.setattr(Norm, "items", lambda self, world: self.__class__.all(next(seen)), raising=True)
    from butfor.evaluate.suite import Item

    monkeypatch.setattr(Norm, "all", lambda n: [Item(f"item/{k}", "c", {}) for k in range(n)], raising=False)
    with pytest.raises(UndeclaredDifference, match="items of plugs:Norm"):
        run_table(tmp_path)


def test_several_arms_each_against_its_own(tmp_path: Path) -> None:
    more = [
        {"name": "twice", "method": "plugs:Shift", "by": 1.0},
        {"name": "step", "method": "plugs:Shift", "by": 1.0, "against": "treatment"},
    ]
    found = {(e["treatment"], e["metric"]): e for e in run_table(tmp_path, arm=more).effects}
    assert found["twice", "weight"]["estimate"] == pytest.approx(1.0, abs=0.1)
    assert found["step", "weight"]["estimate"] == pytest.approx(0.5, abs=0.1)
    assert found["step", "weight"]["control"] == "treatment"
    primaries = [found[arm, "weight"] for arm in ("treatment", "twice", "step")]
    assert max(e["p_adjusted"] / e["p"] for e in primaries) == pytest.approx(3.0)


def test_the_diff_names_what_differs_and_nothing_else() -> None:
    rows = diff(load(TABLE))
    assert [(row["key"], row["declared"]) for row in rows] == [("method", True), ("knob.by", True)]


def test_what_this_machine_lacks_is_found_before_anything_runs(tmp_path: Path) -> None:
    table = {**TABLE, "model": "nowhere", "measure": [{"suite": "plugs:Norm", "primary": True, "needs": "moons"}]}
    with pytest.raises(SpecError) as caught:
        run(table, out=tmp_path)
    text = str(caught.value)
    assert "unknown model 'nowhere'" in text
    assert "run: butfor fetch moons" in text
    assert not list(tmp_path.iterdir())


def test_comparing_a_run_with_itself_finds_nothing_and_with_another_the_difference(tmp_path: Path) -> None:
    a, b = run_table(tmp_path).path, run_table(tmp_path, treatment={"method": "plugs:Shift", "by": 0.8}).path
    assert {effect["estimate"] for effect in effects.compare(a, a)["effects"]} == {0.0}
    found = {(e["treatment"], e["metric"]): e["estimate"] for e in effects.compare(a, b)["effects"]}
    assert found["treatment of B", "weight"] == pytest.approx(0.3, abs=0.1)
    assert found["control of B", "weight"] == 0.0


def test_a_run_that_is_not_whole_cannot_be_opened(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    (path / "manifest.json").unlink()
    with pytest.raises(UserError, match="is not finished"):
        open_run(path)
    with pytest.raises(UserError, match="no run folder"):
        open_run(tmp_path / "nothing")


def test_own_seeds_declare_themselves() -> None:
    rows = diff(load({**TABLE, "seeding": "own"}))
    assert ("seeding", True) in [(row["key"], row["declared"]) for row in rows]


def test_a_primary_without_values_fails_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugs import Norm

    monkeypatch.setattr(Norm, "items", lambda self, world: [])
    with pytest.raises(RunError, match="primary metric has no value"):
        run_table(tmp_path)
