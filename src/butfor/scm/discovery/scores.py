"""How well a graph explains data: three scores of a family, each the difference of one function of sets.

    local(j, P) = f(P + j) - f(P)            log evidence of column j given its parents P, in nats
    log p(data | G) = sum over j of local(j, parents of j)

f(U) is the log evidence of the columns U alone under a full graph, so equivalent graphs score alike by construction.

gaussian   BGe: multivariate normal under a normal-Wishart prior, T = t I, ν = mean, α_μ = 1, α_w = n + 2, columns
           standardised:   f(U) = l/2 log(α_μ/(N + α_μ)) + log Γ_l((N + a)/2) - log Γ_l(a/2) - lN/2 log π
           + a/2 log|T_UU| - (N + a)/2 log|R_UU|,   with l = |U|, a = α_w - n + l and R = T + scatter
discrete   BDeu with equivalent sample size 1, q cells in all: f(U) = -log Γ(N + 1) + sum over cells c of
           log Γ(n_c + 1/q) - log Γ(1/q)
mixed      BIC of the degenerate Gaussian: a discrete column enters as indicators of all its levels but the first, and
           f(U) = -N/2 log|C_UU| - log(N)/2 · l(l + 1)/2, l counted in columns of that matrix, C the correlations and
           1e-8 on their diagonal, so that a category that another determines has a finite score

Source    Geiger & Heckerman 2002 with the correction of Kuipers, Moffa & Heckerman 2014 (BGe); Heckerman, Geiger &
          Chickering 1995 (BDeu); Andrews, Ramsey & Cooper 2019 (degenerate Gaussian).
Limits    Linear effects where a column is a number; the indicators of a discrete column are treated as Gaussian. BDeu
          with many levels and few rows depends strongly on the equivalent sample size.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from butfor.scm.columns import Codes, Columns, Floats
from butfor.scm.graph import bits

Kind = Literal["gaussian", "discrete", "mixed"]


class Sets(Protocol):
    """f(U) in nats, for one set of columns."""

    def __call__(self, members: list[int], /) -> float: ...


@final
@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """The evidence of families; what was computed once is kept."""

    names: tuple[str, ...]
    kind: Kind
    sets: Sets
    known: dict[int, float] = field(default_factory=dict[int, float], repr=False)

    def of(self, members: int) -> float:
        """f(U) of a set of columns."""
        found = self.known.get(members)
        if found is None:
            found = self.known[members] = self.sets(list(bits(members))) if members else 0.0
        return found

    def local(self, child: int, parents: int) -> float:
        """Log evidence of a column given its parents."""
        return self.of(parents | 1 << child) - self.of(parents)

    def total(self, parents: Iterable[int]) -> float:
        """Log evidence of the graph with these sets of parents."""
        return sum(self.local(child, mask) for child, mask in enumerate(parents))

    def families(self) -> Floats:
        """local(j, P) for every j and every set P [n, 2^n]; -inf where P holds j."""
        n = len(self.names)
        f = np.array([self.of(members) for members in range(1 << n)])
        masks = np.arange(1 << n)
        table = np.full((n, 1 << n), -np.inf)
        for j in range(n):
            without = masks[(masks >> j & 1) == 0]
            table[j, without] = f[without | 1 << j] - f[without]
        return table


def score_of(data: Columns, discrete: Iterable[str]) -> Score:
    """The score that suits the data: BGe, BDeu, or the mixed BIC; `discrete` names the columns of categories."""
    chosen = set(discrete)
    names = data.names
    if not chosen:
        return Score(names, "gaussian", _bge(data))
    if chosen == set(names):
        return Score(names, "discrete", _bdeu(data))
    return Score(names, "mixed", _degenerate(data, chosen))


def _standardised(matrix: Floats) -> Floats:
    centred = matrix - matrix.mean(axis=0)
    return centred / centred.std(axis=0)


def log_gamma(x: ArrayLike) -> Floats:
    """log Γ(x)."""
    return np.asarray(special.gammaln(x), dtype=np.float64)


def _bge(data: Columns) -> Sets:
    x = _standardised(np.column_stack([data.number(name) for name in data.names]))  # [N, n]
    rows, n = x.shape
    mu, w = 1.0, n + 2.0
    t = mu * (w - n - 1) / (mu + 1)
    r = t * np.eye(n) + x.T @ x
    size = np.arange(n + 1, dtype=np.float64)
    a = w - n + size
    constant = size / 2 * np.log(mu / (rows + mu)) - size * rows / 2 * np.log(np.pi) + a / 2 * size * np.log(t)
    for k in range(n + 1):
        down = a[k] - np.arange(k)
        constant[k] += (log_gamma((rows + down) / 2) - log_gamma(down / 2)).sum()

    def sets(members: list[int]) -> float:
        k = len(members)
        return float(constant[k] - (rows + a[k]) / 2 * np.linalg.slogdet(r[np.ix_(members, members)])[1])

    return sets


def _bdeu(data: Columns) -> Sets:
    coded = [data.codes(name) for name in data.names]
    levels = [len(found) for _, found in coded]

    def sets(members: list[int]) -> float:
        q = float(np.prod([levels[j] for j in members], dtype=np.float64))
        counts = cell_counts([coded[j][0] for j in members], [levels[j] for j in members])
        return float((log_gamma(counts + 1 / q) - log_gamma(1 / q)).sum() - log_gamma(data.n + 1))

    return sets


def cell_counts(codes: list[Codes], levels: list[int]) -> NDArray[np.int64]:
    """How often each combination of levels occurs, those that never occur left out."""
    rows = len(codes[0])
    cell, cells = np.zeros(rows, dtype=np.int64), 1
    for code, count in zip(codes, levels, strict=True):
        if cells * count > 1 << 20:
            found, cell = np.unique(cell, return_inverse=True)
            cells = len(found)
        cell, cells = cell * count + code, cells * count
    if cells > max(4096, 4 * rows):
        return np.unique(cell, return_counts=True)[1]
    counts = np.bincount(cell)
    return counts[counts > 0]


def _degenerate(data: Columns, discrete: set[str]) -> Sets:
    parts: list[Floats] = []
    for name in data.names:
        if name in discrete:
            codes, levels = data.codes(name)
            parts.append((codes[:, None] == np.arange(1, len(levels))).astype(np.float64))
        else:
            parts.append(data.number(name)[:, None])
    x = _standardised(np.concatenate(parts, axis=1))
    rows = len(x)
    covariance = x.T @ x / rows + 1e-8 * np.eye(x.shape[1])
    ends: list[int] = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()

    def sets(members: list[int]) -> float:
        at = [column for j in members for column in range(ends[j], ends[j + 1])]
        count = len(at)
        size = np.linalg.slogdet(covariance[np.ix_(at, at)])[1]
        return float(-rows / 2 * size - np.log(rows) / 2 * count * (count + 1) / 2)

    return sets
