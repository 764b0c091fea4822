"""butfor evaluate-policy: the value, what it rests on, every refusal in a line, and scores that outlive the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from butfor.cli.app import app
from butfor.data.policy_log import log_of, read


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate-policy", *map(str, words), "-q"])


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def choices(n: int = 400) -> list[dict[str, Any]]:
    """Tool use: searching pays for long questions, and the log searches when it likes."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        length = float(rng.normal())
        search = 1 / (1 + np.exp(-length))
        action = "search" if rng.random() < search else "none"
        worth = 0.3 + 0.4 * (action == "search") * (length > 0)
        chances = {"logging": {"search": search, "none": 1 - search}, "target": {"search": 0.5, "none": 0.5}}
        outcome = int(rng.random() < worth)
        rows.append({"id": str(number), "action": action, "outcome": outcome, "context": {"length": length}} | chances)
    return rows


def texts(n: int = 120, labels: int = 60) -> list[dict[str, Any]]:
    """Answers to `n` prompts, judged 1 to 10 by chance, those of the target as the better of two; the judge is right.

    So the target writes a text judged k (2k − 1)/10 times as often, and is worth Σ (2k − 1)/100 · k/10 = 0.715.
    """
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        judge = int(rng.integers(1, 11))
        row = {"id": f"a{number}", "prompt": f"Question {number}:", "text": f" answer {number % 7}", "judge": judge}
        if number < labels:
            row["outcome"] = int(rng.random() < judge / 10)
        rows.append(row | {"logprob": -20.0, "target_logprob": -20 + float(np.log((2 * judge - 1) / 10))})
        fresh = {"id": f"b{number}", "prompt": f"Question {number}:", "text": " another", "policy": "target"}
        rows.append(fresh | {"judge": int(rng.integers(1, 11, 2).max())})
    return rows


def without(rows: list[dict[str, Any]], *keys: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in keys} for row in rows]


def test_choices_are_valued_by_all_estimators_of_short_actions(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", choices())
    done = run(log, "--how", "dr,direct,snips,ips,clipped,switch,mrdr,tmle", "--json")
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)["values"]
    assert len(values) == 8
    assert all(value["low"] <= 0.4 <= value["high"] for value in values)  # 0.3 + 0.5 · 0.4 · P(length > 0)


def test_rows_without_a_cluster_stand_by_themselves(tmp_path: Path) -> None:
    rows = choices(60)
    alone = log_of(read(write(tmp_path / "alone.jsonl", rows)))  # type: ignore[arg-type]
    some = [row | {"cluster": "user 3"} if number < 10 else row for number, row in enumerate(rows)]
    mixed = log_of(read(write(tmp_path / "mixed.jsonl", some)))  # type: ignore[arg-type]
    assert alone.cluster is None and mixed.cluster is not None
    assert sorted(np.bincount(mixed.cluster)) == [1] * 50 + [10]
    done = run(write(tmp_path / "none.jsonl", [rows[0] | {"cluster": None}, *rows[1:]]))
    assert done.exit_code == 2 and "'cluster' is a name or a whole number, not None" in done.stderr


