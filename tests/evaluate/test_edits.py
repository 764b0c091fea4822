"""Edits: known effects are found, a reaction to mere editing nets out, and written answers are read, not guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar, cast, final

import pytest

from butfor.data import paraphrase
from butfor.evaluate import edits
from butfor.evaluate.edits import Edit, Edits, as_question
from butfor.evaluate.suite import Card, Item
from butfor.lm import LM, score
from butfor.lm.prompt import Prompt

BASE = "The person said that the movie began to bore them, because it was slow."
WORLD = cast("LM", SimpleNamespace(name="fake"))


def edit(name: str, base: str, changed: str, sign: int = 1, **more: Any) -> Edit:
    made = paraphrase.placebo(base, changed)
    placebo = Prompt(made, raw=True) if made else None
    return Edit(name, Prompt(base, raw=True), Prompt(changed, raw=True), placebo, (" she", " he"), sign, **more)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Few(Edits):
    card: ClassVar[Card] = Card("edits of a test", "none", "us")

    def edits(self) -> Iterable[Edit]:
        for n, word in enumerate(("nurse", "pilot", "florist", "miner")):
            yield edit(f"{n}", BASE, BASE.replace("person", word), -1 if n % 2 else 1, shape="a", group={"word": word})


def weighing(monkeypatch: pytest.MonkeyPatch, odds: Callable[[str], float]) -> list[int]:
    """Let every likelihood be what `odds` says of the text; the sizes of the calls are returned."""
    calls: list[int] = []

    def weigh(world: Any, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Any]:
        calls.append(len(asked))
        return [SimpleNamespace(logprobs=[odds(prompt.user), 0.0]) for prompt, _ in asked]

    monkeypatch.setattr(edits, "weigh", weigh)
    return calls


def test_a_world_that_looks_at_the_edited_word_alone_has_its_effect_and_no_placebo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weighing(monkeypatch, lambda text: 2.0 * ("nurse" in text or "florist" in text) - 3.0 * ("miner" in text) - 1)
    records = Few().measure(WORLD, Few().items(WORLD))
    assert [record.metrics["effect"] for record in records] == [2.0, 0.0, 2.0, 3.0]
    assert [record.metrics["size"] for record in records] == [2.0, 0.0, 2.0, 3.0]
    assert [record.metrics["flip"] for record in records] == [1.0, 0.0, 1.0, 0.0]
    for record in records:
        assert record.metrics["placebo"] == record.metrics["placebo_size"] == record.metrics["placebo_flip"] == 0
        assert record.metrics["match"] == 1.0
        assert record.metrics["unmatched"] == 0.0
        assert "parsed" not in record.metrics


def test_a_world_that_reacts_to_the_size_of_any_edit_has_no_net_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda text: 0.7 * paraphrase.size(BASE, text) - 0.5)
    for record in Few().measure(WORLD, Few().items(WORLD)):
        got = record.metrics
        assert got["size"] == pytest.approx(0.7)
        assert got["effect"] - got["placebo"] == pytest.approx(0.0)
        assert got["size"] - got["placebo_size"] == pytest.approx(0.0)
        assert got["flip"] == got["placebo_flip"] == 1.0


def test_each_distinct_prompt_is_asked_once_and_all_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = weighing(monkeypatch, lambda _: 0.0)
    Few().measure(WORLD, Few().items(WORLD))
    assert calls == [6]  # four changed texts, one base, one placebo


def test_an_edit_without_direction_has_a_size_and_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda text: float("nurse" in text))
    one = replace(next(iter(Few().edits())), sign=0, placebo=None)
    (record,) = Few().measure(WORLD, [Item(one.id, one.id, _data(one))])
    assert record.metrics == {"size": 1.0, "flip": 1.0, "unmatched": 1.0}


def test_the_numbers_are_those_of_two_likelihoods(lm: LM) -> None:
    (record, *_) = Few().measure(lm, Few(limit=4).items(lm))
    texts = [record.show[arm] for arm in ("base", "changed", "placebo")]
    scored = score(lm, [{"prompt": text, "choices": [" she", " he"]} for text in texts])
    base, changed, placebo = (s.logprobs[0] - s.logprobs[1] for s in scored)
    assert record.metrics["effect"] == pytest.approx(changed - base, abs=1e-5)
    assert record.metrics["placebo"] == pytest.approx(placebo - base, abs=1e-5)


def test_items_survive_json_and_a_limit_keeps_the_directions_even(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda text: float(len(text)))
    items = Few(limit=2).items(WORLD)
    assert sorted(item.data["sign"] for item in items) == [-1, 1]
    again = [replace(item, data=json.loads(json.dumps(item.data))) for item in items]
    assert Few().measure(WORLD, items) == Few().measure(WORLD, again)
    assert {record.group["word"] for record in Few().measure(WORLD, items)} < {"nurse", "pilot", "florist", "miner"}


class Writer:
    """A world behind an address that answers by rule."""

    name = "writer"
    remote = True

    def __init__(self, answer: Callable[[str], str]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        self.asked += [prompt.user for prompt in prompts]
        return [self.answer(prompt.user) for prompt in prompts]


def test_behind_an_address_the_choice_is_asked_for_in_words() -> None:
    world = Writer(lambda text: "She." if "nurse" in text or "florist" in text else "The answer is he")
    records = Few().measure(cast("LM", world), Few().items(WORLD))
    assert [record.metrics["flip"] for record in records] == [1.0, 0.0, 1.0, 0.0]
    assert all(record.metrics["placebo_flip"] == 0.0 and record.metrics["parsed"] == 1.0 for record in records)
    assert all("effect" not in record.metrics for record in records)
    assert len(world.asked) == len(set(world.asked)) == 6
    assert all(text.endswith("Answer with one of: she, he.") for text in world.asked)


def test_an_answer_that_cannot_be_read_has_no_flip_and_is_counted() -> None:
    world = Writer(lambda text: "hm" if "nurse" in text else "" if "individual" in text else "he")
    nurse, pilot, *_ = Few().measure(cast("LM", world), Few().items(WORLD))
    assert nurse.metrics == {"parsed": 0.0, "unmatched": 0.0, "match": 1.0}
    assert pilot.metrics == {"parsed": 0.0, "flip": 0.0, "unmatched": 0.0, "match": 1.0}


def test_what_a_base_model_writes_after_its_first_line_is_not_its_answer() -> None:
    goes_on = Writer(lambda text: f"{'she' if 'nurse' in text else 'he'}\n\nThe next text … he")
    vars(goes_on)["is_base"] = True
    nurse, pilot, *_ = Few().measure(cast("LM", goes_on), Few().items(WORLD))
    assert (nurse.metrics["flip"], pilot.metrics["flip"]) == (1.0, 0.0)
    assert nurse.metrics["parsed"] == pilot.metrics["parsed"] == 1.0


def test_a_model_in_memory_can_be_asked_by_generation_too(lm: LM) -> None:
    suite = Few(limit=2, by="generation")
    for record in suite.measure(lm, suite.items(lm)):
        assert record.metrics["parsed"] in (0.0, 1.0)
        assert "effect" not in record.metrics
        assert {"said, base", "said, changed", "said, placebo"} <= set(record.show)


def test_likelihoods_that_an_address_does_not_tell_are_an_error() -> None:
    from butfor.core.errors import UserError

    class Silent(Writer):
        def weigh(self, asked: Any) -> Any:
            raise UserError("no log-probabilities here")

    with pytest.raises(UserError, match="log-prob"):
        Few(by="likelihood").measure(cast("LM", Silent(str)), Few().items(WORLD))


def test_a_prompt_that_says_how_to_answer_is_left_as_it_is() -> None:
    told = Prompt("Is it so? Answer with yes or no.", start="Answer:")
    assert as_question(told, (" yes", " no")) == told
    assert as_question(Prompt("Is it so?"), (" yes", " no")).user == "Is it so?\nAnswer with one of: yes, no."


def _data(one: Edit) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(one)
