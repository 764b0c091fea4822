"""Blanks and what fills them: the way there and back, and sentences that stand beside each other."""

from __future__ import annotations

import random

import pytest

from butfor.data.counterfactual.blanks import Unreadable, filled, heard, line, phrases, sentences, shown, told
from butfor.data.pairs import Pair

PAIRS = [
    ("The film was bad.", "The film was very good."),
    ("Not good at all! I left early.", "So good! I left early."),
    ("One. Two is bad. Three.", "One. Two is good. Three."),
    ("It was bad, slow and long.", "It was good, quick and short indeed."),
]


@pytest.mark.parametrize(("base", "other"), PAIRS)
def test_what_is_shown_and_told_comes_back(base: str, other: str) -> None:
    spans = [span for _, span in phrases(Pair.of(base, other, "x"))]
    asked = shown(other, spans)
    answers = heard(told([other[a:b] for a, b in spans]).removeprefix(" =>") + "\nmore", len(spans))
    assert asked.count("___") == len(spans)
    assert filled(asked, answers) == other


def test_a_text_cannot_bring_the_marks_of_the_format_in() -> None:
    assert line("a ___ b => c | d\n\ne") == "a — b to c / d e"
    assert shown("a b", [(2, 3)]) == "a ___"
    for said, blanks in (("a | b", 3), ("", 2), ("a ___", 1), ("x => y", 1)):
        with pytest.raises(Unreadable):
            heard(said, blanks)
    assert heard(" | b\nrest", 2) == ["", "b"]
    assert filled("a ___ c", [""]) == "a c"
    with pytest.raises(Unreadable):
        filled("a ___", ["b", "c"])


def test_sentences_that_differ_stand_beside_each_other() -> None:
    one = "I went. It was bad! The end was fine. Never again? Yes."
    two = "I went. It was good! The end was fine. Always again? Yes."
    assert sentences(one, two) == [("It was bad!", "It was good!"), ("Never again?", "Always again?")]
    assert sentences(one, one) == []
    assert sentences("Bad film. I left", "Good film, I left") == [("Bad film. I left", "Good film, I left")]


def test_sentences_leave_out_only_what_both_share() -> None:
    draw = random.Random(0)
    for _ in range(200):
        one, two = (" ".join(draw.choices(["a", "b", "bad.", "good!", "no?"], k=9)) for _ in range(2))
        for left, right in sentences(one, two):
            assert left in one and right in two and left != right
        rest = one
        for left, _ in sentences(one, two):
            rest = rest.replace(left, "", 1)
        assert len(rest) <= len(one)
        assert bool(sentences(one, two)) == (one != two)