def test_choices_that_something_unseen_moved_are_bounded(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", choices())
    done = run(log)
    assert "the difference to the logged mean is lost where the unseen moves odds by" in " ".join(done.stdout.split())
    one, three = (
        json.loads(run(log, "--how", "sensitivity", "--factor", factor, "--json").stdout)["values"][0]
        for factor in ("1", "3")
    )
    assert three["low"] < one["low"] < one["high"] < three["high"]


def test_texts_are_valued_by_judgements_first(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", texts())
    done = run(log)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "120 logged texts, 60 of them labelled; 120 of the target, 0 labelled"
    assert lines[2].startswith("calibrated  0.") and lines[2].endswith("<- the answer")
    assert "assumed: a judgement means the same" in done.stdout
    assert max(map(len, lines)) <= 80
    values = json.loads(run(log, "--json").stdout)["values"]
    assert [value["how"] for value in values] == ["calibrated", "dr", "ips"]
    assert all(value["low"] <= 0.715 <= value["high"] for value in values)
    (note,) = json.loads(run(log, "--json").stdout)["notes"]
    assert "not held against the target's own texts: the target's texts have no log-probabilities" in note


def test_without_log_probabilities_the_weights_are_left_out_and_it_says_so(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", without(texts(), "logprob", "target_logprob"))
    done = run(log, "--json")
    facts = json.loads(done.stdout)
    assert [value["how"] for value in facts["values"]] == ["calibrated"]
    assert "--logging MODEL" in facts["notes"][0]
    asked = run(log, "--how", "ips")
    assert asked.exit_code == 2 and "--logging MODEL" in asked.stderr


def test_poor_overlap_is_a_refusal_and_exit_3(tmp_path: Path) -> None:
    rows = [row | {"target_logprob": row["logprob"] - 9 * row["judge"]} if "logprob" in row else row for row in texts()]
    log = write(tmp_path / "log.jsonl", rows)
    beside = run(log)
    assert beside.exit_code == 0 and "ips         no answer" in beside.stdout
    alone = run(log, "--how", "ips")
    assert alone.exit_code == 3 and "ips does not answer" in alone.stderr
    far = [row | {"logprob": -600.0, "target_logprob": -1.0} if row["id"] == "a3" else row for row in texts()]
    wild = run(write(tmp_path / "wild.jsonl", far), "--how", "ips")
    assert wild.exit_code == 3 and "one row is 100.0% of the estimate" in wild.stderr


def test_texts_of_the_target_show_what_the_log_never_drew(tmp_path: Path) -> None:
    rows = [
        row | {"logprob": -30.0, "target_logprob": -22.0 if row["id"] in ("b1", "b2") else -30.0}
        if row.get("policy") == "target"
        else row
        for row in texts()
    ]
    done = run(write(tmp_path / "log.jsonl", rows), "--json")
    values = json.loads(done.stdout)["values"]
    assert "refused" not in values[0] and all("by the target's own texts" in value["refused"] for value in values[1:])
    some = run(write(tmp_path / "some.jsonl", [*rows[:-1], *without(rows[-1:], "logprob")]))
    assert some.exit_code == 2 and "1 of 120 texts of the target have no 'logprob'" in some.stderr


def test_a_model_fills_what_the_log_leaves_out_and_a_killed_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from butfor.lm import scored_file

    log = write(tmp_path / "log.jsonl", without(texts(40, 30), "target_logprob"))
    words = (log, "--target", "debug", "--json")
    real, asked = scored_file.score, list[int]()

    def dying(lm: Any, items: Any, **more: Any) -> Any:
        asked.append(len(items))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(lm, items, **more)

    monkeypatch.setattr(scored_file, "score", dying)
    assert run(*words).exit_code == 130
    assert len((tmp_path / "log.jsonl.scores").read_text().splitlines()) == 16
    done = run(*words)
    assert sum(asked[2:]) == 24  # what was computed is not computed again
    values = json.loads(done.stdout)["values"]
    assert [value["how"] for value in values] == ["calibrated", "dr", "ips"]
    assert "no answer" in values[2]["refused"]  # the model never saw such texts
    assert run(*words).stdout == done.stdout and sum(asked[2:]) == 24
    monkeypatch.setattr(scored_file, "code_version", lambda: "edited")
    assert run(*words).stdout == done.stdout and sum(asked[2:]) == 24 + 40  # other code computes its own


def test_a_model_says_how_likely_an_action_is(tmp_path: Path) -> None:
    from butfor.lm.load import load
    from butfor.lm.scoring import score

    rows = [row | {"prompt": f"Question {row['id']}. Tool:"} for row in without(choices(40), "target")]
    done = run(write(tmp_path / "log.jsonl", rows), "--target", "debug", "--how", "direct", "--json")
    told: list[dict[str, Any]] = []
    items = [{"prompt": row["prompt"], "choices": [" search", " none"]} for row in rows]
    for row, one in zip(rows, score(load("debug"), items), strict=True):  # type: ignore[arg-type]
        search = 1 / (1 + np.exp(one.logprobs[1] - one.logprobs[0]))
        told.append(row | {"target": {"search": search, "none": 1 - search}})
    by_hand = run(write(tmp_path / "told.jsonl", told), "--how", "direct", "--json")
    found, wanted = (json.loads(each.stdout)["values"][0]["estimate"] for each in (done, by_hand))
    assert found == pytest.approx(wanted, abs=1e-6)


def test_a_row_that_hides_what_else_could_be_done_is_not_taken_for_one_without_a_choice(tmp_path: Path) -> None:
    rows = [
        row | {"prompt": "Tool:", "actions": ["search", "none"]} for row in without(choices(8), "logging", "target")
    ]
    for known in ("logging", "target"):
        given = [row | {known: {"search": 0.5, "none": 0.5}} for row in rows[:-1]]
        log = write(tmp_path / "log.jsonl", [*given, *without(rows[-1:], "actions")])
        done = run(log, "--logging", "debug", "--target", "debug")
        assert done.exit_code == 2 and "line 8" in done.stderr and "names one action" in done.stderr


CHOICE, TEXT = choices(1)[0], texts(1, 1)[0]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([CHOICE, CHOICE], "line 2: the id '0' stands twice, first in line 1"),
        ([TEXT | {"id": None}], "line 1: no 'id'"),
        ([CHOICE | {"logging": {"search": 0.0, "none": 1.0}, "action": "search"}], "logged probability 0"),
        ([CHOICE | {"logging": {"search": 1e-300, "none": 1.0}, "action": "search"}], "logged probability 1e-300"),
        ([CHOICE | {"logging": {"search": 0.5, "none": 0.6}}], "adding up to 1"),
        ([CHOICE | {"target": {"search": -0.5, "none": 1.5}}], "adding up to 1"),
        (without(choices(3), "target"), "no 'target' probabilities"),
        ([CHOICE, TEXT], "holds both actions and texts"),
        ([TEXT | {"logprob": float("-inf")}], "probability zero and yet was written"),
        ([TEXT | {"logprob": 3.0}], "never over 0"),
        ([TEXT | {"judge": None}], "no 'judge'"),
        ([TEXT | {"prompt": ""}], "no 'prompt'"),
        ([TEXT | {"outcom": 1}], "unknown key 'outcom'"),
        ([{"id": "1", "prompt": "a", "chosen": "b", "rejected": "c"}], "which of two texts is liked more"),
        ([TEXT | {"policy": "mine"}], "'policy' is"),
        ([row | {"outcome": 1} for row in texts(20)], "every outcome is 1"),
        ([row | {"outcome": 0} for row in choices(20)], "every outcome is 0"),
        (without(texts(20), "outcome"), "fewer than two texts have an outcome"),
        ([row for row in texts(20) if "policy" not in row], "no text of the target is judged"),
        ([row for row in texts(20) if "policy" in row], "dr and ips weigh logged texts; add these"),
        ([*texts(20)[:-2], without(texts(20), "logprob")[-2]], "no 'logprob' (first: line 39"),
        ([CHOICE, CHOICE | {"id": "1", "outcome": 1e308}], "line 2: 'outcome' is a finite number, none beyond 1e+50"),
        ([CHOICE | {"context": {"length": -1e200}}], "line 1: 'context' holds names and numbers, none beyond"),
        ([TEXT | {"judge": 10**400}], "line 1: 'judge' is a finite number, none beyond 1e+50"),
        (choices(1), "the log has 1 row, and dr learns from some what it says of others: log 5 or more, or"),
        ([row | {"cluster": n % 2} for n, row in enumerate(choices(90))], "2 clusters, and dr learns"),
        ([CHOICE, choices(2)[1] | {"context": {}}], "line 2: 'context' names nothing, and elsewhere length"),
    ],
)  # fmt: skip
def test_a_mistake_costs_a_line(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    done = run(write(tmp_path / "log.jsonl", rows))
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_names_that_are_none(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", texts(20))
    assert "did you mean 'calibrated'" in run(log, "--how", "calibrate").stderr
    assert "does not exist" in run(tmp_path / "none.jsonl").stderr
    assert "is a folder; butfor evaluate-policy reads a file" in run(tmp_path).stderr
    assert "/dev/null is no regular file" in run("/dev/null").stderr
    bare = write(tmp_path / "bare.jsonl", without(texts(20), "logprob"))
    assert "unknown model" in run(bare, "--logging", "debgu").stderr


def test_a_log_without_contexts_is_valued(tmp_path: Path) -> None:
    rows = without(choices(), "context")
    for row in rows:
        row["logging"] = {"search": 0.5, "none": 0.5}
        row["target"] = {"search": 0.9, "none": 0.1}
    log = write(tmp_path / "log.jsonl", rows)
    assert "error" not in run(log).stderr
    done = run(log, "--how", "direct,dr,direct,snips,ips,clipped,switch,mrdr,tmle,sensitivity", "--json")
    values = {value["how"]: value for value in json.loads(done.stdout)["values"]}
    means = {name: np.mean([row["outcome"] for row in rows if row["action"] == name]) for name in ("search", "none")}
    assert values["direct"]["estimate"] == pytest.approx(0.9 * means["search"] + 0.1 * means["none"])
    assert all("refused" not in value for value in values.values())


@pytest.mark.parametrize("how", ["dr", "direct", "snips", "clipped", "switch"])
def test_an_action_that_never_came_though_it_was_promised_is_no_quiet_answer(tmp_path: Path, how: str) -> None:
    half = {"search": 0.5, "none": 0.5}
    rows = [row | {"action": "search", "logging": half, "target": half} for row in choices(100)]
    done = run(write(tmp_path / "log.jsonl", rows), "--how", how)
    assert done.exit_code == 3 and "50.0% of the target's choices never came in 100 rows" in done.stderr
    few = run(write(tmp_path / "few.jsonl", rows[:10]), "--how", how)
    assert "never came" not in few.stdout  # 5 expected: chance may do that


def test_a_file_that_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", without(texts(20), "logprob", "target_logprob"))
    notes, empty = tmp_path / "notes.txt", tmp_path / "empty"
    notes.write_text("mine")
    for place, told in (
        (log, "is the log itself"),
        (notes, "holds something else than scores"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "scores", "there is no folder"),
    ):
        before = log.read_bytes()
        done = run(log, "--logging", "debug", "--target", "debug", "--scores", place)
        assert done.exit_code == 2 and told in done.stderr and len(done.stderr.splitlines()) <= 2
        assert log.read_bytes() == before and notes.read_text() == "mine"
    empty.touch()
    words = (log, "--logging", "debug", "--target", "debug", "--scores", empty, "--json")
    assert run(*words).stdout == run(*words).stdout != ""


def test_a_model_that_cannot_serve_or_would_not_be_asked_is_refused_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = write(tmp_path / "full.jsonl", choices(20))
    assert "would not be used: every row holds 'target'" in run(full, "--target", "debug").stderr
    bare = write(tmp_path / "bare.jsonl", without(texts(20), "logprob", "target_logprob"))
    for side, other, key in (("target", "logging", "logprob"), ("logging", "target", "target_logprob")):
        alone = run(bare, f"--{side}", "debug")
        assert alone.exit_code == 2 and f"20 of 20 logged texts have no '{key}'" in alone.stderr
        assert f"give --{other} MODEL too, or leave --{side} out" in alone.stderr
    held = run(write(tmp_path / "held.jsonl", texts(20)), "--target", "debug")
    assert held.exit_code == 2 and "would not be used: the target's texts have no 'logprob'" in held.stderr
    assert "calibrated take no prob" in run(bare, "--target", "debug", "--how", "calibrated").stderr
    monkeypatch.setattr("butfor.lm.load.encodes", lambda name: name == "debug")  # as an encoder
    assert "debug is no language model" in run(bare, "--logging", "debug").stderr
    monkeypatch.undo()
    done = run(bare, "--logging", "debug", "--target", "debgu")
    assert done.exit_code == 2 and "unknown model 'debgu'" in done.stderr
    assert not (tmp_path / "bare.jsonl.scores").exists()


BOTH = ("--logging", "debug", "--target", "debug")
PROMPTED = [row | {"prompt": "Tool:", "actions": ["search", "none"]} for row in without(choices(8), "logging")]
BARE = [row | {"outcome": n % 2} for n, row in enumerate(without(texts(20), "logprob", "target_logprob", "outcome"))]
FRESH = [row | {"logprob": -9.0} if row["id"] == "b0" else row for row in texts(20)]


@pytest.mark.parametrize(
    ("rows", "words", "told"),
    [
        (without(PROMPTED, "target"), BOTH[2:], "8 of 8 rows have no 'logging' probabilities (first: line 1"),
        (without(PROMPTED, "target"), BOTH[:2], "give --target MODEL too"),
        (PROMPTED, BOTH[2:], "would not be used: every row holds 'target'"),
        ([*PROMPTED[:7], *without(PROMPTED[7:], "prompt")], BOTH[:2], "line 8"),
        (without(PROMPTED[:4], "target"), BOTH, "4 rows, and dr learns from some"),
        ([*BARE[:6], *without(BARE[6:], "outcome")], BOTH, "labels stand on 3 prompts"),
        (without(FRESH, "target_logprob"), BOTH[2:], "19 of 20 texts of the target have no 'logprob'"),
        ([row | {"outcome": n % 2} for n, row in enumerate(BARE[::2])], BOTH, "no text of the target is judged"),
    ],
)
def test_what_no_model_would_mend_is_refused_before_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], words: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr("butfor.lm.scored_file.logprobs", lambda *_: pytest.fail("a model was asked"))
    done = run(write(tmp_path / "log.jsonl", rows), *words)
    assert done.exit_code == 2 and told in done.stderr and len(done.stderr.splitlines()) <= 2
    assert not (tmp_path / "log.jsonl.scores").exists()


@pytest.mark.parametrize("words", [("--seed", "-1"), ("--factor", "inf"), ("--factor", "nan"), ("--factor", "0.5")])
def test_numbers_that_cannot_be(tmp_path: Path, words: tuple[str, str]) -> None:
    done = run(write(tmp_path / "log.jsonl", choices(20)), *words)
    assert done.exit_code == 2 and words[0] in done.stderr


def test_advice_is_what_the_command_can_do(tmp_path: Path) -> None:
    target = {"target": {"search": 0.5, "none": 0.5}}
    rows = [
        row | target | {"action": "none" if n % 40 else "search", "logging": {"search": 0.001, "none": 0.999}}
        for n, row in enumerate(choices(120))
    ]
    done = run(write(tmp_path / "log.jsonl", rows), "--how", "dr")
    assert done.exit_code == 3 and "--how direct needs no weights" in done.stderr and "abstain =" not in done.stderr


def test_texts_of_the_target_alone_are_valued_by_judgements(tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("id", "prompt", "text", "judge")} for row in texts(40)]
    rows = [row | {"policy": "target", "outcome": n % 2} for n, row in enumerate(rows)]
    log = write(tmp_path / "log.jsonl", rows)
    assert run(log, "--how", "calibrated").exit_code == 0
    refused = run(log)
    assert refused.exit_code == 2 and "or give --how calibrated" in refused.stderr


def test_equal_policies_have_no_tail(tmp_path: Path) -> None:
    rows = [row | {"target_logprob": -20.0} for row in texts() if "logprob" in row]
    fresh = [row | {"id": f"b{n}", "policy": "target"} for n, row in enumerate(without(rows, "outcome"))]
    done = run(write(tmp_path / "log.jsonl", [*rows, *fresh]), "--how", "ips")
    told = " ".join(done.stdout.split())
    assert done.exit_code == 0, done.stderr
    assert "-inf" not in told and "too few or too alike to show a tail" in told


def test_a_file_that_says_nothing_names_the_fix(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for content, told in (
        (b"", "no row in this file: write one JSON object a line"),
        (b'\n{"id": "a', "line 2: not JSON (Unterminated string starting at column 8): mend it there"),
        (b'{"id": "\xff"}', "line 1: not UTF-8 (invalid start byte): save the file as UTF-8"),
    ):
        log.write_bytes(content)
        done = run(log)
        assert done.exit_code == 2 and told in done.stderr


def test_texts_of_the_target_that_answer_other_prompts_are_no_quiet_answer(tmp_path: Path) -> None:
    rows = [row | {"prompt": f"Other {row['id']}"} if row.get("policy") else row for row in texts()]
    log = write(tmp_path / "log.jsonl", rows)
    for how in ("calibrated", "dr"):
        done = run(log, "--how", how)
        assert done.exit_code == 3 and "no prompt of the target's texts is in the log" in done.stderr
