"""Texts cut into pieces, and what is read of the pieces put together."""

from __future__ import annotations

import pytest

from butfor.data.reading import show
from butfor.data.units import assembled, lettered, pieces, prompt, structure, unclipped, worded

SAID = ("-", "old age > smoking, recovery", "recovery < smoking", "smoking <> recovery", "Smoking ^ recovery")


def asked(question: str, facts: tuple[str, ...] = (), said: tuple[str, ...] = SAID) -> str:
    """The line of the question, or the first fault."""
    parsed = assembled(structure(said), facts, question)
    return str(parsed.faults[0]) if parsed.faults else show(parsed.reading).splitlines()[-1]


def test_a_text_is_cut_into_sentences_and_the_question_apart() -> None:
    cut = pieces("A clinic. Direct effects: a -> b; b -> c. Of all, 40% smoke.\n\nThink of some. Would they?")
    assert cut.told == ("A clinic.", "Direct effects: a -> b;", "b -> c.", "Of all, 40% smoke.")
    assert cut.question == "Think of some. Would they?"
    assert cut.first == ("A clinic.", "Direct effects: a -> b;", "b -> c.")
    world = pieces("Suppose only this: Rain wets streets. Method 1: We look.")
    assert world.told == ("Suppose only this:", "Rain wets streets.") and world.question == "Method 1: We look."
    assert pieces("").told == () and pieces("Why?").question == "Why?"


def test_a_phrase_that_was_cut_short_is_whole_again() -> None:
    told = ["Writing a review has an effect on mood.", "Mood and old age affect writing a review.", "Age affects mood."]
    said = ["a review > mood", "writing a review < mood, old age", "Age > mood"]
    assert unclipped(told, said) == ["writing a review > mood", *said[1:]]
    apart = ["Passive smoking affects smoking.", "Smoking affects health."]
    assert unclipped(apart, ["passive smoking > smoking", "smoking > health"]) == [
        "passive smoking > smoking", "smoking > health",
    ]  # fmt: skip
    rule = ["recover := smoke and not age", "to recover > mood"]
    assert (
        unclipped(["To recover, smoke, not age.", "To recover is mood."], rule)[0] == "to recover := smoke and not age"
    )
    assert unclipped(["x", "y"], ["", "-"]) == ["", "-"]


def test_a_prompt_names_the_variables_first() -> None:
    assert prompt("Of all, 4% smoke.", ["old age", "smoking"]) == "old age; smoking\nOf all, 4% smoke.\n="
    assert prompt("A clinic.") == "A clinic.\n="


@pytest.mark.parametrize(
    "said",
    ["C1 | B1 A0 = 40", "-", "by A: C1 | do B1 > C1 | do B0", "B to C by A right", "C := not A or B", "B C apart | A",
     "C1 | do B0, only A as B1 > C1 | do B0", "1: by none", "seen A1 B0", "C1 do B1, C0 do B0 > half"],
)  # fmt: skip
def test_letters_become_phrases_and_phrases_letters(said: str) -> None:
    names = ["a drug", "a drug that works", "to be by day"]
    assert lettered(worded(said, names), names) == said
    assert worded("B0 | A1 = 4", names) == "a drug that works0 | a drug1 = 4"


def test_structure_and_numbers_become_lines_of_the_language() -> None:
    found = structure(SAID)
    assert found.names == ("old age", "smoking", "recovery") and not found.faults
    facts = ["A1 = 40", "B1 | A0 = 7; B0 | A0 = 93", "second A1 = 30", "seen A1 B0", "-"]
    assert show(assembled(found, facts, "C1 | do B1 > C1 | do B0").reading).splitlines()[3:] == [
        "A -> B, C", "B -> C", "B <-> C", "P(A=1) = 40", "P(B=1 | A=0) = 7", "P(B=0 | A=0) = 93", "P*(A=1) = 30",
        "monotone: B -> C", "seen: A=1, B=0", "ask: ate(B, C) up",
    ]  # fmt: skip


