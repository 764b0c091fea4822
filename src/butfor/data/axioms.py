"""Demonstrations of two axioms of causality, told edge by edge, with dials: transitivity and d-separation.

    "P causes Q. Q causes R. Does P cause R? Yes. Does R cause P? No."

Idea      Names are random strings, so nothing can be known beforehand: what is learnt is how causes compose.
Labels    transitivity   a causes b where a directed path leads from a to b
          d-separation   by the graph: `Graph.separated`
Dials     nodes, noise (share of edges turned round), branching, how the edges are told (reversed, shuffled), how many
          graphs stand side by side in a passage, how many questions are asked, how long names are and of how many
          letters, whether an answer on transitivity shows its proof: `Dials`.
Proof     walks from the effect up, each name caused by the next: "Does P cause R? R Q P. Yes." A walk ends where the
          cause is found, or where no cause is left that was not named. The next one goes on from the last name that
          has such a cause. "No" follows when there is none: then all that causes the effect was named.
Sides     The digest of what a graph's edges read like says whether it may stand in "train", "validation" or "test": no
          two of these share a premise, whatever the seeds.
Balance   Half of the answers are Yes. A "No" is told in the order of its pair as a "Yes" would be, where the graph has
          such a pair, and then the order of two names in the text tells nothing. On chains told forward or reversed it
          tells all, and few nodes and little noise leave many chains: "the name told first is the cause" is right
          for 0.64 of the questions on transitivity by default, 0.78 at noise 0.2 and 2 to 6 nodes, 0.65 on branched
          graphs of 3 to 6 nodes, 0.51 on those of 6 (`tests/data/test_axioms.py`). A No about two graphs stands in
          either order alike. Half of the questions on separation are Yes at each size of the given set, where the
          graph has both answers.
Wording   that of the published set (`butfor.data.causal_axioms`), which its `edges` reads. A passage begins with a
          blank: most tokenizers give a name another token where none is before it.
Source    Vashishtha et al. 2024 (axiomatic training); the generator is our own.
Limits    A branched graph is never turned round edge by edge (that could close a circle): noise is for lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.seeds import generator
from butfor.scm.graph import Edge, Graph, bits

if TYPE_CHECKING:
    from numpy.random import Generator

Side = Literal["train", "validation", "test"]
Order = Literal["forward", "reversed", "shuffled"]
Shape = Literal["line", "branched"]
Kind = Literal["transitivity", "d-separation"]
SIDES: tuple[Side, ...] = ("train", "train", "validation", "test")  # by the digest of the premise, in quarters
SIGNS = ascii_letters + digits
TAKEN = frozenset({"No", "Yes", "Are", "and", "d"})  # words of the questions and answers are no names
SECOND = 0.4  # of the nodes of a branched graph have a second cause
APART = 0.3  # of the answers No are about names of two graphs, where a passage has several
GIVEN = 3  # variables at most that a question on separation holds fixed
ATTEMPTS = 60
EASY = 7  # letters that the names of an easy passage are made of
LONGEST = 64  # characters of a name
COUNT = 8_000  # passages of the corpus "axioms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """What a draw of demonstrations is like; shares are between 0 and 1."""

    nodes: tuple[int, int] = (3, 6)  # least and most, of each graph
    noise: float = 0.3  # share of the edges of a line that point back
    branching: float = 0.0  # share of graphs that branch; the others are lines
    reversal: float = 0.0  # share of graphs told from the last edge to the first
    shuffling: float = 0.0  # share of graphs told in any order
    separation: float = 0.5  # share of passages that ask about d-separation
    graphs: tuple[int, int] = (1, 1)  # least and most in one passage, told one after the other
    questions: int = 4  # in one passage
    names: tuple[int, int] = (1, 3)  # characters of a name, least and most
    letters: int = len(SIGNS)  # different ones that names are made of
    proof: bool = False  # whether answers on transitivity are led up to by their proof
    easy: float = 0.0  # share of passages on graphs of the least size or one more, their names of EASY letters

    def __post_init__(self) -> None:
        for name in ("noise", "branching", "reversal", "shuffling", "separation", "easy"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if self.reversal + self.shuffling > 1:
            raise ValueError("reversal and shuffling are shares of the same passages; together they are 1 at most")
        for name, least in (("nodes", 2), ("graphs", 1), ("names", 1)):
            low, high = getattr(self, name)
            if not least <= low <= high:
                raise ValueError(f"{name} is [least, most], from {least} on, not {[low, high]}")
        if self.names[1] > LONGEST:
            raise ValueError(f"names have {LONGEST} characters at most, not {self.names[1]}")
        enough(self.nodes[1] * self.graphs[1], self.names, self.letters)
        if self.separation and self.nodes[1] < 3:
            raise ValueError(
                "two nodes that are joined are never d-separated; let nodes go to 3, or set separation = 0"
            )
        if self.questions < 1:
            raise ValueError(f"questions is 1 or more, not {self.questions}")


@dataclass(frozen=True, slots=True, eq=False)
class Premise:
    """A graph and the order in which its edges are told."""

    edges: list[Edge]
    graph: Graph
    order: Order
    shape: Shape

    @property
    def text(self) -> str:
        """The edges as sentences."""
        return told(self.edges)

    @property
    def total(self) -> bool:
        """Whether of every two nodes one causes the other, as in a chain: then no pair is without an order."""
        sizes = sum(self.graph.descendants_of(1 << i).bit_count() - 1 for i in range(len(self.graph.names)))
        return sizes == len(self.graph.names) * (len(self.graph.names) - 1) // 2


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One question on a premise, with its exact answer."""

    kind: Kind
    a: str
    b: str
    given: tuple[str, ...]
    yes: bool

    @property
    def question(self) -> str:
        """In the words of the published set."""
        if self.kind == "transitivity":
            return f"Does {self.a} cause {self.b}?"
        behind = f" given {{{', '.join(self.given)}}}" if self.given else ""
        return f"Are {self.a} and {self.b} d-separated{behind}?"

    @property
    def answer(self) -> str:
        """Yes or No."""
        return "Yes" if self.yes else "No"


