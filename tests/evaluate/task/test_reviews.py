"""Verdicts on reviews: worlds that read the words that matter, the film, or nothing; splits that are not here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from butfor.core.errors import MissingData
from butfor.evaluate.task import reviews as module
from butfor.evaluate.task.reviews import Reviews
from butfor.lm.head import hang
from butfor.lm.load import load

FILMS = [("Negative", "a dull western"), ("Positive", "a great musical"), ("Negative", "a dull war film")]
STARS = {"1": 0, "2": 0, "3": None, "4": 1, "5": 1, "no majority": None}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    turned = {"dull": "great", "great": "dull", "Negative": "Positive", "Positive": "Negative"}
    sides = {"orig": FILMS, "new": [(turned[a], " ".join(turned.get(w, w) for w in t.split())) for a, t in FILMS[::-1]]}
    for name, rows in sides.items():
        (tmp_path / "cad" / "sentiment" / name).mkdir(parents=True)
        text = "\n".join(["Sentiment\tText", *(f"{a}\t{t}" for a, t in rows)])
        (tmp_path / "cad" / "sentiment" / name / "dev.tsv").write_text(text)
    values = {f"{concept}_aspect_majority": "" for concept in ("food", "service", "ambiance", "noise")}
    rated = [
        {"id": f"{n}", "original_id": f"{n // 2}", "is_original": n % 2 == 0, "edit_type": "food",
         "edit_goal": "Negative", "description": "great soup" if label else "dull soup", "review_majority": stars,
         **values}
        for n, (stars, label) in enumerate(STARS.items())
    ]  # fmt: skip
    (tmp_path / "cebab" / "CEBaB-v1.1").mkdir(parents=True)
    (tmp_path / "cebab" / "CEBaB-v1.1" / "dev.json").write_text(json.dumps(rated))
    (tmp_path / "sst2").mkdir()
    (tmp_path / "sst2" / "dev.tsv").write_text("great fun\t1\ndull stuff\t0\n")
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


def judging(monkeypatch: pytest.MonkeyPatch, good: Callable[[str], bool]) -> None:
    said = lambda _, texts, options, length: np.array([[1.0 - good(text), float(good(text))] for text in texts])  # noqa: E731
    monkeypatch.setattr(module, "judged", said)


@pytest.mark.usefixtures("here")
def test_every_set_has_its_items() -> None:
    items = Reviews().items(load("debug"))
    assert Counter(item.data["set"] for item in items) == {"cad": 3, "cebab": 4, "sst2": 2}
    assert {item.cluster for item in items if item.data["set"] == "cebab"} == {"cebab/0", "cebab/1", "cebab/2"}
    assert items[0].data["texts"] == ["a dull western", "a great western"]
    assert Counter(item.data["set"] for item in Reviews(limit=6).items(load("debug"))).keys() == {
        "cad",
        "cebab",
        "sst2",
    }


@pytest.mark.usefixtures("here")
def test_a_reader_of_the_cause_is_right_everywhere_and_one_of_the_film_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    suite, world = Reviews(), load("debug")
    judging(monkeypatch, lambda text: "great" in text)
    assert all(set(record.metrics.values()) == {1.0} for record in suite.measure(world, suite.items(world)))
    judging(monkeypatch, lambda text: "musical" in text)
    pairs = [record for record in suite.measure(world, suite.items(world)) if "both" in record.metrics]
    assert [list(record.metrics.values()) for record in pairs] == [[1.0, 0.0, 0.0]] * 3
    assert {record.error for record in pairs} == {"same verdict on both"}


@pytest.mark.usefixtures("here")
def test_a_head_and_options_are_asked_alike() -> None:
    suite, lm = Reviews(length=16), load("debug")
    items = suite.items(lm)
    plain = suite.measure(lm, items)
    hang(lm, 2, 16, 0)
    headed = suite.measure(lm, items)
    for one, two in zip(plain, headed, strict=True):
        assert one.metrics.keys() == two.metrics.keys() <= {metric.name for metric in suite.metrics}


def test_a_split_that_is_not_here_is_named(here: Path) -> None:
    with pytest.raises(MissingData, match="orig/test"):
        Reviews(split="test").ready()
    (here / "sst2" / "dev.tsv").unlink()
    with pytest.raises(MissingData, match=r"sst2/dev\.tsv"):
        Reviews().ready()


def test_the_public_sets(public: Callable[[str], None]) -> None:
    for name in ("cad", "cebab", "sst2"):
        public(name)
    items = Reviews().items(load("debug"))
    assert Counter(item.data["set"] for item in items) == {"cad": 245, "cebab": 1221, "sst2": 872}
