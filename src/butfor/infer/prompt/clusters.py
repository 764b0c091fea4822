"""Which texts say the same? k-means whose clusters are neither too small nor too large.

Equation  min over assignments c, centres μ of Σ_i |x_i − μ_c(i)|²   with   least ≤ |{i : c(i) = k}| ≤ most for each k.
          In turns: given the centres, the best assignment within the limits, exactly (every cluster has `least` places
          that must be taken and `most` − `least` that may be: the linear assignment problem); given the assignment, the
          means. Every row is tried as the first centre, the others being the farthest from all before; the least sum of
          the end results counts. Nothing is drawn.
Space     "words": how often each word stands in a text; else what a model makes of it (`lm.pooling`), both of length 1.
Source    constrained k-means as in Bradley, Bennett & Demiriz 2000, written from the equation.
Limits    least = 0 and most = n is plain k-means; K = 1 is the mean. Limits that K clusters cannot keep are widened as
          far as needed. Equal rows may be parted where the limits ask for it. For some hundred rows: n starts, n³ each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from butfor.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from butfor.lm.world import LM

    Rows = NDArray[np.float64]

WORDS = "words"
WORD = re.compile(r"[\w']+")
LENGTH = 256  # tokens of a text that an encoder reads
TURNS = 50
CLOSE = 1e-12  # what rounding may make of a sum that did not get smaller


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that belong together, and the one that is nearest to their mean."""

    members: tuple[int, ...]
    centre: int


def clusters(rows: Rows, count: int, least: int = 0, most: int | None = None) -> list[Cluster]:
    """The clusters [≤ count] of rows [n, d], the largest first; each row is in one."""
    import numpy as np

    n = len(rows)
    count = min(count, n)
    least = min(least, n // count)
    most = min(n, max(n if most is None else most, -(-n // count), 1))
    best: tuple[float, NDArray[np.int64]] = np.inf, np.zeros(n, np.int64)
    for first in range(n):
        total, places = _settled(rows, _far(rows, first, count), least, most)
        if total < best[0] - CLOSE:
            best = total, places
    groups = [np.flatnonzero(best[1] == k) for k in range(count)]
    found = [Cluster(tuple(map(int, group)), _middle(rows, group)) for group in groups if len(group)]
    return sorted(found, key=lambda one: (-len(one.members), one.members))


def embedded(texts: Sequence[str], by: str) -> Rows:
    """One vector of length one for each text [n, d]; of an empty text, zeros."""
    import numpy as np

    made = _counted(texts) if by == WORDS else _read(texts, by)
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), CLOSE)


def _counted(texts: Sequence[str]) -> Rows:
    import numpy as np

    told = [WORD.findall(text.lower()) for text in texts]
    places = {word: place for place, word in enumerate(dict.fromkeys(word for words in told for word in words))}
    made = np.zeros((len(texts), max(len(places), 1)))
    for line, words in enumerate(told):
        for word in words:
            made[line, places[word]] += 1
    return made


def _read(texts: Sequence[str], by: str) -> Rows:
    import numpy as np

    from butfor.lm.load import stamp
    from butfor.lm.pooling import features

    empty = np.array([not text.strip() for text in texts])
    own = [text if text.strip() else "-" for text in texts]
    return np.where(empty[:, None], 0.0, features(_encoder(by, stamp(by)), own, length=LENGTH).astype(np.float64))


def _far(rows: Rows, first: int, count: int) -> Rows:
    """`count` rows, each the farthest from those before. [count, d]"""
    import numpy as np

    chosen = [first]
    away = _squares(rows, rows[[first]])[:, 0]
    while len(chosen) < count:
        chosen.append(int(np.argmax(away)))
        away = np.minimum(away, _squares(rows, rows[[chosen[-1]]])[:, 0])
    return rows[chosen]


def _settled(rows: Rows, centres: Rows, least: int, most: int) -> tuple[float, NDArray[np.int64]]:
    """Lloyd's turns from these centres: the sum of squares, and each row's cluster [n]."""
    import numpy as np

    total, places = np.inf, np.zeros(len(rows), np.int64)
    for _ in range(TURNS):
        apart = _squares(rows, centres)
        now = _assigned(apart, least, most)
        new = float(apart[np.arange(len(rows)), now].sum())
        if new >= total - CLOSE:
            break
        total, places = new, now
        centres = np.array(
            [rows[places == k].mean(0) if (places == k).any() else centres[k] for k in range(len(centres))]
        )
    return total, places


def _assigned(apart: Rows, least: int, most: int) -> NDArray[np.int64]:
    """The cluster of each row [n] that makes the sum of the distances [n, K] least within the limits."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    n, count = apart.shape
    owner = np.repeat(np.arange(count), most)  # [K·most]: whose place it is
    forced = np.tile(np.arange(most) < least, count)
    nobody = np.where(forced, 1e6 * (1.0 + apart.max()), 0.0)  # what it costs to leave a place empty
    table = np.vstack([apart[:, owner], np.tile(nobody, (len(owner) - n, 1))])  # [K·most, K·most]
    _, chosen = linear_sum_assignment(table)
    return owner[chosen[:n]]


def _middle(rows: Rows, group: NDArray[np.int64]) -> int:
    return int(group[int(_squares(rows[group], rows[group].mean(0, keepdims=True))[:, 0].argmin())])


def _squares(rows: Rows, centres: Rows) -> Rows:
    """Squared distances [n, K]."""
    return ((rows[:, None] - centres[None]) ** 2).sum(-1)


@lru_cache(maxsize=2)
def _encoder(name: str, stamp: str) -> LM:  # noqa: ARG001  a changed folder is another encoder
    from butfor.lm.load import load

    world = load(name)
    if not hasattr(world, "model"):
        raise UserError(f"encoder = {name!r} reads no text; give 'words', or a language model such as 'minilm'")
    return world  # type: ignore[return-value]


def rests_on(by: str) -> list[str]:
    """What decides the vectors beside our own code; an encoder that is not here is refused."""
    if by == WORDS:
        return []
    from butfor.lm.load import kind, stamp

    if kind(by) != "lm":
        raise UserError(f"encoder = {by!r} reads no text; give 'words', or a language model such as 'minilm'")
    return [stamp(by)]
