"""The front door: the equation on a scripted model, against the vote that a belief has bent; limits; counts."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from butfor.core.errors import UserError
from butfor.core.seeds import generator
from butfor.data.adapt import after, ways
from butfor.infer.prompt.direct import Direct
from butfor.infer.prompt.front_door import FrontDoor
from butfor.lm.exchange import Say, Weigh
from butfor.lm.load import load

from .script import SHOTS, YES_NO, Script

CHAINS = ("The wire is whole and current flows", "The switch stands closed tonight", "A bulb may burn out anyway")
LIT = {CHAINS[0]: 0.9, CHAINS[1]: 0.8, CHAINS[2]: 0.1}


def believing(ask: Say) -> str:
    """Whatever the chain says, it concludes "no": that is what the model has read most often."""
    return f"{CHAINS[ask.seed % 3]}. The answer is no."


def judged(ask: Weigh) -> list[float]:
    (p,) = [p for chain, p in LIT.items() if chain in ask.prompt.begun]
    return [log(p), log(1 - p)]


def test_the_front_door_is_the_sum_of_its_equation_where_the_vote_repeats_the_belief() -> None:
    method = FrontDoor(chains=9, clusters=3, votes=0, encoder="words", least=0, most=1)
    script = Script(believing, judged)
    found = script.answer(method, YES_NO)
    drawn = [chain.rstrip(".") for chain in found.samples]
    assert set(drawn) == set(CHAINS)
    assert found.shares[0] == pytest.approx(sum(LIT[chain] for chain in drawn) / 9)
    assert found.read == 0
    assert Script(believing).answer(Direct(way="cot", draws=9), YES_NO).read == 1
    assert found.cost.calls == 9 + 3


def test_votes_come_to_the_same_shares() -> None:
    def says(ask: Say) -> str:
        draft = ask.prompt.user.partition("A draft of the reasoning:\n")[2]
        if not draft:
            return believing(ask)
        (p,) = [p for chain, p in LIT.items() if chain in draft]
        return f"Mended. The answer is {'yes' if ask.seed % 1000 < 1000 * p else 'no'}."

    method = FrontDoor(chains=9, clusters=3, votes=400, encoder="words", least=0, most=1)
    script = Script(says)
    found = script.answer(method, YES_NO)
    assert found.shares[0] == pytest.approx(sum(LIT[chain.rstrip(".")] for chain in found.samples) / 9, abs=0.05)
    assert found.cost.calls == 9 + 3 * 400


def test_examples_are_pairs_of_a_wrong_and_a_right_chain_told_once_and_nearest_last() -> None:
    def says(ask: Say) -> str:
        if "The answer is known" in ask.prompt.user:
            return "smoke rises" if "it is no" in ask.prompt.user else "the wire glows"
        return "the wire is whole. The answer is yes."

    script = Script(says, lambda _: (0.0, -1.0))
    question = replace(YES_NO, shots=SHOTS)
    script.answer(FrontDoor(chains=2, clusters=1, votes=0, encoder="words", demos=1, most=1), question)
    told = [ask for ask in script.asked if isinstance(ask, Say) and "known" in ask.prompt.user]
    assert len(told) == 2 * len(SHOTS) and all(ask.temperature == 0 for ask in told)
    (weighed,) = [ask for ask in script.asked if isinstance(ask, Weigh)]
    # the wrong chain of s2 (told "yes") speaks of the wire, as the question's own chain does
    ((asked, answered),) = weighed.prompt.shots
    assert SHOTS[1].text in asked and answered.endswith("smoke rises\nThe answer is no.")


def test_one_chain_weighed_is_the_chain_of_thought_that_a_suite_weighs() -> None:
    script = Script(believing, judged)
    script.answer(FrontDoor(chains=1, clusters=1, votes=0, encoder="words"), YES_NO)
    first, last = script.asked
    assert isinstance(first, Say) and isinstance(last, Weigh)
    form = ways(YES_NO, "cot")["as it is"]
    plain = after(form, believing(first), cue=False).prompt
    assert first.prompt == form.prompt
    assert (last.prompt.user, last.prompt.start + last.prompt.begun) == (plain.user, plain.start)


def test_what_cannot_be_read_counts_for_nobody() -> None:
    found = Script(lambda _: "((((").answer(FrontDoor(chains=3, clusters=2, votes=2, encoder="words"), YES_NO)
    assert (found.read, found.shares) == (None, ()) and "read" in found.why
    half = Script(lambda ask: "yes" if ask.seed % 2 else "?")
    found = half.answer(FrontDoor(chains=2, clusters=1, votes=20, encoder="words", most=1), YES_NO)
    assert found.read == 0 and 0 < found.shares[0] < 1 and found.shares[1] == 0


def test_the_same_seed_gives_the_same_answer() -> None:
    lm: Any = load("debug")
    method = FrontDoor(chains=3, clusters=2, votes=0, encoder="words", room=8)
    one, two, other = (method.answer(lm, YES_NO, seed=seed) for seed in (3, 3, 4))
    assert one == two != other


def test_an_address_that_weighs_nothing_writes_one_answer_for_each_cluster() -> None:
    found = Script(lambda _: "It is so. The answer is yes.").answer(
        FrontDoor(chains=4, clusters=2, votes=0, encoder="words"), YES_NO
    )
    assert found.read == 0 and found.cost.calls == 4 + 2


@pytest.mark.parametrize(("knobs", "told"), [({"chains": 2, "clusters": 3}, "lower"), ({"least": 0.6}, "smaller")])
def test_knobs_that_cannot_be_are_refused(knobs: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FrontDoor(**knobs)  # type: ignore[arg-type]


def test_an_encoder_that_reads_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("rain\n")
    np.save(tmp_path / "vectors.npy", np.ones((1, 2), np.float32))
    with pytest.raises(UserError, match="'words'"):
        _ = FrontDoor(encoder=str(tmp_path)).rests_on


def test_over_many_seeds_the_mean_is_the_effect_and_the_vote_is_not() -> None:
    drawn = {CHAINS[0]: 0.2, CHAINS[1]: 0.5, CHAINS[2]: 0.3}  # P(r | x)
    truth = sum(drawn[chain] * LIT[chain] for chain in CHAINS)

    def says(ask: Say) -> str:
        return f"{generator(ask.seed, 'chain').choice(CHAINS, p=list(drawn.values()))}. The answer is no."

    method = FrontDoor(chains=6, clusters=3, votes=0, encoder="words", least=0, most=1)
    found = [Script(says, judged).answer(method, YES_NO, seed=seed) for seed in range(60)]
    shares = np.array([one.shares[0] for one in found])
    assert abs(shares.mean() - truth) < 3 * shares.std() / np.sqrt(len(shares))
    assert all(one.read == 0 for one in found if one.shares[0] > 0.5)
    votes = [Script(says).answer(Direct(way="cot", draws=8), YES_NO, seed=seed).shares[0] for seed in range(5)]
    assert votes == [0.0] * 5
