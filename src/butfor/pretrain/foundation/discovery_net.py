"""The network of amortised discovery: data [batch, n, d] to the probability of each edge [batch, d, d].

Rows      each cell is its standardised value x and what x is beyond a linear fit on all other variables. Blocks of
          axial attention: among the variables of a row, then along each column through a few inducing points, so that
          the cost grows with n and not n².
Pool      z_ij = W · mean over rows of a_i ⊗ b_j, and plain statistics of the pair: correlation, partial correlation,
          and E[g(x_i)(x_j − ρ x_i)] for three g, which are 0 where j is a linear effect of i with noise independent of
          it.
Pairs     blocks of gated products over a third variable k: Σ z_ik z_kj (chains), Σ z_ki z_kj (forks), Σ z_ik z_jk
          (colliders), then a layer on (z_ij, z_ji).
Head      logits e_ij, e_ji and 0 in one softmax: i causes j, j causes i, neither. Both at once has probability 0.
Symmetry  Exact: another order of rows changes nothing, another order of variables reorders the answer. No size is
          fixed.
Source    Lorch et al. 2022 (AVICI: axial attention, pooled over rows); Lee et al. 2019 (inducing points); Jumper et
          al. 2021 (mean outer products, products over a third).
Form      The weights are a plain table of tensors and the network a function of them: what is saved is what there is.
Limits    Acyclicity is neither forced nor penalised beyond cycles of two; the measures say how often a cycle remains.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from torch import Tensor

    Weights = dict[str, Tensor]

STATISTICS = 11  # numbers that a pair starts with, see `_prepared`
CLIP = 6.0


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a network."""

    cell: int = 32
    row_blocks: int = 1
    heads: int = 4
    points: int = 8
    outer: int = 12
    pair: int = 64
    pair_blocks: int = 4

    def told(self) -> dict[str, str]:
        """As the header of a file of weights holds it."""
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def read(cls, header: dict[str, str]) -> Self:
        """From such a header; raises KeyError or ValueError where it is none."""
        return cls(**{name: int(header[name]) for name in cls.__slots__})


