"""The formal language between words and the engine: one short line for each thing that a text says.

    A: taking the drug / take the drug      a variable: a name, and the phrases that mean it
    A -> B, C       B <- A, C               direct effects; direct causes
    A <-> B         unseen: U               something unseen affects both; a variable that nobody sees
    P(A=1) = 40     P(B=1 | A=1, C=0) = 12  percentages; also of several at once: P(A=1, B=0 | C=1) = 7
    P*(A=1) = 76                            the percentage in the second group
    B := A and not C                        a rule: B exactly if; "and" or "or", not both
    monotone: A -> B                        no one is kept from B by A
    seen: A=1, B=0                          what is seen of the case
    ask: ate(A, B) up                       the question: is it above its line ("down": below; "value": how much)?

Questions   the kinds of `data/ladder`, with their particulars behind a bar (`SHAPES`); better_set(A, B | C ; D): is the
            first set to adjust for right and the second wrong?; or a formula of `scm`: ask: P(B=1 | do(A=1)) > 50
Lines       0, but one half for marginal, pn, ps, pns and counterfactual. Percentages are of 100, in a formula too.
Strict      `parse` never raises: it gives the reading of the lines that could be read, and a fault, with the number of
            its line, for every other one. `read` refuses a text with any fault. `show` prints; `read(show(r)) == r`.
Limits      Two values a variable, 1 and 0; at most 12 variables and 400 lines. Phrases are data, whatever they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from butfor.core.errors import GraphError, QueryError, UserError
from butfor.scm.graph import Graph
from butfor.scm.questions.query import Query, Term

Way = Literal["up", "down", "value"]
Event = Mapping[str, int]
MOST_NAMES, MOST_LINES, LONGEST = 12, 400, 400  # variables, lines, characters of a line
HALF = ("marginal", "pn", "ps", "pns", "counterfactual")
FORMULA = "formula"
NAME, NUMBER = r"[A-Za-z][A-Za-z0-9_]{0,31}", r"\d{1,3}(?:\.\d{1,9})?"


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands in the brackets of a question: so many variables, and behind the bar names, values or two sets."""

    names: int
    behind: Literal["", "one", "any", "values", "sets"] = ""
    like: str = ""


SHAPES: Mapping[str, Shape] = {
    "marginal": Shape(1, like="marginal(B)"),
    "correlation": Shape(2, like="correlation(A, B)"),
    "exp_away": Shape(2, "one", "exp_away(A, B | C)"),
    "separation": Shape(2, "any", "separation(A, B | C, D)"),
    "ate": Shape(2, like="ate(A, B)"),
    "backadj": Shape(2, "any", "backadj(A, B | C, D)"),
    "better_set": Shape(2, "sets", "better_set(A, B | C ; D)"),
    "collider_bias": Shape(2, "one", "collider_bias(A, B | C)"),
    "cde": Shape(2, "values", "cde(A, B | C=1)"),
    "instrument": Shape(3, like="instrument(Z, A, B)"),
    "front_door": Shape(2, like="front_door(A, B)"),
    "iv": Shape(3, like="iv(Z, A, B)"),
    "bounds": Shape(2, like="bounds(A, B)"),
    "transport": Shape(2, like="transport(A, B)"),
    "ett": Shape(2, like="ett(A, B)"),
    "nde": Shape(2, "any", "nde(A, B)"),
    "nie": Shape(2, "any", "nie(A, B)"),
    "path_specific": Shape(2, "one", "path_specific(A, B | C)"),
    "pn": Shape(2, like="pn(A, B)"),
    "ps": Shape(2, like="ps(A, B)"),
    "pns": Shape(2, like="pns(A, B)"),
    "counterfactual": Shape(1, "values", "counterfactual(B | A=0)"),
}


