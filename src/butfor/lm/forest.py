"""Texts as a forest: what they share at the beginning is computed once.

Token sequences are sorted, so that equal beginnings lie side by side, and merged into trees: a node is a token after a
given history, and two sequences share the nodes of their common prefix. A forest of many trees is one row of input:

    tokens      in depth-first order                                        [T]
    positions   depth of the node = place of the token in its own text      [T]
    mask        node i sees node j  ⇔  j is i or an ancestor of i  ⇔  j ≤ i ≤ last(j)   [T, T]

where last(j) is the last node of j's subtree. No padding, no token twice, and (softmax gives a masked key a weight of
exactly zero) no text sees another. The last token of a text predicts nothing that is asked for, so it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Forest:
    """Some token sequences, merged."""

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    paths: dict[int, list[int]] = field(default_factory=dict)  # sequence number → its nodes, root first

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, number: int, tokens: Sequence[int], path: list[int]) -> None:
        """Add a sequence whose first nodes are `path`, which must be a prefix of the one added before."""
        path = list(path)
        for depth in range(len(path), len(tokens)):
            path.append(len(self.tokens))
            self.tokens.append(tokens[depth])
            self.depths.append(depth)
            self.last.append(0)
        for node in path:
            self.last[node] = len(self.tokens) - 1
        self.paths[number] = path

    def mask(self) -> NDArray[np.bool_]:
        """[T, T]: which node (row) sees which (column)."""
        nodes = np.arange(len(self))
        return (nodes[None, :] <= nodes[:, None]) & (nodes[:, None] <= np.asarray(self.last)[None, :])


def forests(sequences: Sequence[list[int]], budget: int, most: int = 0) -> Iterator[Forest]:
    """Merge the sequences into forests of at most `budget` tokens (or of one sequence, where that alone is longer).

    Up to `most` tokens a forest takes in a sequence of which it has more than half already: elsewhere all of it
    would have to be computed again.
    """
    order = sorted(range(len(sequences)), key=lambda number: sequences[number])
    forest, before, path = Forest(), [], []
    for number in order:
        tokens = sequences[number]
        shared = common(before, tokens)
        room = max(budget, most) if 2 * shared > len(tokens) else budget
        if len(forest) and len(forest) + len(tokens) - shared > room:
            yield forest
            forest, path, shared = Forest(), [], 0
        forest.add(number, tokens, path[:shared])
        before, path = tokens, forest.paths[number]
    if len(forest):
        yield forest


def rows(sequences: Sequence[list[int]], budget: int, even: bool = False) -> Iterator[list[list[int]]]:
    """The plain layout: batches of at most `budget` padded tokens, longest first; each row is a list of the numbers of
    the sequences that it holds, the first of which is the row itself and the others prefixes of it. `even` asks for
    rows of one length in a batch, each holding one sequence (and those equal to it)."""
    order = sorted(range(len(sequences)), key=lambda number: sequences[number], reverse=True)
    held: list[list[int]] = []
    for number in order:
        tokens = sequences[number]
        row = sequences[held[-1][0]] if held else []
        if held and (row == tokens if even else common(row, tokens) == len(tokens)):
            held[-1].append(number)
        else:
            held.append([number])
    held.sort(key=lambda row: -len(sequences[row[0]]))
    batch: list[list[int]] = []
    for row in held:
        width = len(sequences[batch[0][0]]) if batch else 0
        if batch and ((len(batch) + 1) * width > budget or (even and len(sequences[row[0]]) < width)):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def needed(sequences: Sequence[list[int]]) -> int:
    """How many tokens must pass through the layers at least once: the nodes of one forest of all sequences."""
    total, before = 0, []
    for tokens in sorted(sequences):
        total += len(tokens) - common(before, tokens)
        before = tokens
    return total


def common(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the common prefix."""
    at = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        at += 1
    return at
