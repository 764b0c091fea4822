"""A causal model learnt from a graph and data: a mechanism chosen and fitted for each variable, and what follows.

    fitted = SCM.fit(Graph.parse("Z -> X -> Y; Z -> Y"), data)
    fitted.ate("X", "Y")                             an Effect: estimate, interval, checks
    fitted.counterfactual({"X": 0, "Y": 1}, {"X": 1}).mean("Y")
    fitted.effect(lambda m: m.nde("X", "Y"))         any question that a model answers with a number
    print(fitted)                                    what was chosen for each variable, and why
    fitted.model                                     the model itself, an `SCM`, without uncertainty

All variables discrete: `Discrete`. All lines with normal noise, or correlated noise: `LinearGaussian`. Else
`Functional`, each mechanism with the noise that its residuals show. How each is learnt: `learn`, `ricf`.

Intervals are percentiles of refits on resampled rows, moved to where the estimate stands: answers by Monte Carlo use
the same streams of noise in all refits, so that only the rows vary between them.

Where all is discrete, an answer that depends on how the noise of different rows of a table goes together (most
counterfactuals do) says so in a check, with the answer under the other extreme.

Limits    Intervals of curves know nothing of their bias: about 90 % where they promise 95 % (docs/fit.md).
          The graph is taken as true, the kind of each mechanism as chosen once. Where variables share unseen causes
          (`<->`) a fitted mechanism would take confounding for effect: refused, but for linear models without bows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, final, get_args

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, Impossible, NotIdentified, QueryError, UnknownName
from butfor.core.seeds import generator
from butfor.scm.columns import Columns
from butfor.scm.graph import Edge, Graph
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.event import EventLike, is_event
from butfor.scm.models.fit_checks import all_normal, graph_check, noise_checks, table_checks
from butfor.scm.models.functional import LEAST, Functional
from butfor.scm.models.gaussian import LinearGaussian
from butfor.scm.models.learn import Learner, Logit, TableLearner, forms, line
from butfor.scm.models.model import SCM, Reference, merged
from butfor.scm.models.ricf import fitted as most_likely
from butfor.stats.effect import Check, Effect

Floats = NDArray[np.float64]
Kind = Literal["table", "logit", "linear", "nonlinear"]

LINES: tuple[Kind, ...] = ("linear", "nonlinear")  # kinds that take a discrete variable for a number
FEW = 10  # rows without which nothing is fitted
DRAWS, REFIT_DRAWS = 20_000, 2_000  # of a functional model, and of each refit
SAME = 1e-9  # two answers that differ by less are one
LOST = 0.1  # share of refits that may have no answer


@final
@dataclass(frozen=True, slots=True)
class Why:
    """What was chosen for one variable, and the reason."""

    name: str
    parents: tuple[str, ...]
    kind: str
    reason: str

    def __str__(self) -> str:
        told = f"{self.name} | {', '.join(self.parents)}" if self.parents else self.name
        return f"{told}: {self.kind} ({self.reason})"


@final
@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model; its questions are those of `SCM`, its answers have intervals."""

    source: Source
    why: tuple[Why, ...]
    checks: tuple[Check, ...]
    level: float = 0.95
    done: tuple[Mapping[str, Any], ...] = ()

    @property
    def graph(self) -> Graph:
        return self.model.graph

    @property
    def model(self) -> SCM:
        """The model fitted to all rows."""
        return self._after(self.source.model)

    def __str__(self) -> str:
        return "\n".join(str(line) for line in (*self.why, *self.checks))

    def do(self, assignments: Mapping[str, Any] | str | None = None, /, **values: Any) -> Fitted:
        """The fitted model after an intervention."""
        changed = replace(self, done=(*self.done, merged(assignments, values)))
        changed.model  # noqa: B018  what cannot be done is refused here
        return changed

    def effect(self, question: Callable[[SCM], float], *, null: float | None = 0.0) -> Effect:
        """Any number that a model can be asked for, with its interval, and the p-value of `null`."""
        estimate = question(self._after(self.source.model))
        center, draws = self._center(question)
        found: list[float] = []
        for model in self.source.refits:
            try:
                found.append(question(self._after(_with_draws(model, draws))))
            except Impossible:
                continue
        lost = 1 - len(found) / len(self.source.refits)
        if lost > LOST:
            raise Impossible(
                f"{lost:.0%} of the refits give the evidence no chance: too few rows speak to this question"
            )
        moved = np.sort(np.array(found) - center)
        tail = max(math.floor((len(moved) + 1) * (1 - self.level) / 2), 1)
        low, high = float(moved[tail - 1]), float(moved[-tail])
        p = None if null is None else _p_value(moved, estimate - null)
        checks = (*self.checks, *self._coupled(question, estimate))
        return Effect(
            estimate=estimate, low=estimate + min(low, 0.0), high=estimate + max(high, 0.0), level=self.level, p=p,
            n=self.source.n, method=f"fitted model, bootstrap of rows ({len(found)} refits)", checks=checks,
        )  # fmt: skip

    def chance(self, question: Callable[[SCM], float]) -> Effect:
        """Any probability that a model can be asked for: an effect without a null, between 0 and 1."""
        found = self.effect(question, null=None)
        low, estimate, high = (min(max(value, 0.0), 1.0) for value in (found.low, found.estimate, found.high))
        return replace(found, low=low, estimate=estimate, high=high)

    def p(self, event: EventLike, given: EventLike | None = None) -> Effect:
        """The probability of an event."""
        return self.chance(lambda m: m.p(event, given))

    def mean(self, y: str, given: EventLike | None = None) -> Effect:
        """The mean of a variable; for an event, its probability."""
        return self.p(y, given) if is_event(y) else self.effect(lambda m: m.mean(y, given), null=None)

    def counterfactual(self, evidence: EventLike, do: Mapping[str, Any] | str) -> Imagined:
        """What would have been under `do`, where `evidence` was seen."""
        return Imagined(self, evidence, do)

    def ate(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> Effect:
        """Average effect of X on Y."""
        return self.effect(lambda m: m.ate(x, y, treated, control))

    def att(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> Effect:
        """Effect on the treated."""
        return self.effect(lambda m: m.att(x, y, treated, control))

    def atc(self, x: str, y: str, treated: Any = 1, control: Any = 0) -> Effect:
        """Effect on the controls."""
        return self.effect(lambda m: m.atc(x, y, treated, control))

    def cde(self, x: str, y: str, m_values: Mapping[str, Any] | str, treated: Any = 1, control: Any = 0) -> Effect:
        """Controlled direct effect."""
        return self.effect(lambda m: m.cde(x, y, m_values, treated, control))

    def nde(
        self, x: str, y: str, mediators: Iterable[str] | None = None, treated: Any = 1, control: Any = 0,
        reference: Reference = "control",
    ) -> Effect:  # fmt: skip
        """Natural direct effect."""
        between = None if mediators is None else tuple(mediators)
        return self.effect(lambda m: m.nde(x, y, between, treated, control, reference))

    def nie(
        self, x: str, y: str, mediators: Iterable[str] | None = None, treated: Any = 1, control: Any = 0,
        reference: Reference = "control",
    ) -> Effect:  # fmt: skip
        """Natural indirect effect."""
        between = None if mediators is None else tuple(mediators)
        return self.effect(lambda m: m.nie(x, y, between, treated, control, reference))

    def path_specific(
        self, x: str, y: str, paths: str | Iterable[Sequence[str]] = (), *, edges: Iterable[Edge] = (),
        treated: Any = 1, control: Any = 0, reference: Reference = "control",
    ) -> Effect:  # fmt: skip
        """The effect along some paths."""
        ways = paths if isinstance(paths, str) else tuple(paths)
        kept = tuple(edges)
        return self.effect(
            lambda m: m.path_specific(x, y, ways, edges=kept, treated=treated, control=control, reference=reference)
        )

    def pn(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> Effect:
        """Probability of necessity."""
        return self.chance(lambda m: m.pn(x, y, treated, control, outcome))

    def ps(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> Effect:
        """Probability of sufficiency."""
        return self.chance(lambda m: m.ps(x, y, treated, control, outcome))

    def pns(self, x: str, y: str, treated: Any = 1, control: Any = 0, outcome: Any = 1) -> Effect:
        """Probability of necessity and sufficiency."""
        return self.chance(lambda m: m.pns(x, y, treated, control, outcome))

    def _center(self, question: Callable[[SCM], float]) -> tuple[float, int]:
        """The answer with as many draws as the refits take: more where evidence is too rare for a few."""
        try:
            return question(self._after(_with_draws(self.source.model, REFIT_DRAWS))), REFIT_DRAWS
        except Impossible:
            return question(self._after(_with_draws(self.source.model, DRAWS))), DRAWS

    def _coupled(self, question: Callable[[SCM], float], estimate: float) -> tuple[Check, ...]:
        """Tables do not say how the noise of one row goes with another's: does the answer hang on it?"""
        if not isinstance(self.source.model, Discrete):
            return ()
        other = question(self._after(replace(self.source.model, coupling="independent")))
        if abs(other - estimate) < SAME:
            return ()
        told = (f"data cannot tell how the noise of different rows of a table goes together: {estimate:.3f} if in step "
                f"(monotone), {other:.3f} if independent; bounds hold either way")  # fmt: skip
        return (Check("coupling", False, told),)

    def _after(self, model: SCM) -> SCM:
        for assignments in self.done:
            model = model.do(assignments)
        return model


@final
@dataclass(frozen=True, slots=True)
class Imagined:
    """What would have been, by a fitted model."""

    fitted: Fitted
    evidence: EventLike
    do: Mapping[str, Any] | str

    def p(self, event: EventLike, given: EventLike | None = None) -> Effect:
        """The probability of an event in this world."""
        return self.fitted.chance(lambda m: m.counterfactual(self.evidence, self.do).p(event, given))

    def mean(self, y: str) -> Effect:
        """The mean of a variable in this world; for an event, its probability."""
        if is_event(y):
            return self.p(y)
        return self.fitted.effect(lambda m: m.counterfactual(self.evidence, self.do).mean(y), null=None)


@final
@dataclass(frozen=True, eq=False)
class Source:
    """What the model is learnt from, and the models learnt."""

    graph: Graph
    learners: Mapping[str, Learner]
    columns: Floats | None  # [n, k], where the model is linear with normal noise
    n: int
    refits_asked: int
    draws: int
    seed: int

    @cached_property
    def model(self) -> SCM:
        return self.learnt(np.ones(self.n), self.draws)

    @cached_property
    def refits(self) -> tuple[SCM, ...]:
        rng = generator(self.seed, "rows")
        counts = rng.multinomial(self.n, np.full(self.n, 1 / self.n), size=self.refits_asked)
        return tuple(self.learnt(row.astype(np.float64), REFIT_DRAWS) for row in counts)

    def learnt(self, weights: Floats, draws: int) -> SCM:
        """The model with row i counted weights[i] times."""
        if self.columns is not None:
            return _linear(self.graph, self.columns, weights)
        if all(isinstance(learner, TableLearner) for learner in self.learners.values()):
            tables = {name: learner.table(weights) for name, learner in self.learners.items()
                      if isinstance(learner, TableLearner)}  # fmt: skip
            return Discrete(tables)
        made = {name: learner.mechanism(weights) for name, learner in self.learners.items()}
        return Functional(made, (), draws, self.seed)


def fit(
    graph: Graph | str,
    data: Any,
    *,
    kind: Kind | Mapping[str, Kind] | None = None,
    prior: float = 1.0,
    refits: int = 200,
    draws: int = DRAWS,
    level: float = 0.95,
    seed: int = 0,
    missing: Literal["refuse", "drop"] = "refuse",
) -> Fitted:
    """Learn a model of `graph` from a DataFrame, a mapping of arrays or a CSV file.

    `kind` overrides the choice for all variables or some; `prior`: rows that the Dirichlet prior of a table counts for.
    """
    graph = Graph.parse(graph) if isinstance(graph, str) else graph
    columns = _checked(graph, data, missing)
    kinds: Mapping[str, Kind] = dict.fromkeys(graph.names, kind) if isinstance(kind, str) else dict(kind or {})
    for name, one in kinds.items():
        if name not in graph.index:
            raise UnknownName("variable", name, graph.names)
        if one not in get_args(Kind):
            raise UnknownName("kind of mechanism", one, get_args(Kind))
    if refits < 20 or prior < 0:
        raise QueryError(f"refits={refits} must be 20 or more, and prior={prior} not negative")
    if not 0 < level < 1 or draws < LEAST:
        raise QueryError(f"level={level} must lie between 0 and 1, and draws={draws} be {LEAST} or more")
    if graph.confounded:
        return _with_confounding(graph, columns, kinds, refits, draws, level, seed)
    discrete = {name for name in graph.names if columns.is_discrete(name) and kinds.get(name) not in LINES}
    learners: dict[str, Learner] = {}
    why: list[Why] = []
    for i, name in enumerate(graph.names):
        parents = graph.named(graph.pa[i])
        learners[name], reason = _chosen(columns, name, parents, kinds.get(name), discrete, prior, seed)
        why.append(reason)
    checks = [
        graph_check(graph, learners, columns),
        *table_checks(learners, columns.n),
        *noise_checks(learners, columns.n, seed),
    ]
    lines = all(reason.kind in ("linear", "values") for reason in why) and all_normal(learners, columns.n)
    matrix = columns.matrix(graph.names) if lines else None
    source = Source(graph, learners, matrix, columns.n, refits, draws, seed)
    return Fitted(source, tuple(why), tuple(checks), level)


def _checked(graph: Graph, data: Any, missing: Literal["refuse", "drop"]) -> Columns:
    if not graph.names:
        raise DataError("the graph has no variables: nothing to fit")
    try:
        columns = Columns.read(data, graph.names, missing=missing)
    except UnknownName as error:
        raise DataError(
            f"{error}; every variable of the graph needs a column. What nobody measured is latent: "
            "graph.projected(NAME) leaves it out"
        ) from None
    if columns.n < FEW:
        raise DataError(f"{columns.n} rows are too few to fit anything; {FEW} is the least")
    for name in graph.names:
        if len(columns.codes(name)[1]) == 1:
            raise DataError(f"column {name!r} is constant ({columns[name][0]}): nothing can be learnt from it; "
                            f"leave {name} out of the graph")  # fmt: skip
    return columns


def _with_confounding(
    graph: Graph, columns: Columns, kinds: Mapping[str, Kind], refits: int, draws: int, level: float, seed: int
) -> Fitted:
    """Linear models can tell correlated noise from effects, where no pair has both; others cannot."""
    a, b = graph.confounded[0]
    other = [name for name in graph.names if columns.is_discrete(name) and kinds.get(name) != "linear"]
    other += [name for name, kind in kinds.items() if kind != "linear"]
    if other:
        raise NotIdentified(
            f"{a} <-> {b}: a mechanism fitted for {other[0]} would take confounding for effect. Ask one question: "
            f'identify("P(Y | do(X))", graph).estimate(data); or, if all is linear, kind="linear"'
        )
    matrix = np.stack([columns.number(name) for name in graph.names], axis=1)
    source = Source(graph, {}, matrix, columns.n, refits, draws, seed)
    source.model  # noqa: B018  a bow is refused here
    told = "the graph has bidirected edges: most likely linear model with correlated noise"
    why = tuple(Why(name, graph.named(graph.pa[i]), "linear", told) for i, name in enumerate(graph.names))
    bent = Check("linear-assumed", True, "with bidirected edges, lines and normal noise are assumed, not tested")
    return Fitted(source, why, (bent,), level)


def _chosen(
    data: Columns, name: str, parents: tuple[str, ...], kind: Kind | None, discrete: set[str], prior: float, seed: int
) -> tuple[Learner, Why]:
    """The learner of one variable."""
    numbers = [one for one in (name, *parents) if one not in discrete]
    given = "as asked"
    if kind is None and name in discrete:
        kind = "logit" if numbers else "table"
        given = "discrete, with causes that are numbers" if numbers else "discrete, and so are its causes"
    if kind == "table" and numbers:
        raise DataError(f"{name} cannot have a table: {numbers[0]} is not discrete")
    if kind == "logit" and name in numbers:
        raise DataError(f"{name} cannot have a logit: it is not discrete")
    if kind == "table" or (kind == "logit" and not parents):
        return TableLearner.of(data, name, parents, prior), Why(name, parents, "table", given)
    if kind == "logit":
        return Logit.of(data, name, parents), Why(name, parents, "logit", given)
    if not data.is_number(name):
        raise DataError(
            f"{name} cannot be {kind}: it holds labels; code them as numbers first, or let a table be fitted"
        )
    if not parents:
        return line(data, name, ()), Why(name, parents, "values", "a number without causes: the values seen")
    if kind == "linear":
        return line(data, name, parents), Why(name, parents, "linear", "as asked")
    found = forms(data, name, parents, seed)
    best = found[min(1, len(found) - 1)] if kind == "nonlinear" else found[0]
    for form in found[1:]:
        best = form if form.beats(best) else best
    told = "error on rows left out: " + ", ".join(f"{form.error:.3g} {form.name}" for form in found)
    return best.learner, Why(name, parents, best.name, f"as asked; {told}" if kind else told)


def _with_draws(model: SCM, draws: int) -> SCM:
    return replace(model, draws=draws) if isinstance(model, Functional) else model


def _linear(graph: Graph, columns: Floats, weights: Floats) -> LinearGaussian:
    """The most likely linear-Gaussian model of weighted rows [n, k]."""
    total = weights.sum()
    mean = weights @ columns / total
    away = columns - mean
    return most_likely(graph, mean, (away * weights[:, None]).T @ away / total)


def _p_value(moved: Floats, distance: float) -> float:
    """Two-sided: how often do refits stray from the estimate as far as the null lies, on its side?"""
    beyond = min(float(np.mean(moved <= -distance)), float(np.mean(moved >= -distance)))
    return min(2 * (beyond * len(moved) + 1) / (len(moved) + 1), 1.0)
