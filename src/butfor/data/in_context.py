"""In-context chains along a latent graph: which letter comes, its parent's letter decides, by a law new to each text.

Idea      Positions 1 … 15 of a text stand in a graph: each has one earlier position as its parent. A text draws its own
          law, a table of how one letter follows another, and fills its positions along the graph. Position 16 is a
          letter at random, and the text ends with what follows it by the law. Who knows the graph can count in the
          text what followed that letter; who does not, cannot tell which pairs to count.
Equation  π[s] ~ Dirichlet(α, …, α) for each letter s, anew for each text; x_1, x_16 ~ uniform; x_i ~ π[x_parent(i)];
          the answer ~ π[x_16]. Best guess (`best`): (α + times that it followed x_16) / (4 α + times that x_16 came).
Graphs    "tree": the parent of i is drawn once from the positions before it; "chain": i − 1; "lag": i − 2.
          "own": drawn anew for each text, so that there is no graph to learn.
Twins     A text is decided by its draws: a law, a uniform number for each position, and a graph. `told` with another
          graph is the same text under do(graph): same law, same numbers.
Source    the task: Nichani, Damian & Lee 2024; sizes our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import UserError
from butfor.core.seeds import generator

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
Planted = Literal["tree", "chain", "lag"]

LETTERS = "abcd"
LENGTH = 16  # letters before the answer; the last of them is asked about
ALPHA = 0.1  # below one: a letter is mostly followed by the same letter
ROWS = 2**15
ROOT = -1
NAMED = "draw"  # the column of a row that names its draws


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """All that is random in N texts."""

    laws: Numbers  # [N, S, S], row = before, column = after
    uniform: Numbers  # [N, LENGTH + 1]
    parents: Places  # [N, LENGTH + 1], the graph that each text has of its own


def draws(split: str, number: int) -> Draws:
    """The draws of a split ("train", "test", …); the first rows of a larger number are the same."""
    size = len(LETTERS)
    law, uniform, graph = (generator(0, "in-context", split, part) for part in ("law", "uniform", "graph"))
    below = np.arange(LENGTH + 1)
    parents = (graph.random((number, LENGTH + 1)) * below).astype(np.int64)
    parents[:, [0, LENGTH - 1]], parents[:, LENGTH] = ROOT, LENGTH - 1
    laws = law.dirichlet([ALPHA] * size, size=number * size).reshape(number, size, size)
    return Draws(laws, uniform.random((number, LENGTH + 1)), parents)


def parents(graph: Planted, seed: int = 0) -> Places:
    """The parent of each position [LENGTH + 1]; −1 for those that have none."""
    rng = generator(seed, "in-context", "graph", graph)
    found = np.arange(-1, LENGTH)  # a chain
    if graph == "lag":
        found = np.maximum(found - 1, np.where(np.arange(LENGTH + 1) > 0, 0, ROOT))
    elif graph == "tree":
        found = np.array([ROOT, *(rng.integers(0, i) for i in range(1, LENGTH + 1))])
    found[[0, LENGTH - 1]], found[LENGTH] = ROOT, LENGTH - 1
    return found.astype(np.int64)


def filled(drawn: Draws, graph: Places) -> Places:
    """The letters [N, LENGTH + 1] along a graph [LENGTH + 1], or each text's own [N, LENGTH + 1]."""
    number, size = len(drawn.laws), len(LETTERS)
    graph = np.broadcast_to(graph, (number, LENGTH + 1))
    upto, rows = drawn.laws.cumsum(-1), np.arange(number)
    found = np.zeros((number, LENGTH + 1), dtype=np.int64)
    for at in range(LENGTH + 1):
        u, parent = drawn.uniform[:, at], graph[:, at]
        followed = (upto[rows, found[rows, parent]] < u[:, None]).sum(1)
        found[:, at] = np.minimum(np.where(parent == ROOT, (u * size).astype(np.int64), followed), size - 1)
    return found


def told(letters: Places) -> list[str]:
    """The texts: letters without spaces, the answer last."""
    return ["".join(LETTERS[letter] for letter in row) for row in letters.tolist()]


def best(letters: Places, graph: Places) -> Numbers:
    """[N, S]: the best guess at the answer from the letters before it, the graph known and the law not."""
    asked = letters[:, LENGTH - 1]
    counts = np.full((len(letters), len(LETTERS)), ALPHA)
    for at in np.flatnonzero(graph[:LENGTH] != ROOT).tolist():
        rows = np.flatnonzero(letters[:, graph[at]] == asked)
        counts[rows, letters[rows, at]] += 1
    return counts / counts.sum(1, keepdims=True)


def frequencies(letters: Places) -> Numbers:
    """[N, S]: the guess of one who knows no graph and goes by how often each letter came (plus one)."""
    counts = 1 + np.stack([(letters[:, :LENGTH] == s).sum(1) for s in range(len(LETTERS))], axis=1)
    return counts / counts.sum(1, keepdims=True)


@cache
def _train() -> Draws:
    return draws("train", ROWS)


def rows() -> list[dict[str, Any]]:
    """The corpus "in-context": every text has a graph of its own; only the answer is learnt."""
    texts = told(filled(_train(), _train().parents))
    return [{"id": f"in-context/{n}", "text": text, "answer_at": LENGTH, NAMED: n} for n, text in enumerate(texts)]


def numbers_of(given: list[dict[str, Any]]) -> list[int]:
    """Which draw each row of "in-context" is."""
    at = [row.get(NAMED) for row in given]
    numbers = [number for number in at if isinstance(number, int) and 0 <= number < ROWS]
    if len(numbers) < len(given):
        raise UserError('these rows have no law to fill a graph with; set train.corpus = "in-context"')
    return numbers


def replanted(given: list[dict[str, Any]], graph: Places) -> list[dict[str, Any]]:
    """The same rows of "in-context" under do(graph): one graph for all."""
    numbers = numbers_of(given)
    texts = told(filled(_train(), graph))
    return [{**row, "text": texts[number]} for row, number in zip(given, numbers, strict=True)]


def marked() -> list[dict[str, Any]]:
    """The corpus "in-context-tree": texts along the tree, with every position a span and every edge a link."""
    graph = parents("tree")
    links = [[int(graph[at]), at] for at in range(LENGTH) if graph[at] != ROOT]
    spans = [[at, at + 1, f"x{at + 1}"] for at in range(LENGTH)]
    texts = told(filled(draws("marked", MARKED), graph))
    return [
        {"id": f"in-context-tree/{n}", "text": text, "spans": spans, "links": links, "answer_at": LENGTH}
        for n, text in enumerate(texts)
    ]


MARKED = 200
