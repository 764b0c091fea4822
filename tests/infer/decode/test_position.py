"""Position-invariant inference: every order of choices or facts gives the same shares; strength 0 is plain."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from butfor.core.registry import build
from butfor.data.question import Question
from butfor.infer.decode.position import ORDERED, PositionInvariant
from butfor.infer.prompt.direct import Direct
from butfor.lm import LM
from butfor.lm.exchange import Look, Said, Weigh
from butfor.lm.load import load

CHOICES = ("The sun came out.", "Tom saw it.", "It rained.")
LISTED = Question("1", "The ice was gone.\nWhat was the cause of this?", CHOICES)
FACTS = ("Rain makes streets wet.", "The street is dry.", "Tom was out.")
TOLD = Question("2", f"{' '.join(FACTS)} Did it rain?", ("yes", "no"))


@pytest.fixture(scope="module")
def lm() -> LM:
    return load("debug", device="cpu")


def test_every_order_of_the_choices_gives_the_same_shares(lm: LM) -> None:
    plain, found = set[int](), set[tuple[int, tuple[float, ...]]]()
    for order in permutations(range(3)):
        asked = replace(LISTED, choices=tuple(CHOICES[place] for place in order))
        answer = PositionInvariant().answer(lm, asked)
        assert isinstance(answer.read, int) and answer.cost.calls == 1
        found.add((order[answer.read], tuple(answer.shares[order.index(place)] for place in range(3))))
        direct = Direct().answer(lm, asked).read
        assert isinstance(direct, int)
        plain.add(order[direct])
    assert len(found) == 1 and len(plain) > 1


def test_every_order_of_the_facts_gives_the_same_shares(lm: LM) -> None:
    method = PositionInvariant(of="sentences")
    found = {
        method.answer(lm, replace(TOLD, text=f"{' '.join(facts)} Did it rain?")).shares for facts in permutations(FACTS)
    }
    assert len(found) == 1
    look = next(method.steps(TOLD, 0))[0]
    assert isinstance(look, Look) and look.key["segments"] == [f"{fact}\n" for fact in sorted(FACTS)]


def test_strength_0_is_the_plain_answer_and_half_lies_between(lm: LM) -> None:
    plain, whole = Direct().answer(lm, LISTED), PositionInvariant().answer(lm, LISTED)
    nothing = PositionInvariant(strength=0.0).answer(lm, LISTED)
    assert (nothing.read, nothing.shares, nothing.cost) == (plain.read, plain.shares, plain.cost)
    half = PositionInvariant(strength=0.5).answer(lm, LISTED)
    mixed = [(one * other) ** 0.5 for one, other in zip(plain.shares, whole.shares, strict=True)]
    assert half.shares == pytest.approx([value / sum(mixed) for value in mixed])
    assert half.cost == plain.cost + whole.cost


def test_the_peers_read_the_same_list_plainly(lm: LM) -> None:
    turned = replace(LISTED, choices=CHOICES[::-1])
    for read, same in {"sorted": True, "given": False}.items():
        method = PositionInvariant(read=read)  # type: ignore[arg-type]
        one, other = method.answer(lm, LISTED), method.answer(lm, turned)
        assert (one.shares == other.shares[::-1]) is same and one.cost.calls == 1
    [look], [plain] = (next(PositionInvariant(read=read).steps(LISTED, 0)) for read in ("unordered", "sorted"))  # type: ignore[arg-type]
    assert isinstance(look, Look) and isinstance(plain, Weigh)
    assert look.key["prompt"]["user"] == plain.prompt.user and look.key["choices"] == list(plain.choices)


def test_what_has_no_order_is_asked_plainly_and_says_so(lm: LM) -> None:
    for method, question in (
        (PositionInvariant(), TOLD),
        (PositionInvariant(of="sentences"), replace(TOLD, text="Tom was out. Did it rain?")),
        (PositionInvariant(of="sentences"), replace(TOLD, text="Did it rain?")),
    ):
        found = method.answer(lm, question)
        assert found.shares == Direct().answer(lm, question).shares and found.derivation[-1].text == ORDERED


def test_what_cannot_be_answered_says_why(lm: LM) -> None:
    assert "open question" in PositionInvariant().answer(lm, Question("3", "Who?", match="exact")).why
    assert "longer than" in PositionInvariant().answer(lm, replace(LISTED, text="word " * 900)).why
    lm = load("debug", device="cpu")
    lm.tokenizer.chat_template = "{% for message in messages %}{{ message['content'] | upper }}{% endfor %}"
    assert "template" in PositionInvariant().answer(lm, LISTED).why
    steps = PositionInvariant(strength=0.5).steps(LISTED, 0)
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.send([Said(logprobs=(-1.0, -900.0, -2.0)), Said(logprobs=(-800.0, -1.0, -3.0))])
    assert end.value.value.read == 2  # a choice that one reading rules out is not taken


def test_a_knob_that_cannot_be_is_refused() -> None:
    for wrong in ({"strength": 2.0}, {"of": "letters"}):
        assert [where for where, _ in build(PositionInvariant, wrong)[1]] == list(wrong)
