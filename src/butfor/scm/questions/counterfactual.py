"""Identification of counterfactuals: what P(γ | δ), events in several worlds at once, comes to in what is seen.

    P(Y_{X=1} = 1 | X=0)      P(Y_{X=1, M_{X=0}})      P(Y_{X=0} = 0 | X=1, Y=1)

Every variable has a copy in every world. Two copies whose causes have the same values are one variable (the merging
lemma), so a copy *is* its variable and the values of its causes; where an event gives one copy two values, the answer
is 0. The copies that cause γ and δ fall into districts S, and with s their values and pa those of their causes

    P(γ, δ) = Σ Π_S P(∧ over v in S of v_{pa(v)} = s_v)

A factor that asks for no variable at two values is Q[S], which ID finds or refuses; one that does (Y_{X=1} and X=0 in a
district, Y_{X=1} and Y_{X=0}) is not a function of any experiment's results. Factors that share only values of δ with
the rest cancel in P(γ, δ) / P(δ). A subscript that is itself a counterfactual is the value of that copy.

Source   Shpitser & Pearl 2007, 2008 (ID*, IDC*, make-cg); Correa, Lee & Bareinboim 2021 (factors, nesting, cancelling)
Limits   A free variable may stand for one copy only: give the others values. What holds only where a
         variable has two values is found if `two_valued` says so. `balke_pearl` bounds what is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from butfor.core.errors import Impossible, NotIdentified, QueryError
from butfor.scm.graph import Graph, bits
from butfor.scm.questions.expression import ZERO, Combination, Node, Ratio, Value, at, product, total, word
from butfor.scm.questions.identification import Part, Search, merged
from butfor.scm.questions.query import Question, Term

World: TypeAlias = tuple[Term, ...]
Events: TypeAlias = tuple[Term, ...]
Token: TypeAlias = tuple[str, str | int]  # ("=", value), ("copy", number) or ("free", name)


def counterfactual(
    question: Question, graph: Graph, two_valued: Mapping[str, tuple[Value, Value]] | None = None
) -> tuple[Node, tuple[str, ...]]:
    """An expression over what is seen, with all given values set, and its derivation; or `NotIdentified`.

    `two_valued` names variables that have two values and no more: {"X": (0, 1)}. Then P(X=0, …) is P(…) - P(X=1, …),
    which answers some questions that are not answered where X may have a third value.
    """
    given = tuple(Term(term.variable, term.value, term.do or question.do) for term in question.given)
    asked = tuple(Term(term.variable, term.value, term.do or question.do) for term in question.outcome)
    try:
        return _general(graph, asked, given)
    except NotIdentified as error:
        pairs = two_valued if two_valued is not None else _spoken([*given, *asked])
        try:
            found = _complement(graph, asked, given, pairs)
        except NotIdentified:
            raise error from None
        if two_valued is None:
            used = ", ".join(f"{name} has no values but {one} and {two}" for name, (one, two) in pairs.items())
            raise NotIdentified(
                f"{error};\nwhere {used}, it is: identify(…, two_valued={pairs})", error.hedge
            ) from None
        return found


def _general(graph: Graph, asked: Events, given: Events) -> tuple[Node, tuple[str, ...]]:
    """Whatever the number of values."""
    below = Copies.of(graph, given)
    if below.impossible:
        raise Impossible(f"what is given contradicts itself ({below.impossible}): nothing follows from it")
    both = Copies.of(graph, [*given, *asked])
    if both.impossible:
        return ZERO, (f"zero: {both.impossible}",)
    _named_once(both, [*given, *asked])
    top, bottom = _cancelled(both, below, given, asked)
    steps = [*both.told]
    above = _Side(both, top, [*given, *asked], steps)
    if not given:
        return above.node(), tuple(steps)
    under = _Side(below, bottom, given, steps)
    steps.append("condition: the first divided by the second")
    return _quotient(above, under), tuple(dict.fromkeys(steps))


def _complement(
    graph: Graph, asked: Events, given: Events, pairs: Mapping[str, tuple[Value, Value]], done: Events = ()
) -> tuple[Node, tuple[str, ...]]:
    """P(X=0, γ | δ) = P(γ | δ) - P(X=1, γ | δ), for one event after the other; then the same in P(γ, δ) / P(δ)."""
    try:
        return _general(graph, asked, given)
    except NotIdentified as error:
        for term in asked:
            bare = Term(term.variable, None, term.do)
            if term.variable not in pairs or term.value is None or bare in done:
                continue
            values = pairs[term.variable]
            other = Term(term.variable, values[0] if word(values[1]) == word(term.value) else values[1], term.do)
            rest = tuple(one for one in asked if one != term)
            try:
                whole, why = _complement(graph, rest, given, pairs, (*done, bare))
                part, more = _complement(graph, (*rest, other), given, pairs, (*done, bare))
            except NotIdentified:
                continue
            told = f"complement: {term} wherever {other} does not hold, for {term.variable} has two values"
            return Combination(((1.0, whole), (-1.0, part))), (told, *why, *more)
        if not given:
            raise error
        top, why = _complement(graph, (*given, *asked), (), pairs, done)
        bottom, more = _complement(graph, given, (), pairs, done)
        return Ratio(top, bottom), (*why, *more)


def _spoken(events: Iterable[Term]) -> dict[str, tuple[Value, Value]]:
    """Variables that the question sets or sees at two values."""
    found: dict[str, dict[str, Value]] = {}
    todo = list(events)
    while todo:
        term = todo.pop()
        todo += term.do
        if term.value is not None:
            found.setdefault(term.variable, {}).setdefault(word(term.value), term.value)
    pairs = {name: sorted(values.values(), key=word) for name, values in found.items()}
    return {name: (values[0], values[1]) for name, values in sorted(pairs.items()) if len(values) == 2}


# copies -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Copies:
    """The counterfactual graph: copies of variables, merged where their causes have the same values."""

    graph: Graph
    number: dict[tuple[int, tuple[Token, ...]], int] = field(default_factory=dict[tuple[int, tuple[Token, ...]], int])
    copies: list[tuple[int, tuple[Token, ...]]] = field(default_factory=list[tuple[int, tuple[Token, ...]]])
    values: dict[int, Token] = field(default_factory=dict[int, Token])  # of copies whose value is known
    names: dict[str, Value] = field(default_factory=dict[str, Value])  # the values as they were written
    place: dict[tuple[int, World], int] = field(default_factory=dict[tuple[int, World], int])
    roots: dict[Term, int] = field(default_factory=dict[Term, int])
    told: list[str] = field(default_factory=list[str])
    impossible: str = ""

    @classmethod
    def of(cls, graph: Graph, events: Sequence[Term]) -> Copies:
        found = cls(graph)
        worlds = _worlds(events)
        relevant = graph.ancestors_of(graph.set(_variables(events)))
        for i in graph.order:
            if not relevant >> i & 1:
                continue
            for world in worlds:
                found._copy(i, world)
            for term in events:
                if graph.at(term.variable) == i:
                    found._happens(term)
        return found

    def _copy(self, i: int, world: World) -> None:
        key = i, tuple(self._seen(j, world) for j in bits(self.graph.pa[i]))
        if key not in self.number:
            self.number[key] = len(self.copies)
            self.copies.append(key)
        self.place[i, world] = self.number[key]

    def _seen(self, i: int, world: World) -> Token:
        """The value of variable i that its effects see in a world."""
        for setting in world:
            if setting.variable != self.graph.names[i]:
                continue
            if setting.value is not None:
                return self._fixed(setting.value)
            return self._seen(i, setting.do) if setting.do else ("free", setting.variable)
        return self.token(self.place[i, world])

    def _fixed(self, value: Value) -> Token:
        text = word(value)
        self.names.setdefault(text, value)
        return "=", text

    def token(self, copy: int) -> Token:
        """The value of a copy: known, or its own."""
        return self.values.get(copy, ("copy", copy))

    def _happens(self, term: Term) -> None:
        i = self.graph.at(term.variable)
        world = term.do
        while setting := next((setting for setting in world if setting.variable == term.variable), None):
            if setting.value is None and setting.do:
                world = setting.do
                continue
            if setting.value is None or term.value is None:
                raise QueryError(f"{term}: {term.variable} is both set and asked for; give it values")
            if self._fixed(setting.value) != self._fixed(term.value):
                self.impossible = f"{term} cannot be"
            return
        copy = self.place[i, world]
        known = self.values.get(copy)
        others = [other for other, number in self.roots.items() if number == copy]
        if others:
            self.told.append(f"merge: {_bare(others[0])} and {_bare(term)} have the same causes: they are one variable")
        self.roots[term] = copy
        if term.value is None:
            if known is not None:
                raise QueryError(f"{_bare(term)} is settled by what else is said: {others[0]}; ask about what is open")
            return
        value = self._fixed(term.value)
        if known is None and others:
            raise QueryError(f"{others[0]} is settled by what else is said: {term}; ask about what is open")
        if known not in (None, value):
            self.impossible = f"{others[0]} and {term} cannot both be"
        self.values[copy] = value

    @property
    def causes(self) -> list[int]:
        """The copies that cause some event, events among them."""
        found, todo = set[int](), list(self.roots.values())
        while todo:
            copy = todo.pop()
            if copy not in found:
                found.add(copy)
                todo += [int(value) for kind, value in self.copies[copy][1] if kind == "copy"]
        return sorted(found)

    @property
    def districts(self) -> list[tuple[int, ...]]:
        """The districts of the copies: those of their variables, for copies of one variable share its noise."""
        found: list[tuple[int, ...]] = []
        causes = self.causes
        within = 0
        for copy in causes:
            within |= 1 << self.copies[copy][0]
        for district in self.graph.districts_of(within):
            found.append(tuple(copy for copy in causes if district >> self.copies[copy][0] & 1))
        return sorted(found, key=lambda part: self.graph.order.index(self.copies[part[0]][0]))

    def asked(self, district: tuple[int, ...]) -> dict[int, Token]:
        """The value at which a factor asks for each variable, its members and their causes."""
        found: dict[int, Token] = {}
        for copy in district:
            i, seen = self.copies[copy]
            for j, token in ((i, self.token(copy)), *zip(bits(self.graph.pa[i]), seen, strict=True)):
                if found.setdefault(j, token) != token:
                    raise self._clash(district, j, found[j], token)
        return found

    def _clash(self, district: tuple[int, ...], j: int, one: Token, two: Token) -> NotIdentified:
        members = frozenset(self.graph.names[self.copies[copy][0]] for copy in district)
        name = self.graph.names[j]
        told = " and ".join(f"{name}={value}" if kind == "=" else f"{name} as it is" for kind, value in (one, two))
        if one[0] == two[0] == "copy":
            told = f"{name} as it is in two worlds"
        inside = ", ".join(sorted(members))
        return NotIdentified(
            f"not identified: what is unseen about {{{inside}}} would have to be met with {told} at once,\n"
            "and no data and no experiment show that; balke_pearl() gives bounds where the graph is small",
            (members, members),
        )

    def numbered(self, known: dict[object, int]) -> list[int]:
        """A number for each copy that two counterfactual graphs share where the copy is the same in both."""
        found: list[int] = []
        for copy, (i, seen) in enumerate(self.copies):
            told = tuple((kind, found[int(value)]) if kind == "copy" else (kind, value) for kind, value in seen)
            found.append(known.setdefault((i, told, self.values.get(copy)), len(known)))
        return found


def _bare(term: Term) -> str:
    return str(Term(term.variable, None, term.do))


def _worlds(terms: Iterable[Term]) -> list[World]:
    """All worlds that terms speak of, those of nested subscripts among them, and the actual one."""
    found: dict[World, None] = {(): None}
    todo = list(terms)
    while todo:
        term = todo.pop()
        if term.value is None or term.do:
            found[term.do] = None
        todo += term.do
    return list(found)


def _variables(terms: Iterable[Term]) -> set[str]:
    found: set[str] = set()
    for term in terms:
        found |= {term.variable} | _variables(term.do)
    return found


def _named_once(copies: Copies, events: Sequence[Term]) -> None:
    """A free variable is one copy, and not also a value that is set."""
    free = [term.variable for term in events if term.value is None]
    twice = {name for name in free if free.count(name) > 1}
    needed = copies.causes
    natural = {copies.graph.names[copies.copies[copy][0]] for copy in needed if copies.token(copy)[0] == "copy"}
    for copy in needed:
        twice |= {str(value) for kind, value in copies.copies[copy][1] if kind == "free"} & natural
    if twice:
        raise QueryError(f"{min(twice)} stands for two things in this question: give it values, such as {min(twice)}=1")


# what cancels -------------------------------------------------------------------------------------------------------


def _cancelled(
    both: Copies, below: Copies, given: Sequence[Term], asked: Sequence[Term]
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The districts of P(γ, δ) that hang together with γ, and those of P(δ) that do not cancel with the others."""
    shut = {both.roots[term] for term in given if term in both.roots}
    reached = {both.roots[term] for term in asked if term in both.roots} - shut
    known: dict[object, int] = {}
    number, under = both.numbered(known), below.numbered(known)
    same = {frozenset(under[copy] for copy in part): part for part in below.districts}
    alike = {part: same.get(frozenset(number[copy] for copy in part)) for part in both.districts}
    rest = set(alike)
    while touching := {part for part in rest if alike[part] is None or reached & _open(both, part, shut)}:
        rest -= touching
        reached |= {copy for part in touching for copy in _open(both, part, shut)}
    dropped = {alike[part] for part in rest}
    return [part for part in alike if part not in rest], [part for part in below.districts if part not in dropped]


