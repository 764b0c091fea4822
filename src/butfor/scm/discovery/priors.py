"""What people or language models know of a graph before the data speak: rules, tiers and beliefs, read from TOML.

    required = ["smoking -> tar"]                 # an edge that is there
    forbidden = ["cancer -> smoking", "A -- B"]   # an edge that is not; `--`: in neither direction
    tiers = [["age"], ["smoking"], ["tar"]]       # no edge from a later tier into an earlier one
    [beliefs]
    "tar -> cancer" = 0.9                         # how probable this very edge is; 0.5 says nothing

Rules are never broken. Beliefs are weighed against the data by the searches that score graphs: the log prior of a
graph is

    sum over its edges i -> j of   log p_ij - log(1 - p_ij)          (edges independent, given that there is no cycle)

Source    Castelo & Siebes 2000 (priors on edges). The rules as in Meek 1995.
Limits    A tier forbids edges, not paths: through a variable of no tier, later could still reach earlier. Beliefs come
          without the confidence of the believer: p = 0.9 weighs log 9 = 2.2 nats, whoever says it.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, GraphError, Mistake, SpecError, UnknownName
from butfor.scm.columns import Floats
from butfor.scm.graph import Edge, Graph
from butfor.scm.graphs.equivalence import ARROW, TAIL, Pattern, sets_of
from butfor.scm.graphs.formats import parse_edges, quoted

Yes = NDArray[np.bool_]
KEYS = ("required", "forbidden", "tiers", "beliefs", "source")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Knowledge in names; `source` says whose it is."""

    required: tuple[Edge, ...] = ()
    forbidden: tuple[Edge, ...] = ()
    tiers: tuple[tuple[str, ...], ...] = ()
    beliefs: Mapping[Edge, float] = field(default_factory=dict[Edge, float])
    source: str = ""

    @classmethod
    def read(cls, source: str | Path | Mapping[str, Any] | Prior | None) -> Prior:
        """A prior from a TOML file, TOML text (a string of several lines), or a mapping of the same keys."""
        if source is None:
            return cls()
        if isinstance(source, Prior):
            return source
        table = source if isinstance(source, Mapping) else _toml(source)
        for key in table:
            if key not in KEYS:
                raise UnknownName("key of a prior", str(key), KEYS)
        edges = {key: _edges(key, table.get(key, ())) for key in ("required", "forbidden")}
        return cls(
            required=edges["required"],
            forbidden=edges["forbidden"],
            tiers=_tiers(table.get("tiers", ())),
            beliefs=_beliefs(table.get("beliefs", {})),
            source=str(table.get("source", "")),
        )

    @property
    def empty(self) -> bool:
        """Nothing is known."""
        return not (self.required or self.forbidden or self.tiers or self.beliefs)

    @property
    def items(self) -> list[str]:
        """Every rule in words; the tiers are one rule."""
        return [
            *(f"required {told(edge)}" for edge in self.required),
            *(f"forbidden {told(edge)}" for edge in self.forbidden),
            *(["tiers"] if self.tiers else []),
        ]

    def without(self, item: str) -> Prior:
        """The prior without one of its `items`."""
        return Prior(
            required=tuple(edge for edge in self.required if f"required {told(edge)}" != item),
            forbidden=tuple(edge for edge in self.forbidden if f"forbidden {told(edge)}" != item),
            tiers=() if item == "tiers" else self.tiers,
            beliefs=self.beliefs,
            source=self.source,
        )

    def rules(self, names: Sequence[str]) -> Rules:
        """The prior over these variables; an unknown name, or rules that contradict each other, raise."""
        known = {name: i for i, name in enumerate(names)}
        for name in self._named():
            if name not in known:
                raise UnknownName("variable in the prior", name, known)
        if self.required and (found := _contradictions(self, names)):
            raise SpecError(Mistake("prior", problem) for problem in found)
        n = len(known)
        required, forbidden, odds = np.zeros((n, n), dtype=bool), np.eye(n, dtype=bool), np.zeros((n, n))
        for a, b in self.required:
            required[known[a], known[b]] = forbidden[known[b], known[a]] = True
        for a, b in self.forbidden:
            forbidden[known[a], known[b]] = True
        for a, b in _against_tiers(self.tiers):
            forbidden[known[a], known[b]] = True
        for (a, b), p in self.beliefs.items():
            odds[known[a], known[b]] = math.log(p) - math.log1p(-p)
        return Rules(tuple(names), required, forbidden, odds)

    def _named(self) -> Iterable[str]:
        for a, b in (*self.required, *self.forbidden, *self.beliefs):
            yield from (a, b)
        for tier in self.tiers:
            yield from tier


