"""CLadder as a suite: parts, labels, faulty answers; the mistakes are tested beside it."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from butfor.core.errors import MalformedData, MissingData
from butfor.data.question import Question
from butfor.evaluate.reason.cladder import CLadder

from ..cladder_worlds import question, random_world, verified, write  # noqa: TID252
from .scripted import contrary, mean, measured, oracle


@cache
def everything() -> list[Question]:
    """The questions of the public files, made once for all tests."""
    return list(CLadder().questions())


TOLD = {"background": "Imagine: X has a direct effect on Y. ", "story_id": "mine"}


def small(folder: Path, monkeypatch: pytest.MonkeyPatch, **world: str) -> Path:
    """Two questions of ours on one world, as BUTFOR_DATA has them."""
    model = random_world("confounding", 5, seed=2) | TOLD | world
    asked = [question(n, 5, kind, "yes", given_info={}) for n, kind in ((1, "ate"), (2, "correlation"))]
    asked[0]["given_info"] = "P is 30%."
    (folder / "cladder").mkdir(exist_ok=True)
    write(folder / "cladder", [model], asked)
    monkeypatch.setenv("BUTFOR_DATA", str(folder))
    return folder


def test_a_question_is_background_facts_and_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path, monkeypatch)
    first, second = CLadder(part="easy").questions()
    assert first.text == "Imagine: X has a direct effect on Y.\n\nP is 30%.\n\nIs it so, says question 1?"
    assert second.text == "Imagine: X has a direct effect on Y.\n\nIs it so, says question 2?"
    assert (first.id, first.cluster, first.shape) == ("easy-1", "mine/confounding", "ate")
    labels = {"rung": "2", "query": "ate", "sense": "common", "graph": "confounding", "split": "easy"}
    assert labels.items() <= first.group.items()


def test_a_world_without_words_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path, monkeypatch, background=" ")
    with pytest.raises(MalformedData, match=r"easy\.json, line 2: its world 5 has no background"):
        CLadder(part="easy").ready()
    with pytest.raises(MissingData, match="butfor fetch cladder"):
        CLadder(part="det").ready()


def test_the_public_files_recounted(public) -> None:
    public("cladder")
    root = Path(os.environ["BUTFOR_DATA"]) / "cladder"
    worlds = {row["model_id"]: row for row in json.loads((root / "test-model-meta.json").read_text())}
    questions = {q.id: q for q in everything()}
    assert len(questions) == 4164
    for part in ("easy", "hard", "anti", "non", "det"):
        for raw in json.loads((root / f"test-generate-{part}.json").read_text()):
            found = questions.pop(f"{part}-{raw['question_id']}")
            world = worlds[raw["meta"]["model_id"]]
            assert found.choices[int(found.answer)] == raw["answer"]
            assert found.text.split("\n\n") == [world["background"], raw["given_info"], raw["question"]]
            assert found.group["rung"] == str(raw["meta"]["rung"])
            assert (found.group["query"], found.group["graph"]) == (raw["meta"]["query_type"], raw["meta"]["graph_id"])
            assert (found.group["sense"] == "nonsense") == bool(world.get("nonsense"))
            assert (found.group["sense"] == "anti") == bool(world.get("anticommonsense"))
            assert found.group.get("split") == world.get("difficulty") or part == "anti"
    assert not questions


def test_every_background_is_a_cluster_and_every_fault_is_labelled(public) -> None:
    public("cladder")
    questions = everything()
    told: dict[str, set[str]] = {}
    for found in questions:
        told.setdefault(found.cluster, set()).add(found.text.split("\n\n")[0])
    assert len(told) == 174 and all(len(texts) == 1 for texts in told.values())
    states = Counter(verdict.state for verdict in verified().verdicts)
    gold = Counter(q.group["gold"] for q in questions)
    assert (
        gold == {"faulty": states["wrong"], "sound": states["agree"] + states["zero"]} == {"faulty": 74, "sound": 4090}
    )
    wrong = {(v.file, v.id) for v in verified().verdicts if v.state == "wrong"}
    named = {
        (f"test-generate-{q.id.partition('-')[0]}.json", q.id.partition("-")[2])
        for q in questions
        if q.group["gold"] == "faulty"
    }
    assert named == wrong
    assert sum(q.group.get("number") == "zero" for q in questions) == states["zero"] == 68


def test_the_ends_of_the_scale_with_and_without_faulty_answers(public) -> None:
    public("cladder")
    suite = CLadder(part="anti", limit=60, by="generation")
    right, wrong = measured(suite, oracle), measured(suite, contrary)
    assert (mean(right, "accuracy"), mean(right, "accuracy_sound"), mean(right, "sturdy")) == (1, 1, 1)
    assert (mean(wrong, "accuracy"), mean(wrong, "accuracy_sound")) == (0, 0)
    for records in (right, wrong):
        assert all(("accuracy_sound" in r.metrics) == (r.group["gold"] == "sound") for r in records)
    assert all(r.error for r in wrong) and not any(r.error for r in right)
    assert 0.4 < sum(r.show["right"] == "yes" for r in right) / len(right) < 0.6
    assert {r.group["rung"] for r in right} == {"1", "2", "3"}


def test_who_knows_the_exact_answer_is_wrong_on_the_faulty_ones_alone(public) -> None:
    public("cladder")
    suite = CLadder()

    def exact(question: Question) -> str:
        gold = int(question.answer)
        return question.choices[gold if question.group["gold"] == "sound" else 1 - gold]

    questions = [q for q in everything() if q.group["query"] == "nie"]
    found = {q.id: suite.extra(q, q.choices.index(exact(q))) for q in questions}
    faulty = {q.id for q in questions if q.group["gold"] == "faulty"}
    assert faulty and all(found[name] == ({} if name in faulty else {"accuracy_sound": 1.0}) for name in found)


def test_what_the_card_says_was_counted(public) -> None:
    public("cladder")
    texts = Counter(q.text for q in everything())
    twice = [q for q in everything() if texts[q.text] > 1]
    assert len(twice) == 448 and {q.group["query"] for q in twice} == {"backadj", "collider_bias"}
    assert sum(q.answer == 0 for q in everything()) == 2020
    torn = 0
    for q in everything():
        facts = Counter(part.rpartition(" is ")[0] for part in q.text.split("\n\n")[1].rstrip(".").split(". "))
        torn += max(facts.values()) > 1 and q.group["query"] == "ate"
    assert torn == 12
    faults = " ".join(CLadder.card.faults)
    assert all(number in faults for number in ("74 of the 4,164", "68 more", "448 questions", "12 questions"))
