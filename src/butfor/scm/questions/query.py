"""Causal questions as people write them.

    P(Y | do(X))      P(Y=1 | do(X=1), Z)      E[Y | do(X=1)] - E[Y | do(X=0)]      P(Y_{X=1} = 1 | X=0, Y=0)

A question is a weighted sum of probabilities and means. In each, `do(X=1)` says what is set; a condition beside it is
seen after that. `Y_{X=1}` is Y in the world where X is set to 1, and what stands without a subscript beside one is seen
in the world as it is. A subscript may itself be a counterfactual: `Y_{X=1, M_{X=0}}` sets M to what it would have been.
A variable without a value is free: the answer is a function of it. Questions whose terms all live in one world are read
as `do`: P(Y_{X=1}) is P(Y | do(X=1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from butfor.core.errors import QueryError
from butfor.scm.questions.expression import Value

TOKENS = re.compile(
    r"""\s*(?:(?P<mark>_\{|[()\[\]{}|,=+*]|-(?=\s|[A-Za-z]))|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    |(?P<word>[\w.]+?(?=_\{)|[\w.]+)|"(?P<quoted>[^"]*)")""",
    re.VERBOSE,
)
CLOSING = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Term:
    """A variable, perhaps at a value, in the world where `do` is set; a value None is free."""

    variable: str
    value: Value | None = None
    do: tuple[Term, ...] = ()

    def __str__(self) -> str:
        world = f"_{{{', '.join(map(str, self.do))}}}" if self.do else ""
        return f"{self.variable}{world}" + ("" if self.value is None else f"={self.value}")


@dataclass(frozen=True, slots=True)
class Question:
    """One probability or one mean: P(outcome | do, given)."""

    kind: Literal["P", "E"]
    outcome: tuple[Term, ...]
    do: tuple[Term, ...] = ()
    given: tuple[Term, ...] = ()

    @property
    def counterfactual(self) -> bool:
        """More than one world: terms carry worlds of their own."""
        return any(term.do for term in (*self.outcome, *self.given))

    @property
    def terms(self) -> tuple[Term, ...]:
        return (*self.outcome, *self.do, *self.given)

    def __str__(self) -> str:
        conditions = [f"do({', '.join(map(str, self.do))})"] if self.do else []
        conditions += [str(term) for term in self.given]
        inside = ", ".join(map(str, self.outcome)) + (f" | {', '.join(conditions)}" if conditions else "")
        return f"E[{inside}]" if self.kind == "E" else f"P({inside})"


