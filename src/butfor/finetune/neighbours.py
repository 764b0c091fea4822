"""The rows whose answers are alike: nearest neighbours of 100,000 rows in seconds.

Idea      Vectors of length one; how alike two answers are is their inner product, a cosine. A row's neighbours are the
          `k` rows of its group whose answers are alike by `least` or more; among answers that are equally alike, the
          row whose question is more alike comes first. A row with the same question is no neighbour.
Equation  s(i, j) = a_i·a_j + QUESTION · q_i·q_j   over j in the group of i, q_j ≠ q_i, a_i·a_j ≥ least
Cells     Up to EXACT rows of a group are all compared, which is exact. More are sorted into CELLS √n cells by spherical
          k-means on (a, √QUESTION q), and a row is compared with those of its PROBES nearest cells: n^1.5 products in
          place of n². What it misses are neighbours at the rim: of 100,000 texts made from e-CARE, 29 s on one core,
          none whose answer is the same, and a tenth of those alike by 0.6 or more.
Vectors   "words": every word has a random direction of WIDTH numbers, drawn from its letters, and weighs log((1 + n) /
          texts with it); a text is their sum. Texts of the same words are alike by 1, texts that share none by
          0 ± 1/√WIDTH, about. Needs no model.
          Else the name of a model: its features (`lm.pooling`), or the mean of word vectors ("glove-50d").
Source    written from the equations; cells as in Jégou et al. 2011 (inverted files), without their compression.
Limits    A text without a known word is alike to nothing, itself included.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from butfor.lm import LM, Vectors

WORDS = "words"
WIDTH = 256
QUESTION = 0.1
EXACT = 16384  # rows that are all compared
CELLS, PROBES, TURNS, BLOCK = 4, 48, 2, 1024  # CELLS √n cells
SAMPLED = 10  # rows a cell that k-means looks at
CLOSE = 1e-5  # what rounding may take from a likeness of 1
LENGTH = 64  # tokens of a text that a model reads

WORD = re.compile(r"[\w']+")


@lru_cache(maxsize=4)
def neighbours(
    answers: tuple[str, ...],
    questions: tuple[str, ...],
    groups: tuple[Hashable, ...],
    k: int,
    least: float,
    by: str = WORDS,
) -> NDArray[np.int64]:
    """The places of each row's neighbours [n, k], the most alike first; -1 where there is none."""
    import numpy as np

    a, q = vectors(answers, by), vectors(questions, by)
    numbers = {text: n for n, text in enumerate(dict.fromkeys(questions))}
    same = np.array([numbers[text] for text in questions])
    members: dict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    found = np.full((len(answers), k), -1)
    for places in members.values():
        at = np.array(places)
        inside = nearest(a[at], q[at], same[at], k, least)
        found[at] = np.where(inside < 0, -1, at[inside])
    return found


def nearest(
    a: NDArray[np.float32], q: NDArray[np.float32], same: NDArray[np.int64], k: int, least: float
) -> NDArray[np.int64]:
    """Within one group: places [n, k] <- vectors of answers [n, d] and questions [n, e], numbers of questions [n]."""
    import numpy as np

    n = len(a)
    best = _Best(a, q, same, k, least)
    if n <= EXACT:
        every = np.arange(n)
        for start in range(0, n, BLOCK):
            best.offer(every[start : start + BLOCK], every)
        return best.places
    both = np.concatenate([a, np.sqrt(np.float32(QUESTION)) * q], axis=1)
    centres = _centres(both, round(CELLS * np.sqrt(n)))
    near = np.concatenate([_first(both[s : s + BLOCK] @ centres.T, PROBES) for s in range(0, n, BLOCK)])  # [n, PROBES]
    own = near[:, 0]
    order, cells = np.argsort(near.ravel(), kind="stable"), np.arange(len(centres))
    starts = np.searchsorted(near.ravel()[order], cells), np.searchsorted(near.ravel()[order], cells, side="right")
    for cell in cells:
        asking, members = order[starts[0][cell] : starts[1][cell]] // near.shape[1], np.flatnonzero(own == cell)
        for start in range(0, len(asking) if len(members) else 0, BLOCK):
            best.offer(asking[start : start + BLOCK], members)
    return best.places


