"""Response types: everything that a discrete model with unseen causes can be, as probabilities of finitely many types.

A variable with k values whose parents take c joint values answers them in one of k^c ways. Whatever is unseen in a
district (variables that bidirected paths join) matters only through the joint answer of the district, its *type*: one
number from 0 to ∏ k^c. A model is then a distribution q_D over the types of each district, the q_D are independent,

    Q[D](d | parents) = Σ over types that answer d of q_D(type)          (what the data say: rows A q = b)
    P(counterfactual event) = Σ over types of 1{event} ∏ q_D(type_D)     (the question: an axis for each district)

and Q[D], the district's factor of the joint distribution, is a product of conditionals (Tian & Pearl 2002).

Source   Balke & Pearl 1994, 1997 (canonical partition); Zhang, Tian & Bareinboim 2022 (counterfactuals).
Limits   Exponential in the number of parents. A district whose variables are not all joined pairwise gets one unseen
         cause for all, so bounds hold but may be wider than necessary (`exact` is then False).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import QueryError
from butfor.scm.bounds.value import Floats, Joint
from butfor.scm.graph import Graph, bits
from butfor.scm.questions.evaluation import place
from butfor.scm.questions.query import Term

Codes = NDArray[np.int64]
Event = tuple[Term, ...]  # every term has a value
CELLS = 1 << 22  # combinations of types at most


def variables_of(terms: Sequence[Term]) -> set[str]:
    """All variables that terms speak of, those in their subscripts among them."""
    found = {term.variable for term in terms}
    return found.union(*(variables_of(term.do) for term in terms)) if terms else found


@dataclass(frozen=True)
class Types:
    """The response types of the districts that a question touches."""

    graph: Graph
    labels: dict[str, tuple[Any, ...]]
    districts: tuple[int, ...]
    exact: bool

    @classmethod
    def of(cls, graph: Graph, labels: dict[str, tuple[Any, ...]], mentioned: set[str]) -> Types:
        """The districts of the causes of what is mentioned; without their other members where that is too much."""
        causes = graph.ancestors_of(graph.set(mentioned))
        whole = [district for district in graph.districts_of(graph.all) if district & causes]
        full = cls(graph, labels, tuple(whole), all(_joined(graph, district) for district in whole))
        if full.cells <= CELLS:
            return full
        inner = graph.over(graph.named(causes))
        few = cls(inner, labels, tuple(inner.districts_of(inner.all)), False)
        if few.cells <= CELLS:
            return few
        raise QueryError(
            f"bounds need {min(few.cells, 10**99):.1e} combinations of response types, and {CELLS:,} are the most;\n"
            "give variables fewer values or fewer parents, or use manski(), whose bounds need no graph"
        )

    @property
    def cells(self) -> int:
        """The number of combinations of types of all districts."""
        return math.prod(self.count(district) for district in self.districts)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables whose joint distribution the bounds use."""
        return self.graph.sorted(self.graph.parents_of(sum(self.districts)) | sum(self.districts))

    def size(self, i: int) -> int:
        return len(self.labels[self.graph.names[i]])

    def answers(self, i: int) -> int:
        """In how many ways variable i answers its parents."""
        causes = math.prod(self.size(j) for j in bits(self.graph.pa[i]))
        return self.size(i) ** min(causes, 64)

    def count(self, district: int) -> int:
        """The number of types of a district."""
        return math.prod(self.answers(i) for i in bits(district))

    @cached_property
    def functions(self) -> dict[int, Codes]:
        """Which answer each type holds, for each variable: an array along the axis of its district."""
        found: dict[int, Codes] = {}
        for axis, district in enumerate(self.districts):
            shape = [1] * len(self.districts)
            shape[axis] = self.count(district)
            left = np.arange(shape[axis]).reshape(shape)
            for i in bits(district):
                left, found[i] = np.divmod(left, self.answers(i))
        return found

    def width(self, axis: int) -> int:
        """The number of answers of a district: rows of A for each value of its outer parents."""
        return math.prod(self.size(i) for i in bits(self.districts[axis]))

    # the question ---------------------------------------------------------------------------------------------------

    def indicator(self, event: Event) -> Floats:
        """1 where a combination of types makes the event, else 0 [types of district 1, of district 2, …]."""
        known: dict[Term, Codes] = {}
        found = np.ones([1] * len(self.districts), dtype=bool)
        for term in event:
            assert term.value is not None
            value = place(term.variable, term.value, self.labels[term.variable])
            found = found & (self._seen(term.variable, term.do, known) == value)
        return np.broadcast_to(found, [self.count(district) for district in self.districts]).astype(np.float64)

    def _value(self, term: Term, known: dict[Term, Codes]) -> Codes:
        """What its mechanism makes a variable (as a code) in the world of its subscript, for all types together."""
        if term not in known:
            i = self.graph.at(term.variable)
            config: Codes = np.zeros([1] * len(self.districts), dtype=np.int64)
            for j in bits(self.graph.pa[i]):
                config = config * self.size(j) + self._seen(self.graph.names[j], term.do, known)
            known[term] = self.functions[i] // self.size(i) ** config % self.size(i)
        return known[term]

    def _seen(self, name: str, do: tuple[Term, ...], known: dict[Term, Codes]) -> Codes:
        """What `name` is in a world: the value it is set to, or what its mechanism makes it."""
        for setting in do:
            if setting.variable == name and setting.value is not None:
                code = place(name, setting.value, self.labels[name])
                return np.full([1] * len(self.districts), code)
            if setting.variable == name:
                return self._seen(name, setting.do, known)
        return self._value(Term(name, None, do), known)

    # the data -------------------------------------------------------------------------------------------------------

    def rows(self, axis: int) -> Codes:
        """Which row (e, d) of A each type belongs to, for each outer value e [outer values, types]: its answer is d."""
        district = self.districts[axis]
        members, outer = self._members(district)
        count = self.count(district)
        sizes = [self.size(i) for i in members]
        functions = {i: self.functions[i].ravel() for i in members}
        found: list[Codes] = []
        for e, config in enumerate(product(*(range(self.size(j)) for j in outer))):
            values: dict[int, Codes] = {j: np.full(count, code) for j, code in zip(outer, config, strict=True)}
            for i in members:
                asked = np.zeros(count, dtype=np.int64)
                for j in bits(self.graph.pa[i]):
                    asked = asked * self.size(j) + values[j]
                values[i] = functions[i] // self.size(i) ** asked % self.size(i)
            code = np.ravel_multi_index([values[i] for i in members], sizes)
            found.append(code.astype(np.int64) + e * math.prod(sizes))
        return np.stack(found)

    def right(self, axis: int, joint: Joint) -> Floats:
        """b [rows]: Q[D] at each outer value and answer; NaN where the data never show that."""
        district = self.districts[axis]
        members, outer = self._members(district)
        axes = (*outer, *members)
        found = np.ones([self.size(i) for i in axes])
        seen = 0
        for i in self.graph.order:
            seen |= 1 << i
            if not district >> i & 1:
                continue
            part = self.graph.district_of(1 << i, seen)
            given = (part | self.graph.parents_of(part)) & ~(1 << i)
            factor = _conditional(joint, self.graph.names[i], self.graph.sorted(given))
            order = [j for j in self.graph.order if given >> j & 1] + [i]
            used = [j for j in axes if j in order]
            factor = factor.transpose([order.index(j) for j in used])
            factor = factor.reshape([self.size(j) if j in used else 1 for j in axes])
            found = np.where(found == 0, 0.0, found * factor)
        return found.ravel()

    def _members(self, district: int) -> tuple[list[int], list[int]]:
        """The variables of a district and their parents outside it, causes first."""
        outer = self.graph.parents_of(district) & ~district
        order = self.graph.order
        return [i for i in order if district >> i & 1], [i for i in order if outer >> i & 1]


def _conditional(joint: Joint, name: str, given: tuple[str, ...]) -> Floats:
    """P(name | given), `name` on the last axis; NaN where the condition never happens."""
    both = joint.joint((*given, name))
    with np.errstate(divide="ignore", invalid="ignore"):
        return both / both.sum(axis=-1, keepdims=True)


def _joined(graph: Graph, district: int) -> bool:
    """Does a bidirected edge join every two members?"""
    return all(graph.bi[i] >> j & 1 for i, j in combinations(bits(district), 2))
