"""Spurious Token Game: worlds that read the causes, or only what comes with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, cast

import pytest
from tests.evaluate.scripted import WORLD, Writer, weighing

from butfor.core.errors import MissingData
from butfor.data.stg import FOLLOWS, IRRELEVANT, PART, RISKS, START, TENTHS, bounds, true_risk
from butfor.evaluate.shortcut.spurious_token import SpuriousToken
from butfor.evaluate.shortcut.token_game import HIGH, LOW, matched, moved, rises
from butfor.evaluate.suite import Record
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt

SUITE = SpuriousToken(people=60)


def values(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in PART.findall(text)}


def guess(v: dict[str, int]) -> str:
    """The risk of somebody who reads the spurious numbers alone, as if they were the causes."""
    y = 1.2 * v["Yellow fingers"] / 1.5 + 0.7 * v["Clothing size"] - 2 * v["Hormones"]
    return RISKS[(y >= 2.7) + (y > 7.2)]


def sure(risk: str) -> list[float]:
    return [0.0 if one == risk else -5.0 for one in RISKS]


def split(records: Sequence[Record], name: str, metric: str) -> float:
    return fmean(r.metrics[metric] for r in records if r.group["split"] == name)


def test_a_world_that_computes_the_risk_has_no_gap_and_no_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = weighing(monkeypatch, lambda prompt, _: sure(true_risk(values(prompt.user))))
    records = SUITE.measure(WORLD, SUITE.items(WORLD))
    assert all(r.metrics["accuracy"] == 1 and r.metrics["strength"] == 0 == r.metrics["flip"] for r in records)
    assert all(r.metrics.get("placebo", 0) == 0 and r.metrics["causal"] >= 0 for r in records)
    assert fmean(r.metrics["causal"] for r in records) > 2
    assert all(len(prompt.shots) == SUITE.shots for prompt in seen)
    assert all(true_risk(values(text)) == risk for prompt in seen for text, risk in prompt.shots)


def test_a_world_that_reads_what_is_spurious_has_the_planted_strength_and_fails_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def weighs(prompt: Prompt, _: Sequence[str]) -> list[float]:
        v = values(prompt.user)
        odds = 0.5 * v["Yellow fingers"] + 0.25 * v["Clothing size"] - 1.0 * v["Hormones"]
        return [-odds / 2, -100, odds / 2]

    weighing(monkeypatch, weighs)
    items = SUITE.items(WORLD)
    planted = {"Yellow fingers": 0.5, "Clothing size": 0.25, "Hormones": 1.0}
    for item, record in zip(items, SUITE.measure(WORLD, items), strict=True):
        before, after = (values(item.data["texts"][arm]) for arm in ("base", "spurious"))
        name = record.group["number"]
        assert record.metrics["strength"] == pytest.approx(planted[name] * abs(after[name] - before[name]))
        assert record.metrics["causal"] == 0 == record.metrics.get("placebo", 0)
    weighing(monkeypatch, lambda prompt, _: sure(guess(values(prompt.user))))
    records = SUITE.measure(WORLD, items)
    assert split(records, "iid", "accuracy") > 0.8 > 0.55 > split(records, "ood", "accuracy")


def test_a_world_that_follows_any_number_has_a_strength_but_nothing_beyond_the_placebo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weighing(monkeypatch, lambda prompt, _: [0, 0, 0.1 * sum(values(prompt.user).values())])
    records = SUITE.measure(WORLD, SUITE.items(WORLD))
    sizes = [(abs(r.metrics["strength"]), abs(r.metrics["placebo"])) for r in records if "placebo" in r.metrics]
    assert all((strength > 0) and (placebo > 0) for strength, placebo in sizes)
    assert all(r.metrics["strength"] * r.metrics["placebo"] > 0 for r in records if "placebo" in r.metrics)


def test_one_value_changes_in_every_arm() -> None:
    for item in SUITE.items(WORLD):
        texts = {arm: values(text) for arm, text in item.data["texts"].items()}
        for arm, told in texts.items():
            assert list(told) == list(texts["base"])
            changed = {name for name in told if told[name] != texts["base"][name]}
            allowed = {"spurious": [item.data["number"]], "causal": tuple(TENTHS), "placebo": IRRELEVANT}
            assert len(changed) == (arm != "base") and changed <= set(allowed.get(arm, ()))
        if "placebo" in texts:
            step = {arm: sum(texts[arm].values()) - sum(texts["base"].values()) for arm in ("spurious", "placebo")}
            assert step["spurious"] * step["placebo"] > 0


def test_values_are_mirrored_within_their_range() -> None:
    for name in FOLLOWS:
        low, high = bounds(name)
        for value in range(low, high + 1):
            assert low <= moved({name: value}, name) <= high and moved({name: value}, name) != value
    assert matched({"Room size": 10, "Certain gene": 10}, 3) is None
    assert matched({"Room size": 9, "Certain gene": 4}, 3) == {"Certain gene": 7}
    assert [rises(name) for name in ("Smoking", "Exercise", "Hormones", "Yellow fingers")] == [1, -1, -1, 1]


def test_a_limit_keeps_both_splits_and_all_numbers() -> None:
    items = SpuriousToken(limit=24).items(WORLD)
    counts = {(i.data["split"], i.data["number"]) for i in items}
    assert len(items) == 24 and len(counts) == 6
    assert sum(i.data["split"] == "ood" for i in items) == 12
    assert [i.cluster for i in items] == sorted((i.cluster for i in items), key=lambda name: int(name.split()[1]))
    assert SpuriousToken(limit=24).items(WORLD) == items != SpuriousToken(limit=24, seed=1).items(WORLD)


def test_a_written_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(prompt: Prompt) -> str:
        v = values(prompt.user)
        return "Hm." if v["Room size"] == 5 else f"The answer is {guess(v)}."

    items = SUITE.items(WORLD)
    for item, record in zip(items, SUITE.measure(cast("Any", Writer(writes)), items), strict=True):
        texts = {arm: values(text) for arm, text in item.data["texts"].items()}
        read = texts["base"]["Room size"] != 5
        assert "strength" not in record.metrics and record.metrics["parsed"] == read
        assert record.metrics["accuracy"] == float(read and guess(texts["base"]) == item.data["risk"])
        if read:
            assert record.metrics["flip"] == float(guess(texts["spurious"]) != guess(texts["base"]))
        else:
            assert record.error == "wrong format" and "flip" not in record.metrics


def test_numbers_agree_with_plain_calls_of_the_model(lm: LM) -> None:
    suite = SpuriousToken(limit=2, shots=2)
    items = suite.items(lm)
    for item, record in zip(items, suite.measure(lm, items), strict=True):
        head = "".join(f"user: {text}\nassistant: Answer: {risk}\n" for text, risk in item.data["shots"])
        head = f"system: {START} Answer with one of: Low Risk, Middle Risk, High Risk.\n{head}"
        odds = {}
        for arm in ("base", "spurious"):
            text = f"{head}user: {item.data['texts'][arm]}\nassistant: Answer:"
            found = score(lm, [{"prompt": text, "choices": [" Low Risk", " Middle Risk", " High Risk"]}])[0]
            odds[arm] = found.logprobs[HIGH] - found.logprobs[LOW]
        sign = item.data["sign"]
        assert record.metrics["strength"] == pytest.approx(sign * (odds["spurious"] - odds["base"]), abs=1e-3)


def test_published_files(public: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    public("cat_stg")
    suite = SpuriousToken(data="published", shots=1)
    suite.ready()
    weighing(monkeypatch, lambda prompt, _: sure(true_risk(values(prompt.user))))
    items = suite.items(WORLD)
    right = [r.metrics["accuracy"] for r in suite.measure(WORLD, items)]
    assert len(items) == 800 and sum(right) == 800 - 145 - 134  # the authors' labels, the right answers


def test_published_files_that_are_not_here(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUTFOR_DATA", "BUTFOR_CACHE", "HF_HUB_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    SpuriousToken().ready()
    with pytest.raises(MissingData):
        SpuriousToken(data="published").ready()


def test_the_examples_begin_as_the_answer_does(lm: LM) -> None:
    from butfor.lm.prompt import rendered

    text = rendered(lm, Prompt("Two?", shots=(("One?", "1"),), start="Answer:"), scoring=True)
    assert text == "user: One?\nassistant: Answer: 1\nuser: Two?\nassistant: Answer:"
