"""CEBaB: effects of concepts on a rating, recounted, and in worlds that read one concept alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluate.scripted import WORLD, weighing

from butfor.core.errors import UserError
from butfor.data.cebab import CONCEPTS, FILES, VALUES, cebab
from butfor.data.counterfactual.made import Case, Draft, Made, write
from butfor.evaluate.concept import cebab as module
from butfor.evaluate.concept.cebab import TASK, CEBaB
from butfor.experiment import load as load_experiment
from butfor.lm import LM, score
from butfor.lm.head import classify, hang
from butfor.lm.load import load
from butfor.lm.prompt import Prompt

SAYS = {
    "food": {"Positive": "The food was lovely.", "Negative": "The food was horrible."},
    "service": {"Positive": "The waiters were kind.", "Negative": "The waiters were rude."},
    "ambiance": {"Positive": "The room was pretty.", "Negative": "The room was ugly."},
    "noise": {"Positive": "It was quiet enough.", "Negative": "It was very loud."},
}


def review(name: str, family: str, values: Sequence[str], concept: str = "") -> dict[str, Any]:
    told = [SAYS[c][v] for c, v in zip(CONCEPTS, values, strict=True) if v in SAYS[c]]
    return {
        "id": name,
        "original_id": family,
        "is_original": not concept,
        "edit_type": concept or None,
        "edit_goal": values[CONCEPTS.index(concept)] if concept else None,
        "description": " ".join(["We went there.", *told]),
        "review_majority": "3",
        **{f"{c}_aspect_majority": v for c, v in zip(CONCEPTS, values, strict=True)},
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    states = list(product(("Positive", "unknown", "Negative"), repeat=4))
    train = [{**review(f"t{n}", f"t{n}", values), "review_majority": "12"[n % 2]} for n, values in enumerate(states)]
    dev: list[dict[str, Any]] = []
    for n, values in enumerate(states[5:60:6]):
        dev.append(review(f"d{n}_0", f"d{n}", values))
        for place, concept in enumerate(CONCEPTS):
            for m, value in enumerate({"Positive", "unknown", "Negative"} - {values[place]}):
                changed = [*values[:place], value, *values[place + 1 :]]
                dev.append(review(f"d{n}_{concept}{m}", f"d{n}", changed, concept))
    dev.append({**review("d0_same", "d0", states[5], "food"), "description": "Other words, same labels."})
    (tmp_path / "cebab" / "CEBaB-v1.1").mkdir(parents=True)
    for split, rows in (("train", train), ("dev", dev)):
        (tmp_path / "cebab" / FILES[split]).write_text(json.dumps(rows))
    monkeypatch.setenv("BUTFOR_DATA", str(tmp_path))
    return tmp_path


def food_alone(prompt: Prompt, choices: Sequence[str]) -> list[float]:
    """One star more for lovely food, one less for horrible food; nothing else counts."""
    at = 3 + ("lovely" in prompt.user) - ("horrible" in prompt.user)
    return [0.0 if choice.strip() == str(at) else -1000.0 for choice in choices]


def bag(_: Any, texts: Sequence[str]) -> np.ndarray:
    """Features that count the words of the concepts."""
    words = sorted({word for said in SAYS.values() for text in said.values() for word in text.split()})
    return np.array([[text.split().count(word) for word in words] for text in texts], dtype=np.float64)


@pytest.mark.usefixtures("here")
def test_edits_whose_label_stays_are_left_out_and_families_are_clusters() -> None:
    suite = CEBaB()
    suite.ready()
    items = suite.items(WORLD)
    assert len(items) == 10 * 8 and "d0_same" not in {item.id for item in items}
    assert len({item.cluster for item in items}) == 10
    assert len(CEBaB(limit=12).items(WORLD)) == 12
    concepts = [item.data["concept"] for item in CEBaB(limit=12).items(WORLD)]
    assert all(concepts.count(concept) == 3 for concept in CONCEPTS)


@pytest.mark.usefixtures("here")
def test_a_world_that_reads_the_food_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, food_alone)
    monkeypatch.setattr(module, "_features", bag)
    items = CEBaB(train=81).items(WORLD)
    records = CEBaB(train=81).measure(WORLD, items)
    for item, record in zip(items, records, strict=True):
        metrics, change = record.metrics, record.group["change"]
        if item.data["concept"] == "food":
            assert metrics["effect"] == (2 if "unknown" not in change else 1)
            assert metrics["size"] == pytest.approx(2**0.5)
        else:
            assert metrics["effect"] == 0 == metrics["size"]
            assert metrics["l2_s_learner"] == pytest.approx(0, abs=1e-9) == metrics["l2_approximate"]
        assert metrics.get("placebo", 0) == 0 and metrics["l2_approximate"] == 0 and metrics["norm_approximate"] == 0
    mean = {name: np.mean([r.metrics[f"l2_{name}"] for r in records]) for name in ("s_learner", "matching", "random")}
    assert mean["s_learner"] < 1e-9 < 0.5 < mean["random"] and mean["matching"] < mean["random"]


@pytest.mark.usefixtures("here")
def test_records_do_not_depend_on_the_other_items(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, food_alone)
    monkeypatch.setattr(module, "_features", bag)
    suite = CEBaB(train=30, limit=8)
    items = suite.items(WORLD)
    together = suite.measure(WORLD, items)
    assert [suite.measure(WORLD, [item])[0] for item in items[:2]] == together[:2]


@pytest.mark.usefixtures("here")
def test_numbers_agree_with_plain_calls_of_the_model(lm: LM) -> None:
    suite = CEBaB(train=20, limit=4, rounds=1)
    items = suite.items(lm)
    texts = {row.id: row.text for row in cebab("dev")}
    records = suite.measure(lm, items)
    for item, record in zip(items[:2], records, strict=False):
        shares = []
        for name in (f"{item.cluster}_0", item.id):
            prompt = f"user: {TASK}\n\nReview: {texts[name]}\nassistant: Stars:"
            logs = score(lm, [{"prompt": prompt, "choices": [f" {k}" for k in range(1, 6)]}])[0].logprobs
            total = sum(exp(value) for value in logs)
            shares.append([exp(value) / total for value in logs])
        mean = [sum(k * p for k, p in enumerate(one, 1)) for one in shares]
        assert record.metrics["effect"] == pytest.approx(item.data["sign"] * (mean[1] - mean[0]), abs=1e-3)
        size = sum((b - a) ** 2 for a, b in zip(*shares, strict=True)) ** 0.5
        assert record.metrics["size"] == pytest.approx(size, abs=1e-3)


def test_the_public_set(public: Callable[[str], None]) -> None:
    public("cebab")
    items = CEBaB(limit=20).items(WORLD)
    assert len(items) == 20 and {item.data["concept"] for item in items} == set(CONCEPTS)
    assert all(item.data["base"] != item.data.get("placebo") for item in items)


@pytest.mark.usefixtures("here")
def test_a_world_with_a_head_is_asked_by_its_head() -> None:
    lm: Any = load("debug")
    hang(lm, 5, 64, 0)
    lm.model.butfor_head[1].weight.data *= 100
    suite = CEBaB(train=20, limit=4, rounds=1, size=4)
    items = suite.items(lm)
    records = suite.measure(lm, items)
    for item, record in zip(items, records, strict=True):
        odds = np.exp(classify(lm, [item.data["base"], item.data["changed"]]))
        shares = odds / odds.sum(1, keepdims=True)
        assert record.metrics["size"] == pytest.approx(np.linalg.norm(shares[1] - shares[0]), abs=1e-6)
        assert record.metrics["l2_coordinates"] > 0 and record.show["asked"] == item.data["base"]
        assert record.show["rules"] != item.data["base"]
    hang(lm, 3, 64, 0)
    with pytest.raises(UserError, match="knows 3 classes; these texts have 5"):
        suite.measure(lm, items)


@pytest.mark.usefixtures("here")
def test_models_may_be_trained_on_what_explainers_are_fitted_on() -> None:
    plan = {"name": "rate", "model": "debug", "seeds": [0], "budget": {"steps": 2},
            "train": {"corpus": "cebab", "objective": "label", "batch_size": 4},
            "control": {"method": "standard"},
            "treatment": {"method": "finetune.proxy", "variables": list(CONCEPTS), "size": 4},
            "measure": [{"suite": "concept.cebab", "train": 20, "primary": True}]}  # fmt: skip
    assert load_experiment(plan).train.corpus == "cebab"


@pytest.mark.usefixtures("here")
def test_counterfactuals_that_someone_wrote_are_scored_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighing(monkeypatch, food_alone)
    monkeypatch.setattr(module, "_features", bag)
    item = next(item for item in CEBaB().items(WORLD) if item.data["concept"] == "food")
    wanted = VALUES[item.data["target"]]
    case = Case("1", item.data["base"], "food", "", wanted)
    file = tmp_path / "made.jsonl"
    write(file, [Made.of(case, Draft(item.data["changed"]), "person")])
    suite = CEBaB(train=20, rounds=1, written=str(file))
    suite.ready()
    records = {record.item: record for record in suite.measure(WORLD, suite.items(WORLD))}
    assert records[item.id].metrics["l2_written"] == 0 and records[item.id].show["written"] == item.data["changed"]
    assert sum("l2_written" in record.metrics for record in records.values()) == 1
    before = suite.items(WORLD)
    write(file, [Made.of(case, Draft("Something else was eaten."), "person")])
    assert suite.items(WORLD) != before  # an audit keeps scores by their items, whatever a file of this name held then
    write(file, [Made.of(case, Draft(case.text), "person")])  # unchanged: a filter objects
    with pytest.raises(UserError, match="holds no counterfactual"):
        suite.ready()