def drawn(shape: Shape, seed: int) -> Weights:
    """The weights before training: matrices N(0, 1/inputs), the last of each residual branch smaller, biases 0."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(size, generator=rng) * scale if scale else torch.full(size, float(name.endswith(".gain")))
        for name, (size, scale) in sizes(shape).items()
    }


def sizes(shape: Shape) -> dict[str, tuple[tuple[int, ...], float]]:
    """The size of each tensor and the spread of its start (0: a bias or a gain)."""
    h, p, c = shape.cell, shape.pair, shape.pair // 2
    found: dict[str, tuple[tuple[int, ...], float]] = {}

    def linear(name: str, inputs: int, outputs: int, scale: float = 1.0) -> None:
        found[f"{name}.matrix"] = ((inputs, outputs), scale / inputs**0.5)
        found[f"{name}.bias"] = ((outputs,), 0.0)

    def norm(name: str, width: int) -> None:
        found[f"{name}.gain"], found[f"{name}.bias"] = ((width,), 0.0), ((width,), 0.0)

    linear("read.in", 2, h)
    linear("read.out", h, h)
    for block in (f"row.{i}" for i in range(shape.row_blocks)):
        found[f"{block}.points"] = ((shape.points, h), 0.5)
        for part in ("across", "gather", "spread"):
            linear(f"{block}.{part}.query", h, h)
            linear(f"{block}.{part}.keys", h, 2 * h)
            linear(f"{block}.{part}.out", h, h, 0.3)
        for part in ("row", "column", "points", "met", "mix"):
            norm(f"{block}.{part}.norm", h)
        linear(f"{block}.mix.in", h, 2 * h)
        linear(f"{block}.mix.out", 2 * h, h, 0.3)
    norm("pool.norm", h)
    linear("pool.sides", h, 2 * shape.outer)
    linear("pool.out", shape.outer**2, p)
    linear("start.in", STATISTICS, p)
    linear("start.out", p, p)
    found["same"] = ((p,), 0.1)
    for block in (f"pair.{i}" for i in range(shape.pair_blocks)):
        norm(f"{block}.norm", p)
        linear(f"{block}.value", p, 4 * c)
        linear(f"{block}.gate", p, 4 * c)
        norm(f"{block}.third.norm", 3 * c)
        linear(f"{block}.third.out", 3 * c, p, 0.3)
        norm(f"{block}.mix.norm", 2 * p)
        linear(f"{block}.mix.in", 2 * p, 2 * p)
        linear(f"{block}.mix.out", 2 * p, p, 0.3)
    norm("head.norm", p)
    linear("head.in", p, p)
    linear("head.out", p, 1, 0.3)
    return found


def odds(w: Weights, shape: Shape, data: Tensor) -> Tensor:
    """Log-odds of each edge against none [b, d, d] in data [b, n, d]."""
    import torch

    x, beyond, statistics = _prepared(data)
    cells = _two(w, "read", torch.stack([x, beyond], dim=-1))
    for i in range(shape.row_blocks):
        cells = _row_block(w, f"row.{i}", shape.heads, cells)
    a, b = _linear(w, "pool.sides", _norm(w, "pool.norm", cells)).chunk(2, dim=-1)  # [b, n, d, c] each
    batch, n, d, c = a.shape
    outer = a.reshape(batch, n, d * c).transpose(1, 2) @ b.reshape(batch, n, d * c) / n
    outer = outer.reshape(batch, d, c, d, c).transpose(2, 3).reshape(batch, d, d, c * c)
    pairs = _linear(w, "pool.out", outer) + _two(w, "start", statistics)
    pairs = pairs + torch.eye(d, dtype=x.dtype, device=x.device)[:, :, None] * w["same"]
    for i in range(shape.pair_blocks):
        pairs = _pair_block(w, f"pair.{i}", pairs)
    return _two(w, "head", _norm(w, "head.norm", pairs))[..., 0]


def log_shares(found: Tensor) -> Tensor:
    """log P of no edge, i -> j and j -> i [b, d, d, 3], from the log-odds."""
    import torch

    return torch.stack([torch.zeros_like(found), found, found.transpose(1, 2)], dim=-1).log_softmax(dim=-1)


def probabilities(found: Tensor) -> Tensor:
    """P(i causes j) [b, d, d]; 0 on the diagonal."""
    import torch

    p = log_shares(found)[..., 1].exp()
    return p * (1 - torch.eye(p.shape[1], dtype=p.dtype, device=p.device))


def loss(found: Tensor, edges: Tensor) -> Tensor:
    """Mean cross-entropy of the three states of a pair, over all pairs; edges [b, d, d] of booleans."""
    import torch

    d = edges.shape[1]
    later = torch.triu(torch.ones(d, d, dtype=torch.bool, device=edges.device), 1)
    state = edges.long() + 2 * edges.transpose(1, 2).long()
    picked = log_shares(found).gather(-1, state[..., None])[..., 0]
    return -picked[:, later].mean()


# parts ----------------------------------------------------------------------------------------------------------------


def _row_block(w: Weights, name: str, heads: int, cells: Tensor) -> Tensor:
    """Axial attention on cells [b, n, d, h]: among the variables of a row, then along the rows of a column."""
    b, n, d, h = cells.shape
    rows = cells.reshape(b * n, d, h)
    read = _norm(w, f"{name}.row.norm", rows)
    rows = rows + _attention(w, f"{name}.across", heads, read, read)
    columns = rows.reshape(b, n, d, h).transpose(1, 2).reshape(b * d, n, h)
    read = _norm(w, f"{name}.column.norm", columns)
    points = w[f"{name}.points"].expand(b * d, -1, -1)
    points = points + _attention(w, f"{name}.gather", heads, _norm(w, f"{name}.points.norm", points), read)
    columns = columns + _attention(w, f"{name}.spread", heads, read, _norm(w, f"{name}.met.norm", points))
    cells = columns.reshape(b, d, n, h).transpose(1, 2)
    return cells + _two(w, f"{name}.mix", _norm(w, f"{name}.mix.norm", cells))


def _pair_block(w: Weights, name: str, pairs: Tensor) -> Tensor:
    """Products over a third variable on pairs [b, d, d, p], then a layer on a pair and its mirror image."""
    import torch

    read = _norm(w, f"{name}.norm", pairs)
    parts = _linear(w, f"{name}.value", read) * torch.sigmoid(_linear(w, f"{name}.gate", read))
    left, right, up, down = parts.permute(0, 3, 1, 2).chunk(4, dim=1)  # [b, c, d, d] each
    products = [left @ right, up.transpose(2, 3) @ right, left @ down.transpose(2, 3)]
    found = torch.cat(products, dim=1).permute(0, 2, 3, 1) / pairs.shape[1] ** 0.5
    pairs = pairs + _linear(w, f"{name}.third.out", _norm(w, f"{name}.third.norm", found))
    both = torch.cat([pairs, pairs.transpose(1, 2)], dim=-1)
    return pairs + _two(w, f"{name}.mix", _norm(w, f"{name}.mix.norm", both))


def _prepared(data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised values, what each is beyond the others [b, n, d], and the statistics of pairs [b, d, d, 11]."""
    import torch

    n, d = data.shape[1:]
    x = _unit(data)
    plain = x.transpose(1, 2) @ x / n
    precision = torch.linalg.inv(plain + (0.01 + d / n / 10) * torch.eye(d, dtype=x.dtype, device=x.device))
    beyond = _unit(x @ precision)
    scale = precision.diagonal(dim1=1, dim2=2).clamp_min(1e-9).rsqrt()
    partial = -precision * scale[:, :, None] * scale[:, None, :]
    x, beyond = CLIP * torch.tanh(x / CLIP), CLIP * torch.tanh(beyond / CLIP)
    unit, root = _unit(x), n**0.5
    correlation = unit.transpose(1, 2) @ unit / n
    marks = [correlation, partial, torch.asinh(root * correlation), torch.asinh(root * partial)]
    for bend in (x**2, x**3 / 3 - x, torch.tanh(2 * x)):
        met = (bend - bend.mean(dim=1, keepdim=True)).transpose(1, 2) @ unit / n  # cov(g(x_i), x_j)
        lean = met - correlation * met.diagonal(dim1=1, dim2=2)[:, :, None]
        marks += [torch.asinh(lean), torch.asinh(root * lean)]
    marks.append(torch.full_like(correlation, float(n)).log() - 5.0)
    return x, beyond, torch.stack(marks, dim=-1)


