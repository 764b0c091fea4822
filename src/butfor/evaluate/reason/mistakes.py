"""The wrong answers to which known mistakes lead, computed on the world that a CLadder question is about.

Idea      A question of yes or no has one wrong answer; what can be said is which mistakes give it. Each is the question
          answered as if it were another one, on the same tables:
          ignores the intervention        what is observed for what is done (ate, ett); the facts as they are (det)
          wrong rung                      the effect for the association (correlation), for that on the treated (ett)
          takes the total effect          for the direct or the indirect one (nde, nie)
          takes the other path            the direct effect for the indirect one, or the reverse
          ignores what is given           the association among all for that among the selected (exp_away)
          conditions on a collider        the association among the selected for an effect; adjusts for a common effect
          adjusts for a mediator          takes a set with an effect of the cause for the better one (backadj)
          leaves a confounder open        takes a set that does not block a path into the cause (backadj)
          arithmetic                      the mean of P(Y|X=0) and P(Y|X=1) without P(X) for P(Y) (marginal)
Limits    The mistake is a reading of a wrong answer, not a proof: a coin that falls wrong gets the same name. More than
          one mistake may lead to it; they stand in the order above, the nearest first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from butfor.core.errors import Impossible
from butfor.data.cladder import CladderRow, Kind
from butfor.evaluate.verify_cladder import Exact, valid

INSTEAD: dict[Kind, tuple[tuple[str, Kind], ...]] = {
    "ate": (("ignores the intervention", "correlation"),),
    "ett": (("ignores the intervention", "correlation"), ("wrong rung", "ate")),
    "correlation": (("wrong rung", "ate"),),
    "nde": (("takes the total effect", "ate"), ("takes the other path", "nie")),
    "nie": (("takes the total effect", "ate"), ("takes the other path", "nde")),
    "exp_away": (("ignores what is given", "correlation"),),
}


def mistakes(row: CladderRow, exact: Exact) -> list[str]:
    """The mistakes whose answer is not the gold one, the nearest first."""
    found: list[str] = []
    with suppress(Impossible):
        found = [name for name, answer in _answers(row, exact) if answer != row.answer]
    return found


def _answers(row: CladderRow, exact: Exact) -> list[tuple[str, str]]:
    if row.kind == "det-counterfactual":
        as_it_is = replace(row, action=1 - int(row.action or 0))
        return [("ignores the intervention", exact.answer(as_it_is))]
    if row.kind == "collider_bias":
        return [("conditions on a collider", "yes" if row.polarity else "no")]
    if row.kind == "marginal":
        return [("arithmetic", _unweighted(row, exact))]
    if row.kind == "backadj":
        return _wrong_set(row)
    asks_back = row.kind == "ett"  # it asks about Y_0 against Y_1, every other kind about Y_1 against Y_0
    return [
        (name, exact.answer(replace(row, kind=kind, polarity=row.polarity != asks_back)))
        for name, kind in INSTEAD[row.kind]
    ]


def _unweighted(row: CladderRow, exact: Exact) -> str:
    model, x, y = exact.model(row.world), row.treatment, row.outcome
    mean = sum(model.p({y: 1}, {x: value}) for value in (0, 1)) / 2
    return "yes" if (mean > 0.5) == row.polarity else "no"


def _wrong_set(row: CladderRow) -> list[tuple[str, str]]:
    """What is wrong with the set that the wrong answer prefers; nothing where that set is valid too."""
    yes = row.answer == "no"
    names = row.methods[0 if yes else 1]
    if valid(row, names):
        return []
    graph, chosen = row.world.graph, set(names)
    of_x, of_y = (graph.descendants(name) - {name} for name in (row.treatment, row.outcome))
    if chosen & of_x & of_y:
        name = "conditions on a collider"
    elif chosen & of_x:
        name = "adjusts for a mediator"
    elif valid(row, ()):
        name = "conditions on a collider"
    else:
        name = "leaves a confounder open"
    return [(name, "yes" if yes else "no")]
