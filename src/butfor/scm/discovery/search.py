"""One search for causes: a method by its name, run on a matrix, as a pattern that keeps the rules.

The searches are those of andrey-core; `exact` is ours, over the posterior of `posterior.py`. Beliefs enter the methods
that score graphs: the search with the rules alone gives a start, `climb.py` goes on from there with the beliefs. The
pattern then shows what data, rules and beliefs decide together: the class of the best graph, with the edges that rules
or unequal beliefs direct, and what follows from these by Meek's rules.

Source    Spirtes & Glymour 1991 (PC); Spirtes, Meek & Richardson 1995 (FCI); Ogarrio, Spirtes & Ramsey 2016 (GFCI);
          Chickering 2002 (GES); Andrews et al. 2023 (BOSS); Shimizu et al. 2011 (DirectLiNGAM).
Limits    Every method but FCI and GFCI takes it that no latent variable causes two of the columns.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, GraphError, UnknownName, UserError
from butfor.core.extras import need
from butfor.scm.columns import Columns, Floats
from butfor.scm.discovery.climb import climb
from butfor.scm.discovery.posterior import best_dag, families
from butfor.scm.discovery.priors import Rules
from butfor.scm.discovery.scores import Score, score_of
from butfor.scm.graph import Graph
from butfor.scm.graphs.equivalence import Marks, Pattern, cpdag, dag_of, meek

Test = Literal["gaussian", "discrete", "mixed"]
TESTS = {"gaussian": "fisherz", "discrete": "gsq", "mixed": "degen_gauss"}
SCORES = {"gaussian": "local_score_BIC", "discrete": "local_score_BDeu", "mixed": "local_score_degen_gauss"}


@final
@dataclass(frozen=True, slots=True)
class Method:
    """What a search needs to know and says."""

    call: str  # the function of andrey-core; empty: ours
    about: str
    tests: bool = False  # asks for independences at level alpha
    scores: bool = False  # asks for scores, and so can weigh beliefs
    latent: bool = False  # allows for latent common causes
    numbers: bool = False  # needs columns of numbers


METHODS = {
    "boss": Method("boss", "best order, scored by families", scores=True),
    "ges": Method("ges", "greedy search over equivalence classes", scores=True),
    "exact": Method("", "the best-scoring graph of all, up to 12 variables", scores=True),
    "pc": Method("pc", "independence tests", tests=True),
    "fci": Method("fci", "independence tests, latent common causes allowed", tests=True, latent=True),
    "gfci": Method("gfci", "scores, then tests, latent common causes allowed", True, scores=True, latent=True),
    "lingam": Method("direct_lingam", "linear effects and non-Gaussian noise give every direction", numbers=True),
}


def method_of(name: str) -> Method:
    """A method by its name."""
    if name not in METHODS:
        raise UnknownName("method", name, [*METHODS, "auto"])
    return METHODS[name]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search that is ready to run on any rows of its data."""

    method: str
    matrix: Floats  # [n, d], discrete columns as codes
    discrete: NDArray[np.bool_]  # [d]
    rules: Rules
    alpha: float
    seed: int

    def __post_init__(self) -> None:
        chosen = method_of(self.method)
        if chosen.numbers and self.discrete.any():
            names = [name for name, yes in zip(self.rules.names, self.discrete, strict=True) if yes]
            raise UserError(f"{self.method} needs numbers, but {', '.join(names[:6])} are categories; try boss or pc")
        if self.rules.soft and (chosen.latent or not chosen.scores):
            fitting = [name for name, each in METHODS.items() if each.scores and not each.latent]
            raise UserError(f"{self.method} cannot weigh beliefs; methods that can: {', '.join(fitting)}")

    @property
    def kind(self) -> Test:
        """Which test or score suits the columns."""
        return "discrete" if self.discrete.all() else "mixed" if self.discrete.any() else "gaussian"

    def score(self, rows: NDArray[np.int64] | None = None) -> Score:
        """The score of graphs on some rows."""
        matrix = self.matrix if rows is None else self.matrix[rows]
        if (matrix == matrix[0]).all(axis=0).any():
            raise DataError("a column is constant in these rows")
        columns = Columns({name: matrix[:, j] for j, name in enumerate(self.rules.names)})
        return score_of(columns, [name for name, yes in zip(self.rules.names, self.discrete, strict=True) if yes])

    def run(self, rows: NDArray[np.int64] | None = None) -> Pattern:
        """The pattern found on some rows; raises `DataError` where the method cannot work on them."""
        if not method_of(self.method).call:
            parents, _ = best_dag(families(self.score(rows), self.rules))
            return shown(Graph.of(self.rules.names, parents, [0] * len(parents)), self.rules)
        found = Pattern(self.rules.names, self._andrey(self.matrix if rows is None else self.matrix[rows]))
        if self.rules.soft:
            parents, _ = climb(self.score(rows), self.rules, member_of(found, self.rules))
            found = shown(Graph.of(self.rules.names, parents, [0] * len(parents)), self.rules)
        if not self.rules.empty and (broken := self.rules.broken_by(found)):
            raise DataError(
                f"{self.method} found no graph that keeps every rule ({broken[0]}): the data insist on the contrary; "
                "methods that score graphs always find one: try boss"
            )
        return found

    def _andrey(self, matrix: Floats) -> Marks:
        """What andrey-core finds, as marks."""
        andrey: Any = need("andrey")
        method = METHODS[self.method]
        options: dict[str, Any] = {}
        if method.tests:
            options |= {"alpha": self.alpha, "indep_test": TESTS[self.kind]}
        if method.scores:
            options["score_func"] = SCORES[self.kind]
        if self.kind == "mixed":
            options["categorical"] = np.flatnonzero(self.discrete).tolist()
        if self.method == "boss":
            options["seed"] = self.seed
        options["knowledge"] = self._knowledge(andrey)
        try:
            with andrey.config(backend="numpy", num_workers=1), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = getattr(andrey, method.call)(matrix, **options)
        except need("andrey.core.knowledge").KnowledgeError as error:
            raise DataError(
                f"the tests of {self.method} keep edges that the rules direct into a cycle; methods that score graphs "
                "fit the edges to the rules: try boss"
            ) from error
        except ValueError as error:
            raise DataError(f"{self.method} cannot work on these data: {error}") from error
        return found.structure.to_numpy().T.astype(np.int8)

    def _knowledge(self, andrey: Any) -> Any:
        if self.rules.empty:
            return None
        required = [(int(i), int(j)) for i, j in np.argwhere(self.rules.required)]
        against = self.rules.forbidden & ~np.eye(len(self.rules.names), dtype=bool)
        forbidden = [(int(i), int(j)) for i, j in np.argwhere(against)]
        return andrey.Knowledge(required=required, forbidden=forbidden)


def member_of(found: Pattern, rules: Rules) -> tuple[int, ...]:
    """Sets of parents of a DAG in the class of a pattern; where there is none, of the required edges alone."""
    try:
        return dag_of(found).pa
    except GraphError:  # a PAG, or tests that contradict each other
        return rules.bare


def shown(dag: Graph, rules: Rules) -> Pattern:
    """What data, rules and beliefs decide of the best graph: its class, directed further where they direct it."""
    found = cpdag(dag)
    marks = found.marks.copy()
    there = Pattern.from_graph(dag).directed
    open_ended = (marks == 1) & (marks.T == 1)
    decided = there & open_ended & (rules.forbidden.T | (rules.odds != rules.odds.T))
    marks[decided] = 2
    return meek(Pattern(found.names, marks))
