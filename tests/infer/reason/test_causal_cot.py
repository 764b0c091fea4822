"""CausalCoT in turns: six steps that each see the ones before, then the answer."""

from __future__ import annotations

from typing import Any

from tests.infer.scripted import answered

from butfor.data.question import Question
from butfor.infer.reason.causal_cot import TURNS, CausalCoT
from butfor.lm.exchange import Said, Say, Weigh

RAIN = Question("q", "It rains. Is the street wet?", ("yes", "no"), 0)


def reply(ask: Any) -> Any:
    return [-1.0, -2.0] if isinstance(ask, Weigh) else f"said {len(ask.prompt.shots)}"


def test_seven_calls_each_with_all_that_was_said() -> None:
    answer, script = answered(CausalCoT(), RAIN, reply)
    assert answer.read == 0 and answer.cost.calls == 7 and len(script.asked) == 7
    says, weigh = script.asked[:6], script.asked[6]
    for number, ask in enumerate(says):
        assert isinstance(ask, Say) and ask.prompt.user.endswith(TURNS[number]) and ask.room == 80
        assert [said for _, said in ask.prompt.shots] == [f"said {at}" for at in range(number)]
    assert says[0].prompt.user.startswith(RAIN.text) and RAIN.text not in says[1].prompt.user
    assert isinstance(weigh, Weigh) and len(weigh.prompt.shots) == 6 and "yes, no" in weigh.prompt.user
    assert RAIN.text not in weigh.prompt.user and weigh.choices == (" yes", " no")
    assert [step.by for step in answer.derivation] == ["model"] * 7 and len(answer.samples) == 6


def test_where_the_turns_do_not_fit_the_answer_is_asked_for_all_the_same() -> None:
    def tight(ask: Any) -> Any:
        return Said(why="does not fit") if len(ask.prompt.shots) >= 2 and isinstance(ask, Say) else reply(ask)

    answer, script = answered(CausalCoT(), RAIN, tight)
    assert answer.read == 0 and len(answer.samples) == 2 and len(script.asked) == 4
    none, script = answered(CausalCoT(), RAIN, lambda _: Said(why="does not fit"))
    assert none.read is None and "longer" in none.why and len(script.asked) == 2
    assert script.asked[1].prompt.user.startswith(RAIN.text)


def test_behind_an_address_the_answer_is_written_and_read() -> None:
    def remote(ask: Any) -> Any:
        if isinstance(ask, Weigh):
            return Said(why="an address weighs nothing")
        return "The answer is no." if len(ask.prompt.shots) == 6 else "so"

    answer, _ = answered(CausalCoT(), RAIN, remote)
    assert answer.read == 1 and answer.cost.calls == 7
    unread, _ = answered(CausalCoT(), RAIN, lambda ask: Said(why="w") if isinstance(ask, Weigh) else "[" * 5000)
    assert unread.read is None and unread.why


def test_drawn_turns_differ_by_seed_and_the_same_seed_asks_the_same() -> None:
    method = CausalCoT(temperature=0.7)
    one, two, other = (answered(method, RAIN, reply, seed=seed)[1].asked for seed in (1, 1, 2))
    assert one == two != other