class _Best:
    """The best `k` found so far of every row."""

    def __init__(
        self, a: NDArray[np.float32], q: NDArray[np.float32], same: NDArray[np.int64], k: int, least: float
    ) -> None:
        import numpy as np

        self.a, self.q, self.same, self.least = a, q, same, least - CLOSE
        self.places = np.full((len(a), k), -1)
        self.scores = np.full((len(a), k), -np.inf, np.float32)

    def offer(self, asking: NDArray[np.int64], members: NDArray[np.int64]) -> None:
        """Compare these rows with those, and keep the best."""
        import numpy as np

        alike = self.a[asking] @ self.a[members].T  # [b, m]
        lines, columns = np.nonzero(alike >= self.least)
        if 20 * len(lines) > alike.size:
            scores = alike + np.float32(QUESTION) * (self.q[asking] @ self.q[members].T)
            scores[(alike < self.least) | (self.same[asking, None] == self.same[members])] = -np.inf
        else:
            scores = np.full_like(alike, -np.inf)
            i, j = asking[lines], members[columns]
            told = alike[lines, columns] + QUESTION * np.einsum("nd,nd->n", self.q[i], self.q[j])
            scores[lines, columns] = np.where(self.same[i] == self.same[j], -np.inf, told)
        k = self.places.shape[1]
        first = _first(scores, k)  # [b, k]
        scores = np.concatenate([self.scores[asking], np.take_along_axis(scores, first, 1)], 1)
        places = np.concatenate([self.places[asking], members[first]], 1)
        order = np.lexsort((places, -scores))[:, :k]
        self.scores[asking] = np.take_along_axis(scores, order, 1)
        kept = np.take_along_axis(places, order, 1)
        self.places[asking] = np.where(np.isfinite(self.scores[asking]), kept, -1)


def _first(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The places of the k highest scores of each line, the highest first; fewer where a line is shorter."""
    import numpy as np

    k = min(k, scores.shape[1])
    found = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k < scores.shape[1] else np.argsort(-scores, axis=1)
    return np.take_along_axis(found, np.argsort(-np.take_along_axis(scores, found, 1), axis=1, kind="stable"), 1)


def _centres(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Centres of cells, of length one; the draw is fixed, so that equal rows have equal neighbours."""
    import numpy as np

    draw = np.random.default_rng(0)
    seen = rows[draw.permutation(len(rows))[: SAMPLED * count]]
    centres = seen[:count] / np.maximum(np.linalg.norm(seen[:count], axis=1, keepdims=True), CLOSE)
    for _ in range(TURNS):
        cell = np.concatenate([(seen[s : s + BLOCK] @ centres.T).argmax(1) for s in range(0, len(seen), BLOCK)])
        sums = np.zeros_like(centres)
        np.add.at(sums, cell, seen)
        size = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(size > 0, sums / np.maximum(size, CLOSE), centres)
    return centres


def vectors(texts: Sequence[str], by: str = WORDS) -> NDArray[np.float32]:
    """One vector of length one for each text [n, d]; zero where it has no known word."""
    import numpy as np

    unique = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    made = _worded(list(unique)) if by == WORDS else _read(list(unique), by)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made[[unique[text] for text in texts]]


def _worded(texts: Sequence[str]) -> NDArray[np.float32]:
    import numpy as np
    from scipy.sparse import csr_array

    places: dict[str, int] = defaultdict(lambda: len(places))
    told = [Counter(places[word] for word in WORD.findall(text.lower())) for text in texts]
    ends = np.cumsum([0, *map(len, told)])
    columns = np.array([word for counted in told for word in counted], np.int64)
    counts = np.array([count for counted in told for count in counted.values()], np.float32)
    table = csr_array((counts, columns, ends), shape=(len(told), len(places)))
    weight = np.log((1 + len(texts)) / np.bincount(columns, minlength=len(places)))
    known = [np.random.default_rng(zlib.crc32(word.encode())).normal(size=WIDTH) for word in places]
    return table @ (weight[:, None] * np.array(known).reshape(len(places), WIDTH)).astype(np.float32)


def _read(texts: Sequence[str], by: str) -> NDArray[np.float32]:
    """What a model makes of the texts."""
    from butfor.lm.head import frozen
    from butfor.lm.load import load
    from butfor.lm.world import Vectors

    world: LM | Vectors = load(by)
    return _averaged(texts, world) if isinstance(world, Vectors) else frozen(world, texts, LENGTH)


def _averaged(texts: Sequence[str], table: Vectors) -> NDArray[np.float32]:
    import numpy as np

    made = np.zeros((len(texts), table.dim), np.float32)
    for line, text in enumerate(texts):
        known = [table.index(word) for word in WORD.findall(text.lower()) if word in table]
        if known:
            made[line] = table.matrix[known].mean(0)
    return made
