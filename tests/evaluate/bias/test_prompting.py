"""Bias after prompting: worlds that obey, that do not, and that only react to being told anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from butfor.data import builtin
from butfor.evaluate import edits
from butfor.evaluate.bias.prompting import MEANT, SHOTS, TOLD, BiasAfterPrompting
from butfor.evaluate.bias.words import prompted
from butfor.evaluate.suite import Record
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt, messages, rendered

WORLD = cast("LM", SimpleNamespace(name="fake", tokenizer=None))
LABELS = {profession.word: profession.label for profession in builtin.professions()}


def believed(text: str) -> int:
    last = text.rpartition("\n")[2]
    return next((label for word, label in LABELS.items() if f" {word} " in f"{last} ".replace(",", " ")), 0)


def run(monkeypatch: pytest.MonkeyPatch, odds: Callable[[str], float], limit: int = 40) -> dict[str, list[Record]]:
    def weigh(world: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Any]:
        return [SimpleNamespace(logprobs=[odds(prompt.user), 0.0]) for prompt, _ in asked]

    monkeypatch.setattr(edits, "weigh", weigh)
    suite = BiasAfterPrompting(limit=limit)
    records = suite.measure(WORLD, suite.items(WORLD))
    return {kind: [r for r in records if r.group["prompting"] == kind] for kind in TOLD}


def test_a_world_that_obeys_the_instruction_changes_under_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, lambda text: 0.0 if TOLD["instruction"] in text else 1.5 * believed(text))
    assert {len(records) for records in found.values()} == {8}
    for kind, records in found.items():
        for record in records:
            obeys = kind == "instruction"
            assert record.metrics["effect"] == (0.0 if obeys else 1.5)
            assert record.metrics["placebo"] == 0.0
            assert record.metrics.get("change") == (None if kind not in MEANT else -1.5 if obeys else 0.0)


def test_a_world_that_is_only_startled_by_a_preface_is_seen_by_the_unrelated_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = run(monkeypatch, lambda text: believed(text) * (0.5 if "\n\n" in text else 1.0))
    for kind in MEANT:
        for record in found[kind]:
            assert record.metrics["change"] == record.metrics["unrelated_change"] == -0.5
    assert not any("change" in record.metrics for kind in ("none", "unrelated") for record in found[kind])


def test_a_world_that_reacts_to_any_edit_has_no_net_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    for records in run(monkeypatch, lambda text: float("person" not in text.rpartition("\n")[2])).values():
        for record in records:
            if " " not in record.cluster:
                assert record.metrics["effect"] == record.metrics["placebo"]
                assert record.metrics.get("change", 0.0) == record.metrics.get("unrelated_change", 0.0) == 0.0


def test_the_numbers_of_a_base_model_are_those_of_plain_texts(lm: LM) -> None:
    lm.tokenizer.chat_template = None
    suite = BiasAfterPrompting(limit=5)
    (record,) = [r for r in suite.measure(lm, suite.items(lm)) if r.group["prompting"] == "persona"]
    item = next(item for item in suite.items(lm) if item.data["prompting"] == "persona")
    template = builtin.profession_templates()[item.data["template"] - 1]
    texts = [
        before + template.format(who) for before in (TOLD["persona"] + "\n\n", "") for who in (item.cluster, "person")
    ]
    y = [s.logprobs[0] - s.logprobs[1] for s in score(lm, [{"prompt": t, "choices": [" she", " he"]} for t in texts])]
    label = item.data["label"]
    assert record.metrics["effect"] == pytest.approx(label * (y[0] - y[1]), abs=1e-5)
    assert record.metrics["change"] == pytest.approx(label * (y[0] - y[1] - y[2] + y[3]), abs=1e-5)


def test_a_limit_takes_all_promptings_of_an_item_and_both_stereotypes() -> None:
    items = BiasAfterPrompting(limit=40).items(WORLD)
    assert len(items) == 40
    assert set(Counter(item.id.rpartition("/")[0] for item in items).values()) == {5}
    assert Counter(item.data["label"] for item in items) == {1: 20, -1: 20}
    assert len(BiasAfterPrompting().items(WORLD)) == 52 * 8 * 5
    assert {item.data["prompting"] for item in BiasAfterPrompting(prompting="persona").items(WORLD)} == {"persona"}
    assert len(BiasAfterPrompting(limit=3).items(WORLD)) == 3


def test_a_chat_model_is_prompted_by_messages_and_its_answer_begins_with_the_text() -> None:
    chat = cast("LM", SimpleNamespace(name="chat", tokenizer=SimpleNamespace(chat_template="{{ messages }}")))
    told = prompted(chat, "The nurse said that", "Be fair.", SHOTS)
    turns = messages(told)
    assert turns[0] == {"role": "system", "content": "Be fair."}
    assert turns[2] == {"role": "assistant", "content": f"{SHOTS[0][0]} {SHOTS[0][1]}"}
    assert len(turns) == 2 + 2 * len(SHOTS)
    assert told.begun == "The nurse said that"


def test_the_examples_of_a_chat_model_hold_their_own_sentences_alone(lm: LM) -> None:
    lm.tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: "
    text = rendered(lm, prompted(lm, "The nurse said that", "Be fair.", SHOTS), scoring=True)
    said = [line.removeprefix("assistant: ") for line in text.splitlines() if line.startswith("assistant")]
    assert said == [*(f"{shot} {word}" for shot, word in SHOTS), "The nurse said that"]


def test_the_examples_are_balanced_against_the_stereotype_and_show_no_job_that_is_asked_about() -> None:
    assert Counter(word for _, word in SHOTS) == {"she": 2, "he": 2}
    assert not any(f" {word} " in f"{text} " for text, _ in SHOTS for word in LABELS)
    assert abs(len(TOLD["instruction"]) - len(TOLD["unrelated"])) < 10


def test_behind_an_address_the_change_is_one_of_flips() -> None:
    def say(prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        told = [(prompt.system == TOLD["instruction"], believed(prompt.user.split(" …")[0])) for prompt in prompts]
        return ["he" if obeys or label <= 0 else "she" for obeys, label in told]

    world = cast("LM", SimpleNamespace(name="far", remote=True, say=say))
    suite = BiasAfterPrompting(limit=40)
    for record in suite.measure(world, suite.items(world)):
        woman, kind = LABELS[record.cluster] > 0, record.group["prompting"]
        assert record.metrics["flip"] == float(woman and kind != "instruction")
        assert record.metrics.get("flip_change") == (
            None if kind not in MEANT else -float(woman and kind == "instruction")
        )
        assert record.metrics["parsed"] == 1.0
