"""COPA and e-CARE as rows: the form that the suites ask in, and the questions that no training sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from butfor.core.errors import SpecError
from butfor.data.cause_effect import copa_rows, ecare_rows, held_out, told
from butfor.data.copa import copa
from butfor.data.corpora import rows
from butfor.data.ecare import ecare
from butfor.evaluate.reason.copa import COPA, BalancedCOPA
from butfor.evaluate.reason.ecare import ECARE
from butfor.experiment import load

ITEM = (
    '<item id="{}" asks-for="{}" most-plausible-alternative="{}"><p>Event {} took place.</p>'
    "<a1>It rained {}.</a1><a2>I slept {}.</a2></item>"
)


def xml(mirrored: bool) -> str:
    found = []
    for n in range(1, 61):
        asks = "cause" if n % 2 else "effect"
        found.append(ITEM.format(n, asks, 1 + n % 2, n, n, n))
        found += [ITEM.format(1000 + n, asks, 2 - n % 2, -n, n, n)] if mirrored else []
    return "<copa-corpus>" + "\n".join(found) + "</copa-corpus>"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files in the authors' formats, where data are looked for."""
    lines = [
        {"index": f"train-{n}", "premise": f"Tom saw event {n // 2}.", "ask-for": "cause", "hypothesis1": f"He {n}.",
         "hypothesis2": f"As Tom told, he {n}.", "label": n % 2}
        for n in range(200)
    ]  # fmt: skip
    for file, text in (
        ("ecare/Causal_Reasoning/train.jsonl", "\n".join(map(json.dumps, lines))),
        ("copa/datasets/copa-dev.xml", xml(mirrored=False)),
        ("copa_balanced/balanced-copa-dev-all.xml", xml(mirrored=True)),
    ):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


def test_no_question_is_on_both_sides_nor_is_its_mirror_or_its_premise(data: Path) -> None:
    asked = {q.id for q in COPA(data="copa", part="held_out").questions()}
    mirrored = {q.id for q in BalancedCOPA(part="held_out").questions()}
    learnt = {row["id"].removeprefix("copa/") for row in copa_rows()}
    assert asked | learnt == {question.id for question in copa()} and not asked & learnt
    assert mirrored == asked | {str(1000 + int(name)) for name in asked}
    assert 0.2 < len(asked) / 60 < 0.6
    left = {question.premise for question in ecare() if held_out(question)}
    assert left and not left & {row["group"] for row in ecare_rows()}
    assert len(list(ECARE(part="held_out").questions())) + len(ecare_rows()) == 200


def test_rows_are_what_the_suites_ask(data: Path) -> None:
    found = {row["id"].partition("/")[2]: row for row in (*copa_rows(), *ecare_rows())}
    for question in (*COPA(data="copa").questions(), *ECARE().questions()):
        if row := found.pop(question.id, None):
            assert question.cloze is not None
            assert (row["text"], tuple(row["options"])) == (question.cloze.start, question.cloze.ends)
            assert row["label"] == question.answer
    assert not found


def test_told_rows_teach_the_right_end(data: Path) -> None:
    given = copa_rows()
    for row, made in zip(given, told(given), strict=True):
        assert made["text"][: made["answer_at"]] == row["text"]
        assert made["text"][made["answer_at"] :] == row["options"][row["label"]]
    assert rows("copa-told") == told(given) and rows("copa") == given
    assert [row["id"] for row in rows("ecare-told")] == [
        row["id"].replace("ecare/", "ecare-told/") for row in rows("ecare")
    ]


@pytest.mark.parametrize(
    ("corpus", "suite", "knobs", "refused"),
    [
        ("ecare", "reason.ecare", {}, True),
        ("ecare", "reason.ecare", {"part": "held_out"}, False),
        ("ecare-told", "reason.ecare", {"part": "held_out"}, False),
        ("copa", "reason.ecare", {}, False),
        ("copa", "reason.copa", {"data": "copa"}, True),
        ("copa", "reason.copa", {"data": "copa", "part": "held_out"}, False),
        ("copa", "reason.copa_balanced", {}, True),
        ("copa", "reason.copa_balanced", {"part": "held_out"}, False),
    ],
)
def test_a_run_may_ask_what_its_corpus_leaves_out(
    data: Path, corpus: str, suite: str, knobs: dict[str, str], refused: bool
) -> None:
    told = corpus.endswith("told")
    experiment = {
        "name": "held-out",
        "model": "debug",
        "seeds": [0],
        "budget": {"steps": 1},
        "train": {"corpus": corpus, "objective": "text" if told else "choice"},
        "treatment": {"method": "effect_tuning", "least": 0.01},
        "measure": [{"suite": suite, "primary": True, **knobs}],
    }
    if not refused:
        assert load(experiment).train.corpus == corpus
        return
    with pytest.raises(SpecError, match="reads the text that every arm trains on"):
        load(experiment)


def test_a_part_is_of_the_public_files() -> None:
    with pytest.raises(ValueError, match="set data = 'copa'"):
        COPA(part="held_out")


def test_shares_of_the_public_sets(public) -> None:
    public("ecare")
    public("copa")
    assert (len(copa_rows()), len(ecare_rows())) == (304, 13_389)