def enough(count: int, lengths: tuple[int, int], letters: int = len(SIGNS)) -> None:
    """Refuses names that are too short for so many nodes; a fifth of all is kept free, so that drawing ends."""
    if not 2 <= letters <= len(SIGNS):
        raise ValueError(f"letters is a number from 2 to {len(SIGNS)}, not {letters}")
    there = sum(letters**size for size in range(lengths[0], min(lengths[1], 4) + 1))
    if lengths[0] < 5 and 5 * count > 4 * there:
        raise ValueError(f"{count} nodes are too many for the {there} names of so few characters; let names be longer")


def told(edges: Sequence[Edge]) -> str:
    """Edges as sentences."""
    return " ".join(f"{a} causes {b}." for a, b in edges)


def side(premise: str) -> Side:
    """On which side of the split a premise stands."""
    return SIDES[hashlib.blake2b(premise.encode(), digest_size=1).digest()[0] % len(SIDES)]


def new_names(count: int, lengths: tuple[int, int], rng: Generator, letters: int = len(SIGNS)) -> list[str]:
    """So many different names of random characters, of the first so many letters and digits."""
    found: dict[str, None] = {}
    while len(found) < count:
        size = int(rng.integers(lengths[0], lengths[1] + 1))
        name = "".join(SIGNS[int(at)] for at in rng.integers(0, letters, size))
        if name not in TAKEN:
            found[name] = None
    return list(found)


def line(names: Sequence[str], noise: float, rng: Generator) -> list[Edge]:
    """A line through the names in order; each edge points back with probability `noise`."""
    back = rng.random(len(names) - 1) < noise
    return [(b, a) if turned else (a, b) for (a, b), turned in zip(pairwise(names), back, strict=True)]


