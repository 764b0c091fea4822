"""How far a found graph is from the true one: structural Hamming and intervention distance, precision and recall.

SHD    the number of pairs whose edge differs in any way; with reversal=2 an edge that points the other way counts
       twice, as one dropped and one added. Alike for DAGs, CPDAGs and PAGs: compare a class with the truth's class.
SID    the number of ordered pairs (i, j) for which adjusting for the parents of i in the found graph does not give
       P(j | do(i)) of the true one: j is a parent of i in the found graph but an effect of i; or a parent is an
       effect of a variable on a causal path from i to j; or the parents leave a path open that is not causal.
F1     2 PR / (P + R), P = shared / found, R = shared / true: of pairs that are joined, and of edges i -> j.

Source    Tsamardinos, Brown & Aliferis 2006 (SHD); Peters & Bühlmann 2015 (SID, and its bounds over a class);
          Shpitser, VanderWeele & Robins 2010 (the adjustment criterion).
Limits    SID is for DAGs; over a class it has a least and a largest value, found by listing the class's members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import GraphError
from butfor.scm.graph import Graph, bits
from butfor.scm.graphs.equivalence import Marks, Pattern, cpdag, dag_of, dags_of

Drawn = Graph | Pattern
MOST_MEMBERS = 100_000


@final
@dataclass(frozen=True, slots=True)
class Overlap:
    """Precision, recall and F1 of a set of edges; nothing found has precision 1, nothing to find recall 1."""

    shared: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        return self.shared / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.shared / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.shared / (self.found + self.true) if self.found + self.true else 1.0

    def __str__(self) -> str:
        return f"precision {self.precision:.2f}, recall {self.recall:.2f}, F1 {self.f1:.2f}"


def shd(truth: Drawn, found: Drawn, reversal: Literal[1, 2] = 1) -> int:
    """Structural Hamming distance: pairs whose edge differs."""
    a, b = _marks(truth, found)
    differs = np.triu((a != b) | (a.T != b.T))
    turned = np.triu((a == b.T) & (b == a.T) & (a != a.T)) & differs
    return int(differs.sum() + (reversal - 1) * turned.sum())


def skeleton(truth: Drawn, found: Drawn) -> Overlap:
    """Joined pairs, whatever their marks."""
    a, b = _marks(truth, found)
    return _overlap(np.triu(a != 0), np.triu(b != 0))


def arrows(truth: Drawn, found: Drawn) -> Overlap:
    """Edges i -> j. An edge without a direction counts neither as found nor as true."""
    a, b = _marks(truth, found)
    return _overlap((a == 2) & (a.T == 1), (b == 2) & (b.T == 1))


def sid(truth: Graph, found: Graph) -> int:
    """Structural intervention distance between two DAGs."""
    _refuse_latent(truth, found)
    _same_names(truth.names, found.names)
    parents = [truth.set(found.parents(name)) for name in truth.names]
    return sum(wrong_of(truth, i, mask) for i, mask in enumerate(parents))


def sid_bounds(truth: Graph, found: Pattern) -> tuple[int, int]:
    """The least and the largest SID among the DAGs of a class (a CPDAG, or one with more edges directed)."""
    _refuse_latent(truth)
    _same_names(truth.names, found.names)
    known: dict[tuple[int, int], int] = {}
    above = {name: set[str]() for name in truth.names}
    for a, arrow, b in found.edges:
        if arrow == "->":
            above[b].add(a)

    def wrong(member: Graph) -> int:
        total = 0
        for name in member.names:
            key = truth.index[name], truth.set(above[name] | member.parents(name))
            if key not in known:
                known[key] = wrong_of(truth, *key)
            total += known[key]
        return total

    split = cpdag(dag_of(found)) == found  # then the parts that undirected edges join are directed independently
    low = high = 0
    for part in _parts(found) if split else [found]:
        counts = [wrong(member) for member in _members(part)]
        low, high = low + min(counts), high + max(counts)
    return low, high


def wrong_of(truth: Graph, i: int, given: int) -> int:
    """For how many j adjusting for `given` does not give P(j | do(i)): the summand of SID."""
    below = truth.descendants_of(1 << i) & ~(1 << i)
    others = truth.all & ~(1 << i)
    wrong = (given & below).bit_count()  # the found graph says: no effect on its causes
    open_ = truth.reached_of(1 << i, given)
    wrong += (open_ & others & ~below & ~given).bit_count()
    cut: dict[int, int] = {}
    for j in bits(below & ~given):
        on_path = below & truth.ancestors_of(1 << j)
        if truth.descendants_of(on_path) & given:
            wrong += 1
            continue
        first = truth.ch[i] & on_path
        if first not in cut:
            pa = [p & ~(1 << i) if first >> k & 1 else p for k, p in enumerate(truth.pa)]
            cut[first] = Graph.of(truth.names, pa, truth.bi).reached_of(1 << i, given)
        wrong += cut[first] >> j & 1
    return wrong


def _members(pattern: Pattern) -> list[Graph]:
    found: list[Graph] = []
    for member in dags_of(pattern):
        found.append(member)
        if len(found) > MOST_MEMBERS:
            raise GraphError(
                f"the class has more than {MOST_MEMBERS:,} members: take sid of one of them, dag_of(pattern)"
            )
    return found


def _parts(pattern: Pattern) -> list[Pattern]:
    """The variables that undirected edges join, with these edges alone."""
    open_ended = (pattern.marks == 1) & (pattern.marks.T == 1)
    left, found = set(range(len(pattern.names))), list[Pattern]()
    while left:
        part, edge = set[int](), {min(left)}
        while edge:
            part |= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(open_ended[i])} - part
        left -= part
        at = sorted(part)
        inside = np.where(open_ended, pattern.marks, 0)[np.ix_(at, at)].astype(np.int8)
        found.append(Pattern(tuple(pattern.names[i] for i in at), inside))
    return found


def _overlap(true: NDArray[np.bool_], found: NDArray[np.bool_]) -> Overlap:
    return Overlap(int((true & found).sum()), int(found.sum()), int(true.sum()))


def _marks(truth: Drawn, found: Drawn) -> tuple[Marks, Marks]:
    """Both as marks over the variables in the truth's order."""
    a = truth if isinstance(truth, Pattern) else Pattern.from_graph(truth)
    b = found if isinstance(found, Pattern) else Pattern.from_graph(found)
    order = _same_names(a.names, b.names)
    return a.marks, b.marks[np.ix_(order, order)]


def _same_names(true: tuple[str, ...], found: tuple[str, ...]) -> list[int]:
    """Where each variable of the truth stands in the found graph."""
    index: Mapping[str, int] = {name: i for i, name in enumerate(found)}
    if set(true) != set(found):
        odd = sorted(set(true) ^ set(found))
        raise GraphError(f"the two graphs are over different variables: {', '.join(odd[:6])}")
    return [index[name] for name in true]


def _refuse_latent(*graphs: Graph) -> None:
    for graph in graphs:
        if graph.confounded:
            raise GraphError(f"SID is defined for DAGs; {' <-> '.join(graph.confounded[0])} is a latent common cause")
