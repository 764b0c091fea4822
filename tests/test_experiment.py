from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom
from tests.train.test_masked import encoder

import butfor as bf
from butfor import cell, effects, measure
from butfor.core.errors import RunError, SpecError, UndeclaredDifference, UserError
from butfor.core.journal import entries
from butfor.core.spec import Measure
from butfor.data.builtin import word_tests
from butfor.experiment import diff, load, open_run, run, sources
from butfor.lm.head import hang
from butfor.lm.load import load as load_model
from butfor.lm.save import save

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
    events = [event for event in entries(path / "journal.jsonl") if event["event"] == "step"]
    steps = [(event["arm"], event["seed"], event["key"]) for event in events]
    assert {(arm, seed) for arm, seed, _ in steps} == {("control", 0), ("treatment", 0)}, "seed 1 has equal weights"
    assert len({key for _, _, key in steps}) == len(steps) == 6


@pytest.mark.parametrize("after", range(1, 8))
def test_a_run_that_dies_at_any_step_comes_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = (run_table(tmp_path / "whole").path / "effects.json").read_bytes()
    count = [0]

    def dying(write: Callable[[Path, Any], None], path: Path, rows: Any) -> None:
        count[0] += 1
        if count[0] == after:
            raise KeyboardInterrupt
        write(path, rows)

    with monkeypatch.context() as patch:
        for name in ("write_lines", "write_bytes"):
            patch.setattr(measure, name, partial(dying, getattr(measure, name)))
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


def test_weights_that_were_trained_are_kept_where_a_method_answers_and_it_answers_again_when_resumed(
    tmp_path: Path,
) -> None:
    table = {
        "name": "asked", "model": "debug", "seeds": [0], "budget": {"steps": 2},
        "train": {"corpus": "plain", "batch_size": 2, "length": 16},
        "control": {"method": "infer.prompt.direct"},
        "treatment": {"method": "infer.prompt.direct", "way": "cot", "draws": 2, "room": 4},
        "measure": [{"suite": "reason.ladder", "kinds": ["separation"], "limit": 4, "primary": True}],
    }  # fmt: skip
    path = run(table, out=tmp_path).path
    made = {arm: read(path / arm / "seed-0" / "made.json") for arm in ("control", "treatment")}
    assert bf.load(str(path / made["control"]["model"])).fingerprint() == made["treatment"]["final"]
    assert made["control"]["final"] != made["control"]["start"]
    file = path / "treatment/seed-0/records/reason.ladder.jsonl"
    records = file.read_bytes()
    assert b'"calls":2.0' in records.replace(b" ", b"")
    for gone in (file, path / "treatment/seed-0/facts.json", path / "manifest.json"):
        gone.unlink()
    assert run(table, out=tmp_path).path == path and file.read_bytes() == records
    assert read(path / "treatment/seed-0/made.json") == made["treatment"], "it was not trained again"


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

    with monkeypatch.context() as patch:
        patch.setattr(Norm, "items", lambda self, world: [])
        with pytest.raises(UserError, match="plugs:Norm has no items"):
            run_table(tmp_path)
    measure = Norm.measure
    monkeypatch.setattr(Norm, "measure", lambda *a: [replace(record, metrics={}) for record in measure(*a)])
    with pytest.raises(RunError, match="primary metric plugs:Norm/weight has no value"):
        run_table(tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda records: records[1:], "gave 7 records for 8 items"),
        (lambda records: records[::-1], "in another order"),
        (lambda records: [replace(record, metrics={"wieght": 1.0}) for record in records], "wieght is 1.0; known: pos"),
        (lambda records: [replace(record, metrics={"weight": float("nan")}) for record in records], "weight is nan"),
        (lambda records: [replace(record, metrics={"weight": None}) for record in records], "weight is None"),
    ],
)
def test_a_suite_that_breaks_its_word_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Any, said: str
) -> None:
    from plugs import Norm

    measure = Norm.measure
    monkeypatch.setattr(Norm, "measure", lambda *a: broken(measure(*a)))
    with pytest.raises(RunError, match=said):
        run_table(tmp_path)


