"""Total, direct and indirect effects of a profession: with worlds whose paths are known, and recounted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from butfor.data import builtin, paraphrase
from butfor.evaluate import edits
from butfor.evaluate.bias.professions import Professions
from butfor.evaluate.bias.professions_paths import ProfessionsPaths
from butfor.evaluate.suite import Record
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt

WORLD = cast("LM", SimpleNamespace(name="fake"))
LABELS = {profession.word: profession.label for profession in builtin.professions()}


def believed(text: str) -> int:
    """The gender that a stereotype reads from a text: +1, -1 or 0."""
    return next((label for word, label in LABELS.items() if f" {word} " in f"{text} ".replace(",", " ")), 0)


def stated(text: str) -> int:
    return ("female" in text) - (" male" in text)


def run(monkeypatch: pytest.MonkeyPatch, odds: Callable[[str], float], limit: int = 64) -> list[Record]:
    def weigh(world: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Any]:
        assert all(prompt.raw for prompt, _ in asked)
        return [SimpleNamespace(logprobs=[odds(prompt.user), 0.0]) for prompt, _ in asked]

    monkeypatch.setattr(edits, "weigh", weigh)
    suite = ProfessionsPaths(limit=limit)
    return suite.measure(WORLD, suite.items(WORLD))


def labelled(records: list[Record]) -> list[dict[str, float]]:
    kept = [record.metrics for record in records if "total" in record.metrics]
    assert len(kept) > 20
    return kept


def test_a_world_that_assumes_a_gender_only_where_none_is_stated_has_an_indirect_effect_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for got in labelled(run(monkeypatch, lambda text: 2.0 * (stated(text) or believed(text)))):
        assert (got["total"], got["direct"], got["indirect"]) == (2.0, 0.0, 2.0)
        assert got["told"] == 4.0
        assert got.get("placebo", 0.0) == got.get("placebo_direct", 0.0) == got.get("placebo_indirect", 0.0) == 0.0


def test_a_world_that_adds_the_word_to_what_is_stated_has_a_direct_effect_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for got in labelled(run(monkeypatch, lambda text: 3.0 * stated(text) + 0.5 * believed(text))):
        assert (got["total"], got["direct"], got["indirect"]) == (0.5, 0.5, 0.0)


def test_a_world_that_ignores_the_profession_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    for record in run(monkeypatch, lambda text: 3.0 * stated(text) - 1.0):
        assert record.metrics["size"] == record.metrics["flip"] == 0.0
        assert record.metrics.get("direct", 0.0) == 0.0


def test_a_world_that_reacts_to_any_edit_of_the_word_has_no_net_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    records = run(monkeypatch, lambda text: 0.8 * ("person" not in text))
    single = [record for record in records if " " not in record.cluster]
    assert len(single) > 30
    for record in single:
        assert record.metrics["size"] == pytest.approx(0.8)
        for metric in ("size", "flip", *(("direct", "indirect") if "total" in record.metrics else ())):
            assert record.metrics[metric] == pytest.approx(record.metrics[f"placebo_{metric}"])


def test_the_total_is_that_of_the_suite_of_total_effects(lm: LM) -> None:
    suite, plain = ProfessionsPaths(limit=10), Professions(limit=10)
    assert [item.id for item in suite.items(lm)] == [item.id for item in plain.items(lm)]
    for ours, theirs in zip(suite.measure(lm, suite.items(lm)), plain.measure(lm, plain.items(lm)), strict=True):
        assert ours.metrics["size"] == pytest.approx(theirs.metrics["size"], abs=1e-5)
        assert ours.metrics.get("total") == pytest.approx(theirs.metrics.get("stereotype"), abs=1e-5)


def test_the_direct_effect_is_that_of_four_likelihoods(lm: LM) -> None:
    suite = ProfessionsPaths(limit=10)
    item = next(item for item in suite.items(lm) if item.data["label"])
    (record,) = suite.measure(lm, [item])
    template, word = builtin.profession_templates()[item.data["template"] - 1], item.cluster
    texts = [template.format(f"{gender} {who}") for gender in ("female", "male") for who in (word, "person")]
    y = [s.logprobs[0] - s.logprobs[1] for s in score(lm, [{"prompt": t, "choices": [" she", " he"]} for t in texts])]
    direct = item.data["label"] * ((y[0] - y[1]) + (y[2] - y[3])) / 2
    assert record.metrics["direct"] == pytest.approx(direct, abs=1e-5)
    assert record.metrics["indirect"] == pytest.approx(record.metrics["total"] - direct, abs=1e-5)
    assert record.metrics["told"] == pytest.approx(y[0] - y[2], abs=1e-5)


def test_placebos_stand_where_the_profession_does_and_a_limit_is_balanced() -> None:
    items = ProfessionsPaths().items(WORLD)
    assert len(items) == 70 * 8
    assert sum("placebo" in item.data["plain"] for item in items) == len(items)
    for item in items:
        for how in ("plain", "female", "male"):
            texts = item.data[how]
            assert stated(texts["placebo"]) == stated(texts["base"]) == {"plain": 0, "female": 1, "male": -1}[how]
            if " " not in item.cluster:
                assert paraphrase.size(texts["base"], texts["placebo"]) == 1
    some = Counter(item.data["label"] for item in ProfessionsPaths(limit=60).items(WORLD))
    assert some[1] == some[-1] > some[0] > 0


def test_behind_an_address_only_flips_are_known() -> None:
    def say(prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        return ["she" if believed(prompt.user.split(" …")[0]) > 0 else "He." for prompt in prompts]

    world = cast("LM", SimpleNamespace(name="far", remote=True, say=say))
    suite = ProfessionsPaths(limit=40)
    for record in suite.measure(world, suite.items(world)):
        flip = float(LABELS[record.cluster] > 0)
        assert record.metrics == {"parsed": 1.0, "flip": flip, "placebo_flip": 0.0}
