"""Which estimator answers an identified question.

    back-door       `Adjust` (aipw by default), where the question is a difference between two levels of one treatment
    front-door      `FrontDoor`, likewise
    anything else   `Plugin`: the estimand itself on the frequencies of discrete data

A difference is either written out, `E[Y | do(X=1)] - E[Y | do(X=0)]`, or meant by leaving the treatment open:
`P(Y | do(X))` is the difference between its two levels, upper minus lower (`treated=` and `control=` name them where
there are more). For an outcome with labels it is the difference in the probability of one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from butfor.core.errors import QueryError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.estimate import Adjust, FrontDoor, Plugin
from butfor.scm.estimate.adjust import How
from butfor.scm.questions.estimand import Estimand
from butfor.scm.questions.evaluation import place
from butfor.scm.questions.expression import At as AtNode
from butfor.scm.questions.expression import (
    Combination,
    Distribution,
    Mean,
    Node,
    P,
    Product,
    Ratio,
    Sum,
    Value,
    at,
    mean,
)
from butfor.scm.questions.query import Question
from butfor.stats.effect import Effect


@dataclass(frozen=True, slots=True)
class NoPath:
    """No estimate at all: in the graph `x` does not cause `y`, so the difference is 0 whatever the data."""

    rows: int
    method: str
    level: float

    def __call__(self, data: Any) -> Effect:
        del data
        return Effect(estimate=0.0, low=0.0, high=0.0, level=self.level, p=None, n=self.rows, method=self.method)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference between two levels of one treatment."""

    x: str
    y: str
    treated: Value
    control: Value
    level: Value | None  # of the outcome, whose probability is meant; None: its mean
    weight: float = 1.0


def plan(
    estimand: Estimand,
    data: Any,
    /,
    *,
    treated: Value | None = None,
    control: Value | None = None,
    how: How | None = None,
    level: float = 0.95,
    seed: int = 0,
    missing: Literal["refuse", "drop"] = "refuse",
    **values: Value,
) -> tuple[Any, Columns]:
    """The estimator and the columns it takes."""
    needed = sorted(variables(estimand.body) | estimand.free, key=estimand.graph.index.__getitem__)
    columns = Columns.read(data, needed, missing=missing)
    for name in values:
        if name not in estimand.free:
            raise UnknownName("option or free variable", name, estimand.free | {"how", "treated", "control", "level"})
    contrast = None if values else contrasted(estimand, columns, treated, control)
    if contrast and contrast.x not in variables(estimand.body):
        told = f"the graph has no path from {contrast.x} to {contrast.y}: no difference, whatever the data"
        return NoPath(columns.n, told, level), columns
    if contrast and contrast.weight == 1 and estimand.way == "back-door":
        column, columns = outcome(columns, contrast)
        return Adjust(
            contrast.x, column, estimand.through, treated=contrast.treated, control=contrast.control,
            how=how or "aipw", level=level, seed=seed,
        ), columns  # fmt: skip
    if contrast and contrast.weight == 1 and estimand.way == "front-door" and how is None:
        column, columns = outcome(columns, contrast)
        return FrontDoor(
            contrast.x, estimand.through, column, treated=contrast.treated, control=contrast.control,
            level=level, seed=seed,
        ), columns  # fmt: skip
    if how not in (None, "plugin"):
        raise QueryError(f"how={how!r} is for differences that adjustment identifies; this needs how='plugin'")
    body = difference(estimand, contrast) if contrast else estimand.body
    asked = Estimand(estimand.query, estimand.graph, body, estimand.found)
    if not contrast and (open_ := asked.free - set(values)):
        raise QueryError(f"{estimand.query} is a function of {', '.join(sorted(open_))}: say a value of each")
    return Plugin(
        tuple(needed), partial(_value, asked, values), x=contrast.x if contrast else "",
        y=contrast.y if contrast else "", null=0.0 if len(estimand.query.parts) > 1 or contrast else None,
        level=level, seed=seed, method=f"plug-in of {body}",
    ), columns  # fmt: skip


