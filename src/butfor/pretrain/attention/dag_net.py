"""A small transformer over the columns of a table: every variable is a token, and a graph says who looks at whom.

Tokens    value of variable j: a line in its curve terms (hinges at its quantiles, or an indicator a level), plus its
          name. And one question a target: "what is u?", a name without a value, which looks at the parents of u.
Equation  h ← h + attention(queries norm h, keys and values h; mask), h ← h + mlp(norm h), `layers` times, of all tokens
          that look at others (the rest stay what they are); a target is read off its question:
          outcome = additive(what u looks at) + linear(norm h), treatment = sigmoid of the same. It begins as the
          additive model (ridge regression, closed form), with linear = 0, and learns what that leaves. Loss: squared
          error of standardised outcomes (cross entropy where they are 0 or 1) + cross entropy of treatments.
Training  AdamW, cosine decay, rows in batches; of `steps` steps the weights count that predict a held-out eighth best,
          the outcome's and the treatment's each at their own best step.
Limits    Values beyond the quantiles seen go on along the last piece of their curve. Same seed, same numbers, on a CPU.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from butfor.scm.columns import Columns, Floats
from butfor.scm.estimate.nuisance import newton

KNOTS = 5  # hinges of a number's curve
LEVELS = 8  # a column with so few values has an indicator for each
LABELS = 16  # labels with a term of their own
HELD_OUT = 8  # every eighth row decides when to stop
LOOKS = 20  # times that the held-out rows are looked at
RIDGE = 1.0  # of the additive model, in rows
FAR = 4.0  # standard deviations beyond which a value counts no further


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the network is, and how long it is trained."""

    width: int = 16
    layers: int = 2
    heads: int = 2
    steps: int = 300
    batch: int = 128
    learning_rate: float = 3e-3
    decay: float = 0.01


def terms(data: Columns, names: tuple[str, ...]) -> Floats:
    """The curve terms of every column, padded to the longest: [n, k, e]."""
    found = [_column(data, name) for name in names]
    size = max((part.shape[1] for part in found), default=1)
    padded = [np.pad(part, ((0, 0), (0, size - part.shape[1]))) for part in found]
    return np.stack(padded, axis=1) if padded else np.zeros((data.n, 0, size))


