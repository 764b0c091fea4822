"""CaLM's answers, recomputed from the words of the question where these decide it.

backadj        "more correct": Method 1's set is valid and Method 2's is not (back-door criterion on the told graph)
collider_bias  does X affect Y: is there a directed path in the told graph
correlation    the sign of P(Y|X=1) - P(Y|X=0) = c/a - b/(1-a), told a = P(X=1), b = P(X=0, Y=1), c = P(X=1, Y=1)
exp_away       the sign of P(Y|X=1, C=1) - P(Y|X=0, C=1), which is that of P(Y|X=1, C=1) - P(Y|C=1); both are told
det-…          what would be in every world that fits the rules (see `calm_told`); told in made-up words alone
Numbers        are told in whole percent: a sign counts where all numbers within half a percent of the told ones have it
Limits         Nothing is said (None) where rounding leaves the sign open, of counterfactuals told in real phrases, and
               of variables that the question calls by another name than the background.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

from butfor.core.errors import GraphError, UnknownName
from butfor.data.calm import CalmRow
from butfor.evaluate.reason.calm_told import would
from butfor.scm.graph import Graph
from butfor.scm.graphs.adjust import is_adjustment_set

HALF = 0.005  # a number told in whole percent may be so far from the true one
EFFECT = re.compile(r"(.+) has a direct effect on (.+)")
METHOD = re.compile(r"Method [12]: We look (?:directly at how|at) .+?(?: case by case according to (.+?))?\.(?: |$)")
AFFECTS = re.compile(r".*does it mean that (.+) (affects|does not affect) (.+)\?")
BETTER = re.compile(r"To understand how (.+) affects (.+), is it more correct to use the Method 1 than Method 2\?")
SHARE = re.compile(r"(\d+)%")


def exact_answer(row: CalmRow) -> str | None:
    """Yes or no as it follows from the question; None where the question leaves it open, or is worded otherwise."""
    try:
        match row.task:
            case "backadj":
                return _better(row)
            case "collider_bias":
                return _affects(row)
            case "correlation":
                return _signed(row, "larger", _correlation)
            case "exp_away":
                return _signed(row, "increase", _explained)
            case "det-counterfactual":
                answer = would(row.facts, row.question)
                return None if answer is None else _said(answer)
    except (GraphError, UnknownName):
        return None


def told_graph(background: str) -> Graph:
    """The graph whose effects a background names one cause a sentence; names are in small letters."""
    edges: list[tuple[str, str]] = []
    for sentence in background.partition(": ")[2].lower().split(". "):
        if found := EFFECT.fullmatch(sentence.removesuffix(".")):
            edges += [(found[1], effect) for effect in found[2].split(" and ")]
    return Graph(dict.fromkeys(name for edge in edges for name in edge), edges)


def _better(row: CalmRow) -> str | None:
    asked, methods = BETTER.fullmatch(row.question), METHOD.findall(row.facts)
    if not asked or len(methods) != 2:
        return None
    graph, x, y = told_graph(row.background), asked[1].lower(), asked[2].lower()
    first, second = (
        is_adjustment_set(graph, x, y, (given.lower(),) if given else (), rule="back-door") for given in methods
    )
    return _said(first and not second)


def _affects(row: CalmRow) -> str | None:
    asked = AFFECTS.fullmatch(row.question)
    if not asked:
        return None
    graph = told_graph(row.background)
    return _said((asked[3].lower() in graph.descendants(asked[1].lower())) == (asked[2] == "affects"))


def _signed(row: CalmRow, up: str, number: Callable[..., float]) -> str | None:
    """The sign that the number has for everything that rounds to what is told; None where it has more than one."""
    told = [int(share) / 100 for share in SHARE.findall(row.facts)]
    signs: set[bool] = set()
    for ends in product(*((max(share - HALF, 0.0), min(share + HALF, 1.0)) for share in told)):
        signs.add(number(*ends) > 0)
    return _said(signs.pop() == (f" {up} " in row.question)) if len(signs) == 1 else None


def _correlation(a: float, b: float, c: float) -> float:
    return c * (1 - a) - b * a  # the sign of c/a - b/(1-a)


def _explained(_x: float, _: float, without: float, __: float, given: float) -> float:
    return given - without


def _said(yes: bool) -> str:
    return "yes" if yes else "no"
