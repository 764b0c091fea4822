"""The exact posterior over all DAGs of a few variables: the yardstick for every search.

    P(i -> j | data) = Z(only parent sets of j that hold i) / Z,     Z = sum over DAGs G of product over j of B_j(pa_j)

B_j(P) is the evidence of a family times the prior's share of it, and every DAG that the rules allow has the same prior
weight but for the beliefs. Z sums by the set T of sinks of a subgraph over S, with A_j(U) = sum over P in U of B_j(P):

    Z(S) = sum over nonempty T in S of (-1)^(|T| + 1) Z(S - T) product over j in T of A_j(S - T)

One term counts the DAGs over S in which all of T are sinks, so no term exceeds Z(S): signs cost n bits at most, and the
sum is taken in logarithms. The best DAG comes from best(S) = max over j of best(S - j) + max over P in S - j of B_j(P).

Source    Robinson 1973 (the count); Tian & He 2009 (features under a prior over graphs, not orders); Silander &
          Myllymäki 2006 (the best DAG).
Limits    3^n steps for each of n(n - 1) edges: 12 variables take seconds, more are refused. No latent common causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from butfor.core.errors import DataError
from butfor.scm.columns import Columns, Floats
from butfor.scm.discovery.kinds import checked, discrete_of, refuse_collinear
from butfor.scm.discovery.priors import Prior, Rules
from butfor.scm.discovery.scores import Score, score_of
from butfor.scm.graph import Graph, bits

MOST = 12


@final
@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Exact probabilities of edges, and the best graph."""

    names: tuple[str, ...]
    edges: Floats  # [n, n], P(i -> j | data)
    best: Graph
    best_log: float  # log of the best graph's score times prior
    evidence: float  # log Z: minus the log count of allowed DAGs, it is the log evidence of the whole family

    def edge(self, a: str, b: str) -> float:
        """P(a -> b | data)."""
        return float(self.edges[self.best.at(a), self.best.at(b)])

    def adjacent(self, a: str, b: str) -> float:
        """P(a -> b or b -> a | data)."""
        return self.edge(a, b) + self.edge(b, a)


def posterior(data: Any, prior: Any = None, *, discrete: Any = None) -> Posterior:
    """The exact posterior given columns: BGe for numbers, BDeu for categories, the BIC's approximation for a mixture.

    `discrete` names the columns of categories: by default labels and columns of few whole numbers.
    """
    columns = Columns.read(data)
    chosen = discrete_of(columns, discrete)
    checked(columns, chosen)
    numbers = [name for name in columns.names if name not in chosen]
    refuse_collinear(columns.matrix(numbers), numbers)
    return exact(score_of(columns, chosen), Prior.read(prior).rules(columns.names))


def exact(score: Score, rules: Rules) -> Posterior:
    """The posterior for a score and rules."""
    weights = families(score, rules)
    parents, best_log = best_dag(weights)
    found = edge_logs(weights)
    z = found[-1]
    n = len(score.names)
    edges = np.zeros((n, n))
    edges[~np.eye(n, dtype=bool)] = np.exp(np.minimum(found[:-1] - z, 0.0))
    return Posterior(score.names, edges, Graph.of(score.names, parents, [0] * n), best_log, float(z))


def families(score: Score, rules: Rules) -> Floats:
    """log B_j(P) [n, 2^n]: evidence and beliefs; -inf where the rules forbid a family."""
    n = len(score.names)
    if n > MOST:
        raise DataError(f"an exact search takes at most {MOST} variables, not {n}; choose some, or another method")
    members = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1  # [2^n, n]
    table = score.families() + rules.odds.T @ members.T
    broken = (rules.forbidden.T.astype(np.int64) @ members.T > 0) | (
        rules.required.T.astype(np.int64) @ (1 - members.T) > 0
    )
    table[broken] = -np.inf
    return table


def within(weights: Floats) -> Floats:
    """log A_j(U): the sum of a family's weights over all parent sets inside U [..., 2^n]."""
    found = weights.copy()
    n = found.shape[-1].bit_length() - 1
    for i in range(n):
        halves = found.reshape(*found.shape[:-1], 1 << n - 1 - i, 2, 1 << i)
        halves[..., 1, :] = np.logaddexp(halves[..., 1, :], halves[..., 0, :])
    return found