def _open(copies: Copies, district: tuple[int, ...], shut: set[int]) -> set[int]:
    """The copies that a factor speaks of, given ones left out."""
    causes = {int(value) for copy in district for kind, value in copies.copies[copy][1] if kind == "copy"}
    return (set(district) | causes) - shut


# the expression -----------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Group:
    """Factors that agree on every value: they can be multiplied and summed before values are set."""

    tokens: dict[int, Token]
    parts: list[Part]


class _Side:
    """P(γ, δ) or P(δ): groups of factors, and the variables summed over."""

    def __init__(
        self,
        copies: Copies,
        districts: Sequence[tuple[int, ...]],
        events: Sequence[Term],
        steps: list[str],
    ) -> None:
        self.copies, self.graph = copies, copies.graph
        cancels = " · what cancels" if len(districts) < len(copies.districts) else ""
        self.groups: list[_Group] = []
        free = {copies.roots[term] for term in events if term.value is None}
        gone, factors = 0, list[str]()
        derived: list[str] = []
        for district in districts:
            tokens = copies.asked(district)
            wanted = 0
            for copy in district:
                wanted |= 1 << copies.copies[copy][0]
                if copies.token(copy)[0] == "copy" and copy not in free:
                    gone |= 1 << copies.copies[copy][0]
            search = Search(self.graph)
            self._join(tokens, search.factor(wanted, self.graph.all))
            factors.append(self._factor(wanted, tokens))
            derived += [f"{factors[-1]}: {step.text(self.graph)}" for step in search.steps]
        over = ", ".join(self.graph.sorted(gone))
        what = ", ".join(map(str, events))
        steps.append(f"copies: P({what}) = {f'Σ_{{{over}}} ' if over else ''}{' · '.join(factors) or '1'}{cancels}")
        steps += derived
        self.outer = self._summed(gone)

    def _join(self, tokens: dict[int, Token], parts: list[Part]) -> None:
        for group in self.groups:
            if all(group.tokens.get(j, token) == token for j, token in tokens.items()):
                group.tokens.update(tokens)
                group.parts += parts
                return
        self.groups.append(_Group(dict(tokens), list(parts)))

    def _factor(self, wanted: int, tokens: dict[int, Token]) -> str:
        """How a person writes the factor of a district."""
        names = self.graph.names
        told = {j: f"{names[j]}={value}" if kind == "=" else names[j] for j, (kind, value) in tokens.items()}
        behind = ", ".join(text for j, text in told.items() if not wanted >> j & 1)
        inside = ", ".join(text for j, text in told.items() if wanted >> j & 1)
        return f"P({inside} | do({behind}))" if behind else f"P({inside})"

    def _summed(self, gone: int) -> int:
        """Sum inside a group what no other group speaks of; what is left is summed over all."""
        search = Search(self.graph)
        outer = 0
        for group in self.groups:
            here = sum(1 << j for j, token in group.tokens.items() if token[0] == "copy") & gone
            others = sum(1 << j for j in {j for g in self.groups if g is not group for j in _free(self.graph, g)})
            group.parts = search.without(here & ~others, merged(group.parts))
            outer |= here & others
        return outer

    def node(self) -> Node:
        return total(self.graph.sorted(self.outer), product(self.valued(group, group.parts) for group in self.groups))

    def valued(self, group: _Group, parts: list[Part]) -> Node:
        """The product of a group's parts at its values."""
        names = self.copies.names
        values = {
            self.graph.names[j]: names[str(text)] for j, (kind, text) in sorted(group.tokens.items()) if kind == "="
        }
        return at(Search(self.graph).node(merged(parts)), values)


def _free(graph: Graph, group: _Group) -> set[int]:
    """The variables that a group speaks of and gives no value."""
    search = Search(graph)
    speaks = 0
    for part in group.parts:
        speaks |= search.free(part)
    return {j for j in bits(speaks) if group.tokens.get(j, ("copy", 0))[0] != "="}


def _quotient(above: _Side, under: _Side) -> Node:
    """P(γ, δ) / P(δ); inside one group where both agree, so that P(x, z) / P(x) reads P(z | x)."""
    if not under.groups:
        return above.node()
    if len(under.groups) == 1 and not under.outer:
        low = under.groups[0]
        spoken = {j for j in low.tokens if any(Search(above.graph).free(part) >> j & 1 for part in low.parts)}
        for group in above.groups:
            if all(low.tokens[j][0] == "=" and group.tokens.get(j) == low.tokens[j] for j in spoken):
                group.parts = Search(above.graph).ratio(merged(group.parts), merged(low.parts))
                return above.node()
    return Ratio(above.node(), under.node())