def _unit(values: Tensor) -> Tensor:
    centred = values - values.mean(dim=1, keepdim=True)
    return centred / centred.pow(2).mean(dim=1, keepdim=True).sqrt().clamp_min(1e-9)


def _attention(w: Weights, name: str, heads: int, queries: Tensor, keys: Tensor) -> Tensor:
    """Multi-head attention of [b, q, h] to [b, k, h]."""
    from torch.nn.functional import scaled_dot_product_attention

    b, q, h = queries.shape
    split = (b, -1, heads, h // heads)
    query = _linear(w, f"{name}.query", queries).reshape(split).transpose(1, 2)
    key, value = (part.reshape(split).transpose(1, 2) for part in _linear(w, f"{name}.keys", keys).chunk(2, dim=-1))
    return _linear(w, f"{name}.out", scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(b, q, h))


def _linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.matrix"] + w[f"{name}.bias"]


def _norm(w: Weights, name: str, x: Tensor) -> Tensor:
    from torch.nn.functional import layer_norm

    return layer_norm(x, x.shape[-1:], w[f"{name}.gain"], w[f"{name}.bias"])


def _two(w: Weights, name: str, x: Tensor) -> Tensor:
    """Two layers with a GELU between them."""
    from torch.nn.functional import gelu

    return _linear(w, f"{name}.out", gelu(_linear(w, f"{name}.in", x)))