def _pattern() -> str:
    """Texts of the language in one order, as a regular expression: names A, B, … once each, then the rest of the lines.

    The order keeps a model from going round in circles. That only named variables stand in a line it cannot say.
    """
    one, event, words = "[A-H]", "[A-H]=[01](, [A-H]=[01]){0,5}", r"[a-z0-9][a-z0-9,'\- ]{1,60}"
    several, names = f"{one}(, {one}){{0,5}}", ""
    for letter in "HGFEDC":
        names = f"({letter}: {words}( / {words})?\n{names})?"
    names = f"A: {words}( / {words})?\nB: {words}( / {words})?\n{names}"
    rule = f"{one} := (not )?{one}(( and (not )?{one}){{1,3}}|( or (not )?{one}){{1,3}})?"
    lines = (
        (f"{one} (->|<-) {several}", 12), (f"{one} <-> {one}", 2), (f"unseen: {several}", 1),
        (rf"P\*?\({event}( \| {event})?\) = [0-9]{{1,3}}(\.[0-9]{{1,2}})?", 60), (rule, 6),
        (f"monotone: {one} -> {one}", 1), (f"seen: {event}", 1),
    )  # fmt: skip
    behind = {"": "", "one": rf" \| {one}", "any": rf"( \| {several})?", "values": rf" \| {event}",
              "sets": rf" \| ({several})? ?; ?({several})?"}  # fmt: skip
    asks = [
        rf"{kind}\({', '.join([one] * shape.names)}{behind[shape.behind]}\) (up|down)" for kind, shape in SHAPES.items()
    ]
    body = "".join(rf"({line}\n){{0,{most}}}" for line, most in lines)
    return rf"{names}{body}ask: ({'|'.join(asks)})"


PATTERN = _pattern()


