"""Counterfactual truth by enumeration: every state of every unseen cause, and what each variable is in each world.

Nothing here uses the engine beyond `Graph` and the parsed question: a variable is a table of functions, one for each
value of its own noise and of the latents on its bidirected edges, and a world is evaluated once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from butfor.scm.graph import Graph
from butfor.scm.questions.query import Query, Question, Term


class Enumerated:
    """A random discrete SCM over a graph; P(V) > 0 everywhere unless `steady` is 0."""

    def __init__(self, graph: Graph, rng: Generator, levels: int = 2, noise: int = 2, steady: float = 0.3) -> None:
        self.graph = graph
        self.sizes = {name: int(rng.integers(2, levels + 1)) for name in graph.names}
        edges = graph.confounded
        latent = [rng.dirichlet(np.ones(2)) for _ in edges]
        own = {
            name: np.concatenate([rng.dirichlet(np.ones(noise)) * (1 - steady), rng.dirichlet(np.ones(k) * 3) * steady])
            for name, k in self.sizes.items()
        }
        sizes = [*(len(prior) for prior in latent), *(len(own[name]) for name in graph.names)]
        state = np.array(list(product(*(range(size) for size in sizes)))).T  # [unseen, states]
        self.weight: NDArray[np.float64] = np.prod(
            [prior[state[i]] for i, prior in enumerate([*latent, *(own[name] for name in graph.names)])], axis=0
        )
        self.causes = {name: [a for a in graph.names if name in graph.children(a)] for name in graph.names}
        self.functions: dict[str, NDArray[np.int64]] = {}
        for i, name in enumerate(graph.names):
            k = self.sizes[name]
            near = [state[e] for e, pair in enumerate(edges) if name in pair]
            table = rng.integers(
                0, k, size=[*(self.sizes[a] for a in self.causes[name]), *([2] * len(near)), noise + k]
            )
            table[..., noise:] = np.arange(k)  # the last values of its noise set it, whatever the causes
            where = (slice(None),) * len(self.causes[name])
            self.functions[name] = table[(*where, *near, state[len(edges) + i])]  # [causes…, states]
        self._known: dict[Term, NDArray[np.int64]] = {}
        self._joint: dict[tuple[str, ...], NDArray[np.float64]] = {}

    @property
    def labels(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(range(size)) for name, size in self.sizes.items()}

    def value(self, term: Term) -> NDArray[np.int64]:
        """A variable in the world of its subscript, in every state [states]."""
        if term not in self._known:
            seen = [self._set(cause, term.do) for cause in self.causes[term.variable]]
            self._known[term] = self.functions[term.variable][(*seen, np.arange(len(self.weight)))]
        return self._known[term]

    def _set(self, name: str, do: tuple[Term, ...]) -> NDArray[np.int64]:
        for setting in do:
            if setting.variable == name:
                if setting.value is None:
                    return self.value(Term(name, None, setting.do))
                return np.full(len(self.weight), int(setting.value))
        return self.value(Term(name, None, do))

    def joint(self, names: Sequence[str]) -> NDArray[np.float64]:
        names = tuple(names)
        if names not in self._joint:
            shape = [self.sizes[name] for name in names]
            flat = np.ravel_multi_index([self.value(Term(name)) for name in names], shape) if names else 0
            found = np.bincount(np.atleast_1d(flat), self.weight, int(np.prod(shape))) if names else np.ones(())
            self._joint[names] = found.reshape(shape)
        return self._joint[names]

    def chance(self, event: Iterable[Term]) -> float:
        """The probability of a conjunction over any worlds."""
        hit = np.ones(len(self.weight), dtype=bool)
        for term in event:
            assert term.value is not None
            hit &= self.value(Term(term.variable, None, term.do)) == int(term.value)
        return float(self.weight[hit].sum())

    def answer(self, text: str) -> float:
        """The value of a question all of whose terms have values; NaN where its condition never happens."""
        return sum(weight * self.value_of(question) for weight, question in Query.parse(text).parts)

    def value_of(self, question: Question) -> float:
        terms = [Term(t.variable, t.value, t.do or question.do) for t in question.outcome]
        given = [Term(t.variable, t.value, t.do or question.do) for t in question.given]
        below = self.chance(given)
        if below <= 0:
            return float("nan")
        if question.kind == "P":
            return self.chance([*terms, *given]) / below
        (term,) = terms
        levels = range(self.sizes[term.variable])
        return sum(k * self.chance([Term(term.variable, k, term.do), *given]) for k in levels) / below