def test_rules_of_verbs_name_their_variables() -> None:
    found = structure(["-", "recover := smoke and not are old"])
    assert found.names == ("recover", "smoke", "are old") and found.lines == ("A := B and not C",)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("C1 > half", "marginal(C) up"),
        ("C0 > half", "marginal(C) down"),
        ("C1 | B1 < C1 | B0", "correlation(B, C) down"),
        ("C1 | B1 A1 > C1 | A1", "exp_away(B, C | A) up"),
        ("B C apart | A", "separation(B, C | A) up"),
        ("B C linked", "separation(B, C) down"),
        ("C1 | do B1 A0 > C1 | do B0 A0", "cde(B, C | A=0) up"),
        ("second C1 | do B1 > C1 | do B0", "transport(B, C) up"),
        ("not surely C1 | do B1 > C1 | do B0", "bounds(B, C) down"),
        ("by A: C1 | do B1 < C1 | do B0", "iv(A, B, C) down"),
        ("C1 | B1 do B0 < C1 | B1", "ett(B, C) up"),
        ("C1 | do B1, A as B0 > C1 | do B0", "nde(B, C | A) up"),
        ("C1 | do B0, A as B1 < C1 | do B0", "nie(B, C | A) down"),
        ("C1 | do B0, only A as B1 > C1 | do B0", "path_specific(B, C | A) up"),
        ("C0 | B1 C1 do B0 > half", "pn(B, C) up"),
        ("C1 | B0 C0 do B1 < half", "ps(B, C) down"),
        ("C1 do B1, C0 do B0 > half", "pns(B, C) up"),
        ("C0 | B1 A0 do B0 > half", "counterfactual(C | B=0) down"),
        ("B to C by A right", "backadj(B, C | A) up"),
        ("B to C by none wrong", "backadj(B, C) down"),
        ("A: B to C wrong", "collider_bias(B, C | A) down"),
        ("A for B to C right", "instrument(A, B, C) up"),
    ],
)  # fmt: skip
def test_every_form_of_a_question(said: str, line: str) -> None:
    assert asked(said) == f"ask: {line}"


def test_two_ways_are_told_before_they_are_compared() -> None:
    assert asked("B to C by 1 over 2 right", ("1: by A", "2: by none")) == "ask: better_set(B, C | A ;) up"
    assert "not told" in asked("B to C by 1 over 2 right", ("1: by A",))


@pytest.mark.parametrize(
    "said",
    ["", "why?", "C1 |", "C1 | B1 > half", "C1 | B1 > C1 | A0", "second C1 | B1 > C1 | B0", "C0 | C1 do B0 > half",
     "C1 | do B1, A as B1 > C1 | do B0", "surely C1 | do B1 < C1 | do B0", "D1 > half", "ask: ate(B, C) up"],
)  # fmt: skip
def test_what_is_no_question_is_a_fault_and_never_raises(said: str) -> None:
    assert not asked(said).startswith("ask:")


def test_odd_pieces_are_faults_and_the_others_are_kept() -> None:
    found = structure(["rain > ", "rain > mud", "ignore all rules", "a" * 500 + " > b", "rain > rain"])
    assert found.lines[0] == "A -> B" and len(found.faults) == 3
    parsed = assembled(found, ["B1 = 400", "B1 | B0 = 4", "((((" * 2000, "A1 = 50"], "B1 > half")
    assert len(parsed.reading.told) == 1 and len(parsed.faults) >= 5


def test_the_causes_of_a_variable_are_what_arrows_say_each_once() -> None:
    found = structure(["rain > mud, flood", "mud < rain, wind", "hidden wind", "flood := rain", "rain <> wind"])
    assert found.causes == {"mud": ["rain", "wind"], "flood": ["rain"]}
    assert structure(["-", "rain := wind"]).causes == {}
