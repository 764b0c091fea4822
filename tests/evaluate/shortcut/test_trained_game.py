"""The token game of a trained model: readers of the causes and of company, the very text of training, no row of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from tests.evaluate.scripted import WORLD, weighing

from butfor.core.errors import MissingData, UserError
from butfor.core.registry import resolve
from butfor.data.corpora import rows
from butfor.data.stg import PART, RISKS, TENTHS, TRAINED, drawn, true_risk
from butfor.evaluate.shortcut.trained_game import TrainedGame
from butfor.evaluate.suite import Record
from butfor.lm.load import load
from butfor.lm.prompt import Prompt

SUITE = TrainedGame(people=60)


def values(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in PART.findall(text)}


def sure(risk: str) -> list[float]:
    return [0.0 if one == risk else -5.0 for one in RISKS]


def company(v: dict[str, int]) -> str:
    """The risk of somebody who reads the spurious numbers alone, as if they were the causes."""
    y = 1.2 * v["Yellow fingers"] / 1.5 + 0.7 * v["Clothing size"] - 2 * v["Hormones"]
    return RISKS[(y >= 2.7) + (y > 7.2)]


def mean(records: Sequence[Record], metric: str) -> float:
    return fmean(r.metrics[metric] for r in records if metric in r.metrics)


def test_a_reader_of_the_causes_is_right_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = weighing(monkeypatch, lambda prompt, _: sure(true_risk(values(prompt.user))))
    records = SUITE.measure(WORLD, SUITE.items(WORLD))
    assert mean(records, "ood_accuracy") == mean(records, "iid_accuracy") == 1 and mean(records, "causal") > 2
    assert mean(records, "strength") == mean(records, "placebo") == mean(records, "flip") == 0
    assert all(prompt.raw and not prompt.shots and not prompt.system for prompt in seen)


def test_a_model_with_a_head_answers_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from butfor.lm import head

    def classify(_: object, texts: list[str]) -> np.ndarray:
        return np.array([sure(true_risk(values(text))) for text in texts])

    monkeypatch.setattr(head, "has_head", lambda _: True)
    monkeypatch.setattr(head, "classify", classify)
    records = SUITE.measure(WORLD, SUITE.items(WORLD))
    assert mean(records, "ood_accuracy") == mean(records, "iid_accuracy") == 1
    assert mean(records, "strength") == 0 < mean(records, "causal") < 5.1
    monkeypatch.setattr(head, "classify", lambda _, texts: np.zeros((len(texts), 2)))
    with pytest.raises(UserError, match="2 classes, and there are 3 risks"):
        SUITE.measure(WORLD, SUITE.items(WORLD))


def test_a_reader_of_company_is_right_in_distribution_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda prompt, _: sure(company(values(prompt.user))))
    records = SUITE.measure(WORLD, SUITE.items(WORLD))
    assert mean(records, "iid_accuracy") > 0.8 > 0.55 > mean(records, "ood_accuracy")
    assert mean(records, "strength") > 1 > mean(records, "placebo") == mean(records, "causal") == 0
    assert {tuple(sorted(r.group.items()))[-1] for r in records if "strength" in r.metrics} == {("split", "iid")}


def test_it_asks_the_text_of_training_and_nobody_who_was_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = weighing(monkeypatch, lambda *_: sure(RISKS[0]))
    suite = TrainedGame(people=300)
    suite.measure(WORLD, suite.items(WORLD))
    trained = rows("stg")
    begins = {row["text"][: row["answer_at"]] for row in trained}
    known = {frozenset(values(text).items()) for text in begins}
    base = [item.data["texts"]["base"] for item in suite.items(WORLD)]
    assert len(trained) == TRAINED and len(base) == 600
    assert not begins & {prompt.user for prompt in seen} and not known & {frozenset(values(t).items()) for t in base}
    causes = {tuple(values(text)[name] for name in TENTHS) for text in begins}
    assert len(causes) == 1000  # all that there are, as the suite and the page say
    drawn_anew = drawn("iid", 600)
    assert any(frozenset(person.values.items()) in known for person in drawn_anew)  # or leaving them out is not tested
    for row, text in zip(trained[:50], sorted(begins), strict=False):
        before, answer = row["text"][: row["answer_at"]], row["text"][row["answer_at"] :]
        v = values(before)
        names = [name for _, _, name in row["spans"]]
        assert answer == f" {true_risk(v)}" and before.endswith(" Answer:") and text.endswith(" Answer:")
        assert names == [*v, "Risk"]
        told = [row["text"][a:b] for a, b, _ in row["spans"]]
        assert told == [*(f"{name}: {value}" for name, value in v.items()), f"Answer:{answer}"]
        assert {names[i] for i, _ in row["links"]} == set(TENTHS) and {names[j] for _, j in row["links"]} == {"Risk"}


def test_other_people_come_with_another_seed() -> None:
    asked = [{item.data["texts"]["base"] for item in TrainedGame(seed=seed).items(WORLD)} for seed in (0, 1)]
    assert not asked[0] & asked[1] and len(asked[0]) == 1000
    few, some = ({item.id for item in TrainedGame(people=people).items(WORLD)} for people in (5, 9))
    assert few < some


def test_a_model_is_scored_where_its_training_text_goes_on() -> None:
    lm: Any = load("debug")
    suite = TrainedGame(people=3)
    records = suite.measure(lm, suite.items(lm))
    assert all("ood_accuracy" in r.metrics or "strength" in r.metrics for r in records)
    assert records[0].show["asked"].endswith(" Answer:") and Prompt(records[0].show["asked"], raw=True).raw
    assert resolve("suite", "shortcut.trained_game") is TrainedGame


def test_published_files_that_are_not_here_cost_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="no licence"):
        TrainedGame(data="published").ready()
    with pytest.raises(UserError, match="no licence"):
        rows("stg-published")


def test_published_people_are_asked_with_their_labels(public: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    public("cat_stg")
    weighing(monkeypatch, lambda prompt, _: sure(true_risk(values(prompt.user))))
    suite = TrainedGame(data="published")
    suite.ready()
    records = suite.measure(WORLD, suite.items(WORLD))
    assert len(records) == 800 and 0.5 < mean(records, "iid_accuracy") < 0.7  # what is Middle is Low in the files
    assert len(rows("stg-published")) == 1600