def branched(names: Sequence[str], rng: Generator) -> list[Edge]:
    """A graph that grows from the first name: each next one is caused by one earlier, at times by two."""
    found: list[Edge] = []
    for at in range(1, len(names)):
        count = 1 + int(at > 1 and rng.random() < SECOND)
        found += [(names[int(cause)], names[at]) for cause in sorted(rng.choice(at, size=count, replace=False))]
    return found


def premise(names: Sequence[str], shape: Shape, order: Order, noise: float, rng: Generator) -> Premise:
    """A new graph over these names."""
    edges = line(names, noise, rng) if shape == "line" else branched(names, rng)
    if order == "reversed":
        edges = edges[::-1]
    elif order == "shuffled":
        edges = [edges[int(at)] for at in rng.permutation(len(edges))]
    return Premise(edges, Graph(dict.fromkeys(name for edge in edges for name in edge), edges), order, shape)


def drawn(dials: Dials, on: Side, rng: Generator) -> Premise:
    """A premise as the dials have it, on one side of the split."""
    nodes = int(rng.integers(dials.nodes[0], dials.nodes[1] + 1))
    shape: Shape = "branched" if rng.random() < dials.branching else "line"
    at = rng.random()
    order: Order = "reversed" if at < dials.reversal else "forward"
    if dials.reversal <= at < dials.reversal + dials.shuffling:
        order = "shuffled"
    return drawn_premise(nodes, dials.names, shape, order, dials.noise, on, rng, dials.letters)


def drawn_premise(
    nodes: int,
    lengths: tuple[int, int],
    shape: Shape,
    order: Order,
    noise: float,
    on: Side,
    rng: Generator,
    letters: int = len(SIGNS),
) -> Premise:
    """The first of the graphs drawn, names and all, that stands on this side of the split.

    A branched graph in which of every two nodes one causes the other would tell each No by its order, as a chain does.
    """
    while True:
        found = premise(new_names(nodes, lengths, rng, letters), shape, order, noise, rng)
        if side(found.text) == on and not (shape == "branched" and nodes > 2 and found.total):
            return found


# questions ------------------------------------------------------------------------------------------------------------


def transitivity(of: Premise, rng: Generator, *, yes: bool, others: Sequence[str] = ()) -> Demonstration:
    """Does a cause b? `others`: names of other graphs in the passage, which may stand in a pair that is no cause.

    First how far apart the pair is (in names, as they are first told), then one of the pairs that are so far apart.
    """
    graph, names = of.graph, of.graph.names
    places = range(len(names))
    causes = [graph.descendants_of(1 << i) & ~(1 << i) for i in places]
    pair = _picked([(i, j) for i in places for j in bits(causes[i])], rng)
    if not yes and others and rng.random() < APART:
        one, other = names[int(rng.integers(len(names)))], others[int(rng.integers(len(others)))]
        a, b = (one, other) if rng.random() < 0.5 else (other, one)
        return Demonstration("transitivity", a, b, (), yes=False)
    if not yes:
        wrong = [(i, j) for i in places for j in places if i != j and not causes[i] >> j & 1]
        alike = [(i, j) for i, j in wrong if (i < j) == (pair[0] < pair[1])]
        chain = of.total and of.order != "shuffled"
        pair = _picked(wrong if chain or not alike else alike, rng)
    return Demonstration("transitivity", names[pair[0]], names[pair[1]], (), yes)


def _picked(pairs: Sequence[tuple[int, int]], rng: Generator) -> tuple[int, int]:
    """One of the pairs, every distance as likely as another."""
    far = sorted({abs(i - j) for i, j in pairs})
    distance = far[int(rng.integers(len(far)))]
    there = [pair for pair in pairs if abs(pair[0] - pair[1]) == distance]
    return there[int(rng.integers(len(there)))]


def separation(of: Premise, rng: Generator, *, yes: bool) -> Demonstration:
    """Are a and b d-separated? The size of the given set is drawn among those at which both answers are found."""
    sizes = [int(size) for size in rng.permutation(min(GIVEN, len(of.graph.names) - 2) + 1)]
    found: list[dict[bool, Demonstration]] = []
    for size in sizes:
        tried = {answer: _separation(of.graph, size, answer, rng) for answer in (True, False)}
        found.append({answer: one for answer, one in tried.items() if one})
        if len(found[-1]) == 2:
            break
    return next(pair[answer] for pair in (found[-1], *found) for answer in (yes, not yes) if answer in pair)


