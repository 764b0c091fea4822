"""The graph behind a covariance matrix, where there are no rows to test: PC on partial correlations.

Equation  ρ(i, j | S) = −P_ij / √(P_ii P_jj), P the inverse of the covariance of i, j and S.
Tests     exact: independent where |ρ| ≤ `tolerance` (a covariance that is known and not estimated);
          Fisher z: where √(rows − |S| − 3) · |atanh ρ| ≤ z(1 − alpha/2), `rows` draws having made the covariance.
Order     Where it is known that causes come first (tokens of a text), a separating set of i before j is sought before j
          alone, and every edge has its direction. `given_past` needs no search then: i causes j exactly if ρ(i, j |
          all others before j) is not zero.
Source    Spirtes & Glymour 1991; Colombo & Maathuis 2014 (removals that do not depend on the order of the columns).
Limits    The searches of andrey-core (`search.py`) are for rows of data; this one is for a matrix. It takes it that
          effects are linear, that there is no latent common cause and that the graph is faithful; `given_past` needs
          no faithfulness. Colliders that contradict each other leave their edge undirected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import atanh, inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError
from butfor.scm.columns import Floats
from butfor.scm.graphs.equivalence import ARROW, NONE, TAIL, Pattern, meek

SINGULAR = 1e-10  # smallest eigenvalue of a correlation matrix that can be inverted
TOLERANCE = 1e-7
Independent = Callable[[float, int], bool]  # ρ and the size of what it is given


def pc(
    covariance: Floats,
    names: Sequence[str],
    *,
    rows: float | None = None,
    alpha: float = 0.01,
    tolerance: float = TOLERANCE,
    ordered: bool = False,
    depth: int | None = None,
) -> Pattern:
    """The class of graphs with these partial correlations; `rows` = None: exactly these. `ordered`: causes first."""
    corr = correlation(covariance)
    if len(names) != len(corr):
        raise DataError(f"{len(names)} names for a covariance of {len(corr)} variables")
    joined, apart = _skeleton(corr, _test(rows, alpha, tolerance), ordered, len(corr) if depth is None else depth)
    marks = joined.astype(np.int8)  # TAIL at both ends
    if ordered:
        marks[np.triu(joined)] = ARROW  # marks[i, j] is the mark at j
        return Pattern(tuple(names), marks)
    return meek(Pattern(tuple(names), _colliders(marks, apart)))


def correlation(covariance: Floats) -> Floats:
    """The correlations; refuses what is no covariance of variables that all move, each in its own way."""
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        raise DataError(f"a covariance is a square matrix of finite numbers, not one of shape {matrix.shape}")
    if len(matrix) and (np.abs(matrix - matrix.T).max() > 1e-8 * np.abs(matrix).max() or matrix.diagonal().min() <= 0):
        raise DataError("a covariance is symmetric and has a variance above zero for every variable")
    scale = 1 / np.sqrt(matrix.diagonal())
    corr = matrix * np.outer(scale, scale)
    if len(corr) and np.linalg.eigvalsh(corr)[0] < SINGULAR:
        raise DataError("a variable is a combination of the others: the covariance has no inverse")
    return corr


def partial(corr: Floats, i: int, j: int, given: Sequence[int] = ()) -> float:
    """ρ(i, j | given)."""
    if not given:
        return float(corr[i, j])
    at = [i, j, *given]
    p = np.linalg.inv(corr[np.ix_(at, at)])
    return float(-p[0, 1] / sqrt(p[0, 0] * p[1, 1]))


def given_past(covariance: Floats) -> Floats:
    """[n, n]: at j, i the partial correlation of i and a later j given all others before j; zero elsewhere."""
    corr = correlation(covariance)
    found = np.zeros_like(corr)
    for j in range(1, len(corr)):
        p = np.linalg.inv(corr[: j + 1, : j + 1])
        found[j, :j] = -p[j, :j] / np.sqrt(p[j, j] * p.diagonal()[:j])
    return found


def given_rest(covariance: Floats) -> Floats:
    """[n, n]: the partial correlation of each pair given all others; zero on the diagonal."""
    p = np.linalg.inv(correlation(covariance))
    scale = 1 / np.sqrt(p.diagonal())
    found = -p * np.outer(scale, scale)
    np.fill_diagonal(found, 0)
    return found


def _test(rows: float | None, alpha: float, tolerance: float) -> Independent:
    if rows is None:
        return lambda rho, _: abs(rho) <= tolerance
    if not 0 < alpha < 1:
        raise DataError(f"alpha must lie between 0 and 1, not {alpha}")
    bound = NormalDist().inv_cdf(1 - alpha / 2)

    def independent(rho: float, size: int) -> bool:
        free = rows - size - 3
        z = atanh(abs(rho)) if abs(rho) < 1 else inf
        return free <= 0 or sqrt(free) * z <= bound

    return independent


def _skeleton(
    corr: Floats, independent: Independent, ordered: bool, depth: int
) -> tuple[NDArray[np.bool_], dict[tuple[int, int], frozenset[int]]]:
    """Who is joined, and what separates each pair i < j that is not."""
    n = len(corr)
    joined = ~np.eye(n, dtype=bool)
    apart: dict[tuple[int, int], frozenset[int]] = {}
    for size in range(min(depth, max(n - 2, 0)) + 1):
        before = joined.copy()  # neighbours as they were when this size began
        if not (before.sum(1) > size).any():
            break
        for i, j in np.argwhere(np.triu(before)).tolist():
            found = _separator(corr, i, j, size, before, independent, ordered)
            if found is not None:
                joined[i, j] = joined[j, i] = False
                apart[i, j] = found
    return joined, apart


def _separator(
    corr: Floats, i: int, j: int, size: int, joined: NDArray[np.bool_], independent: Independent, ordered: bool
) -> frozenset[int] | None:
    """The set of this size, among the neighbours of either, that separates i and j best; None where none does."""
    best: tuple[float, frozenset[int]] | None = None
    for end in (j,) if ordered else (i, j):
        around = [int(k) for k in np.flatnonzero(joined[end]) if k not in (i, j) and not (ordered and k > j)]
        for given in combinations(around, size):
            rho = partial(corr, i, j, given)
            if independent(rho, size) and (best is None or abs(rho) < best[0]):
                best = abs(rho), frozenset(given)
    return None if best is None else best[1]


def _colliders(marks: NDArray[np.int8], apart: dict[tuple[int, int], frozenset[int]]) -> NDArray[np.int8]:
    """Arrowheads into k for every i − k − j, i and j not joined, that k does not separate."""
    found = marks.copy()
    for (i, j), given in apart.items():
        for k in np.flatnonzero((marks[i] != NONE) & (marks[j] != NONE)).tolist():
            if k not in given:
                found[i, k] = found[j, k] = ARROW
    found[(found == ARROW) & (found.T == ARROW)] = TAIL
    return found
