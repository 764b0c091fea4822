"""Audits: numbers that are known, the same records however an audit was broken off, and mistakes of the user."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import butfor as bf
from butfor import measure
from butfor.audit import Audit, Audited, audit, choose
from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.core.registry import resolve
from butfor.evaluate.suite import Record
from butfor.experiment import compare
from butfor.lm.save import save

GRADED = "plugs:Graded"


def audited(tmp_path: Path, **how: Any) -> Audited:
    cache = how.pop("cache", None)
    return audit(Audit(**{"model": "debug", "suites": (GRADED,), "limit": 0, **how}), out=tmp_path, cache=cache)


def rows(done: Audited, name: str) -> list[dict[str, Any]]:
    return json.loads((done.path / f"{name}.json").read_bytes())[name]


def records(done: Audited, suite: str) -> bytes:
    return (done.path / "model" / "seed-0" / "records" / f"{suite}.jsonl").read_bytes()


def test_every_number_of_an_audit_by_hand(tmp_path: Path) -> None:
    done = audited(tmp_path)
    levels = {row["metric"]: row for row in rows(done, "levels")}
    effects = {row["metric"]: row for row in done.effects}
    n = np.arange(60)
    said, true = n % 3 == 0, n % 2 == 0
    assert levels["accuracy"]["estimate"] == pytest.approx(20 / 60) and levels["accuracy"]["n"] == 60
    assert (
        effects["accuracy"]["estimate"] == pytest.approx(20 / 60 - 0.25) and effects["accuracy"]["control"] == "chance"
    )
    assert effects["effect"]["estimate"] == pytest.approx(float(np.mean(1.0 + n % 5)) - 0.5)
    hits = (said & true).sum()
    assert levels["f1"]["estimate"] == pytest.approx(2 * hits / (2 * hits + (said != true).sum()))
    groups = {row["value"]: row for row in rows(done, "groups")}
    assert groups["left"]["estimate"] == pytest.approx(said[:20].mean())
    assert groups["left"]["rest"]["estimate"] == pytest.approx(said[:20].mean() - said[20:].mean())
    assert groups["right"]["rest"]["p_adjusted"] >= groups["right"]["rest"]["p"]
    (suite,) = rows(done, "suites")
    assert suite["mistakes"] == {"not a third": 40} and suite["n"] == 60 and 0 < suite["detectable"] < 0.3
    assert done.trusted


def test_intervals_are_those_of_clusters(tmp_path: Path) -> None:
    row = next(row for row in audited(tmp_path).effects if row["metric"] == "accuracy")
    assert "30 clusters" in row["method"]


@pytest.mark.parametrize("after", range(1, 10))
def test_an_audit_that_dies_at_any_step_comes_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole, count = records(audited(tmp_path / "whole"), GRADED), [0]

    def dying(write: Any, path: Path, lines: Any) -> None:
        count[0] += 1
        if count[0] == after:
            raise KeyboardInterrupt
        write(path, lines)

    with monkeypatch.context() as patch:
        for name in ("write_lines", "write_bytes"):
            patch.setattr(measure, name, partial(dying, getattr(measure, name)))
        with pytest.raises(KeyboardInterrupt):
            audited(tmp_path / "torn")
    assert records(audited(tmp_path / "torn"), GRADED) == whole


def test_two_models_in_one_cache_give_the_records_of_clean_audits(tmp_path: Path) -> None:
    other = bf.load("debug")
    other.model.get_input_embeddings().weight.data *= 1.5
    save(other, tmp_path / "other")
    models, suites = ("debug", str(tmp_path / "other")), ("bias.professions", "reason.copa")
    clean = [audited(tmp_path / f"clean{n}", model=model, suites=suites, limit=8) for n, model in enumerate(models)]
    cache = tmp_path / "cache"
    shared = [audited(tmp_path / "shared", model=model, suites=suites, limit=8, cache=cache) for model in models]
    again = audited(tmp_path / "again", model="debug", suites=suites, limit=8, cache=cache)
    for suite in suites:
        assert [records(done, suite) for done in shared] == [records(done, suite) for done in clean]
        assert records(clean[0], suite) != records(clean[1], suite)
        assert records(again, suite) == records(clean[0], suite)
    steps = [line for line in (again.path / "journal.jsonl").read_text().splitlines() if '"event": "step"' in line]
    assert not steps, "what the cache holds was asked again"


def test_audits_compare_like_runs(tmp_path: Path) -> None:
    one = audited(tmp_path, suites=("bias.professions",), limit=16)
    other = bf.load("debug")
    other.model.get_input_embeddings().weight.data *= 1.5
    save(other, tmp_path / "other")
    two = audited(tmp_path, model=str(tmp_path / "other"), suites=("bias.professions",), limit=16)
    found = compare(one.path, two.path)["effects"]
    size = next(row for row in found if row["metric"] == "size")
    by_hand = [
        np.mean([row["metrics"]["size"] for row in map(json.loads, records(done, "bias.professions").splitlines())])
        for done in (two, one)
    ]
    assert size["estimate"] == pytest.approx(by_hand[0] - by_hand[1]) and size["n"] == 16


def test_f1_of_two_audits_is_compared_over_all_items(tmp_path: Path) -> None:
    one, two = audited(tmp_path), audited(tmp_path, limit=30)
    found = compare(one.path, two.path)
    f1 = next(row for row in found["effects"] if row["metric"] == "f1")
    assert (f1["estimate"], f1["n"]) == (pytest.approx(0.0), 30)


def test_a_finished_audit_is_opened_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = audited(tmp_path)
    monkeypatch.setattr(measure.Measuring, "suite", lambda *_: pytest.fail("ran again"))
    assert audited(tmp_path).path == done.path
    (done.path / "levels.json").write_text("{}")
    monkeypatch.undo()
    assert rows(audited(tmp_path), "levels")


def test_a_group_is_what_stands_before_the_dot_and_what_is_missing_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BUTFOR_DATA", "BUTFOR_CACHE", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "nothing"))
    chosen, passed = choose(Audit(model="debug", suites=("bias",)))
    assert "bias.professions" in [one.name for one in chosen]
    assert dict(passed)["bias.winobias"].startswith("run: butfor fetch winobias")
    with pytest.raises(MissingData, match="butfor fetch winobias"):
        choose(Audit(model="debug", suites=("bias.winobias",)))


def test_a_suite_for_trained_models_is_asked_where_it_is_named_in_full() -> None:
    chosen, passed = choose(Audit(model="debug", suites=("shortcut",)))
    assert "shortcut.trained_game" not in {one.name for one in chosen}
    assert "were trained on the token game" in dict(passed)["shortcut.trained_game"]
    chosen, _ = choose(Audit(model="debug", suites=("shortcut.trained_game",)))
    assert [one.name for one in chosen] == ["shortcut.trained_game"]


def test_what_needs_log_probabilities_is_passed_over_behind_an_address() -> None:
    chosen, passed = choose(Audit(model="m", endpoint="http://127.0.0.1:9", suites=("bias.professions", GRADED)[1:]))
    assert [one.name for one in chosen] == [GRADED] and not passed
    with pytest.raises(UserError, match="log-probabilities"):
        choose(Audit(model="m", endpoint="http://127.0.0.1:9", suites=("bias.crows_pairs",)))


def test_adaptations_are_knobs_of_one_suite_and_are_compared_with_the_plain_form(tmp_path: Path) -> None:
    done = audited(tmp_path, suites=("reason.copa", "reason.copa@few_shot"), limit=8)
    (row,) = [row for row in done.effects if row["control"] == "plain"]
    assert (row["suite"], row["treatment"]) == ("reason.copa@few_shot", "few_shot")
    with pytest.raises(UserError, match="adapt"):
        choose(Audit(model="debug", suites=("reason.copa@nonsense",)))
    with pytest.raises(UserError, match="no adaptations"):
        choose(Audit(model="debug", suites=("bias.professions@cot",)))


def test_an_unknown_suite_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownName, match=r"bias\.professions"):
        choose(Audit(model="debug", suites=("bias.profesions",)))


def test_records_stream_through_a_small_memory(tmp_path: Path) -> None:
    import tracemalloc

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            done = audit(Audit(model="debug", suites=("plugs:Many",), limit=count), out=tmp_path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            assert records(done, "plugs:Many").count(b"\n") == count

    small, large = peak(500), peak(4000)
    assert large - small < 4000 * 400  # a record is 2,000 characters long; what is kept of it is numbers


def test_what_an_address_is_refused_for_is_not_written_down(tmp_path: Path) -> None:
    for url in ("http://me:SECRET@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?key=SECRET"):
        with pytest.raises(UserError, match="carries a name, a password or a query"):
            audited(tmp_path, model="m", endpoint=url)
    assert not list(tmp_path.rglob("*"))


def test_how_fast_an_address_is_asked_names_no_other_audit(tmp_path: Path) -> None:
    pace: tuple[dict[str, Any], ...] = ({"concurrency": 1, "rate": 9.0}, {"timeout": 1.0, "price": (1.0, 2.0)}, {})
    for url, settings in zip(("", "/v1", "/v1/"), pace, strict=True):
        with pytest.raises(UserError, match="nothing answers"):
            audited(tmp_path, model="m", endpoint=f"http://127.0.0.1:9{url}", endpoint_settings=settings)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_removed_file_of_an_audit_is_made_again(tmp_path: Path) -> None:
    done = audited(tmp_path)
    for name in ("suites", "groups"):
        whole = (done.path / f"{name}.json").read_bytes()
        (done.path / f"{name}.json").unlink()
        assert audited(tmp_path).path == done.path and (done.path / f"{name}.json").read_bytes() == whole


@pytest.mark.parametrize("harm", ["cut", "foreign", "numbers", "no end"])
def test_a_broken_step_of_a_cache_is_asked_again(tmp_path: Path, harm: str) -> None:
    whole = records(audited(tmp_path / "whole", cache=tmp_path / "cache"), GRADED)
    first, second, *_ = sorted((tmp_path / "cache").rglob("*.jsonl"))
    data = first.read_bytes()
    made = {
        "cut": data[:-40],
        "foreign": second.read_bytes(),
        "numbers": b"1\n" * data.count(b"\n"),
        "no end": data.removesuffix(b"\n"),
    }
    first.write_bytes(made[harm])
    assert records(audited(tmp_path / "again", cache=tmp_path / "cache"), GRADED) == whole


def test_a_cache_that_cannot_be_written_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--cache DIR"):
        audited(tmp_path / "runs", cache=tmp_path / "file" / "cache")
    assert not (tmp_path / "runs").exists()


def test_the_adaptation_of_an_f1_is_compared_as_an_f1(tmp_path: Path) -> None:
    from butfor.audit import Asked, adapted
    from butfor.core.folder import write_lines
    from butfor.evaluate.suite import Metric

    @dataclass(frozen=True)
    class F1:
        metrics: tuple[Metric, ...] = (Metric("f1", "higher", "share", "F1", "binary", weight="w"),)

    rng = np.random.default_rng(5)
    true, plain, better = (rng.random(80) < p for p in (0.5, 0.5, 0.7))
    better = np.where(rng.random(80) < 0.6, true, better)
    for name, said in (("s", plain), ("s@cot", better)):
        rows = [
            {"item": f"{n}", "cluster": f"{n}", "asked": "x", "metrics": {"f1": float(s and t), "w": 1.0 + (s and t)}}
            if s or t
            else {"item": f"{n}", "cluster": f"{n}", "asked": "x", "metrics": {}}
            for n, (s, t) in enumerate(zip(said, true, strict=True))
        ]
        write_lines(tmp_path / "model" / "seed-0" / "records" / f"{name}.jsonl", rows)
    (row,) = adapted(tmp_path, [Asked("s", F1()), Asked("s@cot", F1())], 0.95)

    def f1(said: np.ndarray) -> float:
        return 2 * (said & true).sum() / (2 * (said & true).sum() + (said != true).sum())

    assert row["estimate"] == pytest.approx(f1(better) - f1(plain)) and row["n"] == 80


def test_an_item_without_the_weighted_metric_weighs_nothing_in_a_comparison() -> None:
    from butfor.effects import _parts  # pyright: ignore[reportPrivateUsage]

    row = {"cluster": "c", "metrics": {"f1": 0.0, "w": 2.0}}
    assert _parts(row, "f1", "w") == ("c", 0.0, 2.0) and _parts(row, "f1_sound", "w") == ("c", 0.0, 0.0)


def test_groups_of_unlike_chance_are_compared_less_their_chance(tmp_path: Path) -> None:
    from butfor.core.folder import write_lines
    from butfor.evaluate.suite import Metric
    from butfor.levels import judge

    rows = [
        {
            "item": str(n), "cluster": str(n), "group": {"choices": "2" if n < 40 else "4"},
            "metrics": {"accuracy": float(n % 2 if n < 40 else n % 4 == 0), "chance": 0.5 if n < 40 else 0.25},
        }
        for n in range(80)
    ]  # fmt: skip
    write_lines(tmp_path / "r.jsonl", rows)
    metric = Metric("accuracy", "higher", "share", "right", "binary", null="chance")
    two, four = judge(tmp_path / "r.jsonl", "s", [metric], "model", 0.95).groups
    assert (two["estimate"], four["estimate"]) == (0.5, 0.25)
    assert two["rest"]["estimate"] == pytest.approx(0.0) and two["rest"]["less"] == "chance"
    assert two["rest"]["low"] < 0 < two["rest"]["high"]


def test_a_page_drawn_by_another_butfor_leaves_the_audit_whole(tmp_path: Path) -> None:
    done = audited(tmp_path)
    (done.path / "figures" / "headlines.json").write_text("{}")
    assert compare(done.path, audited(tmp_path, limit=30).path)["effects"]


def test_a_comparison_of_two_audits_says_better_or_worse_and_one_note_a_suite(tmp_path: Path) -> None:
    found = compare(audited(tmp_path).path, audited(tmp_path, limit=30).path)
    row = next(row for row in found["effects"] if row["metric"] == "accuracy")
    assert (row["unit"], row["better"]) == ("share", "higher")
    assert [note for note in found["notes"] if "30 items stand in one run only" in note]
    assert len(found["notes"]) <= 3


@pytest.mark.parametrize("gone", ["items", "headline"])
def test_an_audit_whose_headline_has_no_value_is_not_trusted_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    graded = resolve("suite", GRADED)
    if gone == "items":
        monkeypatch.setattr(graded, "items", lambda *_: iter(()))
    else:
        monkeypatch.setattr(graded, "record", lambda _, item, n: Record(item.id, item.cluster, {"placebo": float(n)}))
    done = audited(tmp_path)
    assert not done.trusted and (done.path / "report.html").is_file()
    (check,) = [row for row in rows(done, "checks") if row["code"] == "no-value"]
    assert check["about"] == f"{GRADED}/accuracy" and "has a value" in check["message"]


PAGE = (Path(__file__).parent.parent / "docs" / "audit.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "docs/audit.md", "exec"), {})
    assert "reason.copa@few_shot accuracy" in capsys.readouterr().out


def test_the_pages_own_items_and_pairs_are_read(tmp_path: Path) -> None:
    items, pairs = blocks("json")
    (tmp_path / "items.jsonl").write_text(items, encoding="utf-8")
    (tmp_path / "pairs.jsonl").write_text(pairs, encoding="utf-8")
    done = audited(tmp_path, suites=(), items=tmp_path / "items.jsonl", pairs=tmp_path / "pairs.jsonl")
    asked = {row["suite"]: row["n"] for row in rows(done, "suites")}
    assert asked == {"own.items": 2, "own.pairs": 2}


def test_the_pages_commands_are_options_of_the_command() -> None:
    from typer.testing import CliRunner

    from butfor.cli.app import app

    known = CliRunner().invoke(app, ["audit", "--help"], env={"COLUMNS": "200"}).output
    for line in filter(None, "\n".join(blocks("bash")).splitlines()):
        words = shlex.split(line, comments=True)
        assert words[0] == "butfor"
        assert all(word in known for word in words if word.startswith("--")), line
