"""Maximum likelihood for linear-Gaussian models, correlated noise included.

Without bidirected edges each variable is regressed on its causes. With them, residual iterative conditional fitting:
for one variable i after the other, the rest held fixed,

    X_i  on  its causes  and  the (Ω_-i,-i)⁻¹ ε_-i  of its bidirected neighbours,

by least squares on the sample covariance S [n, n] alone; the second coefficients are Ω_i,neighbours, and Ω_ii is the
variance left plus Ω_i,-i (Ω_-i,-i)⁻¹ Ω_-i,i. Each step raises the likelihood.

Source    Drton, Eichler & Richardson 2009; Brito & Pearl 2002 (no bow: identified almost everywhere).
Limits    A bow (X -> Y and X <-> Y) is refused. The likelihood may have several maxima; this finds one of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError, NotIdentified
from butfor.scm.graph import Graph, bits
from butfor.scm.models.gaussian import LinearGaussian

Floats = NDArray[np.float64]

ROUNDS, CLOSE = 2000, 1e-10


def bows(graph: Graph) -> list[tuple[str, str]]:
    """The pairs with X -> Y and X <-> Y."""
    return [(a, b) if graph.pa[graph.at(b)] >> graph.at(a) & 1 else (b, a) for a, b in graph.confounded
            if (graph.pa[graph.at(b)] >> graph.at(a) | graph.pa[graph.at(a)] >> graph.at(b)) & 1]  # fmt: skip


def fitted(graph: Graph, mean: Floats, cov: Floats) -> LinearGaussian:
    """The linear-Gaussian model of highest likelihood for means [n] and covariances [n, n] in the graph's order."""
    if found := bows(graph):
        a, b = found[0]
        raise NotIdentified(
            f"{a} -> {b} and {a} <-> {b}: no regression tells the effect from the confounding; "
            f'an instrument may: identify("P({b} | do({a}))", graph)'
        )
    n = len(graph.names)
    causes = [np.array(list(bits(parents)), dtype=np.int64) for parents in graph.pa]
    near = [np.array(list(bits(both)), dtype=np.int64) for both in graph.bi]
    b, omega = np.zeros((n, n)), np.diag(np.diag(cov)).astype(np.float64)
    for _ in range(ROUNDS):
        old_b, old_omega = b.copy(), omega.copy()
        for i in range(n):
            _update(i, b, omega, causes[i], near[i], cov)
        if not graph.confounded or max(np.abs(b - old_b).max(), np.abs(omega - old_omega).max()) < CLOSE:
            break
    else:
        raise DataError("the likelihood has no maximum that can be found; more rows or a graph with less confounding")
    return LinearGaussian(graph.names, b, (np.eye(n) - b) @ mean, omega, frozenset(graph.edges))


def _update(i: int, b: Floats, omega: Floats, causes: NDArray[np.int64], near: NDArray[np.int64], cov: Floats) -> None:
    """One variable's row of B and Ω, in place."""
    n = len(cov)
    rest = np.delete(np.arange(n), i)
    away = (np.eye(n) - b)[rest]  # ε_-i = away X
    pseudo = np.linalg.solve(omega[np.ix_(rest, rest)], away)[np.searchsorted(rest, near)] if len(near) else away[:0]
    source = np.concatenate([np.eye(n)[causes], pseudo])  # what X_i is regressed on, as maps of X
    inside, side = source @ cov @ source.T, source @ cov[:, i]
    try:
        weight = np.linalg.solve(inside, side)
    except np.linalg.LinAlgError:
        raise DataError("the causes of a variable determine each other: drop one of them") from None
    left = float(cov[i, i] - side @ weight)
    if left <= 1e-12 * cov[i, i]:
        raise DataError("a variable is determined by its causes in these data: there is no noise to learn from")
    b[i, causes] = weight[: len(causes)]
    omega[i, near] = omega[near, i] = weight[len(causes) :]
    omega[i, i] = left
    if len(near):
        row = omega[i, rest]
        omega[i, i] += row @ np.linalg.solve(omega[np.ix_(rest, rest)], row)