@final
@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """A prior over numbered variables."""

    names: tuple[str, ...]
    required: Yes  # [n, n], true at i, j where i -> j must be
    forbidden: Yes  # [n, n], true at i, j where i -> j must not be; the diagonal, and against each required edge
    odds: Floats  # [n, n], what an edge i -> j adds to the log prior

    @property
    def empty(self) -> bool:
        """Nothing is required or forbidden."""
        return not self.required.any() and int(self.forbidden.sum()) == len(self.names)

    @property
    def soft(self) -> bool:
        """There are beliefs."""
        return bool(self.odds.any())

    @property
    def bare(self) -> tuple[int, ...]:
        """The graph of the required edges alone, as sets of parents."""
        return tuple(sets_of(self.required.T))

    def broken_by(self, pattern: Pattern) -> list[str]:
        """The rules that a pattern breaks; an edge that may still point the forbidden way breaks one too."""
        order = [pattern.at(name) for name in self.names]
        marks = pattern.marks[np.ix_(order, order)]
        directed = (marks == ARROW) & (marks.T == TAIL)
        may = (marks != 0) & (marks.T != ARROW)  # at i, j: an edge without an arrowhead at i may be i -> j
        missing = [f"required {told(self.edge(i, j))}" for i, j in np.argwhere(self.required & ~directed).tolist()]
        wrong = [f"forbidden {told(self.edge(i, j))}" for i, j in np.argwhere(self.forbidden & may).tolist()]
        return missing + wrong

    def edge(self, i: int, j: int) -> Edge:
        """The names of an edge."""
        return self.names[i], self.names[j]


def told(edge: Edge) -> str:
    """`A -> B`."""
    return f"{quoted(edge[0])} -> {quoted(edge[1])}"


def _contradictions(prior: Prior, names: Sequence[str]) -> list[str]:
    """Rules that no graph satisfies, each in a sentence."""
    required = list(dict.fromkeys(prior.required))
    found = [f"{told(edge)} is both required and forbidden" for edge in required if edge in set(prior.forbidden)]
    later = set(_against_tiers(prior.tiers))
    found += [f"required {told(edge)} runs from a later tier into an earlier one" for edge in required if edge in later]
    try:
        Graph(names, required)
    except GraphError as error:
        found.append(f"the required edges cannot stand together: {error}")
    else:
        tiered = {(b, a) for a, b in later}
        if not found:
            try:
                Graph(names, [*required, *tiered])
            except GraphError as error:
                found.append(f"the required edges lead from a later tier back to an earlier one: {error}")
    return found


def _against_tiers(tiers: Sequence[Sequence[str]]) -> Iterable[Edge]:
    for k, tier in enumerate(tiers):
        for later in tiers[k + 1 :]:
            yield from ((a, b) for a in later for b in tier)


def _toml(source: str | Path) -> Mapping[str, Any]:
    where = "prior" if isinstance(source, str) and "\n" in source else str(source)
    try:
        text = source if where == "prior" else Path(source).read_text(encoding="utf-8")
        return tomllib.loads(str(text))
    except FileNotFoundError:
        raise DataError(f"{where} does not exist; a prior is a TOML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{where} cannot be read ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where} is no TOML: {error}") from error


def _edges(key: str, given: Any) -> tuple[Edge, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise SpecError([Mistake(f"prior, {key}", 'should be a list of edges, as in ["A -> B", "B -> C"]')])
    found: list[Edge] = []
    for entry in cast(Iterable[Any], given):
        for a, arrow, b in _parsed(key, entry):
            if arrow == "->":
                found.append((a, b))
            elif arrow == "<-":
                found.append((b, a))
            elif key == "forbidden" and arrow == "--":
                found += [(a, b), (b, a)]
            else:
                raise SpecError([Mistake(f"prior, {key}", f"{a} {arrow} {b}: an edge here is written A -> B")])
    return tuple(dict.fromkeys(found))


def _parsed(key: str, entry: Any) -> list[tuple[str, str, str]]:
    if isinstance(entry, str):
        try:
            found = parse_edges(entry)[1]
        except GraphError as error:
            raise SpecError([Mistake(f"prior, {key}", str(error))]) from error
    else:
        pair = [str(name) for name in cast(Sequence[Any], entry)]
        found = [(pair[0], "->", pair[1])] if len(pair) == 2 else []
    loops = [f"{a} {arrow} {b}" for a, arrow, b in found if a == b]
    if not found or loops:
        problem = f"{loops[0]}: a variable cannot cause itself" if loops else f"{entry!r} is no edge; write A -> B"
        raise SpecError([Mistake(f"prior, {key}", problem)])
    return found


def _tiers(given: Any) -> tuple[tuple[str, ...], ...]:
    rows = list(cast(Iterable[Any], given)) if isinstance(given, Iterable) and not isinstance(given, str) else [""]
    if any(isinstance(row, str) or not isinstance(row, Iterable) for row in rows):
        raise SpecError([Mistake("prior, tiers", 'should be a list of lists of names, as in [["age"], ["dose"]]')])
    tiers = tuple(tuple(str(name) for name in row) for row in rows)
    named = [name for tier in tiers for name in tier]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise SpecError([Mistake("prior, tiers", f"a variable stands twice: {', '.join(twice)}")])
    return tiers


def _beliefs(given: Any) -> dict[Edge, float]:
    if not isinstance(given, Mapping):
        raise SpecError([Mistake("prior, beliefs", 'should be a table, as in "A -> B" = 0.8')])
    found: dict[Edge, float] = {}
    for entry, p in cast(Mapping[Any, Any], given).items():
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0 < p < 1:
            fix = "a probability strictly between 0 and 1; what is certain goes under required or forbidden"
            raise SpecError([Mistake(f"prior, beliefs, {entry}", f"{p!r} is not {fix}")])
        for a, arrow, b in _parsed("beliefs", entry):
            edge = {"->": (a, b), "<-": (b, a)}.get(arrow)
            if edge is None or edge in found:
                problem = "is given twice" if edge else "should read A -> B"
                raise SpecError([Mistake("prior, beliefs", f"{a} {arrow} {b} {problem}")])
            found[edge] = float(p)
    return found