@dataclass(frozen=True, slots=True)
class Query:
    """A weighted sum of questions."""

    parts: tuple[tuple[float, Question], ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """The question that a text asks; `QueryError` says where it cannot be read."""
        return Parser(text).query()

    def __str__(self) -> str:
        words = ""
        for weight, question in self.parts:
            size = "" if abs(weight) == 1 else f"{abs(weight):g} "
            sign = "-" if weight < 0 else "+"
            words += f" {sign} {size}{question}" if words else f"{'-' if weight < 0 else ''}{size}{question}"
        return words


def assignments(terms: Iterable[Term]) -> dict[str, Value]:
    """The values that terms set; a variable twice with two values is a contradiction."""
    found: dict[str, Value] = {}
    for term in terms:
        if term.value is None:
            continue
        if found.setdefault(term.variable, term.value) != term.value:
            raise QueryError(f"{term.variable} cannot be both {found[term.variable]} and {term.value}")
    return found


class Parser:
    """A reader of one text, a token at a time."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        place = 0
        while place < len(text.rstrip()):
            found = TOKENS.match(text, place)
            if found is None or found.lastgroup is None:
                raise self.wrong(f"cannot read {text[place:].strip()[:12]!r}", place)
            self.tokens.append((found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)))
            place = found.end()
        self.at = 0

    def wrong(self, why: str, place: int | None = None) -> QueryError:
        if place is None:
            place = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
        example = "write for example  P(Y | do(X=1), Z)  or  E[Y | do(X=1)] - E[Y | do(X=0)]"
        return QueryError(f"{why}\n  {self.text}\n  {' ' * place}^\n{example}")

    def peek(self, *marks: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][0] == "mark" and self.tokens[self.at][1] in marks

    def take(self, *marks: str) -> str:
        if not self.peek(*marks):
            raise self.wrong(f"expected {' or '.join(map(repr, marks))}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def word(self) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] == "mark":
            raise self.wrong("expected a name")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def query(self) -> Query:
        parts: list[tuple[float, Question]] = []
        while not parts or self.at < len(self.tokens):
            sign = 1.0
            if self.peek("+", "-") or (parts and not self.negative()):
                sign = -1.0 if self.take("+", "-") == "-" else 1.0
            parts.append((sign * self.weight(), self.question()))
        return Query(tuple(parts))

    def negative(self) -> bool:
        """Does a negative number come next?"""
        return self.tokens[self.at][0] == "number" and self.tokens[self.at][1].startswith("-")

    def weight(self) -> float:
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "number":
            size = float(self.word())
            if self.peek("*"):
                self.take("*")
            return size
        return 1.0

    def question(self) -> Question:
        kind = self.word()
        if kind not in ("P", "E"):
            self.at -= 1
            raise self.wrong(f"a question begins with P( or E[, not {kind!r}")
        end = CLOSING[self.take("(", "[")]
        outcome = self.terms(end, "|")
        do: list[Term] = []
        given: list[Term] = []
        if self.peek("|"):
            self.take("|")
            self.conditions(end, do, given)
        self.take(end)
        question = Question("E" if kind == "E" else "P", tuple(outcome), tuple(do), tuple(given))
        return self.checked(question)

    def conditions(self, end: str, do: list[Term], given: list[Term]) -> None:
        while True:
            if self.at + 1 < len(self.tokens) and self.tokens[self.at][1:2] == ("do",) and self.opens(self.at + 1):
                self.word()
                self.take("(")
                do.extend(self.terms(")"))
                self.take(")")
            else:
                given.append(self.term())
            if self.peek(end):
                return
            self.take(",")

    def opens(self, at: int) -> bool:
        return self.tokens[at][:2] == ("mark", "(")

    def terms(self, *ends: str) -> list[Term]:
        found = [self.term()]
        while not self.peek(*ends):
            self.take(",", *ends)
            found.append(self.term())
        return found

    def term(self) -> Term:
        name = self.word()
        worlds: tuple[Term, ...] = ()
        if self.peek("_{"):
            self.take("_{")
            worlds = tuple(self.terms("}"))
            self.take("}")
        value: Value | None = None
        if self.peek("="):
            self.take("=")
            kind = self.tokens[self.at][0] if self.at < len(self.tokens) else "mark"
            value = _number(self.word()) if kind == "number" else self.word()
        return Term(name, value, worlds)

    def checked(self, question: Question) -> Question:
        """Refuse what contradicts itself; read one shared world as `do`."""
        if question.kind == "E" and (len(question.outcome) != 1 or question.outcome[0].value is not None):
            raise QueryError(f"{question}: a mean is of one variable, such as E[Y | do(X=1)]")
        if question.counterfactual and question.do:
            raise QueryError(f"{question}: say the world with do(…) or with subscripts Y_{{…}}, not with both")
        for group in (question.do, question.given, question.outcome):
            assignments(term for term in group if not term.do)
            plain = [(term.variable, term.do) for term in group]
            if len(set(plain)) < len(plain):
                raise QueryError(f"{question}: a variable stands twice")
        if question.counterfactual:
            worlds = {term.do for term in (*question.outcome, *question.given)}
            (world, *others) = worlds
            if others or any(term.do for term in world):
                return question
            bare = [tuple(Term(t.variable, t.value) for t in group) for group in (question.outcome, question.given)]
            question = Question(question.kind, bare[0], world, bare[1])
        names = [term.variable for term in question.terms]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise QueryError(
                f"{question}: {twice} stands on two sides of the question; what is set or seen is not asked for"
            )
        return question


def _number(text: str) -> Value:
    value = float(text)
    return int(value) if value.is_integer() and not set(text) & set(".eE") else value
