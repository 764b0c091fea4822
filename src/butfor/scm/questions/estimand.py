"""From a question and a graph to what has to be computed, how that was derived, and its value.

    e = identify("E[Y | do(X=1)] - E[Y | do(X=0)]", g)
    print(e, *e.steps, sep="\\n")
    e.estimate(data)                    an Effect, by the estimator that fits how the question was identified
    e.evaluate(m)                       its exact value on the distribution of a known discrete model

The way is the simplest there is: adjustment where some set is valid, else the front door, else whatever ID finds. What
stays open in the question (`P(Y | do(X))`) is named when the value is asked for: `e.evaluate(m, X=1, Y=1)`; an estimate
of it is the effect of one level of X against the other. A variable that is free in the estimand alone may take any
value: the average over its distribution is taken, without values at which the data cannot show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from butfor.core.errors import NotIdentified, QueryError, UnknownName
from butfor.scm.columns import Columns
from butfor.scm.graph import Graph
from butfor.scm.graphs.adjust import adjustment_sets
from butfor.scm.graphs.frontdoor import front_door_sets
from butfor.scm.questions.evaluation import Table, evaluate
from butfor.scm.questions.expression import Combination, Distribution, Node, P, Value, at, mean, product, total
from butfor.scm.questions.identification import Search, Step
from butfor.scm.questions.query import Query, Question, Term, assignments
from butfor.stats.effect import Effect

DOORS = 400  # variables: with more, finding a front door takes longer than ID, which finds the same estimand

Way = Literal["seen", "back-door", "front-door", "general", "counterfactual"]


@dataclass(frozen=True, slots=True)
class Identified:
    """One question answered in general: an expression with its variables free, and how it was found."""

    body: Node
    way: Way
    through: tuple[str, ...] = ()  # the variables adjusted for, or the mediators
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimand:
    """What a causal question comes to in terms of what is seen."""

    query: Query
    graph: Graph
    body: Node
    found: tuple[Identified, ...]  # one for each different question in the query

    @property
    def steps(self) -> tuple[str, ...]:
        """The derivation, rule by rule."""
        return tuple(step for one in self.found for step in one.steps)

    @property
    def way(self) -> Way:
        """How it was identified; a query of several different questions is as hard as its hardest."""
        order: tuple[Way, ...] = ("seen", "back-door", "front-door", "general", "counterfactual")
        return order[max(order.index(one.way) for one in self.found)]

    @property
    def through(self) -> tuple[str, ...]:
        """The variables adjusted for (back-door), or the mediators (front-door)."""
        return self.found[0].through

    @property
    def free(self) -> frozenset[str]:
        """The variables whose values are still to be said."""
        found: set[str] = set()
        for _, question in self.query.parts:
            asked = question.outcome if question.kind == "P" else ()  # a mean is over all values of its variable
            found |= {term.variable for term in (*asked, *question.do, *question.given) if term.value is None}
        return frozenset(found)

    def latex(self) -> str:
        """The estimand in LaTeX, for math mode."""
        return self.body.latex()

    def __str__(self) -> str:
        return str(self.body)

    def evaluate(self, model: Any, /, **values: Value) -> float:
        """The exact value on the observational distribution of a model with discrete variables."""
        if not isinstance(model, Distribution):
            raise QueryError(
                f"{type(model).__name__} has no table of probabilities to evaluate on: give a discrete model,"
                " or ask it directly, for example model.ate('X', 'Y')"
            )
        self._check(values)
        return self.value(model, values)

    def value(self, distribution: Distribution, values: Mapping[str, Value]) -> float:
        """Its value on any distribution; what is free in the estimand alone is averaged over, where it can be had."""
        left = [name for name in self.graph.names if name in self.body.free and name not in values]
        if missing := [name for name in left if name in self.free]:
            example = ", ".join(f"{name}={distribution.labels[name][-1]}" for name in missing)
            raise QueryError(
                f"{self.query} is a function of {', '.join(missing)}: say at which value, such as {example}"
            )
        found = evaluate(self.body, distribution, values, left).over(left)
        weights = np.where(np.isnan(found), 0.0, distribution.joint(left) if left else 1.0)
        return float(np.sum(weights * np.nan_to_num(found)) / np.sum(weights))

    def table(self, distribution: Distribution) -> Table:
        """Its value for every value of its free variables."""
        return self.body.table(distribution)

    def estimate(self, data: Any, /, *, level: float = 0.95, seed: int = 0, **options: Any) -> Effect:
        """The effect, from a DataFrame, a mapping of arrays or a CSV file; `plan` says with which estimator."""
        estimator, columns = self.plan(data, level=level, seed=seed, **options)
        return estimator(columns)

    def plan(self, data: Any, /, **options: Any) -> tuple[Any, Columns]:
        """The estimator for this question and the columns it takes: see `estimation.plan`."""
        from butfor.scm.questions.estimation import plan

        return plan(self, data, **options)

    def _check(self, values: Iterable[str]) -> None:
        for name in values:
            if name not in self.free and name not in self.body.free:
                raise UnknownName("free variable", name, self.free | self.body.free, f"the question is {self.query}")


def identify(
    query: str | Query,
    graph: Graph | str,
    *,
    how: Literal["simplest", "id"] = "simplest",
    two_valued: Mapping[str, tuple[Value, Value]] | None = None,
) -> Estimand:
    """What a question comes to in a graph, or `NotIdentified` with the reason; `how="id"` takes no short cut.

    `two_valued={"X": (0, 1)}` says that X has no third value, which settles some counterfactual questions.
    """
    asked = Query.parse(query) if isinstance(query, str) else query
    world = Graph.read(graph) if isinstance(graph, str) else graph
    for _, question in asked.parts:
        _known(question.terms, world)
    known: dict[Any, Identified] = {}
    terms: list[tuple[float, Node]] = []
    for weight, question in asked.parts:
        key = (
            question if question.counterfactual else tuple(map(_names, (question.outcome, question.do, question.given)))
        )
        if key not in known:
            known[key] = _identified(question, world, how, two_valued)
        body = known[key].body
        if question.kind == "E":
            body = mean(question.outcome[0].variable, body)
        if not question.counterfactual:
            body = at(body, assignments(question.terms))
        terms.append((weight, body))
    body = terms[0][1] if len(terms) == 1 and terms[0][0] == 1 else Combination(tuple(terms))
    return Estimand(asked, world, body, tuple(known.values()))


def _names(terms: Iterable[Term]) -> tuple[str, ...]:
    return tuple(term.variable for term in terms)


def _known(terms: Iterable[Term], graph: Graph) -> None:
    for term in terms:
        if term.variable not in graph.index:
            raise UnknownName("variable", term.variable, graph.names)
        _known(term.do, graph)


def _identified(
    question: Question, graph: Graph, how: str, two_valued: Mapping[str, tuple[Value, Value]] | None
) -> Identified:
    if question.counterfactual:
        from butfor.scm.questions.counterfactual import counterfactual

        body, steps = counterfactual(question, graph, two_valued)
        return Identified(body, "counterfactual", (), steps)
    y, x, z = map(_names, (question.outcome, question.do, question.given))
    if how == "simplest" and x and not z and graph.descendants_of(graph.set(x)) & graph.set(y):
        for shortcut in (_adjusted, _through):
            try:
                return shortcut(graph, y, x)
            except NotIdentified:
                continue
    search = Search(graph)
    body = search.conditional(graph.set(y), graph.set(x), graph.set(z))
    return Identified(body, "general" if x else "seen", (), _told(search.steps, graph))


def _told(steps: Iterable[Step], graph: Graph) -> tuple[str, ...]:
    return tuple(step.text(graph) for step in steps)


def _adjusted(graph: Graph, y: tuple[str, ...], x: tuple[str, ...]) -> Identified:
    """P(y | do(x)) = Σ_z P(y | x, z) P(z)."""
    chosen = next(adjustment_sets(graph, x, y), None)
    if chosen is None:
        raise NotIdentified("nothing can be adjusted for")
    z = graph.sorted(graph.set(chosen))
    inside, one, two = (", ".join(names) for names in (z, x, y))
    if not z:
        told = f"back-door: no open path enters {one} from behind, so seeing {one} is as good as setting it"
        return Identified(P(y, x), "back-door", (), (told,))
    told = f"back-door: {{{inside}}} blocks every path into {one} from behind and is not caused on the way to {two}"
    body = total(z, product([P(y, (*x, *z)), P(z)]))
    return Identified(body, "back-door", z, (told, f"adjust: P({two} | do({one})) = {body}"))


def _through(graph: Graph, y: tuple[str, ...], x: tuple[str, ...]) -> Identified:
    """P(y | do(x)) = Σ_m P(m | x) Σ_x' P(y | x', m) P(x')."""
    if len(x) > 1 or len(graph.names) > DOORS:
        raise NotIdentified("the front door is looked for with one treatment, in graphs that are not too large")
    found = next(front_door_sets(graph, x, y), None)
    if found is None:
        raise NotIdentified("there is no front door")
    m = graph.sorted(graph.set(found))
    inside, one, two = (", ".join(names) for names in (m, x, y))
    steps = (
        f"front-door: every directed path from {one} to {two} goes through {{{inside}}}",
        f"front-door: nothing unseen joins {one} and {{{inside}}}, so P({inside} | do({one})) = P({inside} | {one})",
        f"front-door: {one} blocks every path into {{{inside}}} from behind, so adjust for {one} there",
    )
    body = total(m, product([P(m, x), total(x, product([P(y, (*x, *m)), P(x)]))]))
    return Identified(body, "front-door", m, steps)
