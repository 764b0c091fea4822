"""Counterfactually augmented reviews: worlds that read the words that matter, or the topic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.evaluate.scripted import WORLD, weighing

from butfor.core.errors import UserError
from butfor.data.cad import FILE, cad
from butfor.evaluate.shortcut.cad import CAD, TASK
from butfor.lm import LM, score

PAIRS = (
    (
        "Negative",
        "This western began slowly and I thought it was awful.",
        "This western began well and I thought it was great.",
    ),
    (
        "Positive",
        "I thought this comedy was great, and perhaps too short.",
        "I thought this comedy was awful, and perhaps too long.",
    ),
    ("Negative", "An awful western, although it is short.", "A great western, although it is short."),
    ("Positive", "Same words in both.", "Same words in both."),
    ("Positive", f"It was great. {'Really great. ' * 60}", f"It was awful. {'Really awful. ' * 60}"),
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = ["Sentiment\tText\tbatch_id"]
    for number, (sentiment, one, two) in enumerate(PAIRS):
        other = "Negative" if sentiment == "Positive" else "Positive"
        rows += [f"{sentiment}\t{one}\t{number}", f"{other}\t{two}\t{number}"]
    file = tmp_path / "cad" / FILE
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("here")
def test_long_reviews_and_pairs_without_a_change_are_left_out() -> None:
    assert [item.id for item in CAD().items(WORLD)] == ["0", "1", "2"]
    assert [item.id for item in CAD(max_words=200).items(WORLD)] == ["0", "1", "2", "4"]
    assert [item.data["sign"] for item in CAD().items(WORLD)] == [1, -1, 1]
    assert all(item.data["placebo"]["user"].startswith(TASK) for item in CAD().items(WORLD) if item.data["placebo"])


def test_too_few_words_for_any_pair(here: Path) -> None:
    (here / "cad" / FILE).write_text(
        "Sentiment\tText\tbatch_id\nNegative\t" + "a " * 40 + "\t1\nPositive\t" + "b " * 40 + "\t1\n"
    )
    with pytest.raises(UserError, match="raise max_words"):
        CAD(max_words=20).ready()


@pytest.mark.usefixtures("here")
def test_a_world_that_reads_the_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: [2.0 * prompt.user.count("great"), 2.0 * prompt.user.count("awful")])
    for record in CAD().measure(WORLD, CAD().items(WORLD)):
        assert record.metrics["effect"] == 4 and record.metrics["both"] == 1 == record.metrics["accuracy"]
        assert record.metrics.get("placebo", 0) == 0


@pytest.mark.usefixtures("here")
def test_a_world_that_reads_the_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: [0.0, 1.0 if "western" in prompt.user else -1.0])
    for record in CAD().measure(WORLD, CAD().items(WORLD)):
        assert (record.metrics["effect"], record.metrics["accuracy"], record.metrics["both"]) == (0, 0.5, 0)
        assert (record.metrics["before"], record.metrics["after"]) == (1, 0)


@pytest.mark.usefixtures("here")
def test_numbers_agree_with_plain_calls_of_the_model(lm: LM) -> None:
    (item, *_) = CAD().items(lm)
    (record,) = CAD().measure(lm, [item])
    odds = []
    for text in PAIRS[0][1:]:
        prompt = f"user: {TASK}{text}\nassistant: Answer:"
        found = score(lm, [{"prompt": prompt, "choices": [" positive", " negative"]}])[0].logprobs
        odds.append(found[0] - found[1])
    assert record.metrics["effect"] == pytest.approx(odds[1] - odds[0], abs=1e-3)
    assert record.metrics["before"] == float(odds[0] <= 0) and record.metrics["after"] == float(odds[1] > 0)


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("cad")
    fits = [p for p in cad() if max(len(p.original.split()), len(p.revised.split())) <= 100]
    assert len(list(CAD().edits())) == len(fits) == 260
    assert len(CAD(limit=10).items(WORLD)) == 10
