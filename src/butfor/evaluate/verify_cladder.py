"""CLadder's gold answers, recomputed exactly from the tables of the world that each question is about.

How a yes or no follows   The exact number s of the question's world, and the question's `polarity` (true: "increase",
          "larger", "more likely", "positively"; false: the opposite):
          marginal           s = P(Y=1) − ½                                      yes if s > 0, as the polarity has it
          correlation        s = P(Y=1 | X=1) − P(Y=1 | X=0)                     the same
          exp_away           s = P(Y=1 | X=1, C=1) − P(Y=1 | C=1), C a collider  the same
          ate                s = E[Y | do(X=1)] − E[Y | do(X=0)]                 the same
          nde                s = E[Y_{1, M_0} − Y_{0, M_0}]                      the same
          nie                s = E[Y_{0, M_1} − Y_{0, M_0}]                      the same
          ett                s = E[Y_1 − Y_0 | X=1]; asks about Y_0 against Y_1  yes if s < 0, as the polarity has it
          collider_bias      does X affect Y at all?                             a directed path from X to Y
          backadj            is Method 1's set more correct than Method 2's?     back-door criterion
          det-counterfactual is Y the named value, had X been `action`?          its probability is 1
Numbers   The engine (`butfor.scm`) computes; the printed enumeration (`butfor.evaluate.sums`) sums the terms again.
          A published number agrees if it is within 1e-9 of the exact one, relatively. |s| ≤ 1e-9 is zero: apart.
Readings  Where a convention decides, the count under the other convention is given too.
Source    Jin et al. 2023; Pearl 2001 (natural effects); Pearl 2009, 3.3 (back-door criterion).
Limits    The world's tables are the truth, not the rounded numbers in the question's text; latent variables have
          tables too, so every quantity exists even where the text alone would not identify it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from butfor.core.errors import Impossible
from butfor.data.cladder import FILES, KINDS, CladderRow, CladderWorld, cladder, worlds
from butfor.evaluate.stated import misstated
from butfor.evaluate.sums import Part, mixed, mixed_nested, summed
from butfor.evaluate.verification import Reading, State, Verdict, Verification
from butfor.scm.graphs.adjust import adjustment_fault, is_adjustment_set
from butfor.scm.models.discrete import Discrete
from butfor.scm.models.model import SCM

TOLERANCE = 1e-9
SHOWN = 0.005  # what rounds to 0.00 in the authors' two digits
SIGNED = ("marginal", "correlation", "exp_away", "ate", "ett", "nde", "nie")
ROUNDED = ("correlation", "ate", "ett", "nde", "nie")  # where the gold answer to what rounds to 0.00 is always "no"
NUMBER, ROUNDING, EITHER = (
    "its number is wrong",
    "its number rounds to 0.00, so it says no either way",
    "both sets are valid",
)


def verify_cladder(paths: Iterable[str | Path] = ()) -> Verification:
    """Every answer of these files, or of the five installed ones, recomputed."""
    rows = [row for file in _files(paths) for row in file]
    order = {kind: place for place, kind in enumerate(KINDS)}
    rows.sort(key=lambda row: order[row.kind])
    exact = Exact()
    verdicts = tuple(exact.verdict(row) for row in rows)
    files = tuple(dict.fromkeys(row.file.name for row in rows))
    both = [pair for pair in zip(rows, verdicts, strict=True) if pair[1].state != "unread"]
    return Verification("cladder", files, verdicts, exact.readings([row for row, _ in both]), exact.notes(both))


def _files(paths: Iterable[str | Path]) -> list[list[CladderRow]]:
    given = [Path(path).expanduser() for path in paths]
    if not given:
        known = worlds()
        return [cladder(part=part, known=known) for part in FILES]
    found: list[list[CladderRow]] = []
    for path in given:
        inside = [path / name for name in FILES.values() if (path / name).is_file()] if path.is_dir() else [path]
        known = worlds(path if path.is_dir() else path.parent) if path.exists() else None
        found += [cladder(file, known=known) for file in inside] or [cladder(path, known=known)]
    return found


class Exact:
    """The exact numbers of questions; every model and every number is computed once."""

    def __init__(self) -> None:
        self._models: dict[int, Discrete] = {}
        self._numbers: dict[tuple[object, ...], float] = {}
        self._misstated: dict[tuple[object, ...], bool | None] = {}

    def model(self, world: CladderWorld) -> Discrete:
        """The world as a model of the engine."""
        if id(world) not in self._models:
            tables = {name: (table.parents, table.one) for name, table in world.tables.items()}
            self._models[id(world)] = SCM.discrete(
                {name: pair if pair[0] else float(pair[1]) for name, pair in tables.items()}
            )
        return self._models[id(world)]

    def number(self, row: CladderRow) -> float:
        """The quantity that the question is about."""
        key = (id(row.world), row.kind, row.action, row.polarity and row.action is not None, *row.evidence.items())
        if key not in self._numbers:
            self._numbers[key] = _number(self.model(row.world), row)
        return self._numbers[key]

    def verdict(self, row: CladderRow) -> Verdict:
        """Our answer beside the gold one; `unread` where the question's condition has probability zero."""
        try:
            return self._compared(row)
        except Impossible as error:
            return _verdict(row, "", "unread", why=str(error))

    def _compared(self, row: CladderRow) -> Verdict:
        number = None if row.kind == "backadj" else self.number(row)
        ours = self.answer(row)
        state: State = "agree" if ours == row.answer else "wrong"
        if row.kind in SIGNED and abs(self.sign(row)) <= TOLERANCE:
            state = "zero" if row.answer == ours else "wrong"
        why = self._why(row) if state == "wrong" else ""
        off = number is not None and row.published is not None and not _near(row.published, number)
        way = tuple(self.enumeration(row)) if state == "wrong" else ()
        return _verdict(row, ours, state, why=why, exact=number, off=off, enumeration=way)

    def sign(self, row: CladderRow) -> float:
        """What is compared with zero."""
        return self.number(row) - _line(row)

    def misstated(self, row: CladderRow) -> bool | None:
        """Does the question's text state a number that its world does not have? None where it states none."""
        key = (id(row.world), "stated", str(row.stated))
        if key not in self._misstated:
            self._misstated[key] = misstated(self.model(row.world), row.stated, TOLERANCE)
        return self._misstated[key]

    def answer(self, row: CladderRow) -> str:
        """Yes or no, by the table at the top of this file; a zero is neither an increase nor a decrease."""
        graph, x, y = row.world.graph, row.treatment, row.outcome
        if row.kind == "det-counterfactual":
            return _said(self.number(row) > 0.5)
        if row.kind == "collider_bias":
            return _said((y in graph.descendants(x)) == row.polarity)
        if row.kind == "backadj":
            first, second = (valid(row, names) for names in row.methods)
            return _said(first and not second)
        return _answer(row, self.sign(row))

    def _why(self, row: CladderRow) -> str:
        if row.kind == "backadj":
            return EITHER
        if row.kind in ROUNDED and abs(self.sign(row)) < SHOWN and row.answer == "no":
            return ROUNDING
        return NUMBER

    def enumeration(self, row: CladderRow) -> list[str]:
        """The way to our answer, as lines that a person can redo."""
        if row.kind == "backadj":
            return [_told_set(row, names) for names in row.methods]
        lines = [line for part in parts(row) for line in part.lines()]
        values = [abs(part.value) for part in parts(row)]
        if len(values) == 2:
            lines.append(f"difference: {values[0]:.6f} − {values[1]:.6f} = {self.number(row):.6f}")
        return lines

    def readings(self, rows: list[CladderRow]) -> tuple[Reading, ...]:
        """How many gold answers disagree where the questions are read another way."""
        found: list[Reading] = []
        for kinds, text, answer in self._others():
            other: list[bool] = []
            for row in rows:
                with suppress(Impossible):
                    other += [answer(row) != row.answer] if row.kind in kinds else []
            if other:
                found.append(Reading(", ".join(kinds), text, len(other), sum(other)))
        return tuple(found)

    def _others(self) -> list[tuple[tuple[str, ...], str, Callable[[CladderRow], str]]]:
        return [
            (ROUNDED, "what rounds to 0.00 is no effect", self._rounded),
            (("backadj",), "of two valid sets the smaller is more correct", _smaller),
            (("nde", "nie"), "X=1 is the reference, not X=0", self._from_treated),
            (("nde", "nie"), "as formal_form has it: mediators held by do", self._held),
            (("collider_bias",), "as formal_form has it: given the collider", self._given_collider),
        ]

    def _rounded(self, row: CladderRow) -> str:
        return "no" if abs(self.sign(row)) < SHOWN else self.answer(row)

    def _from_treated(self, row: CladderRow) -> str:
        effect = getattr(self.model(row.world), row.kind)
        return _answer(row, effect(row.treatment, row.outcome, row.mediators, reference="treated"))

    def _held(self, row: CladderRow) -> str:
        model, x, y = self.model(row.world), row.treatment, row.outcome
        if row.kind == "nde":
            return _answer(row, model.cde(x, y, dict.fromkeys(row.mediators, 0)))
        up, down = (model.do({x: 0, **dict.fromkeys(row.mediators, m)}).mean(y) for m in (1, 0))
        return _answer(row, up - down)

    def _given_collider(self, row: CladderRow) -> str:
        up, down = (
            self.model(row.world).do({row.treatment: x}).p({row.outcome: 1}, {str(row.collider): 1}) for x in (1, 0)
        )
        return _said((abs(up - down) > TOLERANCE) == row.polarity)

    def notes(self, both: list[tuple[CladderRow, Verdict]]) -> tuple[str, ...]:
        """Sentences on the numbers and on the classes of wrong answers."""
        off = [row for row, verdict in both if verdict.off]
        explained = sum(as_if_independent(row) for row in off)
        across = sum((self.sign(row) > 0) != (float(row.published or 0) > _line(row)) for row in off)
        facts = Counter(self.misstated(row) for row, _ in both)
        zero = Counter((verdict.kind, verdict.gold) for _, verdict in both if verdict.state == "zero")
        why = Counter(verdict.why for _, verdict in both if verdict.state == "wrong")
        found = [f"{n} wrong: {text}" for text, n in why.most_common()]
        if off:
            found.append(
                f"{len(off)} published numbers are not the exact ones; {explained} of them come out when the causes "
                f"of a variable are taken as independent of each other; {across} lie on the other side of "
                "the line that decides (zero, or a half)"
            )
        if facts[True]:
            found.append(f"{facts[True]} of {facts[True] + facts[False]} questions state a number that is not exact")
        found += [f"zero: {n} {kind} questions, gold {gold}" for (kind, gold), n in zero.items()]
        return tuple(found)


