"""MoCa: the model's answers beside people's; all stories here are our own."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from tests.evaluate.reason.choosing import Choosing
from tests.evaluate.reason.scripted import contrary, mean, oracle

from butfor.data.find import find
from butfor.data.question import Question
from butfor.evaluate.reason.moca import MoCa
from butfor.evaluate.suite import Record
from butfor.lm import LM

SHARES = {"causal": (0.9, 0.6, 0.2), "moral": (0.3, 1.0)}


@pytest.fixture
def own(tmp_path: Path) -> str:
    for part, shares in SHARES.items():
        rows = [
            {
                "story": f"A {part} story, number {n}.",
                "question": "Did it?",
                "answer": "Yes" if share > 0.5 else "No",
                "answer_dist": [share, 1 - share],
                "is_ambiguous": share == 0.6,
                "annotated_sentences": [{"annotation": ["norm", "broken" if n else "kept"]}],
            }
            for n, share in enumerate(shares)
        ]
        (tmp_path / f"{part}_dataset_v1.json").write_text(json.dumps([json.dumps(row) for row in rows]))
    return str(tmp_path)


def measured(rule: Any, **knobs: Any) -> list[Record]:
    suite = MoCa(**knobs)
    world: Any = Choosing(suite, rule)
    return suite.measure(world, suite.items(world))


@pytest.mark.parametrize(("rule", "accuracy"), [(oracle, 1), (contrary, 0)])
def test_limits_of_the_score(own: str, rule: Any, accuracy: float) -> None:
    records = measured(rule, data=own)
    people = [share for shares in SHARES.values() for share in shares]
    off = sum(abs(share - ((share > 0.5) == accuracy)) for share in people) / 5
    assert mean(records, "accuracy") == accuracy and mean(records, "human_gap") == pytest.approx(off)
    assert mean(records, "coin_gap") == pytest.approx(sum(abs(share - 0.5) for share in people) / 5)


def test_who_always_says_yes_leans_by_what_people_do_not(own: str) -> None:
    records = measured(lambda _: "yes", data=own)
    assert mean(records, "lean") == pytest.approx(0.4)
    assert mean(records, "lean", norm="kept") == pytest.approx((0.1 + 0.7) / 2)
    assert mean(records, "lean", people="divided") == pytest.approx(0.4)
    assert [r.metrics["lean"] for r in measured(lambda _: "yes", data=own, part="moral")] == pytest.approx([0.7, 0])


def test_an_answer_that_cannot_be_read_has_no_lean(own: str) -> None:
    records = measured(lambda _: "the sea", data=own)
    assert mean(records, "accuracy") == 0 == mean(records, "parsed")
    assert not any({"lean", "human_gap", "coin_gap"} & set(r.metrics) for r in records)


def test_by_likelihood_it_is_the_probability_of_yes(own: str, lm: LM, loglik) -> None:
    suite = MoCa(data=own)
    for item, record in zip(items := suite.items(lm), suite.measure(lm, items), strict=True):
        yes, no = (loglik(lm, record.show["asked"], f" {word}")[0] for word in ("yes", "no"))
        part, _, number = item.id.partition("/")
        people = SHARES[part][int(number) - 1]
        p = math.exp(yes) / (math.exp(yes) + math.exp(no))
        assert record.metrics["lean"] == pytest.approx(p - people, abs=1e-3)
        assert record.metrics["human_gap"] == pytest.approx(abs(p - people), abs=1e-3)


def test_people_and_factors_are_recounted_from_the_authors_files(public) -> None:
    public("moca")
    records = {r.item: r for r in measured(lambda _: "no")}
    seen = 0
    for part in ("causal", "moral"):
        texts = json.loads(find("moca", f"{part}_dataset_v1.json").read_text("utf-8"))
        for number, row in enumerate(map(json.loads, texts), 1):
            record = records[f"{part}/{number}"]
            votes = row["individual_votes"]
            assert record.metrics["lean"] == pytest.approx(-sum(votes) / len(votes))
            assert record.metrics["accuracy"] == float(row["answer"] == "No")
            levels = [factor.replace("_", " ") for factor, _ in (s["annotation"] for s in row["annotated_sentences"])]
            assert record.group.keys() == {*levels, "type", "people"}
            assert record.group["people"] == ("divided" if row["is_ambiguous"] else "agreed")
            assert (record.group.get("time") == "early cause") == ("EC_4_Early_Cause" in str(row))
            seen += 1
    assert seen == len(records) == 206


def test_peoples_own_effects_are_as_the_card_says(public) -> None:
    public("moca")
    yes: dict[str, list[float]] = {}
    for part in ("causal", "moral"):
        for row in map(json.loads, json.loads(find("moca", f"{part}_dataset_v1.json").read_text("utf-8"))):
            for sentence in row["annotated_sentences"]:
                yes.setdefault(sentence["annotation"][1], []).append(row["answer_dist"][0])
    for level, other, effect in (
        ("EC_4_Abnormal_Event", "EC_4_Normal_Event", 0.23),
        ("Norm_3_Prescriptive_Norm", "Norm_3_Statistics_Norm", 0.08),
        ("EC_4_Action", "EC_4_Omission", -0.03),
        ("inevitable", "avoidable", 0.13),
        ("accidental", "instrumental", 0.12),
        ("self beneficial", "other beneficial", 0.10),
        ("impersonal", "personal", 0.06),
    ):
        counted = sum(yes[level]) / len(yes[level]) - sum(yes[other]) / len(yes[other])
        assert counted == pytest.approx(effect, abs=0.005)


def test_the_question_stands_under_the_story(own: str) -> None:
    question: Question = next(iter(MoCa(data=own).questions()))
    assert question.text == "A causal story, number 0.\n\nDid it?" and question.choices == ("yes", "no")
