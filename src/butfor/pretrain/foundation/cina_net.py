"""The amortised network of CInA: covariates and treatment in, the value of every row out, in one forward pass.

Idea      Solving the balancing problem takes products of the covariates with something for each row (a gradient) and
          with something for each column (a prediction). So the network passes messages that are such products, between
          a vector for each row and one for each column, with small networks between; rows also attend to one another.
Equation  columns  c ← c + MLP(Fᵀ r / n, c)        F [n, m] = the covariates, bent three ways: x, x² − 1, tanh 2x
          rows     r ← r + MLP(F c / √m, r)         r starts from the treatment and the share of the treated alone
          rows     r ← r + attention(r)             in every second block
          u = a line of r;   λ h_i v_i = W_i σ(u_i),   so   α_i = λ h_i v_i W_i = σ(u_i)   lies in [0, 1]
Shape     Rows, or columns, in another order give the same in that order, to rounding. Time is n m + n², memory n m: the
          attention is computed in pieces and no n × n matrix is ever stored.
Limits    Never sees an outcome. Covariates are clipped at four deviations, and so are the sizes that it is told (rows,
          columns) at what it was trained on: 64 to 1,024 rows, 1 to 40 columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
FAR = 4.0  # deviations at which covariates are clipped
ROWS = (64, 1024)  # of the data sets that it is trained on
COLUMNS = (1, 40)
BENDS = 3
FACTS = 6


@dataclass(frozen=True, slots=True)
class Size:
    """How large the network is."""

    width: int = 64
    blocks: int = 4
    heads: int = 2
    reach: int = 16  # dimensions of a head

    def attends(self, block: int) -> bool:
        """Whether rows attend to one another in this block."""
        return block % 2 == 1


def fresh(size: Size, generator: torch.Generator) -> dict[str, Tensor]:
    """Weights to start training from: every block starts as the identity."""
    import torch

    def matrix(into: int, out: int, scale: float = 1.0) -> Tensor:
        return torch.randn(into, out, generator=generator) * scale / math.sqrt(into)

    h, a = size.width, size.heads * size.reach
    found = {"rows": matrix(FACTS, h), "columns": torch.randn(BENDS, h, generator=generator) * 0.1}
    found |= {"out": torch.zeros(h, 1), "out.bias": torch.zeros(1), "out.norm": torch.ones(h)}
    for block in range(size.blocks):
        part = {"ask": matrix(h, h), "tell": matrix(h, h)}
        for side in ("column", "row"):
            part |= {f"{side}.in": matrix(2 * h, 2 * h), f"{side}.bias": torch.zeros(2 * h)}
            part |= {f"{side}.out": matrix(2 * h, h, 0.3), f"{side}.norm": torch.ones(h)}
            part[f"{side}.told"] = torch.ones(h)
        if size.attends(block):
            part |= {"look": matrix(h, 3 * a), "look.norm": torch.ones(h), "look.out": matrix(a, h, 0.3)}
        found |= {f"{block}.{name}": value for name, value in part.items()}
    return found


def size_of(weights: Weights) -> Size:
    """The size of the network that has these weights, heads of 16 dimensions."""
    blocks = 1 + max(int(name.split(".")[0]) for name in weights if name[0].isdigit())
    reach = Size().reach
    return Size(weights["rows"].shape[1], blocks, weights["1.look.out"].shape[0] // reach, reach)


def standard(x: Tensor) -> Tensor:
    """Every column with mean 0 and deviation 1 over the rows, clipped [..., n, d]; constant columns become 0."""
    spread = x.std(dim=-2, keepdim=True, unbiased=False)
    flat = spread <= 1e-7 * x.abs().amax(dim=-2, keepdim=True)
    return ((x - x.mean(dim=-2, keepdim=True)) / spread.masked_fill(flat, 1.0)).clamp(-FAR, FAR)


def scores(weights: Weights, x: Tensor, w: Tensor) -> Tensor:
    """u [B, n] from standardised covariates [B, n, d] and treatments 0 or 1 [B, n]."""
    import torch

    size = size_of(weights)
    n, d = x.shape[1:]
    bent = torch.cat([x, (x * x - 1).clamp(-1, FAR), torch.tanh(2 * x)], dim=2)  # [B, n, 3 d]
    r = torch.tanh(_facts(w, n, d) @ weights["rows"])  # [B, n, h]
    c = weights["columns"].repeat_interleave(d, dim=0).expand(len(x), -1, -1)  # [B, 3 d, h]
    for block in range(size.blocks):
        part = {name.split(".", 1)[1]: value for name, value in weights.items() if name.startswith(f"{block}.")}
        told = bent.transpose(1, 2) @ (r @ part["ask"]) / n
        c = c + _bend(part, "column", told, c)
        told = bent @ (c @ part["tell"]) / math.sqrt(bent.shape[2])
        r = r + _bend(part, "row", told, r)
        if size.attends(block):
            r = r + _attend(part, size, r)
    return (_norm(r, weights["out.norm"]) @ weights["out"] + weights["out.bias"])[..., 0]


def _facts(w: Tensor, n: int, d: int) -> Tensor:
    """What a row knows before any message [B, n, FACTS]."""
    import torch

    share = w.mean(dim=1, keepdim=True).expand_as(w)
    own = torch.where(w > 0, 1 / share, 1 / (1 - share))
    rows = math.log(min(max(n, ROWS[0]), ROWS[1]) / 256) * torch.ones_like(w)
    columns = math.log(min(max(d, COLUMNS[0]), COLUMNS[1]) / 10) * torch.ones_like(w)
    return torch.stack([2 * w - 1, w - share, torch.log(own), torch.ones_like(w), rows / 2, columns / 2], dim=2)


def _bend(part: Weights, side: str, told: Tensor, own: Tensor) -> Tensor:
    """A small network of what was told and what is there."""
    import torch

    both = torch.cat([_norm(told, part[f"{side}.told"], 0.05), _norm(own, part[f"{side}.norm"])], dim=2)
    return torch.nn.functional.gelu(both @ part[f"{side}.in"] + part[f"{side}.bias"]) @ part[f"{side}.out"]


def _norm(x: Tensor, gain: Tensor, floor: float = 1e-3) -> Tensor:
    """Divided by root mean square; what is far smaller than `floor` stays small."""
    import torch

    return x * torch.rsqrt((x * x).mean(dim=-1, keepdim=True) + floor**2) * gain


def _attend(part: Weights, size: Size, r: Tensor) -> Tensor:
    """Self-attention of the rows; torch computes it in pieces, so that memory grows with n alone."""
    import torch

    b, n, _ = r.shape
    looked = (_norm(r, part["look.norm"]) @ part["look"]).view(b, n, 3, size.heads, size.reach)
    query, key, value = looked.permute(2, 0, 3, 1, 4)  # [B, heads, n, reach] each
    found = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    return found.transpose(1, 2).reshape(b, n, -1) @ part["look.out"]


def shares(u: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of the treated and of the control rows [B, n], each of sum 1, from α = σ(u)."""
    import torch

    alpha = torch.sigmoid(u) + 1e-9
    one, none = alpha * w, alpha * (1 - w)
    return one / one.sum(dim=1, keepdim=True), none / none.sum(dim=1, keepdim=True)


def calibrated(share: Tensor, x: Tensor, ridge: float = 1.0) -> Tensor:
    """The weights [B, n] of an arm, moved as little as can be so that its weighted means of x are everyone's [B, n].

    w (1 + (x − m)' c), with m the arm's weighted means and c from one linear system of the d columns. It is what a
    linear regression of the outcomes would correct, so the difference of means becomes doubly robust. The `ridge` is
    what each column's variance gets on top, times d over the number of rows that the weights are worth.
    """
    import torch

    d = x.shape[2]
    mean = share[:, None] @ x  # [B, 1, d]
    away = x - mean
    spread = (away * share[..., None]).transpose(1, 2) @ away  # [B, d, d]
    worth = 1 / (share * share).sum(dim=1)
    extra = (ridge * d / worth)[:, None, None] * torch.eye(d, dtype=x.dtype, device=x.device)
    gap = (x.mean(dim=1, keepdim=True) - mean).transpose(1, 2)
    return share * (1 + (away @ torch.linalg.solve(spread + extra, gap))[..., 0])
