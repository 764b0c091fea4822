"""What methods of inference share: questions asked in step, by seed and not by order, without their answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
import pytest

from butfor.core.seeds import derive
from butfor.data.question import Answer, Question, Step
from butfor.evaluate.suite import Item
from butfor.infer.answering import Answering
from butfor.infer.prompt.direct import Direct
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Cost, Say, Steps
from butfor.lm.load import load
from butfor.lm.prompt import Prompt
from evaluate.test_questions import Small
from infer.scripted import Remote, Script

QUESTIONS = [Question(f"q{n}", f"Is {n} even?", ("yes", "no"), n % 2, group={"told": "the answer"}) for n in range(6)]
seen: list[Question] = []


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Echo(Answering):
    """Says twice what it was told, with a draw of its own."""

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        seen.append(question)
        (first,) = yield [Say(Prompt(question.text), 8, 1.0, derive(seed, "first"))]
        (second,) = yield [Say(Prompt(first.text), 8)]
        return Answer(second.text, second.text, (Step(first.text, "model"), Step("twice", "rule")))


def world() -> Remote:
    return Remote(lambda prompt, seed: f"{prompt.user}|{seed % 97}")


def test_questions_are_answered_in_step_and_each_pays_for_its_own() -> None:
    remote = world()
    found = Echo().answers(remote, QUESTIONS)  # type: ignore[arg-type]
    assert remote.calls == 2, "two rounds, whatever the number of questions"
    assert [answer.cost for answer in found] == [Cost(2, 20, 10)] * 6
    assert len({answer.read for answer in found}) == 6


def test_an_answer_depends_on_seed_and_question_and_not_on_order_or_company() -> None:
    found = Echo().answers(world(), QUESTIONS, seed=3)  # type: ignore[arg-type]
    turned = Echo().answers(world(), QUESTIONS[::-1], seed=3)  # type: ignore[arg-type]
    assert turned[::-1] == found
    assert Echo().answer(world(), QUESTIONS[4], seed=3) == found[4]  # type: ignore[arg-type]
    assert Echo().answer(world(), QUESTIONS[4], seed=4) != found[4]  # type: ignore[arg-type]


def test_a_method_never_sees_the_answer() -> None:
    seen.clear()
    Echo().answers(world(), [replace(QUESTIONS[1], lures={"trap": 0}, shape="s")])  # type: ignore[arg-type]
    (question,) = seen
    assert (question.answer, dict(question.group), dict(question.lures), question.shape) == ("", {}, {}, "")
    assert (question.text, question.choices) == (QUESTIONS[1].text, QUESTIONS[1].choices)


def test_answers_are_replayed_without_the_model_to_the_letter(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "t.jsonl")
    found = Echo().answers(world(), QUESTIONS, seed=1, memory=memory)  # type: ignore[arg-type]
    assert Echo().answers(None, QUESTIONS, seed=1, memory=Memory(memory.path, kept=True)) == found


def test_through_any_exchange() -> None:
    script = Script(lambda ask: ask.prompt.user + "!")
    assert [answer.read for answer in Echo().through(script, QUESTIONS[:2])] == ["Is 0 even?!!", "Is 1 even?!!"]  # type: ignore[arg-type]
    assert script.rounds == [2, 2]


def test_the_default_model_answers_the_same_question_the_same_way_twice(tmp_path: Path) -> None:
    lm = load("debug", device="cpu")
    ways = [Direct(), Direct(way="cot", room=12), Direct(draws=3, room=8, temperature=1.0)]
    for number, way in enumerate(ways):
        first = way.answers(lm, QUESTIONS, seed=5, memory=Memory(tmp_path / f"{number}.jsonl"))  # type: ignore[arg-type]
        assert way.answers(lm, QUESTIONS, seed=5) == first  # type: ignore[arg-type]
        assert way.answers(None, QUESTIONS, seed=5, memory=Memory(tmp_path / f"{number}.jsonl", kept=True)) == first
    drawn = ways[-1]
    assert drawn.answer(lm, QUESTIONS[0], seed=5).samples != drawn.answer(lm, QUESTIONS[0], seed=6).samples  # type: ignore[arg-type]


# as an arm ----------------------------------------------------------------------------------------------------------


def items(suite: Small) -> list[Item]:
    return list(suite.stream())


@pytest.mark.parametrize("remote", [False, True], ids=["in memory", "behind an address"])
def test_as_an_arm_it_answers_in_the_models_place(remote: bool) -> None:
    base = Remote(lambda _prompt, _seed: "yes") if remote else load("debug", device="cpu")
    hooked = Direct(by="writing", room=8).model(base, np.random.default_rng(0))
    suite = Small()
    records = suite.measure(hooked, items(suite))
    assert [record.metrics["calls"] for record in records] == [1.0] * len(records)
    if remote:
        assert [record.metrics["accuracy"] for record in records[:8]] == [1.0, 0.0] * 4, "of yes and no, yes"
        assert [record.metrics["parsed"] for record in records] == [1.0] * 8 + [0.0] * 8, "yes is no letter"
        assert records[0].show["derivation"] == "[model] yes"


def test_direct_in_the_models_place_is_the_model_itself() -> None:
    """The same prompt and the same likeliest choice as the suite finds by asking the model."""
    suite = Small()
    plain = suite.measure(load("debug", device="cpu"), items(suite))  # type: ignore[arg-type]
    hooked = Direct().model(load("debug", device="cpu"), np.random.default_rng(0))
    asked = suite.measure(hooked, items(suite))
    assert [r.metrics["accuracy"] for r in asked] == [r.metrics["accuracy"] for r in plain]
    assert 0 < sum(r.metrics["accuracy"] for r in plain) < len(plain), "or this shows little"


def test_seeds_of_an_arm_decide_what_is_drawn() -> None:
    suite = Small()

    def said(seed: int) -> list[str]:
        method = Direct(draws=2, room=8, temperature=1.0)
        hooked = method.model(load("debug", device="cpu"), np.random.default_rng(seed))
        return [record.show["said"] for record in suite.measure(hooked, items(suite))]

    assert said(0) == said(0)
    assert said(0) != said(1)