def _value(estimand: Estimand, values: dict[str, Value], distribution: Distribution) -> float:
    return estimand.value(distribution, values)


def contrasted(estimand: Estimand, columns: Columns, treated: Value | None, control: Value | None) -> Contrast | None:
    """The difference that the question is, if it is one."""
    weights = [weight for weight, _ in estimand.query.parts]
    questions = [question for _, question in estimand.query.parts]
    if any(q.counterfactual or q.given or len(q.do) != 1 or len(q.outcome) != 1 for q in questions):
        return None
    first = questions[0]
    (x,), (y,) = first.do, first.outcome
    if len(weights) == 2 and weights[0] == -weights[1]:
        second = questions[1]
        same = second.kind == first.kind and second.outcome == first.outcome and second.do[0].variable == x.variable
        if not same or x.value is None or (last := second.do[0].value) is None:
            return None
        if weights[0] < 0:
            return Contrast(x.variable, y.variable, last, x.value, _level(first, columns), weights[1])
        return Contrast(x.variable, y.variable, x.value, last, _level(first, columns), weights[0])
    if weights != [1] or x.value is not None:
        return None
    upper, lower = _levels(columns, x.variable, treated, control)
    return Contrast(x.variable, y.variable, upper, lower, _level(first, columns))


def _levels(columns: Columns, x: str, treated: Value | None, control: Value | None) -> tuple[Value, Value]:
    if not columns.is_discrete(x):
        return (1 if treated is None else treated), (0 if control is None else control)
    levels = list(columns.codes(x)[1])
    if len(levels) < 2:
        raise QueryError(f"{x} is always {levels[-1]} in the data: there is nothing to compare it with")
    if len(levels) > 2 and (treated is None or control is None):
        shown = ", ".join(map(str, levels[:6]))
        raise QueryError(
            f"{x} has the values {shown}: say which two to compare, treated={levels[-1]}, control={levels[0]}"
        )
    return (levels[-1] if treated is None else treated), (levels[0] if control is None else control)


def _level(question: Question, columns: Columns) -> Value | None:
    y = question.outcome[0]
    if question.kind == "E" or (y.value is None and columns.is_number(y.variable)):
        return None
    if y.value is not None:
        return y.value
    *others, last = columns.codes(y.variable)[1]
    if len(others) > 1:
        shown = ", ".join(map(str, [*others[:6], last]))
        told = f"P({y.variable}={last} | …)"
        raise QueryError(f"{y.variable} has the values {shown}: ask for one of them, as in {told}")
    return last


def outcome(columns: Columns, contrast: Contrast) -> tuple[str, Columns]:
    """The column whose mean is compared: the outcome, or a new one that says where it is at a level."""
    if contrast.level is None:
        return contrast.y, columns
    codes, levels = columns.codes(contrast.y)
    name = f"{contrast.y}={contrast.level}"
    hit = codes == place(contrast.y, contrast.level, levels)
    return name, columns.with_(**{name: hit.astype(np.float64)})


def difference(estimand: Estimand, contrast: Contrast) -> Node:
    """The estimand of a difference."""
    if len(estimand.query.parts) > 1:
        return estimand.body
    body = estimand.found[0].body
    if contrast.level is None:
        body = mean(contrast.y, body)
    else:
        body = at(body, {contrast.y: contrast.level})
    return Combination(
        ((1.0, at(body, {contrast.x: contrast.treated})), (-1.0, at(body, {contrast.x: contrast.control})))
    )


def variables(node: Node) -> frozenset[str]:
    """All columns that an expression reads."""
    match node:
        case P(outcome, given):
            return frozenset(outcome) | frozenset(given)
        case Product(parts):
            return frozenset[str]().union(*map(variables, parts))
        case Ratio(top, bottom):
            return variables(top) | variables(bottom)
        case Sum(_, body) | AtNode(body, _) | Mean(_, body):
            return variables(body)
        case Combination(terms):
            return frozenset[str]().union(*(variables(part) for _, part in terms))
        case _:
            raise TypeError(f"not an expression: {type(node).__name__}")