def _verdict(row: CladderRow, ours: str, state: State, **more: Any) -> Verdict:
    return Verdict(
        file=row.file.name,
        line=row.line,
        id=str(row.id),
        kind=row.kind,
        question=row.question,
        gold=row.answer,
        ours=ours,
        state=state,
        published=row.published,
        **more,
    )


def _number(model: Discrete, row: CladderRow) -> float:
    x, y = row.treatment, row.outcome
    one, given = {y: 1}, {str(row.collider): 1}
    match row.kind:
        case "marginal":
            return model.p(one)
        case "correlation":
            return model.p(one, {x: 1}) - model.p(one, {x: 0})
        case "exp_away":
            return model.p(one, {x: 1, **given}) - model.p(one, given)
        case "ett":
            return model.att(x, y)
        case "nde":
            return model.nde(x, y, row.mediators)
        case "nie":
            return model.nie(x, y, row.mediators)
        case "det-counterfactual":
            return model.counterfactual(row.evidence, {x: row.action}).p({y: int(row.polarity)})
        case _:
            return model.ate(x, y)


def _line(row: CladderRow) -> float:
    return 0.5 if row.kind == "marginal" else 0.0


def _answer(row: CladderRow, sign: float) -> str:
    if abs(sign) <= TOLERANCE:
        return "no"
    asked = sign if row.polarity else -sign
    return _said(asked < 0 if row.kind == "ett" else asked > 0)


