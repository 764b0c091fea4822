"""Context-aware decoding: strength 0 is plain, the contrast undoes a prior, and text without context stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from butfor.core.registry import build
from butfor.data.question import Answer, Cloze, Question
from butfor.infer.decode.context import Context, asks
from butfor.infer.prompt.direct import Direct
from butfor.lm import LM
from butfor.lm.exchange import Look, Said, Say, Weigh
from butfor.lm.generation import generate
from butfor.lm.load import load
from butfor.lm.prompt import rendered

TOLD = Question("1", "In this story the sky is green. What colour is the sky?", ("blue", "green"))
START = Question(
    "2", "The ice was gone.\nWhy?", ("Rain came.", "Tom saw it."),
    cloze=Cloze("The ice was gone because", (" rain came.", " Tom saw it.")),
)  # fmt: skip
OPEN = Question("3", "In this story the sky is green. What colour is the sky?", match="exact")


@pytest.fixture
def lm() -> LM:
    return load("debug", device="cpu")


def answered(method: Context, question: Question, said: list[list[Said]]) -> tuple[Answer, list[Any]]:
    """The answer when these are the replies, round by round; and what was asked."""
    steps = method.steps(question, 0)
    asked = [next(steps)]
    for replies in said:
        try:
            asked.append(steps.send(replies))
        except StopIteration as end:
            return end.value, asked
    raise AssertionError("it asks on")


def test_the_context_wins_over_what_is_believed_without_it() -> None:
    believes = [Said(logprobs=(-1.0, -1.2)), Said(logprobs=(-0.1, -3.0))]  # with the story, and without it
    found, [asked] = answered(Context(strength=0.5), TOLD, [believes])
    assert found.read == 1 and [isinstance(ask, Weigh) for ask in asked] == [True, True]
    assert asked[1].prompt.user.startswith("What colour is the sky?") and "story" not in asked[1].prompt.user
    assert [step.by for step in found.derivation] == ["model", "model", "rule"]
    plain, [alone] = answered(Context(strength=0.0), TOLD, [believes[:1]])
    assert plain.read == 0 and len(alone) == 1
    weak, _ = answered(Context(strength=0.05), TOLD, [believes])
    assert weak.read == 0


def test_a_start_is_contrasted_with_its_connector() -> None:
    found, [asked] = answered(Context(), START, [[Said(logprobs=(-9.0, -8.0)), Said(logprobs=(-8.0, -5.0))]])
    assert [ask.prompt.user for ask in asked] == ["The ice was gone because", "because"] and found.read == 0


def test_no_context_is_the_plain_answer_and_says_so(lm: LM) -> None:
    bare = Question("4", "Is the sky blue?", ("yes", "no"))
    found, plain = Context().answer(lm, bare), Direct().answer(lm, bare)
    assert (found.read, found.shares, found.cost) == (plain.read, plain.shares, plain.cost)
    assert "no context" in found.derivation[-1].text


@pytest.mark.parametrize("question", [TOLD, START])
def test_strength_0_is_what_is_asked_directly(lm: LM, question: Question) -> None:
    found, plain = Context(strength=0.0).answer(lm, question), Direct().answer(lm, question)
    assert (found.read, found.shares, found.cost) == (plain.read, plain.shares, plain.cost)
    assert Context(strength=2.0).answer(lm, question).cost.calls == 2


def test_what_is_written_is_contrasted_token_by_token(lm: LM) -> None:
    plain = Context(strength=0.0, room=6).answer(lm, OPEN)
    prompt = next(Context(strength=0.0).steps(OPEN, 0))[0]
    assert isinstance(prompt, Say)
    assert plain.said == generate(lm, [rendered(lm, prompt.prompt, scoring=False)], max_new_tokens=6)[0]
    found = Context(strength=3.0, room=6).answer(lm, OPEN)
    assert found.said != plain.said and found.cost.calls == 1 and found.cost.read > plain.cost.read
    assert found.said == Context(strength=3.0, room=6).answer(lm, OPEN, seed=5).said
    look = next(Context(strength=1e-12, room=6).steps(OPEN, 0))[0]
    assert isinstance(look, Look) and look.call(lm).text == plain.said


def test_what_does_not_fit_or_cannot_be_weighed_has_no_answer(lm: LM) -> None:
    long = Question("5", f"{'word ' * 500}. Is it?", ("yes", "no"))
    assert "longer than" in Context().answer(lm, long).why
    assert "longer than" in Context(by="writing").answer(lm, long).why
    found, _ = answered(Context(), TOLD, [[Said(why="an address weighs nothing")] * 2])
    assert found.read is None and found.why == "an address weighs nothing"
    for text in ("", "}" * 10_000, "\x00\x1b[2J", "I cannot answer that."):
        found, _ = answered(Context(by="writing"), TOLD, [[Said(text)]])
        assert found.read is None and found.why


def test_the_question_is_its_last_sentence_that_asks() -> None:
    for text, question in {
        "It rained. Was it wet?": "Was it wet?",
        "Facts.\n\nWe see X. If Y, would Z? Answer now.": "If Y, would Z? Answer now.",
        "Dr. X came. Did Dr. X come?": "Did Dr. X come?",
        "A story.\nThe end": "The end",
        "Was it wet?": "",
        "one": "",
        "": "",
        "?" * 10_000: "",
    }.items():
        assert asks(text) == question


def test_a_knob_that_cannot_be_is_refused() -> None:
    made, problems = build(Context, {"strength": -1.0})
    assert made is None and [where for where, _ in problems] == ["strength"]
