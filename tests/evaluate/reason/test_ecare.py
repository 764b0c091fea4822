"""e-CARE: as COPA, with names that keep their capitals."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.evaluate.reason.choosing import Choosing, first_listed
from tests.evaluate.reason.scripted import contrary, mean, oracle

from butfor.evaluate.reason.ecare import ECARE
from butfor.lm import LM

ROWS = (
    ("Tom put salt on the road.", "effect", "The ice melted.", "Rain fell, and the ice and Tom were there.", 0),
    ("The ice was gone.", "cause", "Rain and the sun came.", "Tom saw that the road was long.", 1),
    ("The ice was gone.", "effect", "They could drive again, as Tom said.", "A ship sank in the rain.", 0),
    ("A ship sank.", "cause", "I slept.", "The storm broke the mast, as they say.", 1),
)
KEYS = ("premise", "ask-for", "hypothesis1", "hypothesis2", "label")


@pytest.fixture
def own(tmp_path: Path) -> ECARE:
    rows = [dict(zip(KEYS, row, strict=True)) | {"index": f"train-{n}"} for n, row in enumerate(ROWS)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ECARE(data=str(tmp_path))


def test_words_are_written_within_a_sentence_as_the_set_writes_them(own: ECARE) -> None:
    questions = {q.id: q.cloze for q in own.questions()}
    assert [q.start for q in questions.values() if q] == [
        "Tom put salt on the road so", "The ice was gone because", "The ice was gone so", "A ship sank because"
    ]  # fmt: skip
    ends = [end for q in questions.values() if q for end in q.ends]
    assert ends[0] == " the ice melted." and ends[2] == " rain and the sun came."
    assert ends[3] == " Tom saw that the road was long." and ends[4] == " they could drive again, as Tom said."
    assert ends[6] == " I slept."


@pytest.mark.parametrize(("rule", "accuracy"), [(oracle, 1.0), (contrary, 0.0), (first_listed, 0.5)])
def test_limits_of_the_score(own: ECARE, rule: Any, accuracy: float) -> None:
    world: Any = Choosing(own, rule)
    records = own.measure(world, own.items(world))
    assert mean(records, "accuracy") == accuracy and len(records) == 4
    assert Counter(record.cluster for record in records)["The ice was gone."] == 2


def test_numbers_agree_with_plain_calls_of_the_model(own: ECARE, lm: LM, loglik) -> None:
    for item, record in zip(items := own.items(lm), own.measure(lm, items), strict=True):
        first, second = (loglik(lm, item.data["cloze"]["start"], end)[0] for end in item.data["cloze"]["ends"])
        gold = ROWS[int(item.id.partition("-")[2])][-1]
        assert record.metrics["margin"] == pytest.approx((first - second) * (-1 if gold else 1), abs=1e-3)


def test_a_limit_keeps_both_questions_and_both_places(tmp_path: Path) -> None:
    rows = [dict(zip(KEYS, ROWS[n % 4], strict=True)) | {"index": f"train-{n}"} for n in range(40)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    nobody: Any = None
    items = ECARE(data=str(tmp_path), limit=12).items(nobody)
    kinds = Counter((item.data["group"]["asks_for"], item.data["answer"]) for item in items)
    assert kinds["effect", 0] == 6 and kinds["cause", 1] == 6