@dataclass(frozen=True, slots=True)
class Told:
    """P(event | given) = percent, perhaps in the second group."""

    event: Event
    given: Event
    percent: float
    second: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` exactly if every one of `causes` (or any of them) has its value."""

    name: str
    causes: tuple[tuple[str, int], ...]
    every: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """The question. `names`: (outcome), (treatment, outcome) or (instrument, treatment, outcome)."""

    kind: str
    names: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    other: tuple[str, ...] = ()  # the second set of better_set
    at: Event = field(default_factory=dict[str, int])
    way: Way = "up"
    formula: str = ""
    percent: float = 0.0  # the line of a formula

    @property
    def line(self) -> float:
        """What the number is compared with."""
        return self.percent / 100 if self.kind == FORMULA else 0.5 if self.kind in HALF else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])  # variable → its phrases
    arrows: tuple[tuple[str, str], ...] = ()
    joined: tuple[tuple[str, str], ...] = ()  # pairs with something unseen behind both
    unseen: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()
    rules: tuple[Rule, ...] = ()
    monotone: tuple[tuple[str, str], ...] = ()
    seen: Event = field(default_factory=dict[str, int])
    asked: Asked | None = None

    def graph(self) -> Graph:
        """All arrows, those of rules too, unseen variables projected out; `GraphError` where there is a cycle."""
        return self.whole().projected(self.unseen)

    def whole(self) -> Graph:
        """The graph over all variables that have a name."""
        ruled = [(cause, rule.name) for rule in self.rules for cause, _ in rule.causes]
        return Graph(self.names, dict.fromkeys([*self.arrows, *ruled]), self.joined)


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be read; line 0 is the text as a whole."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}" if self.line else self.why


@dataclass(frozen=True, slots=True)
class Parsed:
    """The reading of all lines that could be read, and what is wrong with the others and with the whole."""

    reading: Reading
    faults: tuple[Fault, ...] = ()


class Unreadable(UserError):
    """A text that is not in the language; the first three faults are named."""


def read(text: str) -> Reading:
    """The reading of a text without faults."""
    parsed = parse(text)
    if parsed.faults:
        more = f" (and {len(parsed.faults) - 3} more)" if len(parsed.faults) > 3 else ""
        raise Unreadable("\n".join(map(str, parsed.faults[:3])) + more)
    return parsed.reading


def parse(text: str) -> Parsed:
    """The reading of what can be read; never raises."""
    made = Lines()
    lines = text.splitlines()
    for number, line in enumerate(lines[:MOST_LINES], 1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                made.take(line)
            except (Unreadable, QueryError) as error:
                made.faults.append(Fault(number, str(error).splitlines()[0]))
    if len(lines) > MOST_LINES:
        made.faults.append(Fault(0, f"{len(lines)} lines; {MOST_LINES} at most"))
    reading = made.reading()
    return Parsed(reading, (*made.faults, *(Fault(0, why) for why in faults(reading))))


def faults(reading: Reading) -> list[str]:
    """What is wrong with a reading as a whole."""
    found: list[str] = []
    if len(reading.names) > MOST_NAMES:
        found.append(f"{len(reading.names)} variables; {MOST_NAMES} at most")
    if reading.asked is None:
        found.append("no question: end with a line such as  ask: ate(A, B) up")
    try:
        reading.whole()
    except GraphError as error:
        found.append(str(error).splitlines()[0])
    return found


def show(reading: Reading) -> str:
    """The lines of a reading."""
    lines = [f"{name}: {' / '.join(phrases)}" for name, phrases in reading.names.items()]
    effects: dict[str, list[str]] = {}
    for a, b in reading.arrows:
        effects.setdefault(a, []).append(b)
    lines += [f"{a} -> {', '.join(names)}" for a, names in effects.items()]
    lines += [f"{a} <-> {b}" for a, b in reading.joined]
    lines += [f"unseen: {name}" for name in reading.unseen]
    lines += map(show_told, reading.told)
    lines += map(show_rule, reading.rules)
    lines += [f"monotone: {a} -> {b}" for a, b in reading.monotone]
    lines += [f"seen: {_event(reading.seen)}"] if reading.seen else []
    lines += [f"ask: {show_asked(reading.asked)}"] if reading.asked else []
    return "\n".join(lines)


def show_told(told: Told) -> str:
    """P(B=1 | A=1) = 40"""
    behind = f" | {_event(told.given)}" if told.given else ""
    return f"P{'*' if told.second else ''}({_event(told.event)}{behind}) = {told.percent:.10g}"


def show_rule(rule: Rule) -> str:
    """B := A and not C"""
    return f"{rule.name} := " + (" and " if rule.every else " or ").join(
        name if value else f"not {name}" for name, value in rule.causes
    )


def show_asked(asked: Asked) -> str:
    """ate(A, B) up"""
    if asked.kind == FORMULA:
        end = "" if asked.way == "value" else f" {'>' if asked.way == 'up' else '<'} {asked.percent:.10g}"
        return asked.formula + end
    behind = _event(asked.at) or ", ".join(asked.given)
    if asked.kind == "better_set":
        behind += f" ; {', '.join(asked.other)}"
    return f"{asked.kind}({', '.join(asked.names)}{f' | {behind.strip()}' if behind else ''}) {asked.way}"


def _event(event: Event) -> str:
    return ", ".join(f"{name}={value}" for name, value in event.items())


class Lines:
    """What has been read so far; `take` reads one more line, or raises `Unreadable` and leaves all as it was."""

    def __init__(self, names: Mapping[str, Iterable[str]] | None = None) -> None:
        self.names: dict[str, tuple[str, ...]] = {name: tuple(said) for name, said in (names or {}).items()}
        self.arrows: dict[tuple[str, str], None] = {}
        self.joined: dict[tuple[str, str], None] = {}
        self.unseen: dict[str, None] = {}
        self.told: dict[str, Told] = {}
        self.rules: dict[str, Rule] = {}
        self.monotone: dict[tuple[str, str], None] = {}
        self.seen: dict[str, int] = {}
        self.asked: Asked | None = None
        self.faults: list[Fault] = []

    def reading(self) -> Reading:
        """All that was read; arrows in the order of names."""
        place = {name: number for number, name in enumerate(self.names)}
        arrows = sorted(self.arrows, key=lambda arrow: (place[arrow[0]], place[arrow[1]]))
        return Reading(
            self.names, tuple(arrows), tuple(self.joined), tuple(self.unseen), tuple(self.told.values()),
            tuple(self.rules.values()), tuple(self.monotone), self.seen, self.asked,
        )  # fmt: skip

    def take(self, line: str) -> None:
        """One line."""
        if len(line) > LONGEST:
            raise Unreadable(f"{len(line)} characters; {LONGEST} at most")
        forms: tuple[tuple[str, Callable[[re.Match[str]], None]], ...] = (
            (r"ask:(.+)", self._ask), (r"seen:(.+)", self._see), (r"unseen:(.+)", self._hide),
            (rf"monotone:\s*({NAME})\s*->\s*({NAME})", self._rise), (rf"({NAME})\s*:=(.+)", self._rule),
            (r"P(\*?)\(([^()|]*)(?:\|([^()|]*))?\)\s*=\s*(.+)", self._tell), (rf"({NAME})\s*->(.+)", self._effects),
            (rf"({NAME})\s*<->\s*({NAME})", self._join), (rf"({NAME})\s*<-(.+)", self._causes),
            (rf"({NAME}):(.+)", self._name),
        )  # fmt: skip
        for form, take in forms:
            if found := re.fullmatch(form, line):
                take(found)
                return
        raise Unreadable(f"{_short(line)!r} is no line of the language")

    def _name(self, found: re.Match[str]) -> None:
        if found[1] in self.names:
            raise Unreadable(f"{found[1]} is named twice")
        self.names[found[1]] = tuple(filter(None, (part.strip() for part in found[2].split(" / ")))) or (found[1],)

    def _effects(self, found: re.Match[str]) -> None:
        self._draw([(found[1], name) for name in self._several(found[2])])

    def _causes(self, found: re.Match[str]) -> None:
        self._draw([(name, found[1]) for name in self._several(found[2])])

    def _draw(self, arrows: list[tuple[str, str]]) -> None:
        for a, b in arrows:
            self._known(a, b)
            if a == b:
                raise Unreadable(f"{a} -> {a}: a variable cannot cause itself")
        self.arrows |= dict.fromkeys(arrows)

    def _join(self, found: re.Match[str]) -> None:
        self._known(found[1], found[2])
        if found[1] == found[2]:
            raise Unreadable(f"{found[1]} <-> {found[1]} joins a variable with itself")
        self.joined[found[1], found[2]] = None

    def _hide(self, found: re.Match[str]) -> None:
        self.unseen |= dict.fromkeys(self._several(found[1]))

    def _rise(self, found: re.Match[str]) -> None:
        self._known(found[1], found[2])
        self.monotone[found[1], found[2]] = None

    def _see(self, found: re.Match[str]) -> None:
        event = self._event(found[1])
        for name, value in event.items():
            if self.seen.get(name, value) != value:
                raise Unreadable(f"{name} is seen as both 0 and 1")
        self.seen |= event

    def _rule(self, found: re.Match[str]) -> None:
        text = found[2].strip()
        every = " or " not in text
        parts = re.split(r"\s+and\s+" if every else r"\s+or\s+", text)
        causes = [part.removeprefix("not ").strip() for part in parts]
        for name in causes:
            if not re.fullmatch(NAME, name):
                raise Unreadable(f"{_short(text)!r} is no rule; write for example  {found[1]} := A and not C")
        self._known(found[1], *causes)
        if found[1] in self.rules or found[1] in causes or len(set(causes)) < len(causes):
            raise Unreadable(f"the rule of {found[1]} stands twice, names a variable twice or names itself")
        pairs = tuple((name, int(not part.startswith("not "))) for name, part in zip(causes, parts, strict=True))
        self.rules[found[1]] = Rule(found[1], pairs, every)

    def _tell(self, found: re.Match[str]) -> None:
        percent = found[4].strip().removesuffix("%").strip()
        if not re.fullmatch(NUMBER, percent) or float(percent) > 100:
            raise Unreadable(f"{_short(found[4].strip())!r} is no percentage from 0 to 100")
        event, given = self._event(found[2]), self._event(found[3] or "", empty=True)
        if both := set(event) & set(given):
            raise Unreadable(f"{min(both)} stands on both sides of the bar")
        told = Told(event, given, float(percent), bool(found[1]))
        key = repr((sorted(event.items()), sorted(given.items()), told.second))
        if key in self.told and self.told[key].percent != told.percent:
            raise Unreadable(f"{show_told(told)}, but before it was {self.told[key].percent:g}")
        self.told[key] = told

    def _ask(self, found: re.Match[str]) -> None:
        if self.asked is not None:
            raise Unreadable("a second question; ask one")
        self.asked = asked(found[1].strip(), self.names)

    def _several(self, text: str) -> list[str]:
        names = [part.strip() for part in text.split(",")]
        self._known(*names)
        return names

    def _event(self, text: str, *, empty: bool = False) -> dict[str, int]:
        return _values(text, self.names, empty=empty)

    def _known(self, *names: str) -> None:
        for name in names:
            if name not in self.names:
                raise Unreadable(_unknown(name, self.names))


def asked(text: str, names: Mapping[str, object]) -> Asked:
    """The question of a line `ask: …`, about these variables."""
    found = re.fullmatch(r"([a-z_]+)\s*\(([^()|]*)(?:\|([^()|]*))?\)\s*(up|down|value)?", text)
    if not found:
        return _formula(text, names)
    kind, way = found[1], found[4] or "value"
    if kind not in SHAPES:
        raise Unreadable(f"{_short(kind)!r} is no kind of question; there are: {', '.join(SHAPES)}")
    shape = SHAPES[kind]
    first = [part.strip() for part in found[2].split(",")]
    if len(first) != shape.names or len(set(first)) < len(first):
        raise Unreadable(f"write {shape.like}: {shape.names} different variable(s) before the bar")
    given, other, at = _behind(kind, shape, (found[3] or "").strip(), names)
    for name in (*first, *given, *other):
        if name not in names:
            raise Unreadable(_unknown(name, names))
    if twice := set(first) & {*given, *other, *at}:
        raise Unreadable(f"{min(twice)} stands on both sides of the bar")
    return Asked(kind, tuple(first), given, other, at, _way(way))


def _behind(
    kind: str, shape: Shape, text: str, names: Mapping[str, object]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, int]]:
    if shape.behind == "values":
        return (), (), _values(text, names)
    sets = text.split(";") if shape.behind == "sets" else [text]
    split = [tuple(filter(None, (part.strip() for part in one.split(",")))) for one in sets]
    wrong = {
        "": bool(text), "one": len(split[0]) != 1, "any": False, "sets": len(split) != 2,
    }[shape.behind]  # fmt: skip
    if wrong:
        raise Unreadable(f"{kind}: write {shape.like}")
    return split[0], split[1] if len(split) > 1 else (), {}


def _formula(text: str, names: Mapping[str, object]) -> Asked:
    found = re.fullmatch(rf"([PE][^<>]*?)\s*(?:([<>])\s*(-?{NUMBER})\s*%?)?", text)
    if not found:
        likes = ", ".join(shape.like for shape in list(SHAPES.values())[:4])
        raise Unreadable(f"{_short(text)!r} is no question; write for example {likes}, each with up or down")
    try:
        query = Query.parse(found[1])
    except RecursionError:
        raise Unreadable("the formula is too deep") from None
    for term in (term for _, question in query.parts for term in question.terms):
        for name in _variables(term):
            if name not in names:
                raise Unreadable(_unknown(name, names))
    way = {">": "up", "<": "down", None: "value"}[found[2]]
    return Asked(FORMULA, way=_way(way), formula=found[1], percent=float(found[3] or 0))


def variables_in(formula: str) -> set[str]:
    """The variables of a question of `scm`."""
    terms = (term for _, question in Query.parse(formula).parts for term in question.terms)
    return {name for term in terms for name in _variables(term)}


def _variables(term: Term) -> list[str]:
    return [term.variable, *(name for inner in term.do for name in _variables(inner))]


def _way(text: str) -> Way:
    return next(way for way in get_args(Way) if way == text)


def _values(text: str, names: Mapping[str, object], *, empty: bool = False) -> dict[str, int]:
    """A=1, B=0"""
    event: dict[str, int] = {}
    if empty and not text.strip():
        return event
    for part in text.split(","):
        found = re.fullmatch(rf"({NAME})\s*=\s*([01])", part.strip())
        if not found:
            raise Unreadable(f"{_short(part.strip())!r} is no value; write A=1 or A=0")
        if found[1] not in names:
            raise Unreadable(_unknown(found[1], names))
        if found[1] in event:
            raise Unreadable(f"{found[1]} stands twice in {_short(text.strip())!r}")
        event[found[1]] = int(found[2])
    return event


def _unknown(name: str, names: Iterable[str]) -> str:
    return f"{_short(name)!r} is no variable; named so far: {', '.join(names) or 'none'}"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