def _separation(graph: Graph, size: int, yes: bool, rng: Generator) -> Demonstration | None:
    """A pair and a set with this answer, found by trying; None where none was found."""
    for _ in range(ATTEMPTS):
        chosen = rng.permutation(len(graph.names))[: size + 2].tolist()
        given = 0
        for i in chosen[2:]:
            given |= 1 << i
        if graph.separated_of(1 << chosen[0], 1 << chosen[1], given) == yes:
            a, b, *rest = (graph.names[i] for i in chosen)
            return Demonstration("d-separation", a, b, tuple(rest), yes)
    return None


def walks(edges: Sequence[Edge], a: str, b: str) -> list[list[str]]:
    """The proof whether a causes b: walks up from b, depth first, causes in the order in which they are told."""
    found: list[list[str]] = [[b]]
    named, path = {b}, [b]
    while path and a not in named:
        cause = next((one for one, other in edges if other == path[-1] and one not in named), None)
        if cause is None:
            path.pop()
            continue
        if found[-1][-1] != path[-1]:
            found.append([path[-1]])
        found[-1].append(cause)
        named.add(cause)
        path.append(cause)
    return found


def shown(edges: Sequence[Edge], a: str, b: str) -> str:
    """The proof as text, a sentence for each walk."""
    return "".join(f"{' '.join(walk)}. " for walk in walks(edges, a, b))


# passages -------------------------------------------------------------------------------------------------------------


def passage(dials: Dials, rng: Generator, on: Side = "train") -> dict[str, Any]:
    """One row: the premises, then questions with their answers; `spans` marks these, proofs included."""
    if dials.easy and rng.random() < dials.easy:
        low, high = dials.nodes
        dials = replace(dials, nodes=(low, min(low + 1, high)), letters=min(EASY, dials.letters), easy=0.0)
    premises = _apart(dials, int(rng.integers(dials.graphs[0], dials.graphs[1] + 1)), on, rng)
    separate = rng.random() < dials.separation
    large = [one for one in premises if separate and len(one.graph.names) > 2]  # two joined nodes are never separated
    about = large or premises
    text = "".join(f" {one.text}" for one in premises)
    edges = [edge for one in premises for edge in one.edges]
    spans: list[list[Any]] = []
    for _ in range(dials.questions):
        of = about[int(rng.integers(len(about)))]
        yes = bool(rng.random() < 0.5)
        others = [name for one in premises if one is not of for name in one.graph.names]
        asked = separation(of, rng, yes=yes) if large else transitivity(of, rng, yes=yes, others=others)
        text += f" {asked.question} "
        answer = (shown(edges, asked.a, asked.b) if dials.proof and not large else "") + asked.answer
        spans.append([len(text), len(text) + len(answer), "answer"])
        text += f"{answer}."
    return {"text": text, "spans": spans, "answer_at": spans[0][0]}


def _apart(dials: Dials, count: int, on: Side, rng: Generator) -> list[Premise]:
    """So many premises that share no name."""
    found: list[Premise] = []
    seen: set[str] = set()
    while len(found) < count:
        one = drawn(dials, on, rng)
        if seen.isdisjoint(one.graph.names):
            found.append(one)
            seen.update(one.graph.names)
    return found


def demonstrations(count: int, dials: Dials, rng: Generator, on: Side = "train") -> list[dict[str, Any]]:
    """So many passages, as rows of a corpus."""
    return [{"id": f"axioms/{number}", **passage(dials, rng, on)} for number in range(1, count + 1)]


def corpus() -> list[dict[str, Any]]:
    """The corpus "axioms": transitivity and d-separation on lines of 3 to 6 nodes with edges turned round."""
    return demonstrations(COUNT, Dials(), generator(0, "corpus", "axioms"))