def damage(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "shorter":
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    elif how == "torn":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.write_text(how, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("treatment/seed-1/records/plugs:Norm.jsonl", "gone"),
        ("treatment/seed-1/records/plugs:Norm.jsonl", "shorter"),
        ("control/seed-0/records/plugs:Norm.jsonl", "torn"),
        ("treatment/seed-0/facts.json", "{"),
        ("treatment/seed-0/made.json", "[]"),
        ("treatment/seed-0/model/model.safetensors", "torn"),
        ("treatment/seed-0/model/config.json", "gone"),
        ("journal.jsonl", '{}\n{"t": 1, "event": "step"}\n'),
        ("effects.json", '{"primary": 42}'),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_folder_is_mended_by_the_same_command(tmp_path: Path, name: str, how: str, finished: bool) -> None:
    path = run_table(tmp_path).path
    whole = (path / "effects.json").read_bytes()
    damage(path / name, how)
    if "model" in name:
        (path / "treatment/seed-0/facts.json").unlink()
    if not finished:
        (path / "manifest.json").unlink()
    assert run_table(tmp_path).path == path
    assert (path / "effects.json").read_bytes() == whole
    open_run(path)


def test_what_was_changed_after_the_run_is_not_opened(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    damage(path / "effects.json", '{"primary": 42}')
    with pytest.raises(UserError, match=r"effects\.json was changed after the run"):
        open_run(path)


def test_runs_that_asked_other_things_are_not_paired(tmp_path: Path) -> None:
    measure = [{"suite": "text.perplexity", "primary": True}]
    a = run_table(tmp_path, measure=measure)
    b = run_table(tmp_path, measure=[{**measure[0], "length": 64}])
    with pytest.raises(UserError, match="no item asked the same in both runs"):
        bf.compare(a.path, str(b.path))


def test_an_arm_may_not_be_measured_on_what_it_trains_on(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The cat sat on the mat and looked at the moon for a while.\n\n" * 3, encoding="utf-8")
    table = {
        **TABLE,
        "budget": {"steps": 1},
        "train": {"corpus": str(corpus)},
        "measure": [{"suite": "text.perplexity", "data": str(corpus), "primary": True}],
    }
    with pytest.raises(SpecError, match="reads the text that every arm trains on"):
        load(table)


def balanced(folder: Path, *, gold: int) -> None:
    """COPA's development file, with the same right alternative everywhere."""
    items = "".join(
        f'<item id="{n}" asks-for="effect" most-plausible-alternative="{gold}"><p>The cup fell {n}.</p>'
        f"<a1>It broke.</a1><a2>It sang.</a2></item>\n"
        for n in range(20)
    )
    file = folder / "copa" / "datasets" / "copa-dev.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<copa-corpus>\n{items}</copa-corpus>\n", encoding="utf-8")


def test_other_data_under_the_same_name_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path / "data"))
    balanced(tmp_path / "data", gold=1)
    measure = [{"suite": "reason.copa", "data": "copa", "primary": True}]
    first = run_table(tmp_path, measure=measure)
    balanced(tmp_path / "data", gold=2)
    second = run_table(tmp_path, measure=measure)
    assert first.path != second.path
    level = [read(result.path / "levels.json")["levels"][0]["estimate"] for result in (first, second)]
    assert level[0] == pytest.approx(1 - level[1])


def test_data_that_change_between_two_seeds_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path / "data"))
    balanced(tmp_path / "data", gold=1)
    measured = cell.Cell.go

    def changing(self: cell.Cell) -> cell.Facts:
        balanced(tmp_path / "data", gold=2 if self.seed else 1)
        return measured(self)

    monkeypatch.setattr(cell.Cell, "go", changing)
    with pytest.raises(RunError, match=r"items of reason\.copa of control changed from one seed to the next"):
        run_table(tmp_path, measure=[{"suite": "reason.copa", "data": "copa", "primary": True}])


def test_a_run_does_not_depend_on_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load({**TABLE, "about": "~2 times better? " + "x" * 600})
    before = sources(spec)
    monkeypatch.chdir(tmp_path)
    for name in ("standard", "shift", "debug.x"):
        (tmp_path / name).write_text("", encoding="utf-8")
    assert sources(spec) == before


def test_a_score_made_on_another_device_is_not_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_table(tmp_path)
    (result.path / "manifest.json").unlink()
    made: list[str] = []
    make = cell.Cell._make
    monkeypatch.setattr(cell.Cell, "_make", lambda self: made.append(self.name) or make(self))
    run_table(tmp_path)
    assert made == []
    (result.path / "manifest.json").unlink()
    monkeypatch.setattr("butfor.lm.load.place", lambda _: "cuda Other")
    run_table(tmp_path)
    assert sorted(made) == ["control", "control", "treatment", "treatment"]


