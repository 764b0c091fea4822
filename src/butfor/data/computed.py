"""What a reading comes to, by the engine: the number of its question, and how it follows.

    found = compute(read(text));  found.number, found.yes, found.steps

Graph alone   separation, backadj, better_set, collider_bias, instrument: a rule of `scm` says yes (1) or no (-1).
Formula       every other question becomes one of `scm` (`formula`), is identified in the graph and evaluated on what is
              seen, which is put together from the percentages (`data/numbers.py`).
Partly told   What is not told is tried at both ends. Where that does not matter, there is one number; where it does,
              there are two ends, and yes or no only if both lie on one side of the line. Percentages that contradict
              each other are not noticed: the shortest way from them is taken.
Not settled   by the graph: sharp bounds (Balke & Pearl), if all is told. Last, and marked as assumed: the effect
              among those whom an instrument moves stands for the effect on all (Wald).
Limits        Two values a variable. `yes` is None where the honest answer is "cannot": `why` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from butfor.core.errors import ButforError, Impossible, NotIdentified, QueryError
from butfor.data.numbers import Numbers
from butfor.data.reading import FORMULA, Asked, Reading, show_asked, variables_in
from butfor.scm import SCM, Graph, balke_pearl, identify, tian_pearl
from butfor.scm.graphs.adjust import adjustment_fault
from butfor.scm.graphs.instruments import instrument_fault, instruments
from butfor.scm.models.discrete import Discrete
from butfor.scm.questions.query import Query

TOUCH = 1e-4  # ends that come so near the line touch it
SAME = 1e-9
BETWEEN = tuple(round(1 / (1 + 2.0**-step), 4) for step in range(-6, 7))  # where an end is looked for between corners
CAUSATION: Mapping[str, Literal["PN", "PS", "PNS"]] = {"pn": "PN", "ps": "PS", "pns": "PNS"}


@dataclass(frozen=True, slots=True)
class Computed:
    """The number (or its two ends), yes or no, the way to it; or why there is none."""

    low: float | None = None
    high: float | None = None
    yes: bool | None = None
    steps: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    why: str = ""

    @property
    def number(self) -> float | None:
        """The number, where the reading settles it."""
        if self.low is None or self.high is None or self.high - self.low > SAME:
            return None
        return self.low


@dataclass(slots=True)
class Way:
    """What has been found so far."""

    reading: Reading
    asked: Asked
    graph: Graph
    steps: list[str]


def compute(reading: Reading, *, assume: bool = True) -> Computed:
    """The answer to the question of a reading; `assume`: rest on an assumption, named as such, where all else fails."""
    asked = reading.asked
    if asked is None:
        return Computed(why="the reading has no question")
    try:
        way = Way(reading, asked, reading.whole(), [])
        if asked.kind in GRAPHICAL:
            sign, why = GRAPHICAL[asked.kind](way.graph, asked)
            return _ended(way, sign, sign, [f"{show_asked(replace(asked, way='up'))[:-3]}: {why}"])
        if reading.rules and asked.kind == "counterfactual":
            return _followed(way)
        return _reckoned(way, assume)
    except ButforError as error:
        return Computed(why=str(error).splitlines()[0])


def _ended(way: Way, low: float, high: float, steps: Sequence[str], assumed: Sequence[str] = ()) -> Computed:
    """The number beside its line."""
    line, up = way.asked.line, way.asked.way == "up"
    above = True if low > line - TOUCH and high > line + TOUCH else None
    above = False if high < line + TOUCH and low < line - TOUCH else above
    if high - low <= SAME and abs(low - line) <= SAME:
        above = not up  # neither above nor below: no, whichever is asked
    told = list(steps)
    if way.asked.kind not in GRAPHICAL:
        number = f"the number is {low:.4f}" if high - low <= SAME else f"the number lies from {low:.4f} to {high:.4f}"
        told.append(f"{number}; the line is {line:g}")
    if way.asked.way == "value":
        why = "" if high - low <= SAME else "what is told does not settle the number"
        return Computed(low, high, None, tuple(told), tuple(assumed), why)
    why = "" if above is not None else "what is told leaves open on which side of the line the number lies"
    return Computed(low, high, None if above is None else above == up, tuple(told), tuple(assumed), why)


# graphs alone ---------------------------------------------------------------------------------------------------------


def _said(fault: str, right: str) -> tuple[float, str]:
    return (-1.0, fault) if fault else (1.0, right)


def _separation(graph: Graph, asked: Asked) -> tuple[float, str]:
    a, b = asked.names
    apart = graph.separated(a, b, asked.given)
    return _said("" if apart else f"a path between {a} and {b} is open", f"every path between {a} and {b} is blocked")


def _adjusted(graph: Graph, asked: Asked) -> tuple[float, str]:
    return _said(_back_door(graph, asked, asked.given), "no path from behind is open, and no effect is held")


def _back_door(graph: Graph, asked: Asked, given: tuple[str, ...]) -> str:
    return adjustment_fault(graph, asked.names[0], asked.names[1], given, rule="back-door")


def _better(graph: Graph, asked: Asked) -> tuple[float, str]:
    first, second = (_back_door(graph, asked, given) for given in (asked.given, asked.other))
    told = f"the first set: {first or 'valid'}; the second: {second or 'valid'}"
    return (1.0 if second and not first else -1.0), told


def _acts(graph: Graph, asked: Asked) -> tuple[float, str]:
    a, b = asked.names
    leads = b in graph.descendants(a)
    return _said("" if leads else f"no arrows lead from {a} to {b}", f"arrows lead from {a} to {b}")


def _instrument(graph: Graph, asked: Asked) -> tuple[float, str]:
    z, x, y = asked.names
    try:
        return _said(instrument_fault(graph, z, x, y), f"{z} moves {x} and reaches {y} by {x} alone")
    except QueryError as error:
        return -1.0, str(error).splitlines()[0]


GRAPHICAL: dict[str, Callable[[Graph, Asked], tuple[float, str]]] = {
    "separation": _separation, "backadj": _adjusted, "better_set": _better, "collider_bias": _acts,
    "instrument": _instrument,
}  # fmt: skip


# formulas -------------------------------------------------------------------------------------------------------------


def formula(reading: Reading, asked: Asked, graph: Graph) -> str:
    """The question as one of `scm`."""
    if asked.kind == FORMULA:
        return asked.formula
    b, a = asked.names[-1], asked.names[0]
    match asked.kind:
        case "marginal":
            return f"P({b}=1)"
        case "correlation":
            return f"P({b}=1 | {a}=1) - P({b}=1 | {a}=0)"
        case "exp_away":
            return f"P({b}=1 | {a}=1, {asked.given[0]}=1) - P({b}=1 | {asked.given[0]}=1)"
        case "ate" | "front_door" | "transport" | "bounds":
            return f"P({b}=1 | do({a}=1)) - P({b}=1 | do({a}=0))"
        case "cde":
            held = ", ".join(f"{name}={value}" for name, value in asked.at.items())
            return f"P({b}=1 | do({a}=1, {held})) - P({b}=1 | do({a}=0, {held}))"
        case "ett":
            return f"P({b}_{{{a}=1}}=1 | {a}=1) - P({b}_{{{a}=0}}=1 | {a}=1)"
        case "counterfactual":
            set_, seen = (", ".join(f"{n}={v}" for n, v in event.items()) for event in (asked.at, reading.seen))
            return f"P({b}_{{{set_}}}=1{f' | {seen}' if seen else ''})"
        case _:
            return _nested(asked, graph)


def _nested(asked: Asked, graph: Graph) -> str:
    """nde, nie and path_specific: some variables as the other value of the treatment would have them."""
    a, b = asked.names
    between = [name for name in graph.names if name in graph.descendants(a) & graph.ancestors(b) - {a, b}]
    own, theirs = (1, 0) if asked.kind == "nde" else (0, 1)
    if asked.kind == "path_specific":
        (m,) = asked.given
        if m not in graph.children(a):
            raise QueryError(f"{m} is no direct effect of {a}: there is no such path")
        above = [name for name in between if name in graph.parents(m)]
        kept = "".join(f", {name}_{{{a}=0}}" for name in above)
        held = f", {m}_{{{a}=1{kept}}}"
    else:
        middle = asked.given or tuple(between)
        if asked.kind == "nie" and b not in graph.do(middle).descendants(a):  # all of the effect goes through them
            return f"P({b}=1 | do({a}=1)) - P({b}=1 | do({a}=0))"
        held = "".join(f", {name}_{{{a}={theirs}}}" for name in middle)
    return f"P({b}_{{{a}={own}{held}}}=1) - P({b}_{{{a}=0}}=1)"


def _reckoned(way: Way, assume: bool) -> Computed:
    """Identify, put the percentages in, compare."""
    asked = way.asked
    if asked.kind not in CAUSATION and assume and (less := _without_unseen(way.reading)):
        first = _reckoned(way, False)
        if first.yes is not None or first.number is not None:
            return first
        second = _reckoned(Way(less, asked, less.whole(), []), True)
        gone = ", ".join(f"{a} -> {b}" for a, b in way.reading.arrows if (a, b) not in less.arrows)
        told = f"assumed: percentages that are told without an unseen cause hold without it, as if there were no {gone}"
        return replace(second, assumed=(told, *second.assumed)) if second.yes is not None else first
    alone = asked.kind in CAUSATION or asked.kind == "iv"
    query = "" if alone else formula(way.reading, asked, way.graph)
    about = {*asked.names} if alone else variables_in(query)
    numbers = Numbers.of(way.reading, about, second=asked.kind == "transport")
    way.graph = numbers.graph
    if asked.kind in CAUSATION:
        return _ended(way, *_caused(way, numbers))
    if asked.kind == "iv":
        return _ended(way, *_wald(way, numbers, *asked.names))
    if asked.kind == "bounds":
        return _ended(way, *_bounded(query, numbers, way, least=True))
    try:
        low, high, steps = _value(query, numbers, way.graph)
        return _ended(way, low, high, steps)
    except NotIdentified as error:
        reason = str(error).splitlines()[0].removeprefix("not identified: ").rstrip(";:")
    if not numbers.left:
        low, high, steps = _bounded(query, numbers, way)
        if not assume or low > asked.line - TOUCH or high < asked.line + TOUCH:
            return _ended(way, low, high, [f"not identified: {reason}", *steps])
    if assume and asked.kind == "ate" and (z := _moves(way)):
        low, high, steps = _wald(way, numbers, z, *asked.names)
        told = f"assumed: the effect among those whom {z} moves stands for the effect on all"
        return _ended(way, low, high, [f"not identified: {reason}", *steps], [told])
    return Computed(why=f"not identified: {reason}")


def _without_unseen(reading: Reading) -> Reading | None:
    """The reading without arrows from unseen variables to those whose percentages are told without them, if any."""
    about = [(set(told.event), set(told.given)) for told in reading.told]
    loose = [
        (a, b) for a, b in reading.arrows
        if a in reading.unseen and any(a in event for event, _ in about)
        and any(b in event and given and a not in event | given for event, given in about)
    ]  # fmt: skip
    kept = tuple(arrow for arrow in reading.arrows if arrow not in loose)
    return replace(reading, arrows=kept) if loose else None


def _value(query: str, numbers: Numbers, graph: Graph) -> tuple[float, float, list[str]]:
    """The ends of a question over all that is not told, and the steps to them."""
    estimand = identify(query, graph, two_valued=dict.fromkeys(graph.names, (0, 1)))
    steps = [f"the question: {query}", *estimand.steps, f"estimand: {estimand}"]

    def at(model: Discrete) -> float:
        return estimand.evaluate(model)

    low, high = _ends(at, numbers)
    steps += numbers.steps()
    parts = estimand.query.parts
    if high - low <= SAME and len(parts) > 1:
        model = numbers.model(numbers.middle)
        ends = [identify(Query(((1.0, one),)), graph).evaluate(model) for _, one in parts]
        steps += [f"{one} = {value:.4f}" for (_, one), value in zip(parts, ends, strict=True)]
    return low, high, steps


def _ends(of: Callable[[Discrete], float], numbers: Numbers) -> tuple[float, float]:
    """The least and the largest value over all that is not told: the best corner, then one cell after the other."""
    found: dict[tuple[float, ...], float] = {}

    def reckoned(each: Iterable[tuple[float, ...]]) -> None:
        for left in each:
            if left not in found:
                with suppress(Impossible):
                    found[left] = of(numbers.model(left))

    reckoned(numbers.corners())
    if not found:
        raise Impossible("what is asked about never happens in what is told")
    ends: list[float] = []
    for best in (min, max):
        end = None
        while end != (end := best(found, key=found.__getitem__)):
            for cell in range(len(end)):
                at = best(found, key=found.__getitem__)
                reckoned((*at[:cell], share, *at[cell + 1 :]) for share in BETWEEN)
        ends.append(found[end])
    return ends[0], ends[1]


def _bounded(query: str, numbers: Numbers, way: Way, *, least: bool = False) -> tuple[float, float, list[str]]:
    """Sharp bounds, where all is told; `least`: their lower end alone."""
    if numbers.left:
        raise NotIdentified(f"bounds need every percentage; not told: {', '.join(numbers.left[:3])}")
    bounds = balke_pearl(query, way.graph, numbers.model(()))
    return bounds.low, bounds.low if least else bounds.high, [f"bounds: {bounds}"]


def _caused(way: Way, numbers: Numbers) -> tuple[float, float, list[str]]:
    """PN, PS, PNS from what is seen and the two arms; exact where the treatment never works against the outcome."""
    x, y = way.asked.names
    if numbers.left:
        raise NotIdentified(f"{way.asked.kind} needs every percentage; not told: {', '.join(numbers.left[:3])}")
    model = numbers.model(())
    arms: list[float] = []
    steps: list[str] = []
    for value in (1, 0):
        estimand = identify(f"P({y}=1 | do({x}={value}))", way.graph)
        arms.append(estimand.evaluate(model))
        steps += [*(() if steps else estimand.steps), f"P({y}=1 | do({x}={value})) = {estimand} = {arms[-1]:.4f}"]
    monotone = (x, y) in way.reading.monotone
    bounds = tian_pearl(
        model, x, y, quantity=CAUSATION[way.asked.kind], experiment=(arms[0], arms[1]), monotone=monotone
    )
    steps += [f"{x} never works against {y}"] if monotone else []
    return bounds.low, bounds.high, [*steps, f"{bounds}"]


def _moves(way: Way) -> str:
    """An instrument for the effect that is asked for, or none."""
    x, y = way.asked.names
    found = [one.name for one in instruments(way.graph, x, y) if not one.given]
    return found[0] if found else ""


def _wald(way: Way, numbers: Numbers, z: str, x: str, y: str) -> tuple[float, float, list[str]]:
    """(P(Y=1 | Z=1) - P(Y=1 | Z=0)) / (P(X=1 | Z=1) - P(X=1 | Z=0))"""
    if fault := instrument_fault(way.graph, z, x, y):
        raise NotIdentified(f"{z} is no instrument: {fault}")

    shares = [numbers.cells.share({name: 1}, {z: value}) for name, value in product((y, x), (1, 0))]
    told = [share for share in shares if share is not None]
    if len(told) < 4:
        raise NotIdentified(f"it is not told how {x} and {y} go with {z}")
    top, bottom = told[0] - told[1], told[2] - told[3]
    if abs(bottom) < SAME:
        raise Impossible(f"{z} does not move {x}")
    formula = f"(P({y}=1 | {z}=1) - P({y}=1 | {z}=0)) / (P({x}=1 | {z}=1) - P({x}=1 | {z}=0))"
    sums = f"({told[0]:.4g} - {told[1]:.4g}) / ({told[2]:.4g} - {told[3]:.4g})"
    return top / bottom, top / bottom, [f"among those whom {z} moves, the effect is {formula} = {sums}"]


# rules ----------------------------------------------------------------------------------------------------------------


def _followed(way: Way) -> Computed:
    """Every case that agrees with what is seen; then the change, and what follows from it."""
    reading, asked = way.reading, way.asked
    (y,) = asked.names
    graph = reading.whole()
    rules = {rule.name: rule for rule in reading.rules}
    names = [graph.names[i] for i in graph.order]
    if loose := [name for name in names if name not in rules and graph.parents(name)]:
        return Computed(why=f"no rule says how {loose[0]} follows from its causes")
    tables: dict[str, object] = {}
    for name in names:
        causes = [cause for cause, _ in rules[name].causes] if name in rules else []
        wanted = [value for _, value in rules[name].causes] if name in rules else []
        every = rules[name].every if name in rules else True
        rows = [float((all if every else any)(a == b for a, b in zip(case, wanted, strict=True)))
                for case in product((0, 1), repeat=len(causes))]  # fmt: skip
        tables[name] = (causes, _shaped(rows, len(causes))) if causes else 0.5
    roots = {t: one.percent / 100 for one in reading.told if not one.given for t in one.event}
    tables |= {name: p for name, p in roots.items() if name not in rules}
    share = SCM.discrete(tables).counterfactual(dict(reading.seen), dict(asked.at)).p({y: 1})
    seen, set_ = (", ".join(f"{n}={v}" for n, v in event.items()) for event in (reading.seen, asked.at))
    steps = [f"seen: {seen or 'nothing'}; then {set_} is set, and what does not follow from it stays",
             f"in the cases that agree, {y} would be 1 with probability {share:.4g}"]  # fmt: skip
    if SAME < share < 1 - SAME and not all(name in roots for name in names if name not in rules):
        return Computed(0.0, 1.0, None, tuple(steps), why=f"what is seen does not settle {y}")
    return _ended(way, share, share, steps)


def _shaped(rows: list[float], causes: int) -> object:
    """Rows as nested lists, the last cause changing fastest."""
    if causes == 0:
        return rows[0]
    half = len(rows) // 2
    return [_shaped(rows[:half], causes - 1), _shaped(rows[half:], causes - 1)]
