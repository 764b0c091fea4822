"""Necessary, sufficient, a cause, judged to be one: the known answers of the literature's stories."""

from __future__ import annotations

from typing import Any

import pytest

from butfor.core.errors import QueryError
from butfor.scm.equations import Equations
from butfor.scm.verdicts import caused, happened, judged, necessary, sufficient

OR = Equations({"A": 1, "B": 1, "C": lambda A, B: A or B})
AND = Equations({"A": 1, "B": 1, "C": lambda A, B: A and B})
LATE = Equations({"A": 1, "B": 1, "AH": lambda A: A, "BH": lambda B, AH: B and not AH, "C": lambda AH, BH: AH or BH})
EARLY = Equations({"A": 1, "B": lambda A: not A, "C": lambda A, B: A or B})
SWITCH = Equations({"A": 1, "TA": lambda A: A, "TB": lambda A: not A, "C": lambda TA, TB: TA or TB})
PLAIN_SWITCH = Equations({"A": 1, "C": lambda A: 1})
BOGUS = Equations({"P": 0, "B": 1, "C": lambda P, B: not P or B})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (OR, (False, True, True)),
        (AND, (True, False, True)),
        (LATE, (False, True, True)),
        (EARLY, (False, True, True)),
        (SWITCH, (False, True, True)),
        (PLAIN_SWITCH, (False, True, False)),
    ],
    ids=["overdetermined", "conjunction", "late preemption", "early preemption", "switch, its tracks named", "switch"],
)
def test_the_known_answers(model: Equations, said: tuple[bool, bool, bool]) -> None:
    ask = ("A=1", "C=1", model)
    found = necessary(*ask), sufficient(*ask), caused(*ask)
    assert tuple(one.holds for one in found) == said
    assert all(one.why for one in found)


def test_an_antidote_to_no_poison_is_a_part_of_a_cause_that_what_is_usual_rules_out() -> None:
    """Halpern 2015: the definition alone counts it; the world that shows it has a poisoner."""
    assert caused("B=1", "C=1", BOGUS).holds
    assert not judged("B=1", "C=1", BOGUS, {"P": 0}).holds


@pytest.mark.parametrize(
    ("usual", "said"),
    [({}, True), ({"A": 1}, False), ({"A": 0}, True), ({"B": 0}, True), ({"A": 1, "B": 0}, False)],
)
def test_of_two_that_are_needed_the_usual_one_is_not_blamed(usual: dict[str, Any], said: bool) -> None:
    """The pen problem: who was allowed to take one is no cause, who was not is."""
    assert caused("A=1", "C=1", AND).holds
    assert judged("A=1", "C=1", AND, usual).holds is said


def test_what_is_away_is_as_usual_or_not_there() -> None:
    poison = Equations({"poison": 1, "drinks": 1, "dies": lambda poison, drinks: poison and drinks})
    assert not sufficient("poison=1", "dies=1", poison).holds
    assert sufficient("poison=1", "dies=1", poison, {"drinks": 1}).holds


def test_what_is_and_what_would_be() -> None:
    assert happened("C=1", AND).holds
    assert not happened("C=1", AND, {"B": 0}).holds
    assert happened("C=1", EARLY, {"A": 0}).holds


@pytest.mark.parametrize(
    ("cause", "event", "says"),
    [
        ("A=0", "C=1", "A=0 is not so"),
        ("A=1", "C=0", "C=0 is not so"),
        ("C=1", "C=1", "none of the event's"),
        ("A=1, B=1", "C=1", "one variable"),
        ("A>0", "C=1", "a variable at a value"),
    ],
)
def test_questions_that_cannot_be_are_refused(cause: str, event: str, says: str) -> None:
    with pytest.raises(QueryError, match=says):
        necessary(cause, event, AND)