def test_two_models_can_be_compared_where_that_is_declared(tmp_path: Path) -> None:
    """Another tokenizer cuts other windows: the diff says so, and the run goes through."""
    from butfor.lm.load import load as load_model
    from butfor.lm.save import save

    other: Any = load_model("debug")
    other.tokenizer.add_tokens(["the"])
    other.model.resize_token_embeddings(len(other.tokenizer))
    save(other, tmp_path / "other")
    result = run_table(
        tmp_path,
        varies=["model"],
        treatment={"method": "standard", "model": str(tmp_path / "other")},
        measure=[{"suite": "reason.copa", "primary": True}, {"suite": "text.perplexity"}],
    )
    assert result.primary["n"] == 64
    texts = [e for e in result.effects if e["suite"] == "text.perplexity"]
    assert all(e["n"] < 71 for e in texts), "a window that is cut elsewhere asks another thing, and pairs with nothing"
    rows = {row["key"]: row["declared"] for row in read(result.path / "diff.json")["rows"]}
    assert rows["items of text.perplexity (seed 0)"] is True


def test_arms_may_learn_from_corpora_of_their_own(tmp_path: Path) -> None:
    """Each arm reads its corpus; where two of them are compared, the diff says so."""
    (tmp_path / "other.txt").write_text("The cat sat on the mat and slept.\n\nA dog ran by.\n")
    train = {"corpus": "plain", "batch_size": 2, "length": 16}
    other = {"method": "standard", "corpus": str(tmp_path / "other.txt")}
    table = {**TABLE, "seeds": [0], "budget": {"steps": 2}, "train": train}
    result = run({**table, "varies": ["corpus"], "treatment": other}, out=tmp_path / "runs")
    rows = {row["key"]: row for row in read(result.path / "diff.json")["rows"]}
    assert rows["train.corpus"]["values"] == {"control": "plain", "treatment": other["corpus"]}
    assert rows["train.corpus"]["declared"]
    assert rows["rows (seed 0)"]["declared"]
    made = {arm: read(result.path / arm / "seed-0" / "made.json") for arm in ("control", "treatment")}
    assert made["control"]["final"] != made["treatment"]["final"]
    with pytest.raises(SpecError, match=r"treatment.corpus: the corpus .*gone.txt does not exist"):
        gone = {"method": "standard", "corpus": str(tmp_path / "gone.txt")}
        run({**table, "varies": ["corpus"], "treatment": gone}, out=tmp_path / "runs")