def _said(yes: bool) -> str:
    return "yes" if yes else "no"


def _near(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) + 1e-12


def valid(row: CladderRow, names: tuple[str, ...]) -> bool:
    """The back-door criterion: no effect of X in the set, and it blocks every path that enters X."""
    return is_adjustment_set(row.world.graph, row.treatment, row.outcome, names, rule="back-door")


def _smaller(row: CladderRow) -> str:
    first, second = row.methods
    better = valid(row, first) and not (valid(row, second) and len(second) <= len(first))
    return _said(better)


def _told_set(row: CladderRow, names: tuple[str, ...]) -> str:
    graph, x, y = row.world.graph, row.treatment, row.outcome
    told = "{" + ", ".join(names) + "}"
    if fault := adjustment_fault(graph, x, y, names, rule="back-door"):
        return f"{told} is not valid: {fault}"
    blocked = "it blocks every path that enters" if graph.parents(x) else "no path enters"
    return f"{told} is valid: {blocked} {x} in {graph}, and it holds no effect of {x}"


def parts(row: CladderRow) -> list[Part]:
    """The sums that make the question's number, the second one taken away from the first."""
    world, x, y, c = row.world, row.treatment, row.outcome, str(row.collider)
    one, read_by = {y: 1}, world.graph.children(x)
    match row.kind:
        case "marginal":
            return [Part(1, summed(world, f"P({y}=1)", one))]
        case "correlation":
            return [
                _ratio(world, sign, f"{y}=1", {**one, x: value}, f"{x}={value}", {x: value})
                for sign, value in ((1, 1), (-1, 0))
            ]
        case "exp_away":
            both = _ratio(world, 1, f"{y}=1", {**one, x: 1, c: 1}, f"{x}=1, {c}=1", {x: 1, c: 1})
            return [both, _ratio(world, -1, f"{y}=1", {**one, c: 1}, f"{c}=1", {c: 1})]
        case "ett":
            return [
                _ratio(world, sign, f"{y}_({x}={v})=1", {**one, x: 1}, f"{x}=1", {x: 1}, dict.fromkeys(read_by, v), x)
                for sign, v in ((1, 1), (-1, 0))
            ]
        case "nde" | "nie":
            direct, through = (1, 0) if row.kind == "nde" else (0, 1)
            title = f"P({y}=1), {y} reading {x}={direct}, the mediators {x}={through}"
            return [
                Part(1, summed(world, title, one, {x: through}, {y: direct}, x)),
                Part(-1, summed(world, f"P({y}=1 | do({x}=0))", one, {x: 0})),
            ]
        case "det-counterfactual":
            told = ", ".join(f"{name}={value}" for name, value in row.evidence.items())
            event = {y: int(row.polarity), **row.evidence}
            title = f"P({y}_({x}={row.action})={int(row.polarity)}{told and f', {told}'})"
            top = summed(world, title, event, {x: int(row.action or 0)})
            known = summed(world, f"P({told})", row.evidence) if row.evidence else None
            return [Part(1, top, known, title.replace(", ", " | ", 1))]
        case _:
            return [
                Part(sign, summed(world, f"P({y}=1 | do({x}={value}))", one, {x: value}))
                for sign, value in ((1, 1), (-1, 0))
            ]


def _ratio(
    world: CladderWorld, sign: int, name: str, event: dict[str, int], told: str, given: dict[str, int],
    reads: dict[str, int] | None = None, x: str = "X",
) -> Part:  # fmt: skip
    top = summed(world, f"P({name}, {told})", event, reads=reads, x=x)
    return Part(sign, top, summed(world, f"P({told})", given), f"P({name} | {told})")


def as_if_independent(row: CladderRow) -> bool:
    """Does the published number come out when the causes of a variable are taken as independent of each other?"""
    world, x, y = row.world, row.treatment, row.outcome
    if row.published is None:
        return False
    if row.kind == "marginal":
        found = mixed(world)[y]
    elif row.kind in ("ate", "ett"):
        found = mixed(world, {x: 1})[y] - mixed(world, {x: 0})[y]
    elif row.kind in ("nde", "nie"):
        direct, through = (1, 0) if row.kind == "nde" else (0, 1)
        found = mixed_nested(world, x, y, direct, through) - mixed_nested(world, x, y, 0, 0)
    else:
        return False
    return _near(row.published, found)
