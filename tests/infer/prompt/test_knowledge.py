"""What is known: its sources, and the same with things exchanged; the methods that tell it, and their limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import log
from pathlib import Path

import pytest

from butfor.core.errors import UserError
from butfor.data.question import Cloze, Question
from butfor.infer.prompt.conditional_front_door import ConditionalFrontDoor
from butfor.infer.prompt.decot import DeCoT
from butfor.infer.prompt.direct import Direct
from butfor.infer.prompt.front_door import FrontDoor
from butfor.infer.prompt.knowledge import WORD, checked, parted, swapped
from butfor.infer.prompt.reread import Reread
from butfor.infer.prompt.walks import Walks
from butfor.lm.exchange import Say, Weigh

from .script import YES_NO, Script

FACTS = "Tom lit the stove. The stove warmed the kettle. Rain fell on 30 of 40 days."
TOLD = Question("t", f"{FACTS} Did Tom warm the kettle?", ("yes", "no"), 0)


@pytest.fixture
def triples(tmp_path: Path) -> str:
    path = tmp_path / "causes.tsv"
    path.write_text("current\tcauses\tlamp light\nrain\tcauses\tmud\n", encoding="utf-8")
    return str(path)


def test_things_go_round_and_nothing_else_changes() -> None:
    other = swapped(FACTS, TOLD, 1)
    one, two = WORD.findall(FACTS.lower()), WORD.findall(other.lower())
    assert other != FACTS and other == swapped(FACTS, TOLD, 1)
    assert Counter(one) != Counter() and len(one) == len(two)
    assert [w for w in one if w in {"the", "on", "of"}] == [w for w in two if w in {"the", "on", "of"}]
    assert "40 of 30" in other  # numbers among themselves
    assert all(mine != turned for mine, turned in zip(one, two, strict=True) if mine in {"tom", "stove", "kettle"})


@pytest.mark.parametrize("text", ["", "The cat.", "((((", "12", "\x00\x07", "it is so because of it"])
def test_what_has_nothing_to_exchange_stays(text: str) -> None:
    assert swapped(text, YES_NO, 0) == text


def test_a_question_is_parted_before_its_last_sentence() -> None:
    assert parted(TOLD.text) == (FACTS, "Did Tom warm the kettle?")
    assert parted("Why?") == ("", "Why?")


def resting(ask: Say) -> str:
    """Chain 0 says what it believes whatever it is told; chain 1 reads the facts."""
    if ask.seed % 2:
        return "I believe that kettles are cold. The answer is no."
    warm = "stove warmed the kettle" in ask.prompt.user
    return f"It was {'warmed' if warm else 'left alone'}. The answer is yes."


def judged(ask: Weigh) -> list[float]:
    chain = ask.prompt.begun
    p = 0.05 if "believe" in chain else 0.7 if "warmed" in chain else 0.2
    return [log(p), log(1 - p)]


def test_decot_keeps_the_chain_that_lives_on_what_is_known_where_the_surest_is_a_belief() -> None:
    script = Script(resting, judged)
    found = script.answer(DeCoT(knowledge="question", chains=4), TOLD)
    says = [ask for ask in script.asked if isinstance(ask, Say)]
    weighs = [ask for ask in script.asked if isinstance(ask, Weigh)]
    assert {ask.seed % 2 for ask in says} == {0, 1}
    assert found.read == 0 and "warmed" in found.said and found.shares == pytest.approx((0.7, 0.3))
    assert "+0.50" in found.derivation[-1].text and "+0.00" in found.derivation[-1].text
    assert found.cost.calls == len(says) + len(weighs) == 16
    # the same noise under both, and the answer is asked without what is known
    assert [ask.seed for ask in says[:4]] == [ask.seed for ask in says[4:]]
    assert all("stove" not in ask.prompt.user for ask in weighs)


def test_decot_without_knowledge_is_chain_of_thought() -> None:
    script = Script(lambda _: "So be it. The answer is no.", lambda _: (-2.0, -1.0))
    found = script.answer(DeCoT(knowledge="question", chains=2), replace(YES_NO, text="Why?"))
    assert found.read == 1 and found.cost.calls == 4
    assert any("no chain is better" in step.text for step in found.derivation)


def test_decot_behind_an_address_and_with_nothing_readable() -> None:
    assert Script(lambda _: "Yes.").answer(DeCoT(knowledge="question", chains=2), TOLD).read == 0
    found = Script(lambda _: "[[[").answer(DeCoT(knowledge="question", chains=2), TOLD)
    assert found.read is None and "read" in found.why
    assert "open" in Script().answer(DeCoT(), replace(YES_NO, choices=(), answer="x")).why


def test_the_conditional_front_door_averages_over_what_is_known() -> None:
    facts = iter(["- Current flows.", "1. Lamps break.\nmore", ""])

    def says(ask: Say) -> str:
        return next(facts) if "one fact" in ask.prompt.user else "So. The answer is yes."

    def weighs(ask: Weigh) -> list[float]:
        p = 0.9 if "Current flows." in ask.prompt.user else 0.3
        return [log(p), log(1 - p)]

    method = ConditionalFrontDoor(pieces=3, chains=2, clusters=1, votes=0, encoder="words", most=1)
    found = Script(says, weighs).answer(method, YES_NO)
    assert found.shares[0] == pytest.approx((0.9 + 0.3) / 2)
    assert [step.text for step in found.derivation if step.text.startswith("known")] == [
        "known: Current flows.",
        "known: Lamps break.",
    ]
    assert found.cost.calls == 3 + 2 * (2 + 1)


def test_without_knowledge_it_is_the_front_door() -> None:
    knobs = {"chains": 3, "clusters": 2, "votes": 0, "encoder": "words"}
    script = Script(lambda ask: f"{ask.seed % 3}", lambda _: (-1.0, -2.0))
    bare = replace(YES_NO, text="Why?")
    one = script.answer(FrontDoor(**knobs), bare, seed=5)  # type: ignore[arg-type]
    assert one == script.answer(ConditionalFrontDoor(knowledge="question", **knobs), bare, seed=5)  # type: ignore[arg-type]


def test_walks_are_told_before_the_question_and_its_cloze(triples: str) -> None:
    script = Script(weighs=lambda _: (-1.0, -2.0))
    script.answer(Walks(triples=triples), YES_NO)
    cloze = replace(YES_NO, cloze=Cloze("The lamp lights up because", (" current flows.", " it rains.")))
    script.answer(Walks(triples=triples), cloze)
    for ask in script.asked:
        assert isinstance(ask, Weigh) and 'Known:\n"current" causes "lamp light".' in ask.prompt.user
        assert "mud" not in ask.prompt.user


def test_where_the_triples_know_nothing_it_is_direct(triples: str) -> None:
    script, other = (Script(weighs=lambda _: (-1.0, -2.0)) for _ in range(2))
    asked = replace(YES_NO, text="Is seven odd?")
    found, plain = script.answer(Walks(triples=triples), asked), other.answer(Direct(), asked)
    assert script.asked == other.asked
    assert replace(found, derivation=()) == replace(plain, derivation=())


def test_a_source_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UserError, match="also 'model' or 'question'") as error:
        checked("nowhere.tsv")
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="columns"):
        _ = Walks(triples="nowhere.tsv").rests_on


def test_rereading_puts_the_question_twice_and_rephrasing_both() -> None:
    script = Script(lambda _: "Is the\nlamp on?", lambda _: (-1.0, -2.0))
    assert script.answer(Reread(), YES_NO).cost.calls == 1
    (twice,) = script.asked
    assert isinstance(twice, Weigh) and twice.prompt.user.count(YES_NO.text) == 2
    assert script.answer(Reread(how="rephrase"), YES_NO).cost.calls == 2
    asked = script.asked[-1]
    assert isinstance(asked, Weigh) and "In other words: Is the lamp on?" in asked.prompt.user


def test_an_empty_rephrasing_is_direct() -> None:
    script, other = (Script(lambda _: " \n", lambda _: (-1.0, -2.0)) for _ in range(2))
    script.answer(Reread(how="rephrase"), YES_NO)
    other.answer(Direct(), YES_NO)
    assert script.asked[1:] == other.asked
