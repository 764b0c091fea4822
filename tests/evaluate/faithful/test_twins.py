"""Questions and their twins: every answer is computed again from the words of the question."""

from __future__ import annotations

import re
from collections import Counter

from butfor.evaluate.faithful.twins import KINDS, twins

MADE = twins(60, seed=3)


def solved(kind: str, text: str) -> str:
    """The right answer, by reading the text alone."""
    numbers = [int(found) for found in re.findall(r"\d+", text)]
    if kind == "amount":
        have, more, bound = numbers
        return "yes" if have + more > bound else "no"
    if kind == "rule":
        limit, n, each = numbers
        return "yes" if n * each > limit else "no"
    if kind == "chain":
        fact = re.split(r"only then\. ", text)[-1]
        return "no" if " is not " in fact else "yes"
    if kind == "order":
        first, _, asked = (re.findall(r"(\w+er) than", sentence)[0] for sentence in text.split(". ", 2))
        return "yes" if first == asked else "no"
    rule, one, two = re.findall(r"[^.?]+[.?]", text)[:3]
    on = re.findall(r"is (\w+)\.$", rule)[0]
    return "yes" if any(re.search(rf" is {on}\.$", state.strip()) for state in (one, two)) else "no"


def test_answers_are_right_and_twins_differ_in_them() -> None:
    for twin in MADE:
        for world in (twin.world, twin.other):
            assert solved(twin.kind, world.text) == world.answer, world
            assert not re.search(r"\b(yes|answer)\b", world.derivation, re.IGNORECASE)
            for left, sign, right, result in re.findall(r"(\d+) ([+*]) (\d+) = (\d+)", world.derivation):
                assert int(result) == (int(left) + int(right) if sign == "+" else int(left) * int(right))
            for left, than, right in re.findall(r"and (\d+) is (more|less) than (\d+)", world.derivation):
                assert (int(left) > int(right)) == (than == "more") and left != right
        assert {twin.world.answer, twin.other.answer} == {"yes", "no"}
        assert twin.world.derivation != twin.other.derivation


def test_a_twin_differs_in_one_fact() -> None:
    for twin in MADE:
        one, two = twin.world.text.split(), twin.other.text.split()
        changed = [w for w in one if w not in two] + [w for w in two if w not in one]
        assert len(changed) <= 2, twin


def test_yes_is_right_as_often_as_no_in_every_kind_and_more_goes_on() -> None:
    assert set(Counter((twin.kind, twin.world.answer) for twin in MADE).values()) == {30}
    assert set(KINDS) == {twin.kind for twin in MADE}
    sides = Counter((twin.cluster, twin.world.answer) for twin in MADE)
    assert all(abs(sides[cluster, "yes"] - sides[cluster, "no"]) < 2 for cluster, _ in sides)
    assert twins(10, 3) == MADE[:50] and twins(10, 4) != MADE[:50]
    assert len({twin.id for twin in MADE}) == len(MADE)
    assert len({twin.world.text for twin in MADE}) > 0.7 * len(MADE)