def edge_logs(weights: Floats) -> Floats:
    """log Z restricted to the DAGs with each edge i -> j (row-major without the diagonal), then log Z [n(n-1) + 1]."""
    n = len(weights)
    members = (np.arange(1 << n) >> np.arange(n)[:, None]) & 1 == 1  # [n, 2^n]
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    head = np.array([j for _, j in pairs], dtype=np.int64)
    every = within(weights)
    with_edge = within(np.array([np.where(members[i], weights[j], -np.inf) for i, j in pairs]).reshape(-1, 1 << n))
    count = len(pairs) + 1
    top = np.full((count, 1 << n), -np.inf)  # Z(S) = scaled · exp(top), for each restriction
    scaled = np.zeros((count, 1 << n))
    top[:, 0], scaled[:, 0] = 0.0, 1.0
    for u in range((1 << n) - 1):
        logs = np.repeat(every[None, :, u], count, axis=0)  # [count, n]
        logs[np.arange(count - 1), head] = with_edge[:, u]
        with np.errstate(divide="ignore"):
            reached = top[:, u] + np.log(np.maximum(scaled[:, u], 0.0))  # [count]
        if not np.isfinite(reached).any():
            continue
        subsets, terms, signs = _sinks(logs, ((1 << n) - 1) & ~u)
        _add(top, scaled, u | subsets[1:], reached[:, None] + terms[:, 1:], signs[1:])
    return top[:, -1] + np.log(np.maximum(scaled[:, -1], 1e-300))


def _sinks(logs: Floats, outside: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Every set of sinks T outside U: the set, log of the product of A_j(U) over T, and the sign of its term."""
    subsets = np.zeros(1, dtype=np.int64)
    terms = np.zeros((len(logs), 1))
    signs = -np.ones(1)
    for j in bits(outside):
        subsets = np.concatenate([subsets, subsets | 1 << j])
        terms = np.concatenate([terms, terms + logs[:, j : j + 1]], axis=1)
        signs = np.concatenate([signs, -signs])
    return subsets, terms, signs


def _add(top: Floats, scaled: Floats, at: NDArray[np.int64], terms: Floats, signs: Floats) -> None:
    """Add signed exp(terms) to scaled · exp(top) at some sets, without overflow."""
    before = top[:, at]
    highest = np.maximum(before, terms)
    safe = np.where(np.isfinite(highest), highest, 0.0)
    scaled[:, at] = scaled[:, at] * np.exp(before - safe) + signs * np.exp(terms - safe)
    top[:, at] = highest


def best_dag(weights: Floats) -> tuple[tuple[int, ...], float]:
    """The sets of parents of a DAG with the largest total weight, and that weight."""
    n = len(weights)
    value = weights.copy()  # [n, 2^n], the best family inside each set …
    choice = np.broadcast_to(np.arange(1 << n), value.shape).copy()  # … and which it is
    for i in range(n):
        v, c = value.reshape(n, -1, 2, 1 << i), choice.reshape(n, -1, 2, 1 << i)
        better = v[:, :, 0] > v[:, :, 1]
        v[:, :, 1] = np.where(better, v[:, :, 0], v[:, :, 1])
        c[:, :, 1] = np.where(better, c[:, :, 0], c[:, :, 1])
    total = np.full(1 << n, -np.inf)
    sink = np.full(1 << n, -1)
    total[0] = 0.0
    for s in range(1, 1 << n):
        js = list(bits(s))
        rest = [s ^ 1 << j for j in js]
        sums = total[rest] + value[js, rest]
        k = int(np.argmax(sums))
        total[s], sink[s] = sums[k], js[k]
    if not np.isfinite(total[-1]):
        raise DataError("no graph satisfies the rules and has a finite score")
    parents, s = [0] * n, (1 << n) - 1
    while s:
        j = int(sink[s])
        s ^= 1 << j
        parents[j] = int(choice[j, s])
    return tuple(parents), float(total[-1])
