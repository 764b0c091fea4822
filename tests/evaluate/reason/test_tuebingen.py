"""Tübingen pairs by name: both orders, and the authors' weights."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.evaluate.reason.choosing import Choosing, first_listed
from tests.evaluate.reason.scripted import contrary, mean, oracle

from butfor.data.find import find
from butfor.data.question import Question
from butfor.evaluate.reason.tuebingen import Tuebingen
from butfor.evaluate.suite import Record
from butfor.lm import LM

ROWS = """,var1,var2,ground_truth,var1_desc,var2_desc
pair0001, Rain, River level, R,Rain is water.,How high it is.
pair0002, GNI per capita, Net Export, L,Income.,Trade.
pair0003, Same, Same, R,One.,Two.
"""


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "tuebingen_pairs.csv").write_text(ROWS)
    (tmp_path / "pairmeta.txt").write_text("0001 1 1 2 2 0.5\n0002 2 2 1 1 0.5\n0003 1 1 2 2 1\n")
    return {"data": str(tmp_path / "tuebingen_pairs.csv"), "meta": str(tmp_path / "pairmeta.txt")}


def measured(rule: Any, **knobs: Any) -> list[Record]:
    suite = Tuebingen(**knobs)
    world: Any = Choosing(suite, rule)
    return suite.measure(world, suite.items(world))


def weighted(records: list[Record]) -> float:
    return sum(r.metrics["weighted"] * r.metrics["weight"] for r in records) / sum(r.metrics["weight"] for r in records)


def test_a_pair_is_asked_in_both_orders(own: dict[str, str]) -> None:
    questions = list(Tuebingen(**own).questions())  # pyright: ignore[reportArgumentType]
    assert [(q.id, q.answer) for q in questions] == [
        ("pair0001/1", 0), ("pair0001/2", 1), ("pair0002/1", 1), ("pair0002/2", 0)
    ]  # fmt: skip
    assert questions[0].choices == (
        "Changing the rain causes a change in the river level.", "Changing the river level causes a change in the rain."
    )  # fmt: skip
    assert questions[1].choices == questions[0].choices[::-1]
    assert questions[3].choices[0] == "Changing the Net Export causes a change in the GNI per capita."
    told = list(Tuebingen(**own, describe=True).questions())  # pyright: ignore[reportArgumentType]
    assert told[0].text.startswith("Rain is water.\n\nHow high it is.\n\nWhich")
    assert told[1].text.startswith("How high it is.\n\nRain is water.")


@pytest.mark.parametrize(("rule", "accuracy", "sturdy"), [(oracle, 1, 1), (contrary, 0, 0), (first_listed, 0.5, 0)])
def test_limits_of_the_score(own: dict[str, str], rule: Any, accuracy: float, sturdy: float) -> None:
    records = measured(rule, **own)
    assert mean(records, "accuracy") == accuracy == weighted(records) and mean(records, "sturdy") == sturdy


def test_by_likelihood_a_record_has_its_weight(own: dict[str, str], lm: LM) -> None:
    suite = Tuebingen(**own)  # pyright: ignore[reportArgumentType]
    records = suite.measure(lm, suite.items(lm))
    assert all(r.metrics["weight"] == 0.5 and r.metrics["weighted"] == r.metrics["accuracy"] for r in records)


def test_the_weighted_score_is_recounted_from_the_authors_files(public) -> None:
    public("pairwise_tuebingen_names")
    public("kiciman")

    def var1(question: Question) -> str:
        """The quantity that is named first in the file is always the cause."""
        return question.choices[int(question.id.endswith("/2"))]

    def same(row: dict[str, str]) -> bool:
        return row["var1"].strip().lower() == row["var2"].strip().lower()

    records = measured(var1)
    meta = {row[0]: row for row in map(str.split, find("kiciman", "pairmeta.txt").read_text().splitlines()) if row}
    with find("pairwise_tuebingen_names", "tuebingen_pairs.csv").open(encoding="utf-8", newline="") as stream:
        kept = [meta[row[""][4:]] for row in csv.DictReader(stream) if not same(row)]
    right = [(row[1] < row[3], float(row[5])) for row in kept]
    assert len(records) == 2 * len(kept) == 210
    assert mean(records, "accuracy") == pytest.approx(sum(hit for hit, _ in right) / len(right))
    assert weighted(records) == pytest.approx(sum(hit * w for hit, w in right) / sum(w for _, w in right))
    halves = Counter(item.id.partition("/")[0] for item in Tuebingen(limit=30).items(None))  # pyright: ignore[reportArgumentType]
    assert len(halves) == 15 and set(halves.values()) == {2}