def test_an_experiment_made_in_python_is_checked_like_any_other(tmp_path: Path) -> None:
    wrong = load(TABLE).model_copy(update={"measure": (Measure(suite="plugs:Norm"), Measure(suite="plugs:Norm"))})
    with pytest.raises(SpecError, match="measured twice"):
        run(wrong, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_mistake_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(
            {
                **TABLE,
                "model": "nowhere",
                "treatment": {"method": "swop"},
                "measure": [{"suite": "no", "primary": True}],
            }
        )
    assert [str(mistake).split(":")[0] for mistake in caught.value.mistakes] == [
        "experiment treatment.method",
        "experiment measure.0.suite",
        "experiment model",
    ]


def test_equal_costs_are_told_apart_no_more_often_than_promised() -> None:
    """A/A: the steps of one seed in one arm share the state of the machine, 10 % up or down."""
    rng, told = np.random.default_rng(20261121), 0
    for _ in range(300):
        costs: dict[str, dict[Any, float]] = {"control": {}, "treatment": {}}
        for units in costs.values():
            for seed in range(5):
                state = rng.lognormal(sigma=0.1)
                units.update({(seed, "s", n): state * rng.lognormal(sigma=0.05) for n in range(13)})
        (row,) = effects.overhead({"score seconds": costs}, [("treatment", "control")], 0.95)
        told += not row["low"] <= 1 <= row["high"]
    assert told <= binom.ppf(0.999, 300, 0.05)


def test_one_seed_and_a_peak_give_a_cost_without_an_interval() -> None:
    steps = {arm: {(0, "s", n): 1.0 + n for n in range(9)} for arm in ("control", "treatment")}
    peaks: dict[str, dict[Any, float]] = {"control": {0: 1.0, 1: 1.1}, "treatment": {0: 1.2, 1: 1.3}}
    rows = effects.overhead({"score seconds": steps, "train peak memory": peaks}, [("treatment", "control")], 0.95)
    assert [(row["low"], row["high"]) for row in rows] == [(None, None)] * 2
    assert rows[1]["ratio"] == pytest.approx(2.5 / 2.1)


def test_what_is_reused_is_still_timed_with_every_seed(tmp_path: Path) -> None:
    """Three seeds of an edit without chance give the same scores; its cost has an interval all the same."""
    result = run_table(tmp_path, seeds=[0, 1, 2], measure=[{"suite": "plugs:Norm", "primary": True, "noise": 0.2}])
    rows = {row["cost"]: row for row in read(result.path / "overhead.json")["overhead"]}
    row = rows["score seconds"]
    assert row["n"] == 3
    assert row["low"] < row["ratio"] < row["high"]
    steps = [event for event in entries(result.path / "journal.jsonl") if event["event"] in {"step", "timed"}]
    assert {(event["arm"], event["seed"]) for event in steps} == {
        (a, s) for a in ("control", "treatment") for s in range(3)
    }


def test_an_arm_that_hangs_code_on_the_model_gets_scores_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks do not show in the weights; two arms must still never share a score, also after a break."""
    table = {
        "seeds": [0],
        "treatment": {"method": "plugs:Mute"},
        "arm": [{"name": "other", "method": "plugs:Mute", "layer": 1}],
        "measure": [{"suite": "bias.professions", "metric": "size", "primary": True, "limit": 40}],
    }
    whole = run_table(tmp_path / "whole", **table)
    first, second = (e["estimate"] for e in whole.effects if e["metric"] == "size")
    assert first != 0 != second != first
    measure = cell.Cell._measure

    def dying(self: cell.Cell, *args: Any, **kwargs: Any) -> Any:
        if self.name == "treatment":
            raise KeyboardInterrupt
        return measure(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(cell.Cell, "_measure", dying)
        with pytest.raises(KeyboardInterrupt):
            run_table(tmp_path / "torn", **table)
    again = run_table(tmp_path / "torn", **table)
    assert (again.path / "effects.json").read_bytes() == (whole.path / "effects.json").read_bytes()


def test_an_edit_that_no_weight_shows_gets_scores_of_its_own(tmp_path: Path) -> None:
    result = run_table(
        tmp_path,
        seeds=[0],
        treatment={"method": "plugs:Scale", "by": 0.05},
        arm=[{"name": "none", "method": "plugs:Scale"}],
        measure=[{"suite": "bias.professions", "metric": "size", "primary": True, "limit": 40}],
    )
    size = {effect["treatment"]: effect["estimate"] for effect in result.effects if effect["metric"] == "size"}
    assert size["treatment"] != 0 == size["none"]


def test_a_damaged_run_of_other_code_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run_table(tmp_path).path
    damage(path / "diff.json", "{}")
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    monkeypatch.setattr("butfor.core.folder.code_version", lambda: "other")
    with pytest.raises(UserError, match="restore that file, or move the folder away"):
        run_table(tmp_path)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and file.name != ".lock"} == {
        file: content for file, content in before.items() if file.name != ".lock"
    }


def test_notes_of_the_user_are_no_part_of_the_run(tmp_path: Path) -> None:
    path = run_table(tmp_path).path
    (path / "manifest.json").unlink()
    (path / "NOTES.md").write_text("first", encoding="utf-8")
    run_table(tmp_path)
    (path / "NOTES.md").write_text("second", encoding="utf-8")
    assert open_run(path).path == path


def test_a_file_behind_any_knob_is_part_of_the_run(tmp_path: Path) -> None:
    file = tmp_path / "teacher" / "weights.bin"
    file.parent.mkdir()
    names: set[str] = set()
    for content in ("a", "b"):
        file.write_text(content, encoding="utf-8")
        for reads in (str(file), str(file.parent)):
            names.add(sources(load({**TABLE, "treatment": {"method": "plugs:Scale", "reads": reads}})))
    assert len(names) == 2


def test_vectors_and_a_language_model_can_stand_in_one_run(tmp_path: Path) -> None:
    words = list(dict.fromkeys(w for test in word_tests() for w in (*test.x, *test.y, *test.a, *test.b)))
    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    np.save(folder / "vectors.npy", np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32))
    table = {"varies": ["model"], "treatment": {"method": "standard", "model": str(folder)}}
    result = run_table(tmp_path, **table, measure=[{"suite": "bias.weat", "primary": True}])
    assert result.primary["n"] > 8
    with pytest.raises(SpecError, match="is no language model and cannot be trained"):
        load({**TABLE, **table, "budget": {"steps": 2}})


def test_a_preset_for_another_machine_does_not_stand_in_the_way() -> None:
    full = {"treatment": {"method": "leace", "concept": "/gpu/scratch/concept.jsonl"}}
    assert load({**TABLE, "preset": {"tiny": {"seeds": [0]}, "full": full}}, preset="tiny").seeds == (0,)


def test_a_plug_in_that_was_edited_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sources(load(TABLE))
    monkeypatch.setattr("butfor.experiment.source_version", lambda kind: f"edited {kind}")
    assert sources(load(TABLE)) != before


def test_failed_checks_of_the_primary_effect_stand_beside_it(tmp_path: Path) -> None:
    result = run_table(tmp_path, measure=[{"suite": "plugs:Norm", "primary": True, "count": 8}])
    page = result.report.read_text(encoding="utf-8")
    assert "on the primary effect: <code>small-n</code>" in page
    result.report.write_text("torn", encoding="utf-8")
    run_table(tmp_path, measure=[{"suite": "plugs:Norm", "primary": True, "count": 8}])
    assert result.report.read_text(encoding="utf-8") == page


def test_an_arm_whose_rows_are_shorter_may_take_more_steps_for_the_same_tokens(tmp_path: Path) -> None:
    table = {
        "model": "scratch:1x32",
        "seeds": [0],
        "budget": {"tokens": 2000},
        "train": {"corpus": "plain", "batch_size": 4, "length": 256},
        "treatment": {"method": "pretrain.corpus.axioms", "passages": 20, "questions": 1},
    }
    result = run_table(tmp_path, **table)
    steps = {
        arm: json.loads((result.path / arm / "seed-0" / "facts.json").read_text())["compared"]["steps"]
        for arm in ("control", "treatment")
    }
    assert steps["treatment"] != steps["control"]


@pytest.mark.parametrize(
    ("treatment", "said"),
    [
        ({"method": "pretrain.causalm", "treated": "politics"}, "no row has a column 'politics'"),
        ({"method": "pretrain.corpus.reweight"}, "label"),
        ({"method": "pretrain.corpus.mmd"}, "label"),
        ({"method": "pretrain.corpus.structure"}, "label"),
        ({"method": "pretrain.attention.cat"}, "no row says what causes what"),
        ({"method": "pretrain.attention.cat", "graph": "Smoke -> Risk"}, "no row has a span of"),
    ],
)
def test_a_corpus_that_a_method_cannot_use_is_refused_before_anything_is_trained(
    tmp_path: Path, treatment: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=r"treatment\.method") as caught:
        run_table(tmp_path, model="debug", budget={"steps": 2}, treatment=treatment)
    assert said in str(caught.value)
    assert not list(tmp_path.rglob("train.jsonl"))


def test_a_model_that_cannot_learn_what_is_asked_is_refused_when_the_experiment_is_read(tmp_path: Path) -> None:
    rows = [{"text": f"{n} {n % 3}", "label": n % 3, "options": ["a", "b", "c"]} for n in range(9)]
    corpus = tmp_path / "rows.jsonl"
    corpus.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    bert, narrow = tmp_path / "bert", tmp_path / "narrow"
    save(encoder(), bert)
    lm: Any = load_model("debug")
    hang(lm, 2, 24, 0)
    save(lm, narrow)
    trains = {**TABLE, "budget": {"steps": 1}, "treatment": {"method": "standard"}}
    for model, objective, said in (
        (bert, "choice", r"model: .*bert is an encoder and goes on with no text; set train\.objective = 'label'"),
        (narrow, "label", "model: the head of .*narrow knows 2 classes, and the rows have 3; remove butfor_head"),
    ):
        with pytest.raises(SpecError, match=said):
            load({**trains, "model": str(model), "train": {"corpus": str(corpus), "objective": objective}})
    for model, objective in ((bert, "label"), (narrow, "choice")):
        load({**trains, "model": str(model), "train": {"corpus": str(corpus), "objective": objective}})
    (narrow / "butfor_head.safetensors").write_bytes(b"torn")
    with pytest.raises(SpecError, match="holds no head for this model"):
        load({**trains, "model": str(narrow), "train": {"corpus": str(corpus), "objective": "label"}})
