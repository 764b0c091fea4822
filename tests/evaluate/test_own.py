"""The user's own questions and pairs, recounted on the debug model and on scripted worlds."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from butfor.core.errors import MalformedData
from butfor.evaluate.own import OwnItems, OwnPairs, smallest
from butfor.evaluate.suite import Item, Record, spread
from butfor.lm import LM, load, score
from butfor.lm.prompt import Prompt, rendered

ITEMS: list[dict[str, Any]] = [
    {"id": 1, "prompt": "Is fire hot?", "choices": ["yes", "no"], "answer": 0, "group": {"topic": "heat"}},
    {"id": "b", "prompt": "The capital of France?", "choices": ["Rome", "Paris", "Oslo"], "answer": 1, "cluster": "k"},
    {"id": "c", "prompt": "How many legs has a dog?", "answer": 4, "match": "number"},
    {"id": "d", "prompt": "Is ice hot?", "answer": "no", "match": "yesno"},
    {"id": "e", "prompt": "Name a colour.", "answer": "(?i)red|blue", "match": "regex"},
    {"id": "f", "prompt": "The capital of Italy?", "answer": "Rome"},
]
MAN, WOMAN = "The big man bought a car, so he was", "The big woman bought a car, so she was"
PAIRS: list[dict[str, Any]] = [
    {"id": "text", "a": "The sun is hot.", "b": "The sun is wet.", "variable": "word", "expect": "a>b"},
    {"id": "same", "a": MAN, "b": WOMAN, "variable": "gender", "expect": "same", "group": {"topic": "cars"}},
    {"id": "different", "a": MAN, "b": WOMAN, "variable": "gender", "expect": "different"},
    {"id": "odds", "a": MAN, "b": WOMAN, "variable": "gender", "expect": "a>b", "choices": [" glad", " sad"]},
    {"id": "odds same", "a": MAN, "b": WOMAN, "variable": "gender", "expect": "same", "choices": ["yes", "no"]},
]
RIGHT = {"fire": "yes", "France": "B", "legs": "4", "ice": "No.", "colour": "Blue", "Italy": "Rome."}


class Scripted:
    """A world behind an address, which says what it is told to."""

    remote = True
    name = "scripted"

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        return [self.answer(prompt.user) for prompt in prompts]


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def questions(tmp_path: Path) -> str:
    return written(tmp_path / "items.jsonl", ITEMS)


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    return written(tmp_path / "pairs.jsonl", PAIRS)


@pytest.fixture(scope="module")
def lm() -> LM:
    world = load.load("debug", device="cpu")
    assert isinstance(world, LM)
    return world


def measured(suite: Any, world: Any) -> dict[str, Record]:
    suite.ready()
    items = list(suite.items(world))
    assert [Item(**json.loads(json.dumps({"id": i.id, "cluster": i.cluster, "data": i.data}))) for i in items]
    again = [Item(item.id, item.cluster, json.loads(json.dumps(item.data))) for item in items]
    known = {metric.name: metric.kind for metric in suite.metrics}
    records = suite.measure(world, again)
    for record in records:
        assert set(record.metrics) <= set(known)
        assert all(value in (0, 1) for name, value in record.metrics.items() if known[name] == "binary")
    assert [record.item for record in records] == [item.id for item in items]
    return {record.item: record for record in records}


def test_questions_of_ones_own_through_an_address(questions: str) -> None:
    def right(text: str) -> str:
        return next(answer for word, answer in RIGHT.items() if word in text)

    found = measured(OwnItems(path=questions), Scripted(lambda text: right(text) if "C." not in text else "B"))
    assert {name: record.metrics["accuracy"] for name, record in found.items()} == dict.fromkeys(found, 1.0)
    assert [found[name].metrics["chance"] for name in ("1", "b", "c", "d")] == [0.5, 1 / 3, 0, 0.5]
    assert (found["1"].group, found["b"].cluster) == ({"topic": "heat"}, "k")
    none = measured(OwnItems(path=questions), Scripted(lambda text: "I am not sure."))
    assert {record.metrics["accuracy"] for record in none.values()} == {0.0}


def test_questions_of_ones_own_by_likelihood(questions: str, lm: LM) -> None:
    record = measured(OwnItems(path=questions), lm)["1"]
    assert record.metrics["accuracy"] == float(record.metrics["margin"] > 0)
    prompt = record.show["asked"]
    assert prompt == rendered(lm, Prompt("Is fire hot?\nAnswer with one of: yes, no.", start="Answer:"), scoring=True)
    yes, no = score(lm, [{"prompt": prompt, "choices": [" yes", " no"]}])[0].logprobs
    assert record.metrics["margin"] == pytest.approx(yes - no, abs=1e-4)


def test_a_mistake_in_the_last_line_is_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    path = written(tmp_path / "f", [*ITEMS, {"id": "z"}])
    with pytest.raises(MalformedData, match="line 7"):
        OwnItems(path=path).ready()
    with pytest.raises(MalformedData, match="line 1"):
        OwnPairs(path=path).ready()


def test_pairs_are_what_the_model_says_of_them(pairs: str, lm: LM) -> None:
    import torch

    found = measured(OwnPairs(path=pairs), lm)
    a, b = score(lm, [{"prompt": "", "choices": ["The sun is hot.", "The sun is wet."]}])[0].logprobs
    assert found["text"].metrics == {
        "margin": pytest.approx(a - b, abs=1e-4), "as_expected": float(a > b), "chance": 0.5
    }  # fmt: skip

    placebo = found["same"].show["placebo"]
    assert placebo not in (MAN, WOMAN)
    p: dict[str, Any] = {}
    for text in (MAN, WOMAN, placebo):
        ids = lm.tokenizer(rendered(lm, Prompt(text), scoring=False), return_tensors="pt")["input_ids"]
        with torch.no_grad():
            p[text] = lm.model(ids).logits[0, -1].softmax(-1)
    far, near = (float((p[MAN] - p[other]).abs().sum() / 2) for other in (WOMAN, placebo))
    for expect in ("same", "different"):
        metrics = found[expect].metrics
        assert metrics[f"{expect}_moved"] == pytest.approx(far, abs=1e-4)
        assert metrics[f"{expect}_moved_placebo"] == pytest.approx(near, abs=1e-4)
        assert metrics["as_expected"] == float((far > near) is (expect == "different"))
    assert found["same"].group == {"expect": "same", "variable": "gender", "topic": "cars"}

    odds = {
        text: row.logprobs[0] - row.logprobs[1]
        for text, row in zip(p, score(lm, [{"prompt": text, "choices": [" glad", " sad"]} for text in p]), strict=True)
    }
    assert found["odds"].metrics["odds"] == pytest.approx(odds[MAN] - odds[WOMAN], abs=1e-4)
    assert found["odds"].metrics["odds_placebo"] == pytest.approx(odds[MAN] - odds[placebo], abs=1e-4)
    assert found["odds same"].metrics["same_odds_moved"] >= 0


def test_by_words_the_known_limits(pairs: str) -> None:
    never = measured(OwnPairs(path=pairs), Scripted(lambda text: "Yes."))
    assert never["text"].metrics == {}, "whole texts have no meaning there"
    assert [never[name].metrics["as_expected"] for name in ("same", "different")] == [1, 0]
    assert [never[name].metrics["chance"] for name in ("same", "different")] == [1, 0]
    always = measured(OwnPairs(path=pairs), Scripted(lambda text: text))
    assert [always[name].metrics["as_expected"] for name in ("same", "different")] == [0, 1]
    assert always["different"].metrics["chance"] == 1, "a paraphrase changes it too: nothing is gained"

    def by_gender(text: str) -> str:
        return "sad" if "woman" in text else "glad"

    found = measured(OwnPairs(path=pairs), Scripted(by_gender))
    assert (found["same"].metrics["same_flip"], found["same"].metrics["same_flip_placebo"]) == (1, 0)
    assert (found["different"].metrics["as_expected"], found["different"].metrics["chance"]) == (1, 0)
    assert (found["odds"].metrics["as_expected"], found["odds"].metrics["chance"]) == (1, 0)
    assert found["odds same"].metrics["parsed"] == 0, "it says neither yes nor no"
    assert "same_flip" not in found["odds same"].metrics


def test_case_and_marks_are_no_change(pairs: str) -> None:
    world = Scripted(lambda text: "A car." if "woman" in text else "a car")
    assert measured(OwnPairs(path=pairs), world)["same"].metrics["same_flip"] == 0


def test_a_pair_without_a_placebo_is_counted(tmp_path: Path, lm: LM) -> None:
    row = {"id": "x", "a": "Zqx vrr", "b": "Zqy vrr", "variable": "v", "expect": "same"}
    record = measured(OwnPairs(path=written(tmp_path / "f", [row])), lm)["x"]
    assert set(record.metrics) == {"unmatched", "same_moved"}
    assert record.metrics["unmatched"] == 1


def test_smallest_is_a_spread_that_needs_no_list() -> None:
    rows = [Item(f"item {n}", "", {}) for n in range(500)]
    for limit in (1, 7, 100, 499, 500, 600):
        chosen = list(smallest(iter(rows), limit, lambda item: item.id))
        assert chosen == spread(rows, limit)
        assert [row.id for row in chosen] == sorted((row.id for row in chosen), key=lambda name: int(name[5:]))
        shuffled = smallest(reversed(rows), limit, lambda item: item.id)
        assert {row.id for row in shuffled} == {row.id for row in chosen}
    assert smallest(rows, None, str) is rows


@pytest.mark.parametrize("limit", [None, 50])
def test_items_of_a_large_file_stream(tmp_path: Path, limit: int | None) -> None:
    def rows(count: int) -> Iterator[dict[str, Any]]:
        for n in range(count):
            yield {"id": n, "prompt": f"{n} " + "words " * 2000, "answer": "x"}

    def peak(count: int) -> int:
        path = tmp_path / f"{count}"
        with path.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
        suite = OwnItems(path=str(path), limit=limit)
        tracemalloc.start()
        found = sum(1 for _ in suite.items(None))  # type: ignore[arg-type]
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == (limit or count)
        return top

    small, large = peak(100), peak(1000)
    assert large - small < 200_000