def _column(data: Columns, name: str) -> Floats:
    values = data[name]
    levels, counts = np.unique(values, return_counts=True)
    if not data.is_number(name) or len(levels) <= LEVELS:
        kept = levels[np.sort(np.argsort(-counts, kind="stable")[:LABELS])]
        return (values[:, None] == kept[None, :]).astype(np.float64) - counts[np.isin(levels, kept)] / len(values)
    scaled = np.clip((values - values.mean()) / max(float(values.std()), 1e-12), -FAR, FAR)
    knots = np.unique(np.quantile(scaled, np.linspace(0, 1, KNOTS + 2)[1:-1]))
    hinges = np.maximum(scaled[:, None] - knots, 0)
    return np.concatenate([scaled[:, None], hinges - hinges.mean(axis=0)], axis=1)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Trained weights: what a question about each row is answered."""

    net: Any
    centre: float
    scale: float
    logit: bool
    treated: Any  # the weights that predict the treatment best

    def outcome(self, z: Floats, x: float) -> Floats:
        """E[Y | do(X = x), covariates] of each row, from their terms [n, k, e]."""
        said = _said(self.net, z, np.full(len(z), x))[:, 1]
        return 1 / (1 + np.exp(-said)) if self.logit else self.centre + self.scale * said

    def chance(self, z: Floats) -> Floats:
        """P(X = 1 | covariates) of each row."""
        return 1 / (1 + np.exp(-_said(self.treated, z, np.zeros(len(z)))[:, 0]))


def fit(z: Floats, x: Floats, y: Floats, mask: np.ndarray[Any, Any], sizes: Sizes, seed: int, logit: bool) -> Fitted:
    """Train on rows: covariate terms [n, k, e], treatment and outcome [n]; mask [k + 3, k + 3]: who looks at whom."""
    import torch

    centre, scale = (0.0, 1.0) if logit else (float(y.mean()), max(float(y.std()), 1e-12))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        net = _net(z.shape[1], z.shape[2], torch.tensor(mask), sizes)
        rows = torch.randperm(len(y))
        out, kept = rows[: len(y) // HELD_OUT], rows[len(y) // HELD_OUT :]
        scaled = (y - centre) / scale
        _start(net, z[kept], x[kept], scaled[kept], mask, logit)
        data = [torch.tensor(part, dtype=torch.float32) for part in (z, x, scaled)]
        best = _trained(net, [part[kept] for part in data], [part[out] for part in data], sizes, logit)
    nets = [deepcopy(net), net]
    for each, weights in zip(nets, best, strict=True):
        each.load_state_dict(weights)
    return Fitted(nets[1], centre, scale, logit, nets[0])


def _start(net: Any, z: Floats, x: Floats, y: Floats, mask: np.ndarray[Any, Any], logit: bool) -> None:
    """Begin with the additive model of each target: curves of the covariates that it looks at, and the treatment."""
    import torch

    size = z.shape[1]
    for target, told, binary in ((0, x, True), (1, y, logit)):
        seen = z * mask[size + 1 + target, :size, None]
        columns = np.column_stack([np.ones(len(x)), target * (2 * x - 1), seen.reshape(len(x), -1)])
        ridge = np.full(columns.shape[1], RIDGE)
        if binary:
            beta = newton(columns, told, ridge, np.zeros(len(ridge)))
        else:
            beta = np.linalg.solve(columns.T @ columns + np.diag(ridge), columns.T @ told)
        with torch.no_grad():
            net.level[target], net.step[target] = float(beta[0]), float(beta[1])
            net.wide[target] = torch.tensor(beta[2:].reshape(z.shape[1:]), dtype=torch.float32)


def _trained(net: Any, data: list[Any], held_out: list[Any], sizes: Sizes, logit: bool) -> list[dict[str, Any]]:
    """The weights that predict held-out treatments best, and those that predict held-out outcomes best."""
    import torch

    groups = [[w for w in net.parameters() if (w.dim() > 1) == big] for big in (True, False)]
    optimiser = torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": sizes.decay}, {"params": groups[1], "weight_decay": 0.0}],
        lr=sizes.learning_rate,
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, sizes.learning_rate, total_steps=sizes.steps)
    least = [float("inf")] * 2
    best: list[dict[str, Any]] = [{}, {}]
    order, at = torch.randperm(len(data[0])), 0
    for step in range(sizes.steps + 1):
        if step % max(1, sizes.steps // LOOKS) == 0:
            with torch.no_grad():
                seen = _losses(net, held_out, logit).tolist()
            for target, loss in enumerate(seen):
                if loss < least[target] or not best[target]:
                    least[target] = loss
                    best[target] = {name: value.clone() for name, value in net.state_dict().items()}
        if step == sizes.steps:
            break
        if at + sizes.batch > len(order):
            order, at = torch.randperm(len(data[0])), 0
        some = order[at : at + sizes.batch]
        at += sizes.batch
        losses = _losses(net, [part[some] for part in data], logit)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        schedule.step()
    return best


def _losses(net: Any, data: list[Any], logit: bool) -> Any:
    """Of treatment and outcome [2]."""
    import torch

    z, x, y = data
    said = net(z, x)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    told = entropy(said[:, 1], y) if logit else torch.nn.functional.mse_loss(said[:, 1], y)
    return torch.stack([entropy(said[:, 0], x), told])


def _said(net: Any, z: Floats, x: Floats) -> Floats:
    import torch

    with torch.no_grad():
        parts = zip(torch.tensor(z, dtype=torch.float32).split(2048), torch.tensor(x).float().split(2048), strict=True)
        return torch.cat([net(*part) for part in parts]).double().numpy()


def _net(size: int, width: int, mask: Any, sizes: Sizes) -> Any:
    """The network for `size` covariates of `width` terms; it answers (treatment, outcome) [n, 2]."""
    import torch
    from torch import nn

    d = sizes.width
    looking = mask.sum(1) > 1  # who looks at others; the rest stay what they are
    still, moving = (~looking).nonzero()[:, 0], looking.nonzero()[:, 0]
    back = torch.cat([still, moving]).argsort()
    questions = torch.tensor([size + 1, size + 2])

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.LayerNorm(d), nn.LayerNorm(d)
            self.ask, self.show, self.mix = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)
            self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

        def forward(self, h: Any, at: Any) -> Any:  # [n, m, d] <- [n, t, d], m places
            query = self.ask(self.first(h[:, at]))
            key, value = self.show(h).chunk(2, -1)  # as they are: a norm would take away how much
            q, k, v = (
                part.unflatten(-1, (sizes.heads, d // sizes.heads)).transpose(1, 2) for part in (query, key, value)
            )
            scores = (q @ k.transpose(2, 3) * k.shape[-1] ** -0.5).masked_fill(~mask[at], -torch.inf)
            out = scores.softmax(-1) @ v  # [n, heads, m, d / heads]; so few queries have no use for a fused one
            h = h[:, at] + self.mix(out.transpose(1, 2).flatten(2))
            return h + self.mlp(self.second(h))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.randn(size, width, d) / max(1, width) ** 0.5)
            self.arm = nn.Parameter(torch.randn(d))
            self.name = nn.Parameter(torch.randn(size + 3, d) / d**0.5)
            self.blocks = nn.ModuleList(Block() for _ in range(sizes.layers))
            self.norm, self.heads = nn.LayerNorm(d), nn.Parameter(torch.zeros(2, d))
            self.level, self.step = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
            self.wide = nn.Parameter(torch.zeros(2, size, width))

        def forward(self, z: Any, x: Any) -> Any:
            values = torch.einsum("nke,ked->nkd", z, self.value)
            arm = (2 * x - 1)[:, None, None] * self.arm
            h = torch.cat([values, arm, arm.new_zeros(len(z), 2, d)], 1) + self.name
            for block in self.blocks[:-1]:
                h = torch.cat([h[:, still], block(h, moving)], 1)[:, back]
            h = self.blocks[-1](h, questions)
            bare = torch.einsum("nke,uke->nu", z, self.wide * mask[size + 1 :, :size, None])
            bare = bare + self.level + self.step * mask[size + 1 :, size] * (2 * x - 1)[:, None]
            return bare + (self.norm(h) * self.heads).sum(-1)

    return Net()
